"""What the server needs from an engine: OpenAI-style bodies in, OpenAI-style objects out."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

JSON = dict[str, Any]

DEPLOYMENT = "azureml-model-deployment"
"""The header that asks for a deployment; in a body, what a gateway's client asked for with it."""


class EngineError(Exception):
    """The engine answered an error, as opposed to crashing.

    Args:
        status: HTTP status of the answer.
        body: What the engine says, text or JSON.
        retry_after_s: Seconds in the answer's `Retry-After`; None leaves the header out.
    """

    def __init__(self, status: int, body: object, retry_after_s: float | None = None) -> None:
        super().__init__(status, body, retry_after_s)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s


ScriptedReply = str | JSON | EngineError
"""What the `scripted` engine answers: text; or `content`, `reasoning_content`, `tool_calls`,
`finish_reason`, `usage`; or an error."""


EmbeddingInput = str | list[int]
"""What becomes a vector: a text, or the tokens of one."""


@dataclass(frozen=True)
class Token:
    """A token: its number in the vocabulary, and its text."""

    id: int
    text: str


@dataclass(frozen=True)
class Embedded:
    """A vector for each input, and how many tokens these had together; None: nobody knows."""

    vectors: list[list[float]]
    tokens: int | None


async def only(pieces: AsyncGenerator[JSON, None]) -> JSON:
    """The one object that an engine yields when it was not asked to stream."""
    async with aclosing(pieces):
        return await anext(pieces)


class Engine(Protocol):
    """Turns prompts into text, and texts into vectors.

    `chat` and `complete` yield exactly one object, or with `"stream": true` a series of chunks.
    Closing the generator stops the work behind it. A refusal is an `EngineError`; anything else is
    a crash.
    """

    name: str

    async def start(self) -> None:
        """Gets ready; raises when the model can't be loaded."""

    def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers the body of a `/v1/chat/completions` request."""
        ...

    def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers the body of a `/v1/completions` request with one prompt."""
        ...

    async def embed(
        self, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
    ) -> Embedded:
        """A vector for each input.

        Args:
            inputs: Texts, or their tokens.
            dimensions: How long a vector is; None: as the model has it.
            others: What else the body says; a model of this machine has no use for it.
        """
        ...

    async def close(self) -> None:
        """Stops what is running and gives threads back."""


class KnownModel(Engine, Protocol):
    """An engine that knows its model's window and tokens; one that asks elsewhere does not."""

    async def context_tokens(self) -> int:
        """The tokens that prompt and answer may have together."""
        ...

    async def prompt(self, body: JSON) -> str:
        """The one text that `messages` and `tools` of a body become for the model."""
        ...

    async def tokenize(self, text: str, *, special: bool) -> list[Token]:
        """The tokens of a text; `special`: with those that begin each prompt."""
        ...

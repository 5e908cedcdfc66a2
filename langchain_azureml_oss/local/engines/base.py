"""What the server needs from an engine: OpenAI-style bodies in, OpenAI-style objects out."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

JSON = dict[str, Any]


class EngineError(Exception):
    """The engine answered an error, as opposed to crashing.

    Args:
        status: HTTP status of the answer.
        body: What the engine says, text or JSON.
    """

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


ScriptedReply = str | JSON | EngineError
"""What the `scripted` engine answers: text; or `content`, `reasoning_content`, `tool_calls`,
`finish_reason`, `usage`; or an error."""


async def only(pieces: AsyncGenerator[JSON, None]) -> JSON:
    """The one object that an engine yields when it was not asked to stream."""
    async with aclosing(pieces):
        return await anext(pieces)


class Engine(Protocol):
    """Turns prompts into text.

    Both methods yield exactly one object, or with `"stream": true` a series of chunks. Closing the
    generator stops the work behind it. A refusal is an `EngineError`; anything else is a crash.
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

    async def close(self) -> None:
        """Stops what is running and gives threads back."""

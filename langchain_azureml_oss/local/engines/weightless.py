"""What engines without weights say about texts: vectors of their words, and words as tokens."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import struct
from typing import TYPE_CHECKING, Any

from langchain_azureml_oss.local.engines.answers import words
from langchain_azureml_oss.local.engines.base import JSON, Embedded, EngineError, Token

if TYPE_CHECKING:
    from langchain_azureml_oss.local.engines.base import EmbeddingInput
    from langchain_azureml_oss.local.options import EndpointOptions

_DIMENSIONS = 256
_WORD = re.compile(r"\w+")


class Weightless:
    """The part that `echo` and `scripted` share: the same text is the same vector, everywhere.

    A vector is the sum of its words' vectors, brought to length 1, so that texts with words in
    common are near each other. A word's vector comes from a hash of the word in lower case.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._context_tokens = options.n_ctx

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def context_tokens(self) -> int:
        """The window that the options name; no prompt is refused for being longer."""
        return self._context_tokens

    async def prompt(self, body: JSON) -> str:
        """Turns and tools, one on a line."""
        lines = [f"{one['role']}: {plain_text(one.get('content'))}" for one in body["messages"]]
        lines += [json.dumps(tool) for tool in body.get("tools") or ()]
        lines += ["assistant:"] if body.get("add_generation_prompt", True) else []
        return "\n".join(lines)

    async def tokenize(self, text: str, *, special: bool) -> list[Token]:
        """A token for each word; there are no special ones."""
        return [Token(_number(word), word) for word in words(text)]

    async def embed(
        self, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
    ) -> Embedded:
        """A vector for each text or list of tokens, none longer than the window."""
        lists = [_words(one) for one in inputs]
        longest, window = max(map(len, lists)), self._context_tokens
        if longest > window:
            told = f"This model's maximum context length is {window} tokens, not {longest}."
            raise EngineError(400, told)

        def vectors() -> list[list[float]]:
            return [_vector(found, dimensions or _DIMENSIONS) for found in lists]

        # In a thread: other requests are not to wait for a long one.
        return Embedded(await asyncio.to_thread(vectors), sum(map(len, lists)))


def plain_text(content: Any) -> str:
    """The text of a message's content, without its other parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""


def _number(word: str) -> int:
    return int.from_bytes(hashlib.sha256(_bytes(word)).digest()[:2])


def _words(text: EmbeddingInput) -> list[str]:
    # A text without words, such as "!", is its own only word: no vector may be zero.
    found = _WORD.findall(text.lower()) if isinstance(text, str) else [str(one) for one in text]
    return found or [str(text)]


def _vector(found: list[str], dimensions: int) -> list[float]:
    total = [0.0] * dimensions
    for word in found:
        drawn = hashlib.shake_256(_bytes(word)).digest(2 * dimensions)
        for place, number in enumerate(struct.unpack(f"<{dimensions}h", drawn)):
            total[place] += number
    length = math.sqrt(sum(number * number for number in total)) or 1.0
    return [number / length for number in total]


def _bytes(word: str) -> bytes:
    # JSON may hold lone surrogates, which UTF-8 does not have.
    return word.encode("utf-8", "surrogatepass")

"""An engine without weights: it says what it was told, the same way every time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from langchain_azureml_oss.local.engines.answers import (
    Answer,
    chat_chunks,
    text_chunks,
    whole_chat,
    whole_text,
    words,
)
from langchain_azureml_oss.local.engines.openai_settings import check_settings
from langchain_azureml_oss.local.engines.weightless import Weightless, plain_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from langchain_azureml_oss.local.engines.base import JSON
    from langchain_azureml_oss.local.options import EndpointOptions

_CHECKED = ("stop", "n")
"""What nobody has checked before: an engine gets these as the client wrote them."""


class EchoEngine(Weightless):
    """Answers `echo: ` and the last user message, or ` echo: ` and the prompt.

    A token is a word with the whitespace before it. `max_tokens`, `stop`, `n` and `logprobs` are
    honoured; everything else is accepted and has no effect.
    """

    name = "echo"

    def __init__(self, options: EndpointOptions) -> None:
        super().__init__(options)
        self._delay_s = options.token_delay_s

    async def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers a chat."""
        texts = [
            (message.get("role"), plain_text(message.get("content")))
            for message in body["messages"]
        ]
        said = next((text for role, text in reversed(texts) if role == "user"), "")
        prompt_tokens = sum(len(words(text)) for _, text in texts)
        answer = _answer(f"echo: {said}", prompt_tokens, body)
        async for piece in paced(answer, body, whole_chat, chat_chunks, self._delay_s):
            yield piece

    async def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Goes on with a prompt."""
        prompt = body["prompt"]
        answer = _answer(f" echo: {prompt}", len(words(prompt)), body)
        async for piece in paced(answer, body, whole_text, text_chunks, self._delay_s):
            yield piece


async def paced(
    answer: Answer,
    body: JSON,
    whole: Callable[[Answer], JSON],
    chunks: Callable[[Answer], Iterator[JSON]],
    delay_s: float,
) -> AsyncGenerator[JSON, None]:
    """Yields the whole answer or, asked to stream, its chunks with a pause after each."""
    if not body.get("stream"):
        await asyncio.sleep(delay_s * len(answer.tokens))
        yield whole(answer)
        return
    for chunk in chunks(answer):
        yield chunk
        # Even without a delay: other requests get their turn between two chunks.
        await asyncio.sleep(delay_s)


def _answer(text: str, prompt_tokens: int, body: JSON) -> Answer:
    check_settings({name: body[name] for name in _CHECKED if name in body})
    tokens = words(text)
    limit = body.get("max_tokens")
    finish_reason = "stop"
    if limit is not None and len(tokens) > limit:
        tokens, finish_reason = tokens[:limit], "length"
    stops = body.get("stop") or []
    said = "".join(tokens)
    ends = [said.find(stop) for stop in ([stops] if isinstance(stops, str) else stops)]
    found = [end for end in ends if end >= 0]
    if found:
        tokens, finish_reason = words(said[: min(found)]), "stop"
    # Chats ask for logprobs with true, completions with a number, which may be 0.
    logprobs = body.get("logprobs")
    return Answer(
        tokens,
        finish_reason,
        prompt_tokens,
        copies=body.get("n") or 1,
        logprobs=logprobs is not None and logprobs is not False,
    )

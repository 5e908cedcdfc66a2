"""A finished answer, written as OpenAI-style objects, whole or streamed."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_azureml_oss.local.engines.base import JSON

_WORD = re.compile(r"\s*\S+|\s+\Z")
_FRAGMENT = 8


def words(text: str) -> list[str]:
    """Words with the whitespace before them: the tokens of engines without a tokenizer."""
    return _WORD.findall(text)


@dataclass(frozen=True)
class Answer:
    """What an engine has to say.

    Attributes:
        tokens: The text in pieces; joined, they are the text.
        finish_reason: `stop`, `length`, `tool_calls`…
        prompt_tokens: Tokens of the prompt, for usage.
        reasoning: The reasoning in pieces, said before the text.
        tool_calls: Tool calls in OpenAI's shape.
        usage: Replaces the counted usage.
        copies: How many choices (`n`) say the same.
        logprobs: Whether each token comes with its log probability, which is that of certainty.
    """

    tokens: list[str]
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    reasoning: list[str] = field(default_factory=list)
    tool_calls: list[JSON] = field(default_factory=list)
    usage: JSON | None = None
    copies: int = 1
    logprobs: bool = False

    @property
    def text(self) -> str:
        """The text as a whole."""
        return "".join(self.tokens)

    def counted_usage(self) -> JSON:
        """Usage: as given, or counted."""
        said = (len(self.tokens) + len(self.reasoning)) * self.copies
        return self.usage or {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": said,
            "total_tokens": self.prompt_tokens + said,
        }


def whole_chat(answer: Answer) -> JSON:
    """A `chat.completion`."""
    message: JSON = {"role": "assistant", "content": answer.text}
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.tool_calls:
        message["tool_calls"] = answer.tool_calls
        message["content"] = answer.text or None
    choice: JSON = {"message": message, "finish_reason": answer.finish_reason}
    if answer.logprobs:
        choice["logprobs"] = _chat_logprobs(answer.tokens)
    return _whole("chat.completion", answer, choice)


def whole_text(answer: Answer) -> JSON:
    """A `text_completion`."""
    choice: JSON = {"text": answer.text, "finish_reason": answer.finish_reason, "logprobs": None}
    if answer.logprobs:
        choice["logprobs"] = _text_logprobs(answer.tokens, 0)
    return _whole("text_completion", answer, choice)


def chat_chunks(answer: Answer) -> Iterator[JSON]:
    """The `chat.completion.chunk`s of an answer, then one with usage and no choices."""
    envelope = _envelope("chat.completion.chunk")
    deltas: list[JSON] = [{"role": "assistant", "content": None if answer.tool_calls else ""}]
    deltas += [{"reasoning_content": piece} for piece in answer.reasoning]
    deltas += [{"content": token} for token in answer.tokens]
    deltas += _tool_call_deltas(answer.tool_calls)
    for delta in deltas:
        for index in range(answer.copies):
            choice: JSON = {"index": index, "delta": delta, "finish_reason": None}
            if answer.logprobs and delta.get("content"):
                choice["logprobs"] = _chat_logprobs([delta["content"]])
            yield envelope | {"choices": [choice]}
    yield from _ends(envelope, answer, {"delta": {}})


def text_chunks(answer: Answer) -> Iterator[JSON]:
    """The chunks of a text completion, then one with usage and no choices."""
    envelope = _envelope("text_completion")
    offsets = accumulate(map(len, answer.tokens), initial=0)
    for token, offset in zip(answer.tokens, offsets, strict=False):
        logprobs = _text_logprobs([token], offset) if answer.logprobs else None
        for index in range(answer.copies):
            choice = {"index": index, "text": token, "finish_reason": None, "logprobs": logprobs}
            yield envelope | {"choices": [choice]}
    yield from _ends(envelope, answer, {"text": "", "logprobs": None})


def _ends(envelope: JSON, answer: Answer, nothing: JSON) -> Iterator[JSON]:
    for index in range(answer.copies):
        choice = {"index": index, **nothing, "finish_reason": answer.finish_reason}
        yield envelope | {"choices": [choice]}
    yield envelope | {"choices": [], "usage": answer.counted_usage()}


def _envelope(kind: str) -> JSON:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time())}


def _whole(kind: str, answer: Answer, choice: JSON) -> JSON:
    choices = [{"index": index} | choice for index in range(answer.copies)]
    return _envelope(kind) | {"choices": choices, "usage": answer.counted_usage()}


def _tool_call_deltas(calls: list[JSON]) -> Iterator[JSON]:
    """The name first, then the arguments in fragments, as models stream them."""
    for index, call in enumerate(calls):
        function = call["function"]
        head = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [head]}
        arguments = function["arguments"]
        for start in range(0, len(arguments), _FRAGMENT):
            fragment = {"arguments": arguments[start : start + _FRAGMENT]}
            yield {"tool_calls": [{"index": index, "function": fragment}]}


def _chat_logprobs(tokens: list[str]) -> JSON:
    content = [
        {"token": token, "logprob": 0.0, "bytes": list(token.encode()), "top_logprobs": []}
        for token in tokens
    ]
    return {"content": content}


def _text_logprobs(tokens: list[str], start: int) -> JSON:
    return {
        "tokens": tokens,
        "token_logprobs": [0.0] * len(tokens),
        "top_logprobs": [{token: 0.0} for token in tokens],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=start)),
    }

"""What is said to a model beside the user's words: before them, behind them, and as an example.

Small models obey what they read last, forget what stands in the system message, and go on with
what they have seen rather than do what they are told. So an example is a turn and its answer, in
front of the user's first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_azureml_oss.wire import WireMessage


class Example(NamedTuple):
    """A task, the function that helps with it, and the call of it that is right."""

    question: str
    function: Mapping[str, Any]
    """In OpenAI's form."""
    arguments: Mapping[str, Any]


EXAMPLE = Example(
    "Tom has 3 dogs.",
    {
        "name": "register",
        "parameters": {
            "type": "object",
            "properties": {"owner": {"type": "string"}, "dogs": {"type": "integer"}},
            "required": ["owner", "dogs"],
        },
    },
    {"owner": "Tom", "dogs": 3},
)


def after_examples(
    messages: Sequence[WireMessage], *examples: tuple[str, str]
) -> list[WireMessage]:
    """Return the conversation with examples in front of the user's first turn.

    Args:
        messages: The conversation.
        examples: What the user says in each, and what is answered.
    """
    asked = [place for place, message in enumerate(messages) if message["role"] == "user"][:1]
    turns = [
        {"role": role, "content": text}
        for example in examples
        for role, text in zip(("user", "assistant"), example, strict=True)
    ]
    return [*messages[: asked[0]], *turns, *messages[asked[0] :]] if asked else list(messages)


def with_instructions(messages: Sequence[WireMessage], text: str) -> list[WireMessage]:
    """Return the conversation with a text added to its system message."""
    first = messages[0] if messages else None
    if first is None or first["role"] != "system":
        return [{"role": "system", "content": text}, *messages]
    return [_with_text(first, text), *messages[1:]]


def _with_text(message: WireMessage, text: str) -> WireMessage:
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": f"{content}\n\n{text}"}
    return {**message, "content": [*content, {"type": "text", "text": f"\n\n{text}"}]}


def with_request(messages: Sequence[WireMessage], text: str) -> list[WireMessage]:
    """Return the conversation with a text behind the user's last words.

    Small models obey what they read last, and forget what stands in the system message.
    """
    places = [place for place, message in enumerate(messages) if message["role"] == "user"]
    if not places:
        return with_instructions(messages, text)
    before, last, after = messages[: places[-1]], messages[places[-1]], messages[places[-1] + 1 :]
    return [*before, _with_text(last, text), *after]

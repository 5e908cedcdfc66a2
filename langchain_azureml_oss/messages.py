"""LangChain messages and content blocks -> wire messages; answers -> AI messages and chunks.

Wire messages have the OpenAI form, which all contracts use: dicts with `role`, `content` (text, or
a list of parts) and, where they are set, `name`, `tool_calls` and `tool_call_id`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.block_translators.openai import convert_to_openai_data_block

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.tools import (
    AnswerChunk,
    read_tool_call_chunks,
    read_tool_calls,
)
from langchain_azureml_oss.wire import Choice, WireMessage, encode_json, usage_metadata

_ROLES: tuple[tuple[type[BaseMessage], str], ...] = (
    (HumanMessage, "user"),
    (AIMessage, "assistant"),
    (SystemMessage, "system"),
    (ToolMessage, "tool"),
    (FunctionMessage, "function"),
)
_ROLE_NAMES = {role: role for _, role in _ROLES} | {"human": "user", "ai": "assistant"}
"""What a ChatMessage may call a role, in lower case -> the role; any other stays as it is."""

# An assistant turn repeats its calls in `tool_calls`, and its reasoning is not sent back.
_CARRIED_ELSEWHERE = frozenset(
    {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "tool_call_chunk"}
    | {"invalid_tool_call", "function_call", "server_tool_call", "server_tool_result"}
)


_CITATIONS = ("annotations", "citations")


def to_wire(messages: Sequence[BaseMessage]) -> list[WireMessage]:
    """Return the wire form of a conversation.

    Raises:
        UnsupportedInputError: there is no message, or one holds what no contract carries.
    """
    if not messages:
        msg = "There are no messages to send; at least one is needed."
        raise UnsupportedInputError(msg)
    if any(map(_has_citations, messages)):
        warnings.warn("Citations in texts of earlier answers are left out.", stacklevel=2)
    return _answered([_message(message) for message in messages], messages)


def _has_citations(message: BaseMessage) -> bool:
    """Whether a text of another provider names its sources, which no contract carries."""
    blocks = message.content if isinstance(message.content, list) else []
    return any(
        block.get(name) for block in blocks if isinstance(block, dict) for name in _CITATIONS
    )


def _answered(turns: Sequence[WireMessage], messages: Sequence[BaseMessage]) -> list[WireMessage]:
    """Return the turns with an answer for each call: servers refuse a call without one."""
    answered: list[WireMessage] = []
    waiting: dict[str, str] = {}
    for turn, message in zip(turns, messages, strict=True):
        if turn["role"] == "tool":
            waiting.pop(turn["tool_call_id"], None)
        else:
            answered += [_not_run(*call) for call in waiting.items()]
            waiting = _reasons(turn, message)
        answered.append(turn)
    return [*answered, *(_not_run(*call) for call in waiting.items())]


def _reasons(turn: WireMessage, message: BaseMessage) -> dict[str, str]:
    """Return the ids of a turn's calls, and why one that nobody answers was not run."""
    calls = turn.get("tool_calls", [])
    reasons = {call["id"]: "" for call in calls}
    invalid = message.invalid_tool_calls if isinstance(message, AIMessage) else []
    for wire, call in zip(reversed(calls), reversed(invalid), strict=False):
        reasons[wire["id"]] = f" {call['error'] or 'It could not be read.'} It was: {call['args']}"
    return reasons


def _not_run(call_id: str, reason: str) -> WireMessage:
    return {
        "role": "tool",
        "tool_call_id": call_id,
        "content": f"This call was not run.{reason}",
    }


def ai_message(
    choice: Choice, usage: Mapping[str, Any] | None, metadata: Mapping[str, Any]
) -> AIMessage:
    """Return the message of a whole answer.

    Args:
        choice: The answer.
        usage: The server's token counts.
        metadata: For `response_metadata`.
    """
    calls, invalid = read_tool_calls(choice.tool_calls)
    return AIMessage(
        content=_said(choice),
        additional_kwargs=_additional(choice),
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=usage_metadata(usage),
        response_metadata=dict(metadata),
    )


def ai_message_chunk(
    choice: Choice,
    usage: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> AIMessageChunk:
    """Return the chunk for a part of an answer; the one with `metadata` is the last.

    Reasoning is kept where langchain-core looks for it to make reasoning content blocks.
    """
    if metadata is None and not (choice.reasoning or choice.tool_calls or choice.refusal):
        return AnswerChunk(content=choice.text)
    return AnswerChunk(
        content=_said(choice),
        additional_kwargs=_additional(choice),
        tool_call_chunks=read_tool_call_chunks(choice.tool_calls),
        usage_metadata=usage_metadata(usage),
        response_metadata=dict(metadata or {}),
        chunk_position="last" if metadata is not None else None,
    )


def numbered(message: AIMessageChunk) -> AIMessageChunk:
    """Return a chunk with the blocks of `output_version="v1"`, text, reasoning and calls apart.

    langchain-core would number these blocks from 0, as the wire numbers calls, and put blocks of
    one number together. Texts that begin with `lc_` are numbers to it as well.
    """
    blocks: list[Any] = [dict(block) for block in message.content_blocks]
    for block in blocks:
        block.setdefault("index", f"lc_{block['type']}")
    metadata = {**message.response_metadata, "output_version": "v1"}
    return message.model_copy(update={"content": blocks, "response_metadata": metadata})


def _said(choice: Choice) -> Any:
    """Return the content: a text, or blocks where there is a refusal, which is no text."""
    if not choice.refusal:
        return choice.text
    # langchain-core adds blocks up that have one index.
    refusal = {"type": "refusal", "refusal": choice.refusal, "index": "lc_refusal"}
    return [*([{"type": "text", "text": choice.text}] if choice.text else []), refusal]


def _additional(choice: Choice) -> dict[str, Any]:
    additional = {"reasoning_content": choice.reasoning, "refusal": choice.refusal}
    return {key: value for key, value in additional.items() if value}


def _message(message: BaseMessage) -> WireMessage:
    wire: WireMessage = {"role": _role(message), "content": _content(message)}
    if message.name:
        wire["name"] = message.name
    if isinstance(message, AIMessage):
        calls = [
            *(_call(call, encode_json(call["args"]).decode()) for call in message.tool_calls),
            # What cannot be read stands in the answer to the call; servers take JSON only.
            *(_call(call, "{}") for call in message.invalid_tool_calls),
        ]
        for place, call in enumerate(calls):
            call["id"] = call["id"] or f"call{place:05}"  # nine characters, see MISTRAL
        if calls:
            wire["tool_calls"] = calls
            # The family's row says whether it goes back, and under which name.
            if isinstance(thought := message.additional_kwargs.get("reasoning_content"), str):
                wire["reasoning_content"] = thought
    elif isinstance(message, ToolMessage):
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _role(message: BaseMessage) -> str:
    if isinstance(message, ChatMessage):
        return _ROLE_NAMES.get(message.role.lower(), message.role)
    for cls, role in _ROLES:
        if isinstance(message, cls):
            return role
    msg = f"A {type(message).__name__} has no role in a conversation with a model."
    raise UnsupportedInputError(msg)


def _call(call: Mapping[str, Any], arguments: str) -> dict[str, Any]:
    return {
        "id": call["id"] or "",
        "type": "function",
        "function": {"name": call["name"] or "", "arguments": arguments},
    }


def _content(message: BaseMessage) -> str | list[dict[str, Any]]:
    content = message.content
    if isinstance(content, str):
        return content or message.additional_kwargs.get("refusal") or ""
    parts = [part for block in content if (part := _part(block, message)) is not None]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)  # many templates take a text only
    return parts


def _part(block: str | dict[Any, Any], message: BaseMessage) -> dict[str, Any] | None:
    """Return the part of the OpenAI form for one content block; None where it goes elsewhere."""
    if isinstance(block, str):
        return {"type": "text", "text": block}
    kind = block.get("type")
    if kind in _CARRIED_ELSEWHERE and isinstance(message, AIMessage):
        return None
    reader = _PARTS.get(kind or "")
    if reader is None and "text" in block and kind is None:
        reader = _text_part
    if reader is None and isinstance(message, AIMessage):
        # An answer of another provider, in the midst of a conversation that goes on here.
        warnings.warn(f"A {kind!r} block of an earlier answer is left out.", stacklevel=2)
        return None
    try:
        if reader is not None:
            return reader(block)
    except (KeyError, ValueError) as error:
        msg = f"The {kind!r} block of a {message.type} message is incomplete: {error}"
        raise UnsupportedInputError(msg) from None
    msg = (
        f"A {message.type} message holds a content block of type {kind!r}, which no contract"
        f" carries. Known are: {', '.join(sorted(_PARTS))}."
    )
    raise UnsupportedInputError(msg)


def _text_part(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": block["text"]}


def _image_url_part(block: Mapping[str, Any]) -> dict[str, Any]:
    image = block["image_url"]
    return {"type": "image_url", "image_url": {"url": image} if isinstance(image, str) else image}


def _image_part(block: Mapping[str, Any]) -> dict[str, Any]:
    """LangChain's image blocks, and Anthropic's with a `source`."""
    source = block.get("source")
    if not isinstance(source, Mapping):
        return convert_to_openai_data_block(dict(block))
    url = source.get("url") or f"data:{source['media_type']};base64,{source['data']}"
    return {"type": "image_url", "image_url": {"url": url}}


def _video_part(block: Mapping[str, Any]) -> dict[str, Any]:
    """LangChain's video blocks, as vLLM takes them."""
    url = block.get("url") or f"data:{block['mime_type']};base64,{block['base64']}"
    return {"type": "video_url", "video_url": {"url": url}}


def _as_it_is(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key in {"type", block["type"]}}


_PARTS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "text": _text_part,
    "text-plain": _text_part,
    "video": _video_part,
    "file": lambda block: convert_to_openai_data_block(dict(block)),
    "refusal": lambda block: {"type": "text", "text": block["refusal"]},
    "image_url": _image_url_part,
    "image": _image_part,
    "input_audio": _as_it_is,
    "audio": lambda block: convert_to_openai_data_block(dict(block)),
    # vLLM's multimodal inputs.
    "audio_url": _as_it_is,
    "video_url": _as_it_is,
}

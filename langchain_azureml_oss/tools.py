"""Tool calls of the wire -> LangChain's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call

from langchain_azureml_oss.http_types import encode_json


def read_tool_calls(
    raw: Sequence[Mapping[str, Any]],
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls of a whole answer, and those whose arguments are not a JSON object.

    Args:
        raw: OpenAI's `tool_calls`; an id is made where one is missing. An `error` in a call makes
            it invalid, for that reason.
    """
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for item in raw:
        name, arguments = _function(item)
        function = {"name": name, "arguments": arguments}
        call = {"id": _text(item.get("id")) or _new_id(), "function": function}
        if item.get("error"):
            invalid.append(make_invalid_tool_call(call, item["error"]))
            continue
        try:
            parsed: Any = parse_tool_call(call)
        except (OutputParserException, TypeError) as error:
            invalid.append(make_invalid_tool_call(call, str(error)))
            continue
        if isinstance(parsed["args"], dict):
            calls.append(parsed)
        else:
            reason = f"The arguments are {type(parsed['args']).__name__}, not a JSON object."
            invalid.append(make_invalid_tool_call(call, reason))
    return calls, invalid


def read_tool_call_chunks(raw: Sequence[Mapping[str, Any]]) -> list[ToolCallChunk]:
    """Return the fragments of calls that one event of a stream brings."""
    chunks = []
    for place, item in enumerate(raw):
        name, arguments = _function(item)
        if item.get("error"):
            # Chunks carry no error. A JSON text is no object, so the call stays invalid when the
            # chunks are added up, and says why.
            arguments = encode_json(f"{arguments} ({item['error']})").decode()
        chunks.append(
            tool_call_chunk(
                name=name,
                args=arguments,
                # The first fragment of a call names its function, and only that one has the id.
                id=_text(item.get("id")) or (_new_id() if name else None),
                index=index if isinstance(index := item.get("index"), int) else place,
            )
        )
    return chunks


def wire_tool_choice(choice: Any, names: Sequence[str]) -> Any:
    """Return OpenAI's form of a tool choice in any of LangChain's spellings.

    Args:
        choice: See `AzureMLOSSChatModel.bind_tools`.
        names: The tools that there are.

    Raises:
        ValueError: the choice names another tool.
    """
    if choice is None or isinstance(choice, Mapping):
        return choice
    if isinstance(choice, bool):
        return "required" if choice else "none"
    if choice in {"auto", "none", "required"}:
        return choice
    if choice == "any":
        return "required"
    if choice in names:
        return {"type": "function", "function": {"name": choice}}
    msg = f"tool_choice {choice!r} is none of auto, any, required, none, {', '.join(names)}."
    raise ValueError(msg)


def _function(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return name and arguments; some servers write the arguments' object instead of its text."""
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = encode_json(arguments).decode()
    return _text(function.get("name")), arguments


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _new_id() -> str:
    return f"call_{uuid4().hex[:24]}"

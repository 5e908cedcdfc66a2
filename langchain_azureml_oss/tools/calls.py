"""Tool calls of the wire -> LangChain's, whole or in parts, and judged in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from langchain_azureml_oss.tools.fragments import StreamedCalls, name_and_arguments, new_call_id

_MAX_DEPTH = 200
"""Levels of arguments; deeper ones could not be written, checked or traced without Python's own
recursion failing. No tool has so many."""


def judged(
    name: str | None, arguments: str | None, call_id: str | None
) -> ToolCall | InvalidToolCall:
    """Return the call, or what cannot be run, with the reason.

    Args:
        name: The function's.
        arguments: JSON; blank is an empty object, as servers write for functions without any.
        call_id: One is made where there is none.
    """
    call_id = call_id or new_call_id()
    args, reason = _object(arguments or "")
    if not name:
        reason = "The call names no function."
    if args is None or reason:
        return invalid_tool_call(name=name or None, args=arguments, id=call_id, error=reason)
    return tool_call(name=name or "", args=args, id=call_id)


def read_tool_calls(
    raw: Sequence[Mapping[str, Any]],
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls of a whole answer, and those that cannot be run.

    Args:
        raw: OpenAI's `tool_calls`; an id is made where one is missing.
    """
    # The calls of a whole answer are told apart as those of a stream are.
    chunks = read_tool_call_chunks(StreamedCalls().feed(raw))
    merged: dict[int | None, ToolCallChunk] = {}
    for chunk in chunks:
        known = merged.setdefault(chunk["index"], chunk)
        if known is not chunk:
            known["name"] = (known["name"] or "") + (chunk["name"] or "") or None
            known["args"] = (known["args"] or "") + (chunk["args"] or "")
    return sorted_out(list(merged.values()))


def sorted_out(chunks: Sequence[ToolCallChunk]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return complete chunks as the calls that they are, and those that cannot be run."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for chunk in chunks:
        call = judged(chunk["name"], chunk["args"], chunk["id"])
        if call["type"] == "tool_call":
            calls.append(call)
        else:
            invalid.append(call)
    return calls, invalid


def read_tool_call_chunks(raw: Sequence[Mapping[str, Any]]) -> list[ToolCallChunk]:
    """Return fragments of calls, in the form that `StreamedCalls` gives them."""
    chunks = []
    for item in raw:
        name, arguments = name_and_arguments(item)
        index, call_id = item.get("index"), item.get("id")
        chunks.append(tool_call_chunk(name=name or None, args=arguments, id=call_id, index=index))
    return chunks


def _object(text: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the object in a text, or what is wrong with it."""
    if not text.strip():
        return {}, None
    # Some servers write an empty object first, until the arguments come.
    text = text.lstrip()
    text = text[2:] if text.startswith("{}{") else text
    try:
        # Small models write line breaks into strings.
        value = json.loads(text, strict=False)
        if isinstance(value, str) and value.startswith("{"):  # encoded twice
            value = json.loads(value, strict=False)
    except RecursionError:
        return None, _TOO_DEEP
    except ValueError as error:
        return None, f"The arguments are not JSON, or were cut off: {error}."
    if value is None or value == []:
        return {}, None
    if not isinstance(value, dict):
        return None, f"The arguments are {type(value).__name__}, not a JSON object."
    return (None, _TOO_DEEP) if _is_deep(value) else (value, None)


_TOO_DEEP = f"The arguments are nested more than {_MAX_DEPTH} levels deep."


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True

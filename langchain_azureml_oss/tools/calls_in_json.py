"""Tool calls written as JSON, in the ways in which models write them -> OpenAI's form."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from langchain_azureml_oss.wire import encode_json, lenient_json

WireCall = dict[str, Any]

_ARGUMENTS = ("arguments", "parameters", "args")
_KEYS = frozenset({"name", *_ARGUMENTS, "type", "function", "id", "tool_calls"})
_FIRST_KEY = re.compile(r"[\s\[]*\{\s*(?:([\"'])(\w*)(\1)?)?")
_NAME = re.compile(r"[\"']name[\"']\s*:\s*([\"'])(.*?)\1")
_ARGUMENTS_KEY = re.compile(rf"[\"'](?:{'|'.join(_ARGUMENTS)})[\"']")


def may_be_call(text: str, names: Collection[str]) -> bool:
    """Whether a JSON value of which only the beginning is known may still be a call."""
    if not text.strip():
        return True
    key = _FIRST_KEY.match(text)
    if key is None:
        return not text.strip(" \t\n[")
    if key[2] is not None:
        known = key[2] in _KEYS if key[3] else any(k.startswith(key[2]) for k in _KEYS)
        if not known:
            return False
    name = _NAME.search(text)
    arguments = _ARGUMENTS_KEY.search(text)
    if name is None or (arguments is not None and arguments.start() < name.start()):
        return True
    return name[2] in names


def only_calls(text: str, names: Collection[str]) -> list[WireCall]:
    """Return the calls of known tools, if there is nothing else in the text."""
    calls = calls_in_a_row(text, strict=True)
    return calls if all(call["function"]["name"] in names for call in calls) else []


def calls_in_a_row(text: str, *, strict: bool = False) -> list[WireCall]:
    """Read one JSON value, or several in a row."""
    values: list[Any] = []
    rest = text.strip()
    while rest:
        end = lenient_json.end_of_value(rest)
        try:
            values.append(lenient_json.loads(rest[:end]))
        except ValueError:
            return []
        rest = rest[end:].lstrip(" \t\r\n;,}]") if end is not None else ""
    calls = [_call(item, strict=strict) for item in _flat(values)]
    return [call for call in calls if call] if all(calls) else []


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            flat += value["tool_calls"]
        elif isinstance(value, list):
            flat += value
        else:
            flat.append(value)
    return flat


def _call(value: Any, *, strict: bool) -> WireCall | None:
    """Return the call that a JSON value says, in OpenAI's form; None where it says none."""
    if not isinstance(value, dict) or (strict and not _KEYS.issuperset(value)):
        return None
    function = value.get("function")
    inner = function if isinstance(function, dict) else value
    name = inner.get("name", function if isinstance(function, str) else None)
    key = next((key for key in _ARGUMENTS if key in inner), None)
    arguments = inner[key] if key else None
    if not isinstance(name, str):
        return None
    if strict and (key is None or not isinstance(arguments, dict | str | None)):
        return None
    if isinstance(arguments, str):
        arguments = value_or_text(arguments)
    return wire_call(name, {} if arguments is None else arguments)


def wire_call(name: str, arguments: Any) -> WireCall:
    """Return a call in OpenAI's form."""
    text = arguments if isinstance(arguments, str) else encode_json(arguments).decode()
    return {"type": "function", "function": {"name": name, "arguments": text}}


def broken_call(text: str) -> WireCall:
    """Return a call that could not be read, so that the model is told."""
    name = _NAME.search(text)
    return wire_call(name[2] if name else "", text.strip())


def value_or_text(text: str) -> Any:
    """Return the JSON value in a text, or the text itself where it holds none."""
    try:
        return lenient_json.loads(text)
    except ValueError:
        return text.strip()

"""Tool calls written as JSON, in the ways in which models write them -> OpenAI's form.

A tool's description has nearly the form of a call, and models repeat what they were shown. So a
value that describes itself, or whose arguments are a schema, is no call, whatever stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from langchain_azureml_oss.wire import encode_json, lenient_json

WireCall = dict[str, Any]
Schemas = Mapping[str, Mapping[str, Any]]
"""Name of a tool -> JSON schema of its arguments."""

UnknownNames = Literal["nowhere", "marked", "own form"]
"""Where a call of a tool that there is not counts, so that the agent tells the model: nowhere;
behind a mark; or also as JSON alone that has the dialect's own form of a call, and nothing more."""

_HEAD = 512
"""Characters of a value in which it shows whether it may be a call."""

_ARGUMENTS = ("arguments", "parameters", "args")
_KEYS = frozenset({"name", *_ARGUMENTS, "type", "function", "id", "tool_calls"})
_FIRST_KEY = re.compile(r"[\s\[]*\{\s*(?:([\"'])(\w*)(\1)?)?")
_NAME = re.compile(r"[\"']name[\"']\s*:\s*([\"'])(.*?)\1")
_FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_ARGUMENTS_KEY = re.compile(rf"[\"'](?:{'|'.join(_ARGUMENTS)})[\"']")
_DESCRIBES = frozenset(
    {"description", "input_schema", "inputSchema", "output_schema", "outputSchema"}
)
"""What only a description of a tool has; the last ones in Anthropic's form, and in MCP's."""
_SCHEMA_TYPES = frozenset(
    {
        *("string", "integer", "number", "boolean", "array", "object", "null"),
        *("str", "int", "float", "bool", "list", "dict"),  # as Python's users write them
    }
)
_SCHEMA_KEYS = frozenset({"anyOf", "oneOf", "allOf", "$ref", "enum", "const"})
_SCHEMA_PARTS = _SCHEMA_KEYS | {"$schema", "$defs", "required", "additionalProperties"}
_SCHEMA_NOTES = frozenset({"title", "description", "default", "examples", "format"})


class CallHead:
    """The beginning of a JSON value, in which it shows whether it may be a call of a tool.

    Args:
        names: The tools that there are.
        head: What has come of the value.
        any_name: Whether it may name a tool that there is not.
    """

    def __init__(self, names: Collection[str], head: str, *, any_name: bool = False) -> None:
        self._names, self._head, self._any_name = names, head, any_name

    def may_be_call(self, text: str) -> bool:
        """Whether the value, which goes on with this text, may still be a call."""
        room = _HEAD - len(self._head)
        self._head += text[: max(0, room)]
        return room <= 0 or _may_be_call(self._head, self._names, any_name=self._any_name)


def _may_be_call(head: str, names: Collection[str], *, any_name: bool) -> bool:
    if not head.strip():
        return True
    key = _FIRST_KEY.match(head)
    if key is None:
        return not head.strip(" \t\r\n[")
    if key[2] is not None:
        known = key[2] in _KEYS if key[3] else any(k.startswith(key[2]) for k in _KEYS)
        if not known:
            return False
    name = _NAME.search(head)
    arguments = _ARGUMENTS_KEY.search(head)
    if name is None or (arguments is not None and arguments.start() < name.start()):
        return True
    return name[2] in names or (any_name and _FUNCTION_NAME.fullmatch(name[2]) is not None)


def plain_calls(text: str, tools: Schemas, own_key: str = "") -> list[WireCall]:
    """Return the calls that a JSON value without a mark holds, if it holds nothing else.

    They name tools that there are, since any JSON may have a name in it.

    Args:
        text: The value.
        tools: The tools that there are.
        own_key: Key of the arguments in the dialect's own form; a value in this form may name a
            tool that there is not. Empty: none may.
    """
    try:
        items = _flat(lenient_json.loads(text))
    except ValueError:
        return []
    calls = [_call(item, tools, strict=True) for item in items]
    known = [
        call
        for call, item in zip(calls, items, strict=True)
        if call and (call["function"]["name"] in tools or _is_own_form(item, own_key))
    ]
    return known if len(known) == len(calls) else []


def marked_calls(text: str, tools: Schemas, name: str | None = None) -> list[WireCall]:
    """Return the calls in a JSON value behind a mark; what cannot be read is a broken call.

    Args:
        text: The value.
        tools: The tools that there are.
        name: The function's, where the mark says it; the value is its arguments then.

    Returns:
        Nothing where the value describes a tool.
    """
    if name is not None:
        arguments = value_or_text(text)
        return [] if _is_schema(arguments, tools.get(name)) else [wire_call(name, arguments)]
    try:
        items = _flat(lenient_json.loads(text))
    except ValueError:
        return [broken_call(text)]
    if any(_is_description(_inner(item), tools) for item in items):
        return []
    calls = [_call(item, tools, strict=False) for item in items]
    return [call for call in calls if call] if calls and all(calls) else [broken_call(text)]


def _flat(value: Any) -> list[Any]:
    """Return what may be a call each: in lists, in `{"tool_calls": [...]}`, or the value alone."""
    items: list[Any] = []
    for item in value if isinstance(value, list) else [value]:
        inner = item.get("tool_calls") if isinstance(item, dict) else None
        items += inner if isinstance(inner, list) else [item]
    return items


def _inner(value: Any) -> Any:
    """Return what holds name and arguments, in OpenAI's form or without it."""
    function = value.get("function") if isinstance(value, dict) else None
    return function if isinstance(function, dict) else value


def _call(value: Any, tools: Schemas, *, strict: bool) -> WireCall | None:
    """Return the call that a JSON value says, in OpenAI's form; None where it says none."""
    if not isinstance(value, dict) or (strict and not _KEYS.issuperset(value)):
        return None
    inner = _inner(value)
    if _is_description(inner, tools):
        return None
    function = value.get("function")
    name = inner.get("name", function if isinstance(function, str) else None)
    if not isinstance(name, str):
        return None
    key = next((key for key in _ARGUMENTS if key in inner), None)
    arguments = inner[key] if key else None
    if strict and not isinstance(arguments, dict | str | None):
        return None
    if strict and key is None and not _takes_nothing(tools.get(name)):
        return None
    if isinstance(arguments, str):
        arguments = value_or_text(arguments)
    return wire_call(name, {} if arguments is None else arguments)


def _is_own_form(value: Any, key: str) -> bool:
    """Whether a value is a function's name and its arguments, as a dialect writes calls."""
    return (
        bool(key)
        and value.keys() == {"name", key}
        and isinstance(value[key], dict)
        and _FUNCTION_NAME.fullmatch(value["name"]) is not None
    )


def _takes_nothing(schema: Mapping[str, Any] | None) -> bool:
    return schema is not None and not schema.get("properties")


def _is_description(value: Any, tools: Schemas) -> bool:
    """Whether a value tells what a tool is, instead of calling it."""
    if not isinstance(value, dict):
        return False
    if not _DESCRIBES.isdisjoint(value):
        return True
    name = value.get("name")
    schema = tools.get(name) if isinstance(name, str) else None
    return any(_is_schema(value[key], schema) for key in _ARGUMENTS if key in value)


def _is_schema(arguments: Any, schema: Mapping[str, Any] | None) -> bool:
    """Whether a call's arguments are a JSON schema, or the properties of one.

    Args:
        arguments: A value, or the JSON text of one.
        schema: The tool's, if there is such a tool: it may take an argument named `properties`.
    """
    for _ in range(2):  # some encode it twice
        arguments = value_or_text(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(arguments, dict) or not arguments:
        return False
    if schema is not None and arguments == schema:
        return True
    own: Mapping[str, Any] = (schema or {}).get("properties") or {}
    if "$schema" in arguments or (
        isinstance(arguments.get("properties"), dict) and "properties" not in own
    ):
        return True
    if arguments.get("type") == "object" and "type" not in own:
        return True
    if own.keys().isdisjoint(arguments) and not _SCHEMA_PARTS.isdisjoint(arguments):
        return True
    return all(_is_property(item) for item in arguments.values()) and any(
        own.get(name) == item
        # Notes alone may be data, as in `{"event": {"title": "Lunch"}}`.
        or (
            not _takes_object(own.get(name)) and (name in own or not _SCHEMA_NOTES.issuperset(item))
        )
        for name, item in arguments.items()
    )


def _is_property(value: Any) -> bool:
    """Whether a value is the schema of one argument, as in `{"path": {"type": "string"}}`."""
    if not isinstance(value, dict) or not value:
        return False
    return (
        any(isinstance(kind, str) and kind.lower() in _SCHEMA_TYPES for kind in _kinds(value))
        or not _SCHEMA_KEYS.isdisjoint(value)
        or _SCHEMA_NOTES.issuperset(value)
    )


def _takes_object(schema: Any) -> bool:
    return isinstance(schema, dict) and ("type" not in schema or "object" in _kinds(schema))


def _kinds(schema: Mapping[str, Any]) -> list[Any]:
    kinds = schema.get("type")
    return kinds if isinstance(kinds, list) else [kinds]


def wire_call(name: str, arguments: Any) -> WireCall:
    """Return a call in OpenAI's form."""
    text = arguments if isinstance(arguments, str) else encode_json(arguments).decode()
    return {"type": "function", "function": {"name": name, "arguments": text}}


def broken_call(text: str) -> WireCall:
    """Return a call that could not be read, so that the model is told."""
    name = _NAME.search(text[:_HEAD])
    return wire_call(name[2] if name else "", text.strip())


def value_or_text(text: str) -> Any:
    """Return the JSON value in a text, or the text itself where it holds none."""
    try:
        return lenient_json.loads(text)
    except ValueError:
        return text.strip()

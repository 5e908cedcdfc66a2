"""Arguments of a tool call, checked against the tool's JSON schema.

Only what tools' schemas use: types, properties, required, enums, unions and references. A keyword
that is not known here does not refuse anything; the tool itself checks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def misfit(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return what is wrong with `value`, in words for the model; None where it fits."""
    return _misfit(value, schema, schema, "arguments")


def _misfit(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str
) -> str | None:
    schema = _resolved(schema, root)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            reasons = [_misfit(value, option, root, where) for option in schema[union]]
            return None if None in reasons else "; or ".join(filter(None, reasons))
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed is not None and value not in allowed:
        return f"{where} is {value!r}; it must be one of {', '.join(map(repr, allowed))}"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{where} is {type(value).__name__}; it must be of type {' or '.join(kinds)}"
    parts = [_misfit(value, part, root, where) for part in schema.get("allOf", ())]
    if isinstance(value, dict):
        parts += _object(value, schema, root, where)
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        parts += [
            _misfit(item, schema["items"], root, f"{where}[{n}]") for n, item in enumerate(value)
        ]
    return "; ".join(filter(None, parts)) or None


def _object(
    value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], where: str
) -> list[str | None]:
    properties = schema.get("properties", {})
    found: list[str | None] = [
        f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value
    ]
    if schema.get("additionalProperties") is False:
        found += [f"{where}.{name} is not known" for name in value if name not in properties]
    found += [
        _misfit(item, properties[name], root, f"{where}.{name}")
        for name, item in value.items()
        if name in properties
    ]
    return found


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, object))


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found: Any = root
    for key in reference[2:].split("/"):
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}

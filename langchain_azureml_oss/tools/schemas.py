"""Arguments of a tool call, checked against the tool's JSON schema as the tool itself would.

Only what tools' schemas use: types, properties, required, enums, unions and references. A keyword
that is not known here does not refuse anything; the tool itself checks again. Plain values are
judged by pydantic, which takes "3" for an integer and "true" for a boolean.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_SCALARS: Mapping[str, Any] = {"integer": int, "number": int | float, "boolean": bool}
_MAX_DEPTH = 60
"""Levels that are looked at, since a schema may refer to itself and an answer may be deep."""


def misfit(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return what is wrong with `value`, in words for the model; None where it fits."""
    return fitted(value, schema)[1]


def fitted(value: Any, schema: Mapping[str, Any]) -> tuple[Any, str | None]:
    """Return `value` with its plain values as the schema has them, and what is wrong with it."""
    check = _Check(schema)
    found = check.value(value, schema, "arguments", 0)
    return found, "; ".join(check.reasons) or None


def without_nulls(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments without null for those that may be left out and are never null."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required") or ()
    return {
        name: item
        for name, item in value.items()
        if item is not None
        or name in required
        or name not in properties
        or _Check(schema).fits_exactly(None, properties[name], 0)
    }


class _Check:
    """One walk along a value and its schema, with the reasons that it finds."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self.reasons: list[str] = []

    def fits_exactly(self, value: Any, schema: Any, depth: int) -> bool:
        """Whether a value fits as it is."""
        inner = _Check(self._root)
        found = inner.value(value, schema, "", depth)
        return not inner.reasons and type(found) is type(value) and found == value

    def value(self, value: Any, schema: Any, where: str, depth: int) -> Any:
        """Return the value as the schema has it."""
        if depth > _MAX_DEPTH or not isinstance(schema, Mapping):
            return value
        schema = self._resolved(schema)
        for union in ("anyOf", "oneOf"):
            if isinstance(schema.get(union), list):
                return self._union(value, schema[union], where, depth)
        value = self._plain(value, schema, where)
        for part in schema.get("allOf", ()):
            value = self.value(value, part, where, depth + 1)
        if isinstance(value, dict):
            return self._object(value, schema, where, depth)
        if isinstance(value, list):
            items = schema.get("items")
            return [self.value(v, items, f"{where}[{n}]", depth + 1) for n, v in enumerate(value)]
        return value

    def _union(self, value: Any, options: list[Any], where: str, depth: int) -> Any:
        reasons: list[str] = []
        candidates = []
        for option in options:
            inner = _Check(self._root)
            found = inner.value(value, option, where, depth + 1)
            if not inner.reasons and found == value and type(found) is type(value):
                return found
            if not inner.reasons:
                candidates.append(found)
            reasons += ["; ".join(inner.reasons)]
        if candidates:
            return candidates[0]
        self.reasons.append("; or ".join(reasons))
        return value

    def _plain(self, value: Any, schema: Mapping[str, Any], where: str) -> Any:
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(_is(value, kind) for kind in kinds):
            taken = [found for kind in kinds for found in _as_pydantic_takes_it(value, kind)]
            if not taken:
                expected = " or ".join(map(str, kinds))
                self.reasons.append(
                    f"{where} is {type(value).__name__}; it must be of type {expected}"
                )
                return value
            value = taken[0]
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(allowed, list) and value not in allowed:
            options = ", ".join(map(repr, allowed))
            self.reasons.append(f"{where} is {value!r}; it must be one of {options}")
        return value

    def _object(
        self, value: Mapping[str, Any], schema: Mapping[str, Any], where: str, depth: int
    ) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required") or ()
        self.reasons += [f"{where}.{name} is missing" for name in required if name not in value]
        if schema.get("additionalProperties") is False:
            unknown = [name for name in value if name not in properties]
            self.reasons += [f"{where}.{name} is not known" for name in unknown]
        return {
            # Null says that it is left out, where it may be.
            name: item
            if item is None and name not in required
            else self.value(item, properties.get(name), f"{where}.{name}", depth + 1)
            for name, item in value.items()
        }

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        found: Any = self._root
        for key in reference[2:].split("/"):
            found = found.get(key, {}) if isinstance(found, Mapping) else {}
        found = found if isinstance(found, Mapping) else {}
        return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, object))


def _as_pydantic_takes_it(value: Any, kind: str) -> list[Any]:
    if kind not in _SCALARS:
        return []
    try:
        return [_adapter(kind).validate_python(value)]
    except ValidationError:
        return []


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_SCALARS[kind])

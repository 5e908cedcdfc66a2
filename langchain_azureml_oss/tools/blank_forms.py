"""A JSON schema as a form to fill in: JSON whose values say what belongs there.

Small models echo a schema instead of obeying it, and copy the values of an example; a form in which
`<integer>` stands for a number they fill in. It is shorter than the schema, too. What a blank is
for stands in a line below: inside of a blank, it is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_azureml_oss.wire import encode_json

_MAX_DEPTH, _MAX_NODES = 8, 1000
"""Levels and schemas that are shown, since schemas may refer to themselves."""
_SAID = (
    *("format", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("multipleOf", "minLength", "maxLength"),
)
"""Keywords that are said in their own words."""


def blank_form(schema: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the form, and what the schema says about its fields, a line for each."""
    form = _Form(schema)
    return form.shown(schema, "", 0), form.notes


def left_blank(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return which texts of an answer are blanks of the form, copied as they stand; None: none is.

    Small models do so, and every text passes for one that was filled in.
    """
    form = _Form(schema)
    form.shown(schema, "", 0)
    left = [item for item in _texts_in(value) if item in form.blanks]
    if not left:
        return None
    shown = ", ".join(dict.fromkeys(left))
    return f"{shown} was copied from the form; write the value that belongs there instead"


class Fields(NamedTuple):
    """The fields of a form, by the names that stand in it."""

    names: tuple[str, ...]
    are_all: bool
    """Whether an answer has no others."""


def fields_of(schema: Mapping[str, Any]) -> Fields:
    """Return the fields of the object that a form shows, or of any of several that may be right."""
    parts = list(_Form(schema).parts_of(schema, 0))
    shown = [properties for part in parts if (properties := part.get("properties"))]
    names = [str(name) for one in shown if isinstance(one, Mapping) for name in one]
    others = ("additionalProperties", "patternProperties")
    takes_others = any(part.get(key, False) is not False for part in parts for key in others)
    takes_others |= any(_is_open(option) for part in parts for option in _options(part))
    return Fields(tuple(dict.fromkeys(names)), bool(names) and not takes_others)


def _texts_in(value: Any) -> Iterator[str]:
    waiting = [value]  # no recursion: an answer may be deep
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict | list):
            waiting += item.values() if isinstance(item, dict) else item


class _Form:
    """One walk along a schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0
        self._open: list[str] = []  # references that are being shown
        self.notes: list[str] = []
        self.blanks: set[str] = set()
        """What stands for plain values."""

    def shown(self, schema: Any, where: str, depth: int, *, optional: bool = False) -> str:
        """Return what stands for a value that fits the schema."""
        self._nodes += 1
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            return "<any>"
        reference = str(schema.get("$ref", ""))
        if reference and reference in self._open:
            return f"<{reference.rpartition('/')[2]} again>"
        self._open.append(reference)
        text = self._whole(self._plain(schema), where, depth, optional=optional)
        self._open.pop()
        return text

    def _whole(self, schema: Mapping[str, Any], where: str, depth: int, *, optional: bool) -> str:
        union = _options(schema)
        plain = [self._plain(one) for one in union or [schema]]
        if not any(map(_has_parts, plain)):
            text = _blank(schema, plain, optional=optional)
            kinds = {f"<{kind}>" for one in plain for kind in _kinds(one)}
            self.blanks |= {text, *kinds}  # part of a blank is copied too
            self._note(where, [said for one in (schema, *plain) for said in _described(one)])
            return encode_json(text).decode() if _is_text(plain) else text
        optionals = ["optional"] if optional else []
        self._note(where, [*_described(schema), *_bounds(schema), *optionals])
        if not union:
            return self._parts(schema, where, depth)
        return " or ".join(dict.fromkeys(self.shown(one, where, depth + 1) for one in union))

    def _note(self, where: str, said: Sequence[str]) -> None:
        if said and where:
            self.notes.append(f"{where}: {'; '.join(dict.fromkeys(said))}")

    def _parts(self, schema: Mapping[str, Any], where: str, depth: int) -> str:
        if "items" in schema:
            return f"[{self.shown(schema['items'], where and f'{where}[]', depth + 1)}, ...]"
        required = schema.get("required") or ()
        fields = {
            encode_json(str(name)).decode(): self.shown(
                part,
                f"{where}.{name}" if where else str(name),
                depth + 1,
                optional=name not in required,
            )
            for name, part in schema.get("properties", {}).items()
        }
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping) and more:
            fields['"<string>"'] = self.shown(more, where, depth + 1)
        return f"{{{', '.join(f'{name}: {text}' for name, text in fields.items())}}}"

    def _plain(self, schema: Any) -> Mapping[str, Any]:
        """Return the schema with what it refers to, and all its parts, in one."""
        found: dict[str, Any] = {}
        for part in self._merged(schema, 0):
            found = {**part, **found}
        return found

    def parts_of(self, schema: Any, depth: int) -> Iterator[Mapping[str, Any]]:
        """Return the parts of a schema, and of each of several that may be right."""
        for part in self._merged(schema, depth):
            yield part
            for one in _options(part):
                yield from self.parts_of(one, depth + 1)

    def _merged(self, schema: Any, depth: int) -> Iterator[Mapping[str, Any]]:
        self._nodes += 1
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            return
        yield schema
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            target: Any = self._root
            for key in reference[2:].split("/"):
                target = target.get(key) if isinstance(target, Mapping) else None
            yield from self._merged(target, depth + 1)
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            yield from self._merged(part, depth + 1)


def _options(schema: Mapping[str, Any]) -> list[Any]:
    union = schema.get("anyOf") or schema.get("oneOf")
    return union if isinstance(union, list) else []


def _is_open(option: Any) -> bool:
    """Whether any object is right: nothing is said of its fields."""
    if not isinstance(option, Mapping):
        return bool(option)
    says_more = {"$ref", "allOf", "anyOf", "oneOf", "properties", "enum", "const"}
    return says_more.isdisjoint(option) and not {"object", "any"}.isdisjoint(_kinds(option))


def _has_parts(schema: Mapping[str, Any]) -> bool:
    more = schema.get("additionalProperties")
    return (
        bool(isinstance(schema.get("properties"), Mapping) and schema["properties"])
        or "items" in schema
        or (isinstance(more, Mapping) and bool(more))
    )


def _blank(schema: Mapping[str, Any], options: list[Mapping[str, Any]], *, optional: bool) -> str:
    """Return the blank for a plain value."""
    kinds = dict.fromkeys(kind for one in options for kind in _kinds(one))
    known = [detail for one in (schema, *options) for detail in _bounds(one)]
    details = [*dict.fromkeys(known), *(["optional"] if optional else [])]
    text = " or ".join(kinds) + "".join(f"; {detail}" for detail in details)
    return " ".join(f"<{text}>".split())


def _is_text(options: list[Mapping[str, Any]]) -> bool:
    """Whether nothing but a text is right, or one of a few; its blank stands in quotes."""
    if {kind for one in options for kind in _kinds(one)} == {"string"}:
        return True
    values = [value for one in options for value in _values(one) or [None]]
    return all(isinstance(value, str) for value in values)


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """Return the values that are right, or else their types."""
    if values := _values(schema):
        return [v if isinstance(v, str) else encode_json(v).decode() for v in values]
    kinds = schema.get("type") or "any"
    return [str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds])]


def _values(schema: Mapping[str, Any]) -> list[Any]:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return values if isinstance(values, list) else []


def _described(schema: Mapping[str, Any]) -> list[str]:
    described = schema.get("description")
    return [" ".join(str(described).split())] if described else []


def _bounds(schema: Mapping[str, Any]) -> list[str]:
    return [f"{key} {schema[key]}" for key in _SAID if key in schema]

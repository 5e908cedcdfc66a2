"""JSON as small models write it: single quotes, trailing commas, raw line breaks, Python's None."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from langchain_azureml_oss.wire.http_types import decode_json

MAX_DEPTH = 200
"""Lists and objects inside each other. No tool asks for so many, and parsers that call themselves
end a program's stack somewhat later."""

_NAMES = {"true": True, "false": False, "null": None}


def loads(text: str) -> Any:
    """Return the value in `text`.

    Raises:
        ValueError: it is no JSON, even with good will, or it is nested beyond `MAX_DEPTH`.
    """
    if nesting(text) > MAX_DEPTH:
        msg = f"not JSON that can be read: over {MAX_DEPTH} lists and objects inside each other"
        raise ValueError(msg)
    try:
        return decode_json(text.encode())
    except ValueError:
        pass
    try:
        return json.loads(text, strict=False)  # line breaks inside strings
    except ValueError:
        pass
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError) as error:
        msg = f"not JSON: {error}"
        raise ValueError(msg) from None


def _value(node: ast.expr) -> Any:
    """Evaluate literals only, with JSON's names for three of them."""
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {str(_value(k)): _value(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
    msg = f"not JSON: {ast.unparse(node)[:50]}"
    raise ValueError(msg)


_STRUCTURE = re.compile(r"[\"'{}\[\]]")
_IN_STRING = {'"': re.compile(r'[\\"]'), "'": re.compile(r"[\\']")}


class ValueEnd:
    """Incremental: finds where the object or list ends with which a text begins.

    It keeps its place, so each character is looked at once, however the text is cut.

    Args:
        stops: Characters that stand in strings only; outside, the value is broken there.
    """

    def __init__(self, stops: str = "") -> None:
        self._structure = re.compile(rf"[\"'{{}}\[\]{stops}]") if stops else _STRUCTURE
        self._depth = 0
        self._quote = ""
        self._escaped = False
        self._before = ""  # the last character that is no white space
        self.deepest = 0
        """How many lists and objects there were inside each other."""
        self.broken = False

    def feed(self, text: str, place: int = 0) -> int | None:
        """Return where in `text`, read from `place` on, the value ends; None where it goes on."""
        start = place
        while place < len(text):
            if self._escaped:
                self._escaped, place = False, place + 1
                continue
            pattern = _IN_STRING[self._quote] if self._quote else self._structure
            found = pattern.search(text, place)
            if found is None:
                break
            place = found.end()
            if self._quote:
                self._in_string(found[0])
            elif self._outside(found[0], text, start, found.start()):
                return place - self.broken
        self._before = text[start:].rstrip()[-1:] or self._before
        return None

    @property
    def in_string(self) -> bool:
        """Whether the text that came so far ends inside a string."""
        return bool(self._quote)

    def _in_string(self, char: str) -> None:
        if char == "\\":
            self._escaped = True
        else:
            self._quote = ""

    def _outside(self, char: str, text: str, start: int, place: int) -> bool:
        """Take a character that means something; whether the value ends there."""
        if char == '"':
            self._quote = char
        elif char == "'":
            if (_last_before(text, start, place) or self._before) in {"{", "[", ",", ":"}:
                self._quote = char
        elif char in "{[":
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)
        elif char in "}]":
            self._depth -= 1
            return self._depth == 0
        else:
            self.broken = True
        return self.broken


def _last_before(text: str, start: int, place: int) -> str:
    """Return the last character before a place that is no white space."""
    while place > start and text[place - 1].isspace():
        place -= 1
    return text[place - 1] if place > start else ""


def nesting(text: str) -> int:
    """Return how many lists and objects there are inside each other at most."""
    value, place = ValueEnd(), 0
    while (end := value.feed(text, place)) is not None:
        place = end
    return value.deepest


def end_of_value(text: str, place: int = 0) -> int | None:
    """Return where the object or list ends that begins at `place`; None where it goes on."""
    return ValueEnd().feed(text, place)

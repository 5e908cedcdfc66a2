"""JSON as small models write it: single quotes, trailing commas, raw line breaks, Python's None."""

from __future__ import annotations

import ast
import json
from typing import Any

from langchain_azureml_oss.wire.http_types import decode_json

_NAMES = {"true": True, "false": False, "null": None}


def loads(text: str) -> Any:
    """Return the value in `text`.

    Raises:
        ValueError: it is no JSON, even with good will.
    """
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


class ValueEnd:
    """Incremental: finds where the object or list ends with which a text begins."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""
        self._escaped = False
        self._before = ""  # the last character that is no white space

    def feed(self, text: str) -> int | None:
        """Return where in `text` the value ends; None where it goes on."""
        for place, char in enumerate(text):
            if self._quote:
                self._in_string(char)
            elif char == '"' or (char == "'" and self._before in "{[,:"):
                self._quote = char
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return place + 1
            if not char.isspace():
                self._before = char
        return None

    @property
    def in_string(self) -> bool:
        """Whether the text that came so far ends inside a string."""
        return bool(self._quote)

    def _in_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == self._quote:
            self._quote = ""


def end_of_value(text: str) -> int | None:
    """Return where the object or list ends that begins `text`; None where it is not complete."""
    return ValueEnd().feed(text)

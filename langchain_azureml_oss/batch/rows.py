"""A file of questions -> rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from langchain_azureml_oss.errors import UnsupportedInputError


class Row(NamedTuple):
    """One question."""

    number: int
    """That of its line, or in a CSV file that of its record; the first is 1."""
    input: dict[str, Any]
    """What stands in the file: `prompt` or `messages`, and whatever else the user keeps there."""
    options: Mapping[str, Any] = {}
    """Arguments of its call, where the file has them."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file: JSON Lines, CSV, or text with a prompt on each line.

    Lines that hold nothing are left out, and keep their number.

    Raises:
        UnsupportedInputError: there is no such file, its kind is not known, or a line is malformed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        msg = f"{path.name}: a file of questions ends in one of {known}."
        raise UnsupportedInputError(msg)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from reader(file)
    except OSError as error:
        raise UnsupportedInputError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeError as error:
        msg = f"{path} is not text in UTF-8: {error}. Save it as UTF-8."
        raise UnsupportedInputError(msg) from None
    except csv.Error as error:
        raise UnsupportedInputError(f"{path} is not CSV: {error}.") from None


def _json_lines(file: TextIO) -> Iterator[Row]:
    for number, line in _lines(file):
        try:
            value = json.loads(line)
        except (RecursionError, ValueError) as error:
            raise UnsupportedInputError(f"Row {number} is not JSON: {error}.") from None
        if isinstance(value, str):
            value = {"prompt": value}
        if not isinstance(value, dict):
            msg = f"Row {number} is neither a JSON object nor a text, but {type(value).__name__}."
            raise UnsupportedInputError(msg)
        yield Row(number, value)


def _texts(file: TextIO) -> Iterator[Row]:
    return (Row(number, {"prompt": line}) for number, line in _lines(file))


def _records(file: TextIO) -> Iterator[Row]:
    records = csv.DictReader(file, strict=True)
    for number, record in enumerate(records, 1):
        if None in record or None in record.values():
            names = len(records.fieldnames or ())
            msg = f"Row {number} has not {names} fields, as the first line has names."
            raise UnsupportedInputError(msg)
        yield Row(number, dict(record))


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """Yield the lines that hold something, without their ends."""
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, line.rstrip("\r\n")


_READERS: Mapping[str, Callable[[TextIO], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _records,
    ".txt": _texts,
}

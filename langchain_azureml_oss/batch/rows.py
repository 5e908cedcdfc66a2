"""Files of questions -> rows."""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from langchain_azureml_oss.batch.extras import needed
from langchain_azureml_oss.batch.openai_requests import is_request, options_of
from langchain_azureml_oss.errors import UnsupportedInputError

_LONGEST_FIELD = 2**31 - 1
WORKING = ".work.jsonl"
"""How the name of a file ends that a run keeps beside its answers."""
_BATCH = 1_000
"""Rows of a Parquet file that are in memory at once."""


class Row(NamedTuple):
    """One question."""

    number: int
    """That of its line, or of its record where the file is a table; the first is 1. Several files
    are counted as one."""
    input: dict[str, Any]
    """What stands in the file: `prompt` or `messages`, and whatever else the user keeps there."""
    options: Mapping[str, Any] = {}
    """Arguments of its call, where the file has them."""

    @property
    def fields(self) -> dict[str, Any]:
        """What the question is made of."""
        body: dict[str, Any] = self.input["body"] if is_request(self.input) else self.input
        return body


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, of all files of a directory, or of those that a pattern names.

    JSON Lines, OpenAI's batch files among them, CSV, Parquet, or text with a prompt on each line.
    Lines that hold nothing are left out, and keep their number.

    Raises:
        UnsupportedInputError: there is no such file, its kind is not known, or a line is malformed.
    """
    before, ids = 0, set[str]()
    for file in files_of(path):
        last = 0
        for row in _read(file):
            last = row.number
            if is_request(row.input):
                name = row.input["custom_id"]
                if name in ids:
                    msg = f"Row {before + last} has the custom_id {name!r} of an earlier row."
                    raise UnsupportedInputError(msg)
                ids.add(name)
            yield row._replace(number=before + last)
        before += last


def files_of(path: Path) -> list[Path]:
    """Return the files that a path names: itself, those of a directory, those of a pattern.

    Raises:
        UnsupportedInputError: there is none.
    """
    if path.is_dir():
        files = (one for one in path.iterdir() if one.suffix.lower() in _READERS)
        found = sorted(one for one in files if not one.name.endswith(WORKING))
    elif path.exists() or not glob.has_magic(str(path)):
        return [path]
    else:
        found = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
    if not found:
        raise UnsupportedInputError(f"{path} names no file of questions ({', '.join(_READERS)}).")
    return found


def _read(path: Path) -> Iterator[Row]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        msg = f"{path.name}: a file of questions ends in one of {known}."
        raise UnsupportedInputError(msg)
    try:
        yield from reader(path)
    except OSError as error:
        said = error.strerror or error
        raise UnsupportedInputError(f"{path} cannot be read: {said}.") from None
    except RuntimeError:  # until Python 3.13, of a link that leads to itself
        raise UnsupportedInputError(f"{path} cannot be read.") from None
    except UnicodeError as error:
        msg = f"{path} is not text in UTF-8: {error}. Save it as UTF-8."
        raise UnsupportedInputError(msg) from None
    except csv.Error as error:
        raise UnsupportedInputError(f"{path} is not CSV: {error}.") from None


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(path: Path) -> Iterator[Row]:
    for number, line in _lines(path):
        try:
            value = json.loads(line)
        except (RecursionError, ValueError) as error:
            raise UnsupportedInputError(f"Row {number} is not JSON: {error}.") from None
        if isinstance(value, str):
            value = {"prompt": value}
        if not isinstance(value, dict):
            msg = f"Row {number} is neither a JSON object nor a text, but {type(value).__name__}."
            raise UnsupportedInputError(msg)
        options = options_of(number, value) if is_request(value) else {}
        yield Row(number, value, options)


def _texts(path: Path) -> Iterator[Row]:
    return (Row(number, {"prompt": line}) for number, line in _lines(path))


def _records(path: Path) -> Iterator[Row]:
    # The limit is the process's: 131,072 characters, which a document in a cell may well have.
    csv.field_size_limit(_LONGEST_FIELD)
    with _open(path) as file:
        records = csv.DictReader(file, strict=True)
        _check_names(path, records.fieldnames or ())
        for number, record in enumerate(records, 1):
            if None in record or None in record.values():
                names = len(records.fieldnames or ())
                msg = f"Row {number} has not {names} fields, as the first line has names."
                raise UnsupportedInputError(msg)
            yield Row(number, dict(record))


def _parquet(path: Path) -> Iterator[Row]:
    arrow, parquet = needed("pyarrow", "tables"), needed("pyarrow.parquet", "tables")
    try:
        with parquet.ParquetFile(path) as file:
            _check_names(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(_BATCH):
                for record in batch.to_pylist():
                    number += 1
                    yield Row(number, {name: plain(value) for name, value in record.items()})
    except arrow.ArrowException as error:
        raise UnsupportedInputError(f"{path} is not Parquet: {error}.") from None


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Raise UnsupportedInputError where a column would take the place of another one."""
    seen = set[str]()
    for name in filter(None, names):  # tables of spreadsheets end in columns without names
        if name in seen:
            msg = f"{path.name} has two columns `{name}`. Give one of them another name."
            raise UnsupportedInputError(msg)
        seen.add(name)


def plain(value: Any) -> Any:
    """Return a value of a table as JSON has it: dates, decimals and the like as texts."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that hold something, without their ends."""
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line.rstrip("\r\n")


_READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _records,
    ".parquet": _parquet,
    ".txt": _texts,
}

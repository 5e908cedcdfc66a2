"""A file of answers -> the form that the user wants: a table, or OpenAI's batch files.

Such a run writes its answers to a working file beside, in JSON Lines, which is what it goes on with
and what the report reads; the form is made of that at each end.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_azureml_oss.batch.answer_file import resolved
from langchain_azureml_oss.batch.extras import needed
from langchain_azureml_oss.batch.openai_requests import is_request, response_line
from langchain_azureml_oss.batch.rows import WORKING
from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import decode_json, encode_json

Export = Callable[[Path, Path], None]
"""Takes the working file, and the one to write."""

_GROUP = 1_000
"""Rows of a Parquet file that are in memory at once."""


def export_for(answers: Path, first: Mapping[str, Any] | None) -> Export | None:
    """Return what makes the form of these answers; None: they are JSON Lines of this package.

    Args:
        answers: The file that the user wants; its name says which form.
        first: What the first row holds.
    """
    if first is not None and is_request(first):
        return _write_responses
    return _TABLES.get(answers.suffix.lower())


def working_file(answers: Path) -> Path:
    """Return where answers are written as they come, when the user wants them in another form."""
    return answers.with_name(answers.name + WORKING)


def lines_of(answers: Path) -> Path:
    """Return the file with the lines of a run: the working file, if answers have another form."""
    working = working_file(answers)
    return working if working.exists() else answers


def check_target(answers: Path, *, overwrite: bool) -> None:
    """Raise UnsupportedInputError where a file that is there was made by something else."""
    if resolved(answers).exists() and not overwrite and not working_file(answers).exists():
        msg = (
            f"{answers.name} is there, and no earlier run that made it is known. Write to another"
            " file, or overwrite this one."
        )
        raise UnsupportedInputError(msg)


def read_answers(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file of answers; half a line at the end is left out.

    Raises:
        UnsupportedInputError: it is no such file.
    """
    try:
        with path.open("rb") as file:
            for number, data in enumerate(file, 1):
                if not data.endswith(b"\n"):
                    return
                try:
                    line = decode_json(data)
                    is_answer = isinstance(line["row"], int) and isinstance(line["input"], dict)
                except (KeyError, RecursionError, TypeError, ValueError):
                    is_answer = False
                if not is_answer:
                    msg = f"Line {number} of {path.name} is no answer of a run."
                    raise UnsupportedInputError(msg)
                yield line
    except OSError as error:
        raise UnsupportedInputError(f"{path} cannot be read: {error.strerror}.") from None


def error_file(answers: Path) -> Path:
    """Return where OpenAI's batch has the rows that failed."""
    return answers.with_name(f"{answers.stem}.errors{answers.suffix}")


def _write_responses(working: Path, answers: Path) -> None:
    with (
        replaced(answers) as good,
        replaced(error_file(answers)) as bad,
        good.open("wb") as responses,
        bad.open("wb") as errors,
    ):
        for line in read_answers(working):
            file = errors if "error" in line else responses
            file.write(encode_json(response_line(line)) + b"\n")
    if not error_file(answers).stat().st_size:
        error_file(answers).unlink()


def _write_csv(working: Path, answers: Path) -> None:
    columns = _columns(working)
    with replaced(answers) as target, target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for line in read_answers(working):
            cells = _cells(line).items()
            writer.writerow({n: "" if v is None else _simple(v) for n, v in cells})


def _write_parquet(working: Path, answers: Path) -> None:
    arrow, parquet = needed("pyarrow", "tables"), needed("pyarrow.parquet", "tables")
    types = {
        bool: arrow.bool_(),
        int: arrow.int64(),
        float: arrow.float64(),
        str: arrow.string(),
        list: arrow.list_(arrow.float64()),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in _columns(working).items()])

    def fitting(line: dict[str, Any]) -> dict[str, Any]:
        return {name: _as_kind(value, schema, name, arrow) for name, value in _cells(line).items()}

    with (
        replaced(answers) as target,
        parquet.ParquetWriter(target, schema) as writer,
    ):
        group: list[dict[str, Any]] = []
        for line in read_answers(working):
            group.append(fitting(line))
            if len(group) == _GROUP:
                writer.write_table(arrow.Table.from_pylist(group, schema))
                group.clear()
        writer.write_table(arrow.Table.from_pylist(group, schema))


def _as_kind(value: Any, schema: Any, name: str, arrow: Any) -> Any:
    if value is None:
        return None
    return str(_simple(value)) if schema.field(name).type == arrow.string() else value


def _cells(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table: the question's own columns, the answer's, and what is known."""
    cells = {"row": line["row"], **line["input"]}
    answer = line.get("answer")
    others = {name: line[name] for name in ("answer", "vector") if line.get(name) is not None}
    given = answer if isinstance(answer, dict) else others
    text = {} if given and line.get("text") is None else {"text": line.get("text")}
    usage, error = line.get("usage") or {}, line.get("error") or {}
    given = {
        **text,
        **given,
        **{name: line.get(name) for name in ("finish_reason", "deployment", "seconds")},
        **{name: usage.get(name) for name in ("input_tokens", "output_tokens")},
        "error": f"{error['type']}: {error['message']}" if error else None,
    }
    return cells | {f"answer_{n}" if n in cells else n: value for n, value in given.items()}


def cells_of_answer(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of an answer alone; a structured one is JSON."""
    cells = _cells({"row": 0, "input": {}, **outcome, "answer": None})
    answer = outcome.get("answer")
    return cells | {"answer": None if answer is None else encode_json(answer).decode()}


def _columns(working: Path) -> dict[str, type]:
    """Return the columns and what is in them: one kind of value, or texts."""
    kinds: dict[str, set[type]] = {}
    for line in read_answers(working):
        for name, value in _cells(line).items():
            found = kinds.setdefault(name, set())
            if value is not None:
                found.add(_kind(value))
    return {name: _common(found) for name, found in kinds.items()}


def _kind(value: Any) -> type:
    if isinstance(value, list) and value and all(isinstance(one, float) for one in value):
        return list
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str  # a float column could not hold it, nor 64 bits a longer one
    return type(value) if isinstance(value, bool | int | float) else str


def _common(kinds: set[type]) -> type:
    if len(kinds) == 1:
        return next(iter(kinds))
    return float if kinds == {int, float} else str


def _simple(value: Any) -> Any:
    """Return what fits into a cell: lists and objects as JSON."""
    return encode_json(value).decode() if isinstance(value, dict | list) else value


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a new file that takes the place of this one when all went well, with its rights.

    Raises:
        UnsupportedInputError: that cannot be done.
    """
    path = resolved(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        copy = Path(name)
        try:
            yield copy
            copy.chmod(path.stat().st_mode if path.exists() else 0o666 & ~_umask())
            copy.replace(path)
        finally:
            copy.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}."
        raise UnsupportedInputError(msg) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_TABLES: Mapping[str, Export] = {".csv": _write_csv, ".parquet": _write_parquet}

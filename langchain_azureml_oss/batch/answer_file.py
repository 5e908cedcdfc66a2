"""The file of answers: JSON Lines, written as the answers come, and read to go on later."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.http_types import decode_json, encode_json

_BEGINNING = b'{"row":'
"""How each line begins, so that the half of one is told apart from somebody else's text."""


class _Line(NamedTuple):
    """Where a row's last line stands, in bytes, and what is known about it."""

    start: int
    size: int
    digest: bytes
    """Of the row's input."""
    is_answer: bool


class AnswerFile:
    """A line for each row that was asked; the last one of a row counts.

    A run that was cut off leaves a file that the next one goes on with: what is answered stays, and
    half a line at the end is dropped. When it is closed, the lines are in the order of the rows.

    Args:
        path: The file; a new one, or one of an earlier run.
        overwrite: Whether to begin anew.

    Raises:
        UnsupportedInputError: the file is another one, or cannot be written.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path = path
        self._lines: dict[int, _Line] = {}
        self._in_order = True
        self._end = 0
        try:
            self._file: BinaryIO = path.open("wb+" if overwrite else "ab+")
        except OSError as error:
            raise UnsupportedInputError(f"{path.name} cannot be written: {error}.") from None
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has_answer(self, row: Row) -> bool:
        """Whether a row needs not be asked.

        Raises:
            UnsupportedInputError: the file has an answer to another question in this row.
        """
        line = self._lines.get(row.number)
        if line is None:
            return False
        if line.digest != _digest(row.input):
            msg = (
                f"{self._path.name} has another question in row {row.number}, so it belongs to"
                " other input. Write to another file, or overwrite this one."
            )
            raise UnsupportedInputError(msg)
        return line.is_answer

    def add(self, row: Row, outcome: Mapping[str, Any]) -> None:
        """Write what came of a row: an answer, or an outcome with the key `error`."""
        data = encode_json({"row": row.number, "input": row.input, **outcome}) + b"\n"
        self._file.write(data)
        self._file.flush()
        self._note(row.number, row.input, len(data), is_answer="error" not in outcome)

    def close(self) -> None:
        """Put the lines in the order of the rows, one for each."""
        with self._file:
            # Another run that writes to the same file by mistake is not to lose its lines.
            is_ours = self._file.seek(0, os.SEEK_END) == self._end
            if is_ours and not self._in_order:
                self._sort()

    def _read(self) -> None:
        self._file.seek(0)
        for number, data in enumerate(self._file, 1):
            try:
                value = decode_json(data)
                row, given, failed = value["row"], value["input"], "error" in value
                is_whole = data.endswith(b"\n") and isinstance(row, int)
            except (KeyError, TypeError, ValueError):
                is_whole = False
            if not is_whole:
                if data.endswith(b"\n") or not data.startswith(_BEGINNING[: len(data)]):
                    msg = (
                        f"Line {number} of {self._path.name} is no answer of an earlier run. Write"
                        " to another file, or overwrite this one."
                    )
                    raise UnsupportedInputError(msg)
                self._file.truncate(self._end)
                break
            self._note(row, given, len(data), is_answer=not failed)

    def _note(self, row: int, given: Any, size: int, *, is_answer: bool) -> None:
        last = next(reversed(self._lines), 0)
        self._in_order &= row > last
        self._lines.pop(row, None)
        self._lines[row] = _Line(self._end, size, _digest(given), is_answer)
        self._end += size

    def _sort(self) -> None:
        """Write the lines that count to a file beside, and put it in the place of this one."""
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "wb") as target:
                target.writelines(self._sorted_lines())
            Path(name).chmod(self._path.stat().st_mode)
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _sorted_lines(self) -> Iterator[bytes]:
        for _, line in sorted(self._lines.items()):
            self._file.seek(line.start)
            yield self._file.read(line.size)


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(encode_json(value), digest_size=16).digest()

"""The file of answers: JSON Lines, written as the answers come, and read to go on later.

The file is its own record of how far a run came; there is no other state, so none can disagree.

    open       lock, then read: each line is noted by its place, its size and what it answers
    check      the questions of today are those that the lines repeat, or the file is refused
    add        a line behind the others, flushed; the last line of a row counts
    close      the lines that count, in the order of the rows, are put in the file's place

A run can end at any byte, and each way leaves a file that the next run understands:

- In the middle of a line: the file ends in half a line. It is cut off when it is opened, and the
  row asked again. Only what begins as a line of ours is cut off; other text is somebody else's
  file, which is refused and left as it is.
- Between two lines, or before `close`: rows stand in the order of their answers, and a failure
  may stand above the later answer. That is a valid file, just not a sorted one.
- In `close`: the sorted lines are written to a file beside and put in place in one step, so there
  is either the old file or the new one. Where there is no room for a copy, it stays unsorted.

The lock belongs to the open file and ends with the process, so a dead run blocks nobody. If another
run's `close` replaced the file after we opened it, we hold a file that was deleted, and say that it
is in use. Only places and digests are held in memory, not
the answers: a file may be larger than the memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import decode_json, encode_json

logger = logging.getLogger(__name__)

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
        UnsupportedInputError: the file is another one, cannot be written, or another run writes it.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path = resolved(path)
        self._lines: dict[int, _Line] = {}
        self._end = 0
        self._is_closed = False
        if self._path.exists() and not self._path.is_file():
            raise UnsupportedInputError(f"{path} is no file that answers can be written to.")
        try:
            self._file: BinaryIO = self._path.open("ab+")
        except OSError as error:
            raise _unwritable(path, error) from None
        try:
            self._lock()
            if overwrite:
                self._file.truncate(0)
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def numbers(self) -> frozenset[int]:
        """Numbers of the rows that were asked."""
        return frozenset(self._lines)

    @property
    def failed(self) -> frozenset[int]:
        """Numbers of the rows that were asked and have no answer."""
        return frozenset(number for number, line in self._lines.items() if not line.is_answer)

    def check(
        self, rows: Iterable[Row], on_answered: Callable[[Row], None] = lambda _: None
    ) -> int:
        """Return how many of the rows have an answer.

        Args:
            rows: All of them.
            on_answered: Called with each that has one.

        Raises:
            UnsupportedInputError: the file has other rows, or answers to other questions.
        """
        known = answered = 0
        if not self._lines:  # so that a new file does not read all questions once more
            return 0
        for row in rows:
            line = self._lines.get(row.number)
            if line is None:
                continue
            if line.digest != _digest(row.input):
                raise self._misfit(f"another question in row {row.number}")
            known += 1
            if line.is_answer:
                answered += 1
                on_answered(row)
        if known < len(self._lines):
            raise self._misfit("rows that the questions do not have")
        return answered

    def add(self, row: Row, outcome: Mapping[str, Any]) -> None:
        """Write what came of a row: an answer, or an outcome with the key `error`.

        Raises:
            UnsupportedInputError: the file cannot be written any more.
        """
        data = encode_json({"row": row.number, "input": row.input, **outcome}) + b"\n"
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from None
        self._note(row.number, row.input, len(data), is_answer="error" not in outcome)

    def outcome(self, number: int) -> dict[str, Any]:
        """Return what was written of a row that was asked."""
        line = self._lines[number]
        self._file.seek(line.start)  # lines are always added at the end
        value: dict[str, Any] = decode_json(self._file.read(line.size))
        return {name: known for name, known in value.items() if name not in {"row", "input"}}

    def close(self) -> None:
        """Put the lines in the order of the rows, one for each; closing again does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        copy = None
        try:
            if not self._is_sorted:
                copy = self._sorted_copy()
        except OSError as error:
            logger.warning("%s is left unsorted: %s.", self._path.name, error.strerror)
        finally:
            with contextlib.suppress(OSError):  # of lines that did not fit, which was said before
                self._file.close()
        if copy is not None:
            copy.replace(self._path)

    def _lock(self) -> None:
        try:
            import fcntl  # noqa: PLC0415 - not on Windows
        except ImportError:
            return
        try:
            # Ends with the process, however that ends.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A run that has just ended may have put its sorted lines in the place of this file.
            is_free = os.fstat(self._file.fileno()).st_ino == self._path.stat().st_ino
        except OSError:
            is_free = False
        if not is_free:
            msg = f"Another run writes to {self._path.name}. Wait for its end, or stop it."
            raise UnsupportedInputError(msg)

    def _read(self) -> None:
        self._file.seek(0)
        for number, data in enumerate(self._file, 1):
            try:
                value = decode_json(data)
                row, given, failed = value["row"], value["input"], "error" in value
                is_whole = data.endswith(b"\n") and isinstance(row, int)
            except (KeyError, RecursionError, TypeError, ValueError):
                is_whole = False
            if not is_whole:
                if not data.endswith(b"\n"):  # a machine that goes down may leave zeros at the end
                    data = data.rstrip(b"\0")  # noqa: PLW2901
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
        self._lines.pop(row, None)  # so that the rows stand as their lines do
        self._lines[row] = _Line(self._end, size, _digest(given), is_answer)
        self._end += size

    @property
    def _is_sorted(self) -> bool:
        rows, used = list(self._lines), sum(line.size for line in self._lines.values())
        return rows == sorted(rows) and used == self._end

    def _sorted_copy(self) -> Path:
        """Write the lines that count to a file beside."""
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        copy = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                target.writelines(self._sorted_lines())
            copy.chmod(self._path.stat().st_mode)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return copy

    def _sorted_lines(self) -> Iterator[bytes]:
        for _, line in sorted(self._lines.items()):
            self._file.seek(line.start)
            yield self._file.read(line.size)

    def _misfit(self, what: str) -> UnsupportedInputError:
        return UnsupportedInputError(
            f"{self._path.name} has {what}, so it belongs to other input. Write to another file, or"
            " overwrite this one."
        )


def resolved(path: Path) -> Path:
    """Return where a link leads, so that it stays one.

    Raises:
        UnsupportedInputError: to itself.
    """
    try:
        found = path.resolve(strict=False)
        found.exists()
    except (OSError, RuntimeError):  # the latter until Python 3.13
        raise UnsupportedInputError(f"{path} is a link that leads to itself.") from None
    return found


def _digest(value: Any) -> bytes:
    # As it is read again: JSON has no numbers that are not finite, and no integers of 65 bits.
    written = encode_json(decode_json(encode_json(value)))
    return hashlib.blake2b(written, digest_size=16).digest()


def _unwritable(path: Path, error: OSError) -> UnsupportedInputError:
    return UnsupportedInputError(f"{path} cannot be written: {error.strerror}.")

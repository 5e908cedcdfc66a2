"""The file of answers: JSON Lines, written as the answers come, and read to go on later.

The file is its own record of how far a run came; there is no other state, so none can disagree.

    open       lock, then read: of each line, its row and its place are noted
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
is in use. Memory holds two numbers for each line, in arrays, and neither questions nor answers: a
file may be larger than the memory, and a million rows take 16 MB.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, compress, pairwise
from pathlib import Path
from typing import Any, BinaryIO, Self

from langchain_azureml_oss.batch.row_numbers import RowNumbers
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import decode_json, encode_json

logger = logging.getLogger(__name__)

_BEGINNING = b'{"row":'
"""How each line begins, so that the half of one is told apart from somebody else's text."""
_LAST_ROW = 2**63 - 1
"""The highest number that an array has room for."""


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
        self._rows, self._starts = array("q"), array("q")
        """Of each line, in their order in the file."""
        self._asked, self._failed = RowNumbers(), RowNumbers()
        self._places: dict[int, int] = {}
        """Where the last line of a row starts, of those lines that were looked up."""
        self._looked_up = 0
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
    def numbers(self) -> RowNumbers:
        """Numbers of the rows that were asked by now."""
        return self._asked.copy()

    @property
    def failed(self) -> RowNumbers:
        """Numbers of the rows that were asked by now and have no answer."""
        return self._failed.copy()

    def check(
        self, rows: Iterable[Row], on_answered: Callable[[Row], None] = lambda _: None
    ) -> int:
        """Return how many of the rows have an answer.

        Args:
            rows: All of them, in their order.
            on_answered: Called with each that has one.

        Raises:
            UnsupportedInputError: the file has other rows, or answers to other questions.
        """
        lines = self._last_lines()
        waiting, answered = next(lines, None), 0
        if waiting is None:  # so that a new file does not read all questions once more
            return 0
        for row in rows:
            if waiting is None or row.number != waiting[0]:
                continue
            if _written(self._line(waiting[1])["input"]) != _written(row.input):
                raise self._misfit(f"another question in row {row.number}")
            if row.number not in self._failed:
                answered += 1
                on_answered(row)
            waiting = next(lines, None)
        if waiting is not None:
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
        self._note(row.number, len(data), is_answer="error" not in outcome)

    def outcome(self, number: int) -> dict[str, Any]:
        """Return what was written of a row that was asked."""
        for place in range(self._looked_up, len(self._rows)):
            self._places[self._rows[place]] = self._starts[place]
        self._looked_up = len(self._rows)
        line = self._line(self._places[number])
        return {name: known for name, known in line.items() if name not in {"row", "input"}}

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
                row, is_known = value["row"], isinstance(value["input"], dict)
                is_known &= isinstance(row, int) and abs(row) <= _LAST_ROW
                is_whole = data.endswith(b"\n") and is_known
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
            self._note(row, len(data), is_answer="error" not in value)

    def _note(self, row: int, size: int, *, is_answer: bool) -> None:
        self._rows.append(row)
        self._starts.append(self._end)
        self._asked.add(row)
        (self._failed.discard if is_answer else self._failed.add)(row)
        self._end += size

    @property
    def _is_sorted(self) -> bool:
        return all(one < following for one, following in pairwise(self._rows))

    def _last_lines(self) -> Iterator[tuple[int, int]]:
        """Yield the rows in their order, with where the last line of each starts."""
        rows = self._rows
        places = sorted(range(len(rows)), key=rows.__getitem__)  # stable: the last is the last
        is_last = (rows[one] != rows[following] for one, following in pairwise(places))
        for place in compress(places, chain(is_last, [True])):
            yield rows[place], self._starts[place]

    def _line(self, start: int) -> dict[str, Any]:
        self._file.seek(start)  # lines are always added at the end
        value: dict[str, Any] = decode_json(self._file.readline())
        return value

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
        for _, start in self._last_lines():
            self._file.seek(start)
            yield self._file.readline()

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


def _written(value: Any) -> bytes:
    # As it is read again: JSON has no numbers that are not finite, and no integers of 65 bits.
    return encode_json(decode_json(encode_json(value)))


def _unwritable(path: Path, error: OSError) -> UnsupportedInputError:
    return UnsupportedInputError(f"{path} cannot be written: {error.strerror}.")

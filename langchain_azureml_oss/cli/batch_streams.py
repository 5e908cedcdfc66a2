"""`-`: questions from standard input, answers to standard output."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langchain_azureml_oss.errors import escaped

_STREAM = "-"


@contextmanager
def files_of_streams(questions: Path, answers: Path) -> Iterator[tuple[Path, Path]]:
    """Give the files to read and to write, which stand for the streams where `-` was given.

    Questions are read several times, and answers put in order, so that neither can be a stream;
    answers are written to it when the run ends, however it ends.
    """
    if _STREAM not in {str(questions), str(answers)}:
        yield questions, answers
        return
    with tempfile.TemporaryDirectory() as folder:
        source, target = questions, answers
        if str(questions) == _STREAM:
            source = _kept(Path(folder))
        if str(answers) == _STREAM:
            target = Path(folder, "answers.jsonl")
        try:
            yield source, target
        finally:
            if target != answers and target.exists():
                with target.open(encoding="utf-8") as file:
                    sys.stdout.writelines(map(escaped, file))
                sys.stdout.flush()


def _kept(folder: Path) -> Path:
    """Return a file with what standard input holds: JSON Lines, or text."""
    path = folder / "questions"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with path.open("rb") as file:
        begin = file.read(4_096).lstrip(b"\xef\xbb\xbf \t\r\n")
    return path.rename(path.with_suffix(".jsonl" if begin[:1] in {b"{", b'"'} else ".txt"))

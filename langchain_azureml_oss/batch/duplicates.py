"""Questions that come more than once are asked once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from langchain_core.load import dumps

from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.batch.scorers import Scorer


class Duplicates:
    """Knows which row asked a question first, and which rows wait for its answer."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._firsts: dict[bytes, int] = {}
        self._answered: set[int] = set()
        self._waiting: dict[int, list[Row]] = {}
        self.ready: list[tuple[Row, int]] = []
        """Rows with the number of the row that has their answer."""

    def _key(self, row: Row) -> bytes:
        question = self._scorer.question(row)
        asked = dumps([question.given, dict(question.options)], sort_keys=True)
        return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def know(self, row: Row) -> None:
        """Note a row that an earlier run answered."""
        self._firsts.setdefault(self._key(row), row.number)
        self._answered.add(row.number)

    def unique(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield the rows that must be asked, and keep the others."""
        for row in rows:
            first = self._firsts.setdefault(self._key(row), row.number)
            if first == row.number:
                yield row
            elif first in self._answered:
                self.ready.append((row, first))
            else:
                self._waiting.setdefault(first, []).append(row)

    def answered(self, number: int) -> None:
        """A row has its answer, and so have those that wait for it."""
        self._answered.add(number)
        self.ready += [(row, number) for row in self._waiting.pop(number, ())]

    def failed(self, number: int) -> list[Row]:
        """Return the row that must be asked instead, where some waited."""
        waiting = self._waiting.pop(number, [])
        if not waiting:
            return []
        first, *others = waiting
        self._waiting[first.number] = others
        self._firsts[self._key(first)] = first.number
        return [first]

"""Where a run puts what came of its rows: a file of answers is one such place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from langchain_azureml_oss.batch.outcomes import Outcome
from langchain_azureml_oss.batch.rows import Row


class Sink(Protocol):
    """What a run needs of it."""

    def add(self, row: Row, outcome: Mapping[str, Any]) -> None:
        """Keep what came of a row."""

    def outcome(self, number: int) -> Outcome:
        """Return what was kept of one."""


class MemorySink:
    """Keeps outcomes in memory, by the rows' numbers."""

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}

    def add(self, row: Row, outcome: Mapping[str, Any]) -> None:
        """Keep what came of a row."""
        self.outcomes[row.number] = dict(outcome)

    def outcome(self, number: int) -> Outcome:
        """Return what was kept of one."""
        return self.outcomes[number]

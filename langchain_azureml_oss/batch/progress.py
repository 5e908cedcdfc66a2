"""How far a run is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_azureml_oss.batch.counts import Counts
from langchain_azureml_oss.batch.rows import Row


@dataclass(slots=True)
class Progress(Counts):
    """How far a run is; counts of rows, the answers of this run among them."""

    total: int = 0
    """All rows that are to have an answer."""
    kept: int = 0
    """Answered by an earlier run."""
    failed: int = 0
    usage: UsageMetadata | None = None
    """Tokens of this run, where the endpoint reports them."""
    tokens: int = 0
    """Tokens of this run; estimated where the endpoint does not report them."""
    output_tokens: int = 0
    """Of these, those of answers."""
    height: int = 0
    """Requests that may be on their way at once."""
    refusals: int = 0
    """Requests that were answered 429, and sent again later."""
    first_failure: str = ""
    """Row and reason."""
    failures: Counter[str] = field(default_factory=Counter)
    """Class of error -> rows."""
    stopped: str = ""
    """Why the run ended before its last row, where that was asked for."""

    @property
    def done(self) -> int:
        """Rows that need no further question in this run."""
        return self.kept + self.answered + self.failed

    @property
    def left(self) -> int:
        """Rows that were not asked."""
        return self.total - self.done

    def note(self, row: Row, outcome: dict[str, Any], *, copied: bool = False) -> None:
        """Count a row."""
        if error := outcome.get("error"):
            self.failed += 1
            self.failures[error["type"]] += 1
            self.first_failure = self.first_failure or (
                f"row {row.number}: {error['type']}: {error['message']}"
            )
            return
        self.count(outcome, copied=copied)
        if not copied and (usage := outcome.get("usage")):
            self.usage = add_usage(self.usage, usage)

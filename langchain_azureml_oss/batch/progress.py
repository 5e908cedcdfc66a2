"""How far a run is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_azureml_oss.batch.rows import Row

_CUT = frozenset({"length", "max_tokens"})
"""Finish reasons of answers that ended at the bound of their length."""


@dataclass(slots=True)
class Progress:
    """How far a run is; counts of rows."""

    total: int = 0
    """All rows that are to have an answer."""
    kept: int = 0
    """Answered by an earlier run."""
    answered: int = 0
    """Answered by this one."""
    failed: int = 0
    copied: int = 0
    """Of the answered: the same question had an answer (`dedupe`)."""
    cut: int = 0
    """Of the answered: ended at the bound of its length, where the endpoint says so."""
    open_ended: int = 0
    """Of the answered: the endpoint does not say why they ended, so they may be cut."""
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
        self.answered += 1
        reason = outcome.get("finish_reason")
        self.cut += reason in _CUT
        self.open_ended += reason is None
        if copied:
            self.copied += 1
        elif usage := outcome.get("usage"):
            self.usage = add_usage(self.usage, usage)

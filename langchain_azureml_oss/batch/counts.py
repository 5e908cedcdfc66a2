"""How many rows were answered, and how: of a run that goes on, and of one that is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CUT = frozenset({"length", "max_tokens"})
"""Finish reasons of answers that ended at the bound of their length."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """Answers, counted."""

    answered: int = 0
    copied: int = 0
    """Of the answered: the same question had an answer (`dedupe`)."""
    cut: int = 0
    """Of the answered: ended at the bound of its length, where the endpoint says so."""
    open_ended: int = 0
    """Of the answered: the endpoint does not say why they ended, so they may be cut."""

    def count(self, outcome: Mapping[str, Any], *, copied: bool) -> None:
        """Count an answer."""
        reason = outcome.get("finish_reason")
        self.answered += 1
        self.copied += copied
        self.cut += reason in _CUT
        self.open_ended += reason is None and not outcome.keys() & {"vector", "vectors"}

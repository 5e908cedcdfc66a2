"""How a family marks its reasoning inside the text of an answer."""

from __future__ import annotations

from typing import NamedTuple


class ReasoningTags(NamedTuple):
    """How a family marks its reasoning inside the text."""

    start: str
    end: str
    implied_start: bool = False
    """The chat template writes the start tag itself, so answers begin inside the reasoning."""

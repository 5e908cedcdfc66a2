"""How a family marks its reasoning inside the text of an answer."""

from __future__ import annotations

from typing import NamedTuple


class ReasoningTags(NamedTuple):
    """How a family marks its reasoning inside the text."""

    start: str
    end: str
    implied_start: bool | None = None
    """Whether the chat template writes the start tag itself, so that answers begin inside the
    reasoning. None: some templates do, so what stands before a closing tag is reasoning; a stream
    waits for the first tag then. False: the model writes it, and streams wait for nothing."""

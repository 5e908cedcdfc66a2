"""The name that was probably meant, for messages about one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHORTEST = 3
"""Characters of a part that tells a name; fewer are in nearly every name."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known names is nearest, whatever their case and separators; or None."""
    folded = {_folded(one): one for one in known}
    wanted = _folded(name)
    alike = difflib.get_close_matches(wanted, folded, 1, 0.5)
    # A part of the name, such as `url` of `endpoint_url`, has too few letters to look alike.
    parts = [
        one
        for one in folded
        if min(len(one), len(wanted)) >= _SHORTEST and (one in wanted or wanted in one)
    ]
    found = alike or sorted(parts, key=len, reverse=True)
    return folded[found[0]] if found else None


def _folded(name: str) -> str:
    return name.casefold().strip()

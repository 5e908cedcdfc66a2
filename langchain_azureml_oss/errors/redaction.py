"""Keys and tokens taken out of what is shown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus


def shorten(text: str, limit: int = 500) -> str:
    """Return the beginning of a long text, cut where no key or token can be cut in two."""
    if len(text) <= limit:
        return text
    start = text[:limit]
    borders = [place.end() for place in re.finditer(r"[^\w.~+/=-]", start)]
    return start[: borders[-1]] if borders else start


_SHORTEST = 6
"""Characters of a secret; keys and tokens of Azure have 32 and more."""


_TELLING = 8
"""So many characters of a secret are enough to take them for it: a cut may have fallen into it."""


def redact(value: Any, *secrets: str) -> Any:
    """Return `value` with each of these texts replaced, where it is text.

    Found are also their beginnings, and the spellings in which servers repeat what they were sent:
    in JSON, in HTML and in URLs, whatever the case. A text of fewer than 6 characters guards
    nothing and stays, since ordinary words hold it too, such as `key`.
    """
    if not isinstance(value, str):
        return value
    spellings = {
        spelling for secret in secrets if len(secret) >= _SHORTEST for spelling in _spelled(secret)
    }
    parts, place = [], 0
    for start, end in sorted(span for spelling in spellings for span in _spans(spelling, value)):
        if start >= place:
            parts += [value[place:start], "[redacted]"]
        place = max(place, end)
    return "".join([*parts, value[place:]])


def _spelled(secret: str) -> set[str]:
    in_urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    # .NET's JSON, which Azure's front doors are made of. JSON of others differs by backslashes.
    in_json = re.sub(r"[\"&'+<>`]", lambda found: f"\\u{ord(found[0]):04X}", secret)
    return {secret, in_json, html.escape(secret), *in_urls}


def _spans(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret, or its beginning, stands in a text."""
    # JSON in JSON in JSON puts any number of backslashes between the characters.
    head, rest = secret[:_TELLING], secret[_TELLING:].lower()
    for found in re.finditer(r"\\*".join(map(re.escape, head)), text, re.IGNORECASE):
        yield found.start(), _end_of(rest, text, found.end())


def _end_of(rest: str, text: str, place: int) -> int:
    """Return where in the text, from `place` on, it no longer goes on as `rest` does."""
    for char in rest:
        after = place
        while text[after : after + 1] == "\\" != char:
            after += 1
        if text[after : after + 1].lower() != char:
            break
        place = after + 1
    return place

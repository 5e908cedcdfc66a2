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


_LIKE_A_KEY = re.compile(r"(?=[\w.~+/=-]*[0-9])[\w.~+/=-]{16,}|eyJ")
"""Long, in one piece, and not of letters alone."""


def quoted(value: Any) -> str:
    """Return a user's value for a message, where it is no key that got into a wrong place."""
    said = repr(value)
    if _LIKE_A_KEY.search(said[:500]) or len(said) > 500:
        return f"(a text of {len(str(value))} characters that is not shown, as keys are not)"
    return said


_SHORTEST = 6
"""Characters of a secret; keys and tokens of Azure have 32 and more."""

_TELLING = 8
"""So many characters of a secret are enough to take them for it: a cut may have fallen into it."""


def redact(value: Any, *secrets: str) -> Any:
    """Return `value` with each of these texts replaced, where it is text.

    Found are also their beginnings, and the spellings in which servers repeat what they were sent:
    in JSON, in HTML and in URLs, whatever the case. A text of fewer than 6 characters, backslashes
    not counted, guards nothing and stays, since ordinary words hold it too, such as `key`.
    """
    if not isinstance(value, str):
        return value
    spellings = {
        spelling for secret in secrets if len(secret) >= _SHORTEST for spelling in _spelled(secret)
    }
    # JSON in JSON in JSON puts any number of backslashes between the characters.
    plain, places = _without_backslashes(value)
    parts, place = [], 0
    for start, end in sorted(span for spelling in spellings for span in _spans(spelling, plain)):
        first, last = (places[start], places[end - 1] + 1) if places else (start, end)
        if first >= place:
            parts += [value[place:first], "[redacted]"]
        place = max(place, last)
    return "".join([*parts, value[place:]])


def _spelled(secret: str) -> set[str]:
    in_urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    # .NET's JSON, which Azure's front doors are made of. JSON of others differs by backslashes.
    in_json = re.sub(r"[\"&'+<>`]", lambda found: f"\\u{ord(found[0]):04X}", secret)
    return {secret, in_json, html.escape(secret), *in_urls}


def _without_backslashes(text: str) -> tuple[str, list[int]]:
    """Return a text in lower case and without backslashes, and where its characters stood.

    No places where each is where it was.
    """
    lower = text.lower()
    if len(lower) == len(text) and "\\" not in text:
        return lower, []
    kept = [(place, char.lower()[0]) for place, char in enumerate(text) if char != "\\"]
    return "".join(char for _, char in kept), [place for place, _ in kept]


def _spans(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret, or its beginning, stands in a text without backslashes.

    Knuth, Morris and Pratt's search: how much of the secret has been seen is known at each
    character, without going back, so a text that begins the secret again and again costs no more.
    """
    secret, _ = _without_backslashes(secret)
    least = min(len(secret), _TELLING)
    if least < _SHORTEST or secret[:least] not in text:
        return
    fallback, known = [0], 0
    for char in secret[1:]:
        while known and secret[known] != char:
            known = fallback[known - 1]
        known += secret[known] == char
        fallback.append(known)
    seen = 0
    for place, char in enumerate(text):
        before = seen
        while seen and (seen == len(secret) or secret[seen] != char):
            seen = fallback[seen - 1]
        seen += secret[seen] == char
        if before >= least and seen <= before:
            yield place - before, place
    if seen >= least:
        yield len(text) - seen, len(text)

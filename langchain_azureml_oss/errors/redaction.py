"""Keys and tokens taken out of what is shown: texts, and the frames of a traceback."""

from __future__ import annotations

import base64
import functools
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from html.entities import html5
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit


class _FramesForgotten:
    """Cuts off the frames in which a key is in the clear from an exception that leaves them.

    Tools print a traceback's local variables, and an exception may strike anywhere: Ctrl-C, or what
    a signal's handler raises.
    """

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            error.__traceback__ = error.__context__ = None


frames_forgotten = _FramesForgotten()


def shorten(text: str, limit: int = 500) -> str:
    """Return the beginning of a long text, cut where no key or token can be cut in two."""
    if len(text) <= limit:
        return text
    start = text[:limit]
    border = re.match(r"(?s).*[^\w.~+/=-]", start)
    return border[0] if border else start


_LONG = re.compile(r"(?=[\w.~+/=-]*[0-9])[\w.~+/=-]{16,}|eyJ[\w.~+/=-]*")
"""Long, in one piece, and not of letters alone."""
_BETWEEN_WORDS = re.compile(r"[-_./~=]")
_WORD = re.compile(r"\d{0,4}[A-Za-z]{0,30}\d{0,4}[A-Za-z]?|(?:19|20)\d{6}")
"""A short word, with a number at an end, or a date."""
_MOST_SHOWN = 500


def is_like_a_key(value: Any) -> bool:
    """Whether what is shown of a value may be a key, in the place of a name, a path or a number."""
    text = str(value)[:_MOST_SHOWN]
    return not all(_is_of_words(found) for found in _LONG.findall(text))


def _is_of_words(text: str) -> bool:
    """Whether it is a name (`llama-3-8b-instruct`), or a path."""
    words = _BETWEEN_WORDS.split(text)  # each by itself: one pattern for all would try every cut
    return not text.startswith("eyJ") and all(map(_WORD.fullmatch, words))


def quoted(value: Any) -> str:
    """Return a user's value for a message, where it is no key that got into a wrong place."""
    try:
        said, length = repr(value), len(str(value))
    except Exception:  # noqa: BLE001 - a user's own, or an integer of thousands of digits
        return f"(a value of type {type(value).__name__} that cannot be shown)"
    if is_like_a_key(said) or len(said) > _MOST_SHOWN:
        return f"(a text of {length} characters that is not shown, as keys are not)"
    return said


def in_words(error: Exception, package: str) -> str:
    """Return an exception's class, with its words where they are those of a known package.

    Whatever else an exception says may be a value's own text, and to ask for it may fail.
    """
    name = type(error).__name__
    return f"{name}: {error}" if type(error).__module__.partition(".")[0] == package else name


def named(name: Any) -> str:
    """Return a name that a user chose for a message, where it is no key in a name's place."""
    try:
        text = str(name)
    except Exception:  # noqa: BLE001 - a user's own
        return quoted(name)
    return text if not is_like_a_key(text) and len(text) <= _MOST_SHOWN else quoted(text)


def keys_in_url(url: str) -> list[str]:
    """Return the parts of a URL's path and fragment that may be keys, as they are written there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    found = re.split(r"[/&=]", f"{parts.path}/{parts.fragment}")
    return [part for part in found if part and is_like_a_key(unquote(part))]


def url_without_keys(url: str) -> str:
    """Return a URL for people, in which what may be a key is not shown."""
    for part in keys_in_url(url):
        url = url.replace(part, "[redacted]")
    return url


_SHORTEST = 6
"""Characters of a secret; keys and tokens of Azure have 32 and more."""

_TELLING = 8
"""So many characters of a secret are enough to take them for it: a cut may have fallen into it."""

_URLS_ALPHABET = str.maketrans("+/", "-_")

_READINGS = 3
"""How often a text is decoded: a page of HTML in JSON in a URL."""

# What shows nothing: UTF-16 read as UTF-8 has NUL behind each letter, and JSON in JSON in JSON any
# number of backslashes before it.
_UNSEEN = r"[\\\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
_UNSEEN_ONLY = re.compile(_UNSEEN)
_WRITTEN = re.compile(
    r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|%([0-9a-f]{2})|&#x0*+([0-9a-f]{1,6});?"
    rf"|&#0*+(?P<decimal>[0-9]{{1,7}});?|&(?P<name>[a-z][a-z0-9]{{1,30}};)|{_UNSEEN}",
    re.IGNORECASE,
)
"""A character as JSON, Python, URLs and HTML write it."""


def redact(value: Any, *secrets: str) -> Any:
    """Return `value` with each of these texts replaced, where it is text.

    Found are also their beginnings, and whatever reads as them: in JSON, in HTML, in URLs, in
    UTF-16, one inside the other, whatever the case, in full-width letters; also as base64, alone or
    as a part of what was encoded. Not found is what somebody took apart on purpose, by spaces
    between the letters or from the end to the beginning. A text of fewer than 6 characters,
    backslashes not counted, guards nothing and stays, since ordinary words hold it, such as `key`.
    """
    if not isinstance(value, str):
        return value
    wanted = {
        _folded(_UNSEEN_ONLY.sub("", spelling))
        for secret in secrets
        if len(secret) >= _SHORTEST
        for spelling in _spellings(secret)
    }
    if not wanted:
        return value
    spans = [
        (reading.starts[start], reading.ends[end - 1])
        for reading in _readings(value)
        for text in [_folded(reading.text)]
        for secret in wanted
        for start, end in _spans(secret, text)
    ]
    parts, place = [], 0
    for first, last in sorted(spans):
        if first >= place:
            parts += [value[place:first], "[redacted]"]
        place = max(place, last)
    return "".join([*parts, value[place:]])


class _Reading(NamedTuple):
    """What a text says, and where in the text as it is written each character begins and ends."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def _readings(text: str) -> Iterator[_Reading]:
    """Yield a text as it is written, and then as it is after it was decoded, once or more often."""
    written = _Reading(text, range(len(text)), range(1, len(text) + 1))
    yield _read(written, _UNSEEN_ONLY)
    for _ in range(_READINGS):
        before, written = written, _read(written, _WRITTEN)
        if before.text == written.text:
            return
        yield written


def _read(written: _Reading, pattern: re.Pattern[str]) -> _Reading:
    """Put what is meant in the place of what is written."""
    parts, place = list[str](), 0
    starts, ends = list[int](), list[int]()
    text, all_starts, all_ends = written
    for found in pattern.finditer(text):
        char = _meant(found)
        if char is None:
            continue
        first, last = found.span()
        parts += [text[place:first], char]
        starts += all_starts[place:first]
        ends += all_ends[place:first]
        if char:
            starts.append(all_starts[first])
            ends.append(all_ends[last - 1])
        place = last
    if not parts:
        return written
    parts.append(text[place:])
    return _Reading("".join(parts), [*starts, *all_starts[place:]], [*ends, *all_ends[place:]])


def _meant(found: re.Match[str]) -> str | None:
    """Return the character that is meant; empty where it shows nothing, None where none is."""
    kind, digits = found.lastgroup, found[found.lastindex or 0]
    if not found.lastindex:
        return ""
    if kind == "name":
        named = html5.get(digits, "")
        return named if len(named) == 1 else None
    code = int(digits, 10 if kind == "decimal" else 16)
    char = chr(code) if code <= sys.maxunicode else ""
    # A backslash stays for the next reading, to which it says something.
    return char if char == "\\" or not _UNSEEN_ONLY.match(char) else ""


def _folded(text: str) -> str:
    """Return a text in lower case and in plain letters, with as many characters as it has."""
    return text.lower() if text.isascii() else "".join(map(_plain_letter, text))


@functools.lru_cache(maxsize=1_024)
def _plain_letter(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char).lower()
    return plain if len(plain) == 1 else char.lower()[0]


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield secret.replace(" ", "+")  # in a URL
    yield _bytewise(secret)  # each byte of UTF-8 a character of its own
    yield from _in_base64(secret)


def _in_base64(secret: str) -> Iterator[str]:
    """Yield what surely stands in the base64 of any text that holds a secret, in both alphabets."""
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        bits = 8 * (before + len(data))
        text = base64.b64encode(bytes(before) + data).decode()[-(-8 * before // 6) : bits // 6]
        if len(text) >= _TELLING:
            yield text
            yield text.translate(_URLS_ALPHABET)


def _bytewise(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _spans(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret, or its beginning, stands in a text.

    Knuth, Morris and Pratt's search: how much of the secret has been seen is known at each
    character, without going back, so a text that begins the secret again and again costs no more.
    """
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

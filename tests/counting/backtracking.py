"""Python's regular expressions once more, slowly: how many steps does a search take?

`re` has no counter, and a clock is no judge. This walks a pattern's own tree as `re` does, with the
same order of tries, and counts each item that it compares. `re` saves some of that work, so it does
no more than what is counted here.
"""

from __future__ import annotations

import functools
import re
from re import _constants as op
from re import _parser


class Matcher:
    """Searches one text with one pattern; `steps` says how much was done."""

    def __init__(self, pattern: re.Pattern, text: str) -> None:
        self.steps, self._text, self._groups = 0, text, {}
        self._tree = _parsed(pattern)
        self._flags = pattern.flags

    def search(self):
        """Begin at each place, as `search` does; return where the match is."""
        for start in range(len(self._text) + 1):
            end = self.match(start)
            if end is not None:
                return start, end
        return None

    def match(self, start=0):
        self._groups = {}
        return self._row(self._tree, 0, start, lambda place: place, self._flags)

    def _row(self, items, number, place, then, flags):
        """Match the items from this number on, and then the rest of the pattern."""
        if number == len(items):
            return then(place)
        self.steps += 1
        kind, value = items[number]

        def rest(place):
            return self._row(items, number + 1, place, then, flags)

        if kind in _ONE_CHARACTER:
            return rest(place + 1) if self._is_one(kind, value, place, flags) else None
        return _KINDS[kind](self, value, place, rest, flags)

    def _is_one(self, kind, value, place, flags):
        if place >= len(self._text):
            return False
        char = self._text[place]
        if _is_one(kind, value, char, flags):
            return True
        return bool(flags & re.IGNORECASE) and _is_one(kind, value, char.swapcase(), flags)

    def _branch(self, value, place, rest, flags):
        for way in value[1]:
            end = self._row(way, 0, place, rest, flags)
            if end is not None:
                return end
        return None

    def _group(self, value, place, rest, flags):
        number, added, removed, inner = value

        def done(end):
            before = self._groups.get(number)
            self._groups[number] = self._text[place:end]
            found = rest(end)
            if found is None:
                self._groups[number] = before
            return found

        return self._row(inner, 0, place, done, (flags | added) & ~removed)

    def _one_repeated(self, value, place, flags):
        """How often a single character comes, if it is that which is repeated; else None."""
        _, most, inner = value
        if len(inner) != 1 or inner[0][0] not in _ONE_CHARACTER:
            return None
        count = 0
        while count < most and self._is_one(*inner[0], place + count, flags):
            count += 1
        self.steps += count
        return count

    def _greedy(self, value, place, rest, flags):
        least = value[0]
        count = self._one_repeated(value, place, flags)
        if count is None:
            return self._more(value, 0, place, rest, flags)
        for taken in range(count, least - 1, -1):
            self.steps += 1
            end = rest(place + taken)
            if end is not None:
                return end
        return None

    def _more(self, value, count, place, rest, flags):
        least, most, inner = value

        def again(end):
            if end == place and count >= least:
                return None
            return self._more(value, count + 1, end, rest, flags)

        if count < most:
            end = self._row(inner, 0, place, again, flags)
            if end is not None:
                return end
        return rest(place) if count >= least else None

    def _lazy(self, value, place, rest, flags, count=0):
        least, most, inner = value
        if count >= least:
            end = rest(place)
            if end is not None:
                return end
        if count >= most:
            return None

        def again(end):
            return self._lazy(value, end, rest, flags, count + 1)

        return self._row(inner, 0, place, again, flags)

    def _possessive(self, value, place, rest, flags):
        count = self._one_repeated(value, place, flags)
        if count is not None:
            return rest(place + count) if count >= value[0] else None
        end = self._more(value, 0, place, lambda place: place, flags)
        return None if end is None else rest(end)

    def _atomic(self, value, place, rest, flags):
        end = self._row(value, 0, place, lambda place: place, flags)
        return None if end is None else rest(end)

    def _ahead(self, value, place, flags):
        direction, inner = value
        start = place if direction > 0 else place - inner.getwidth()[0]
        return start >= 0 and (self._row(inner, 0, start, lambda place: place, flags) is not None)

    def _assert(self, value, place, rest, flags):
        return rest(place) if self._ahead(value, place, flags) else None

    def _assert_not(self, value, place, rest, flags):
        return None if self._ahead(value, place, flags) else rest(place)

    def _again(self, value, place, rest, flags):
        text = self._groups.get(value)
        if text is None:
            return None
        self.steps += len(text)
        return rest(place + len(text)) if self._text.startswith(text, place) else None

    def _at(self, value, place, rest, flags):
        text = self._text
        if value is op.AT_BEGINNING_STRING:
            found = place == 0
        elif value is op.AT_BEGINNING:
            found = place == 0 or (bool(flags & re.MULTILINE) and text[place - 1] == "\n")
        elif value is op.AT_END_STRING:
            found = place == len(text)
        elif value is op.AT_END:
            found = text[place:] in {"", "\n"} or bool(
                flags & re.MULTILINE and text[place : place + 1] == "\n"
            )
        else:
            around = text[max(0, place - 1) : place], text[place : place + 1]
            words = [bool(re.match(r"\w", char)) for char in around]
            found = (words[0] != words[1]) is (value is op.AT_BOUNDARY)
        return rest(place) if found else None


@functools.cache
def _parsed(pattern):
    return _parser.parse(pattern.pattern, pattern.flags)


def _is_one(kind, value, char, flags):
    if kind is op.LITERAL:
        return ord(char) == value
    if kind is op.NOT_LITERAL:
        return ord(char) != value
    if kind is op.ANY:
        return bool(flags & re.DOTALL) or char != "\n"
    if kind is op.IN:
        negated = value[0][0] is op.NEGATE
        return negated is not any(_is_one(*item, char, flags) for item in value[negated:])
    if kind is op.RANGE:
        return value[0] <= ord(char) <= value[1]
    assert kind is op.CATEGORY, kind
    return _CATEGORIES[value].match(char) is not None


_CATEGORIES = {
    op.CATEGORY_DIGIT: re.compile(r"\d"),
    op.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    op.CATEGORY_SPACE: re.compile(r"\s"),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    op.CATEGORY_WORD: re.compile(r"\w"),
    op.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
_ONE_CHARACTER = {op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN}
_KINDS = {
    op.BRANCH: Matcher._branch,
    op.SUBPATTERN: Matcher._group,
    op.MAX_REPEAT: Matcher._greedy,
    op.MIN_REPEAT: Matcher._lazy,
    op.POSSESSIVE_REPEAT: Matcher._possessive,
    op.ATOMIC_GROUP: Matcher._atomic,
    op.ASSERT: Matcher._assert,
    op.ASSERT_NOT: Matcher._assert_not,
    op.GROUPREF: Matcher._again,
    op.AT: Matcher._at,
}


def samples(pattern: re.Pattern) -> tuple[list[str], list[str]]:
    """Texts to feed a pattern with: the beginnings of what it matches, and parts of that."""
    tree = _parser.parse(pattern.pattern, pattern.flags)
    beginnings, parts = [""], []
    _collect(tree, "", beginnings, parts)
    return list(dict.fromkeys(beginnings)), list(dict.fromkeys(filter(None, parts)))


def _collect(tree, before, beginnings, parts):
    for kind, value in tree:
        inner = _inner(kind, value)
        for one in inner:
            _collect(one, before, beginnings, parts)
        text = _sample(kind, value)
        if kind in _REPEATS or kind is op.IN:
            beginnings.append(before)
            parts += [text, *_chars(value[2] if kind in _REPEATS else [(kind, value)])]
        before += text
    parts.append(before)


_REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}


def _inner(kind, value):
    if kind is op.BRANCH:
        return value[1]
    if kind is op.SUBPATTERN:
        return [value[3]]
    if kind in _REPEATS:
        return [value[2]]
    if kind in {op.ASSERT, op.ASSERT_NOT}:
        return [value[1]]
    return [value] if kind is op.ATOMIC_GROUP else []


def _sample(kind, value):
    """A text that an item matches, of the shortest."""
    if kind is op.LITERAL:
        return chr(value)
    if kind in _ONE_CHARACTER:
        return next(iter(_chars([(kind, value)])), "")
    if kind in _REPEATS:
        return "".join(_sample(*item) for item in value[2]) * min(max(value[0], 1), 20)
    if kind in {op.ASSERT, op.ASSERT_NOT, op.AT, op.GROUPREF}:
        return '"' if kind is op.GROUPREF else ""
    inner = _inner(kind, value)
    return "".join(_sample(*item) for item in inner[0]) if inner else ""


def _chars(tree):
    """Characters that a single item matches, of each sort one."""
    if len(tree) != 1 or tree[0][0] not in _ONE_CHARACTER:
        return []
    sorts = " \n\ta0Z._-\"'{[(<:;\\"
    if tree[0][0] is op.IN:
        sorts += "".join(chr(value) for kind, value in tree[0][1] if kind is op.LITERAL)
    found = [char for char in dict.fromkeys(sorts) if _is_one(*tree[0], char, 0)]
    return found[:6]

"""What stands around the calls in a text: a dialect's marks, fences and ticks, bullets."""

from __future__ import annotations

import re
from enum import Enum, auto

from langchain_azureml_oss.families import END_MARKS, ToolDialect
from langchain_azureml_oss.wire import held_back

FENCES = ("```", "~~~")

_LANGUAGES = frozenset({"", "json", "tool_call", "tool_calls", "tool_code"})
_LONGEST_LANGUAGE = 32
_LANGUAGE = re.compile(r"[^\n{\[<`]+")
_STRAY_CLOSERS = re.compile(r"[}\]]+")
_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)])[ \t]")
_PART_OF_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)]?)")


class Words:
    """The marks of a dialect, and what else begins, ends or separates calls."""

    def __init__(self, dialect: ToolDialect) -> None:
        self.marks = {mark.opening: mark for mark in dialect.marks}
        closings = {mark.closing for mark in dialect.marks if mark.closing}
        names_end = {end for mark in dialect.marks if mark.name == "may" for end in mark.name_ends}
        self.openers = (*self.marks, *FENCES)
        self.tokens = (*self.marks, *END_MARKS, *closings, *names_end)
        self.opener = re.compile("|".join([*map(re.escape, self.openers), "[`{[]"]))
        self.token = re.compile("|".join(map(re.escape, self.tokens)))
        # One search for all: one for each would read to the end for those that are not there.
        self.body_ends = {
            closing: re.compile("|".join(map(re.escape, (closing, *self.marks))))
            for closing in closings
        }
        self.are_final = False  # nothing follows the text
        self._longest = max(map(len, (*self.tokens, *FENCES)))

    def may_grow(self, text: str, place: int, words: tuple[str, ...]) -> bool:
        """Whether the text ends in the middle of one of these words, which begins at this place."""
        if self.are_final or len(text) - place >= self._longest:
            return False
        rest = text[place:]
        return any(word != rest and word.startswith(rest) for word in words)

    def certain(self, text: str, place: int, words: tuple[str, ...]) -> int:
        """Return up to where the text holds none of these words, however it goes on."""
        waits = 0 if self.are_final else held_back(text[-self._longest :], words)
        return max(place, len(text) - waits)

    def may_be_bullet(self, text: str, place: int) -> bool:
        """Whether the text ends with what may be the beginning of a bullet."""
        part = text[place : place + 4]
        return not self.are_final and _PART_OF_BULLET.fullmatch(part) is not None


def end_of_ornament(text: str, place: int, *, after_value: bool) -> int:
    """Return where a bullet, or brackets too many on a value's line, end; 0 if there are none."""
    found = (_STRAY_CLOSERS if after_value else _BULLET).match(text, place)
    return found.end() if found else 0


class Ticks(Enum):
    """What a row of ticks turned out to be."""

    AROUND_CALLS = auto()
    LANGUAGE_FOLLOWS = auto()
    OF_PROSE = auto()


class Code:
    """Fences, and code in a line: somebody's, and what may hold nothing but calls."""

    def __init__(self) -> None:
        self.somebodys = ""
        """The fence of somebody's code."""
        self._forget()

    def _forget(self) -> None:
        self._fence = self._inline = ""  # the ticks that opened it
        self._tick, self._count, self._is_first = "`", 0, False
        self._language = ""

    @property
    def is_open(self) -> bool:
        """Whether there may be calls in code."""
        return bool(self._fence or self._inline)

    def give_up(self) -> None:
        """Take a fence that stands open for somebody's."""
        self.somebodys = self._fence or self.somebodys
        self._forget()

    def begin(self, tick: str, *, is_first: bool) -> None:
        """Begin to count ticks, of this kind; `is_first`: the candidate begins here."""
        self._tick, self._is_first = tick, is_first

    def count(self, text: str, place: int) -> int:
        """Return where the ticks end that stand at this place."""
        end = place
        while text.startswith(self._tick, end):
            end += 1
        self._count += end - place
        return end

    def judge(self) -> Ticks:
        """Say what the ticks are that were counted."""
        ticks, self._count = self._tick * self._count, 0
        is_fence = len(ticks) >= len(FENCES[0])
        if self.somebodys:
            self.somebodys = "" if ticks.startswith(self.somebodys) else self.somebodys
            return Ticks.OF_PROSE
        if self._fence and ticks.startswith(self._fence):
            self._fence = ""
        elif self._inline and ticks == self._inline:
            self._inline = ""
        elif self.is_open or not (is_fence or self._is_first):
            return Ticks.OF_PROSE
        elif is_fence:
            self._fence = ticks
            return Ticks.LANGUAGE_FOLLOWS
        else:
            self._inline = ticks
        return Ticks.AROUND_CALLS

    def language(self, text: str, place: int) -> int:
        """Return where the fence's language ends, as far as it has come."""
        found = _LANGUAGE.match(text, place)
        if found is None:
            return place
        self._language += found[0][: _LONGEST_LANGUAGE + 1]
        return found.end()

    @property
    def is_too_long(self) -> bool:
        """Whether this is no language of calls, however it goes on."""
        return len(self._language) > _LONGEST_LANGUAGE

    def holds_calls(self, following: str) -> bool:
        """Whether calls may stand in a fence of this language, which this character follows."""
        if following == "`":  # no fence: code in a line
            self._fence = ""
            return False
        language, self._language = self._language.strip().lower(), ""
        return language in _LANGUAGES and self._tick == "`"

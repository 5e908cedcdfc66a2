"""Tool calls found in the text of an answer, whole or streamed, in the family's own dialect.

The rule: a call counts where the answer *is* the call. It begins the answer, or follows words that
lead up to it (at the beginning of a line or of a sentence); and behind it come only further calls,
white space and end marks, up to the end of the answer. Everything else that looks like a call is
quoted: it stays text, to the letter. So do a description of a tool, JSON inside other JSON or in
somebody's code, and the marks of other families.

Theory of operation. The scanner is in prose until something comes that may begin a call: a mark of
the dialect, `{` or `[`, or a fence, where a call may begin. From there on it has a candidate: it
keeps what comes, and reads it as a row of tokens. A candidate ends in one of two ways. Something
comes that is no token, or a value that is no call: then all that was kept is prose, and the scanner
goes on behind it. Or the answer ends: then the calls that were read are its calls. So calls come
with `flush`, and text is late only while it may still become one.

Each state is a method that reads on from a place in the text and returns the next place, or None to
wait for more; it leaves unread at most the length of the longest mark. No state goes back, and what
is kept is kept in pieces: work grows with the length of the text, however it is cut.

    prose ─► between ─► opened ─► value ─► between      a JSON value; `passing`: it can be no call
               ├─► name ─► between                      <function=NAME>, [TOOL_CALLS]NAME
               ├─► body ─► between                      <tool_call>no JSON</tool_call>
               └─► ticks ─► info ─► between             a fence, its language
"""

from __future__ import annotations

import re
from collections.abc import Callable

from langchain_azureml_oss.families import ToolDialect
from langchain_azureml_oss.tools.around_calls import (
    FENCES,
    Code,
    Ticks,
    Words,
    end_of_ornament,
)
from langchain_azureml_oss.tools.calls_in_json import (
    CallHead,
    Schemas,
    UnknownNames,
    WireCall,
    marked_calls,
    plain_calls,
    wire_call,
)
from langchain_azureml_oss.tools.candidate import Candidate
from langchain_azureml_oss.tools.lead_up import LeadUp
from langchain_azureml_oss.wire import ValueEnd

_LONGEST_NAME = 200
_SEPARATORS, _SPACE, _NAME = re.compile(r"[\s;,]+"), re.compile(r"\s+"), re.compile(r"[\w.-]+")
_FIRST_IN = {"{": "\"'}", "[": "\"'{[]-0123456789"}
"""What stands first in an object or a list."""


class ToolCallScanner:
    """Incremental: `feed` pieces of text, get text; `flush` at the end, get the calls.

    Args:
        tools: Name -> JSON schema of the arguments, of the tools that there are.
        dialect: How the family writes calls.
        unknown: Where a call counts whose name is no tool's.
    """

    def __init__(
        self, tools: Schemas, dialect: ToolDialect, unknown: UnknownNames = "marked"
    ) -> None:
        self._tools = tools
        self._own_key = dialect.arguments if unknown == "own form" else ""
        self._known_only = unknown == "nowhere"
        self._words = Words(dialect)
        self._prose = LeadUp()
        self._left = ""
        self._code = Code()
        self._state: _State = self._in_prose
        self._candidate = Candidate()

    def feed(self, text: str) -> str:
        """Return the text that is certain now; what may become a call waits."""
        text = self._left + text
        place = 0
        while place < len(text):
            next_place = self._state(text, place)
            if next_place is None:
                break
            place = next_place
        self._left = text[place:]
        return self._prose.given_out()

    def flush(self) -> tuple[str, list[WireCall]]:
        """Return the rest, and the calls."""
        self._words.are_final = True
        said = self.feed("")
        if self._state == self._in_ticks:
            self._end_ticks()
        elif self._candidate.mark and (
            self._state == self._in_value or (self._candidate.value and self._candidate.body)
        ):
            self._candidate.calls.append(self._candidate.broken())
        elif self._state not in {self._in_between, self._in_passing}:
            self._candidate.calls.clear()
        if found := self._candidate.found(self._tools, known_only=self._known_only):
            return said, found
        return said + self.as_prose(), []

    def as_prose(self) -> str:
        """Return what waits: it is no call, since the answer has ended or its calls came apart."""
        self._give_up()
        self._prose.say(self._left)
        self._left = ""
        return self._prose.given_out() + self._prose.waiting()

    # The candidate, and how it ends.

    def _give_up(self) -> None:
        """Take what was kept for prose."""
        self._prose.say("".join(self._candidate.kept))
        self._code.give_up()
        self._candidate = Candidate()
        self._state = self._in_prose

    # The states.

    def _in_prose(self, text: str, place: int) -> int | None:
        found = self._words.opener.search(text, place)
        words = self._words.openers
        if found is None:
            end = self._words.certain(text, place, words)
            self._prose.say(text[place:end])
            return end if end > place else None
        start = found.start()
        self._prose.say(text[place:start])
        if self._words.may_grow(text, start, words):
            return start if start > place else None
        if self._may_begin(found[0]):
            self._candidate.quoted = self._prose.announces_a_quotation
            self._state = self._in_between
            return start
        self._prose.say(found[0])
        return found.end()

    def _may_begin(self, opener: str) -> bool:
        if opener in FENCES:
            return self._prose.at_line_start
        if self._code.somebodys:
            return False
        if opener == "`":
            return self._prose.nothing_said
        return self._prose.at_line_start or self._prose.after_sentence

    def _in_between(self, text: str, place: int) -> int | None:
        """Read a token: all that may stand before, between and behind values."""
        char = text[place]
        if skipped := _SEPARATORS.match(text, place):
            self._candidate.after_value = self._candidate.after_value and "\n" not in skipped[0]
            return self._candidate.keep(text, place, skipped.end())
        if self._words.may_grow(text, place, self._words.tokens):
            return None
        if word := self._words.token.match(text, place):
            return self._take_word(word[0], self._candidate.keep(text, place, word.end()))
        if char in "{[" and not (self._candidate.name is not None and char == "["):
            self._end = ValueEnd(self._no_part_of_json)
            self._end.feed(char)
            any_name = bool(self._own_key)
            self._candidate.value, self._head = (
                [char],
                CallHead(self._tools, char, any_name=any_name),
            )
            self._state = self._in_opened
            return self._candidate.keep(text, place, place + 1)
        return self._no_value(text, place)

    def _no_value(self, text: str, place: int) -> int | None:
        """Read what may stand around values and names, or end the candidate."""
        char, named, mark = text[place], self._candidate.name is not None, self._candidate.mark
        if not named and self._candidate.calls:
            if end := end_of_ornament(text, place, after_value=self._candidate.after_value):
                return self._candidate.keep(text, place, end)
            if not self._candidate.after_value and self._words.may_be_bullet(text, place):
                return None
        if not named and char in "`~":
            self._code.begin(char, is_first=not self._candidate.kept)
            self._state = self._in_ticks
        elif not named and mark and mark.name == "may" and _NAME.match(char):
            self._state = self._in_name
        else:
            self._no_token()
        return place

    @property
    def _no_part_of_json(self) -> str:
        """The character with which a mark begins that would close this value from outside."""
        if self._candidate.mark and self._candidate.mark.closing:
            return self._candidate.mark.closing[0]
        return "`" if self._code.is_open else ""

    def _no_token(self) -> None:
        if self._candidate.mark and self._candidate.mark.closing and not self._candidate.value:
            self._state = self._in_body
        else:
            self._give_up()

    def _take_word(self, word: str, end: int) -> int:
        if word in self._words.marks:
            if self._candidate.name is not None:
                self._give_up()
                return end
            self._candidate.mark, self._candidate.value = self._words.marks[word], []
            if self._candidate.mark.name == "must":
                self._state = self._in_name
        elif self._candidate.mark and word == self._candidate.mark.closing:
            if self._candidate.name is not None:
                self._candidate.calls.append(wire_call(self._candidate.name, {}))
            self._candidate.mark = self._candidate.name = None
            self._candidate.value = []
        return end

    def _in_name(self, text: str, place: int) -> int | None:
        if found := _NAME.match(text, place):
            self._candidate.name = (self._candidate.name or "") + found[0][: _LONGEST_NAME + 1]
            self._candidate.keep(text, place, found.end())
            if len(self._candidate.name) > _LONGEST_NAME:
                self._give_up()
            return found.end()
        mark = self._candidate.mark
        if mark and mark.name == "must":
            if not self._candidate.name or not text.startswith(mark.name_ends, place):
                self._give_up()
                return place
            self._candidate.keep(text, place, place + 1)
            place += 1
        self._state = self._in_between
        return place

    def _in_opened(self, text: str, place: int) -> int | None:
        """Look at what stands first in an object or a list: most brackets of prose open no JSON."""
        if space := _SPACE.match(text, place):
            self._candidate.value.append(space[0])
            self._head.may_be_call(space[0])
            return self._candidate.keep(text, place, space.end())
        if text[place] in _FIRST_IN[self._candidate.value[0]]:
            self._state = self._in_value
        else:
            self._no_json()
        return place

    def _no_json(self) -> None:
        """Go on after brackets that open no JSON, or JSON that is broken by a mark."""
        if self._candidate.mark and self._candidate.mark.closing:
            self._state, self._candidate.body = self._in_body, self._candidate.value
        else:
            self._give_up()

    def _in_value(self, text: str, place: int) -> int | None:
        end = self._end.feed(text, place)
        stop = len(text) if end is None else end
        self._candidate.value.append(text[place:stop])
        self._candidate.keep(text, place, stop)
        if self._end.broken:
            self._no_json()
        elif not self._candidate.mark and not self._head.may_be_call(text[place:stop]):
            self._give_up()
            self._state = self._in_prose if end is not None else self._in_passing
        elif end is not None:
            self._take_value("".join(self._candidate.value))
        return stop

    def _take_value(self, value: str) -> None:
        if self._candidate.mark:
            calls = marked_calls(value, self._tools, self._candidate.name)
        else:
            calls = plain_calls(value, self._tools, self._own_key)
        if not calls:
            self._give_up()
            return
        self._candidate.calls += calls
        self._candidate.name = None
        if self._candidate.mark and not self._candidate.mark.closing:
            self._candidate.mark = None
        self._candidate.after_value = True
        self._state = self._in_between

    def _in_passing(self, text: str, place: int) -> int | None:
        """Give out JSON that is no call, so that nothing inside it is taken for one."""
        end = self._end.feed(text, place)
        stop = len(text) if end is None else end
        self._prose.say(text[place:stop])
        self._state = self._in_passing if end is None else self._in_prose
        return stop

    def _in_body(self, text: str, place: int) -> int | None:
        """Read what stands between two marks and is no JSON: a call that the model got wrong."""
        assert self._candidate.mark  # noqa: S101 - only what stands between marks has a body
        closing = self._candidate.mark.closing
        if found := self._words.body_ends[closing].search(text, place):
            at, word = found.start(), found[0]
            self._candidate.body.append(text[place:at])
            self._candidate.keep(text, place, at)
            if word != closing:
                self._give_up()
                return at
            self._candidate.calls.append(self._candidate.broken())
            self._candidate.mark = self._candidate.name = None
            self._candidate.value, self._candidate.body = [], []
            self._state = self._in_between
            return self._candidate.keep(text, at, at + len(word))
        end = self._words.certain(text, place, (closing, *self._words.marks))
        self._candidate.body.append(text[place:end])
        self._candidate.keep(text, place, end)
        return end if end > place else None

    def _in_ticks(self, text: str, place: int) -> int | None:
        """Count the ticks of a fence, or of code in a line."""
        end = self._code.count(text, place)
        if end == place:
            self._end_ticks()
            return place
        return self._candidate.keep(text, place, end)

    def _end_ticks(self) -> None:
        ticks = self._code.judge()
        if ticks is Ticks.OF_PROSE:
            self._give_up()
        else:
            follows = ticks is Ticks.LANGUAGE_FOLLOWS
            self._state = self._in_info if follows else self._in_between

    def _in_info(self, text: str, place: int) -> int | None:
        """Read the language of a fence."""
        end = self._code.language(text, place)
        self._candidate.keep(text, place, end)
        if self._code.is_too_long:
            self._give_up()
        elif end == place and self._code.holds_calls(text[place]):
            self._state = self._in_between
        elif end == place:
            self._give_up()
        return end


_State = Callable[[str, int], int | None]

"""Tool calls found in the text of an answer, whole or streamed, in any family's dialect.

Marked calls (`<tool_call>`, `[TOOL_CALLS]`, `<|python_tag|>`, `<function=…>`) count wherever JSON
follows the mark. Plain JSON counts only where it begins a line or a sentence and ends its line, or
fills a fence, names a tool that there is, and holds nothing but a call; so an answer that talks
about JSON stays text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from langchain_azureml_oss.tools.calls_in_json import (
    WireCall,
    broken_call,
    calls_in_a_row,
    may_be_call,
    only_calls,
    value_or_text,
    wire_call,
)
from langchain_azureml_oss.wire import held_back, lenient_json

_MARKS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<function=", "```")
_CANDIDATE = re.compile(
    r"<tool_call>|\[TOOL_CALLS\]|<\|python_tag\|>|<function=|^[ \t]*```"
    r"|(?:^|(?<=[:.!?])(?=[ \t]))[ \t]*(?:\{|\[(?!TOOL_CALLS\]))",
    re.MULTILINE,
)
_SENTENCE_ENDS = frozenset(":.!?")
_TAG = re.compile(r"<tool_call>\s*|<function=([\w.-]+)>\s*")
_PART_OF_TAG = re.compile(r"<tool_call>\s*|<function=[\w.-]*(?:>\s*)?")
_MARKED = re.compile(r"(?:\[TOOL_CALLS\]|<\|python_tag\|>)\s*(?:([\w.-]+)\s*(?:\[ARGS\])?\s*)?")
_PART_OF_MARKED = re.compile(r"\S+?[\]>]\s*[\w.-]*\s*(?:\[\w*\]?)?\s*")
_FENCE = re.compile(r"[ \t]*```[ \t]*(\w*)[ \t]*(?:\n\s*|(?=[{\[]))")
_FENCE_LANGUAGES = frozenset({"", "json", "tool_call", "tool_calls", "tool_code"})
_BETWEEN = re.compile(r"[\s;,}\]]*")
"""What stands between two values, or between the last one and its closing mark."""
_LINE_END = re.compile(r"[ \t\r;,}\]]*")


class _Found(NamedTuple):
    """What a candidate turned out to be: calls, or text; and its length in characters."""

    calls: list[WireCall]
    length: int


_OTHER_JSON = _Found([], 0)
_A_WORD = _Found([], 1)
"""A mark that nothing follows which could be a call; without its first character it is none."""


class _Span(NamedTuple):
    """JSON values in a row."""

    end: int
    """Where the last one ends."""
    after: int
    """Where the text goes on, behind the closing mark."""
    closed: bool


class ToolCallScanner:
    """Incremental: `feed` pieces of text, get text and calls; `flush` at the end.

    Args:
        names: The tools that there are.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._held = _Held()
        self._space = ""  # white space that belongs to a call, if one follows
        self._at_line_start = True
        self._last = ""  # the last character of the text that is no white space
        self._fenced = False
        self._has_calls = False
        self._after_call = False
        self._other_json: lenient_json.ValueEnd | None = None

    def feed(self, text: str) -> tuple[str, list[WireCall]]:
        """Return the text and the calls that are certain now; what may become a call waits."""
        self._held.text += text
        return self._scan(final=False)

    def flush(self) -> tuple[str, list[WireCall]]:
        """Return the rest."""
        text, calls = self._scan(final=True)
        space, self._space = self._space, ""
        return text if self._has_calls else text + space, calls

    def _scan(self, *, final: bool) -> tuple[str, list[WireCall]]:
        said, calls = "", list[WireCall]()
        while self._held.text:
            if self._other_json is not None:
                said += self._pass_json()
                continue
            if self._after_call and not self._skip_separators():
                break
            start = self._next_candidate(final=final)
            if start is None:
                keep = 0 if final else held_back(self._held.text, _MARKS)
                said += self._say(len(self._held.text) - keep)
                break
            said += self._say(start)
            found = self._read(final=final)
            if found is None:
                break
            if found.calls:
                calls += found.calls
                self._held.cut(found.length)
                self._space = ""
                self._has_calls = self._after_call = self._at_line_start = True
            elif found is _OTHER_JSON:
                self._other_json = lenient_json.ValueEnd()
            else:
                said += self._say(found.length)
        return said, calls

    def _skip_separators(self) -> bool:
        """Keep what stands behind a call apart, in case another follows; say if more is there."""
        rest = self._held.text.lstrip(" \t\r\n;,")
        self._space += self._held.cut(len(self._held.text) - len(rest))
        self._after_call = not rest
        return bool(rest)

    def _pass_json(self) -> str:
        """Give out JSON that is no call, so that nothing inside it is taken for one."""
        assert self._other_json is not None  # noqa: S101
        end = self._other_json.feed(self._held.text)
        if end is not None:
            self._other_json = None
        return self._say(len(self._held.text) if end is None else end)

    def _say(self, length: int) -> str:
        """Take so much text off; white space at its end waits for what comes behind it."""
        if not length:
            return ""
        text = self._space + self._held.cut(length)
        said = text.rstrip()
        self._space = text[len(said) :]
        self._last = said[-1:] or self._last
        self._at_line_start = not text.rpartition("\n")[2].strip(" \t") and (
            "\n" in text or self._at_line_start
        )
        return said

    def _next_candidate(self, *, final: bool) -> int | None:
        text = self._held.text
        for match in _CANDIDATE.finditer(text):
            if match[0] in _MARKS[:-1] or self._may_begin(match):
                rest = text[match.start() :].lstrip(" \t")
                unclear = not final and any(m != rest and m.startswith(rest) for m in _MARKS)
                return None if unclear else match.start()
        return None

    def _may_begin(self, match: re.Match[str]) -> bool:
        """Whether a fence or JSON counts here: at the beginning of a line or of a sentence."""
        is_fence = match[0].endswith("```")
        if self._fenced and not is_fence:
            return False
        if match.start() > 0 or self._at_line_start:
            return True
        gap = self._space + match[0][:-1]
        after_sentence = gap and not gap.strip(" \t") and self._last in _SENTENCE_ENDS
        return bool(after_sentence) and not is_fence

    def _read(self, *, final: bool) -> _Found | None:
        """Read the candidate that begins the held text; None: it is not complete yet."""
        text = self._held.text
        if text.startswith(("<tool_call>", "<function=")):
            return _tagged(self._held, at_line_start=self._at_line_start, final=final)
        if text.startswith(("[TOOL_CALLS]", "<|python_tag|>")):
            return _marked(self._held, final=final)
        if text.lstrip().startswith("```"):
            return self._fence(final=final)
        return _bare(self._held, self._names, final=final)

    def _fence(self, *, final: bool) -> _Found | None:
        text = self._held.text
        fence = _Found([], text.index("```") + 3)
        if self._fenced:  # the end of somebody's code
            self._fenced = False
            return fence
        opening = _FENCE.match(text)
        if opening is None and not final and "\n" not in text:
            return None
        if opening is not None and opening[1].lower() in _FENCE_LANGUAGES:
            start = opening.end()
            if start == len(text) and not final:
                return None
            if text.startswith(("{", "["), start):
                span = _values(self._held, start, "```", final=final)
                if span is None and may_be_call(text[start:], self._names):
                    return None
                if span is not None and (span.closed or not text[span.end :].strip()):
                    calls = only_calls(text[start : span.end], self._names)
                    if calls:
                        return _Found(calls, span.after)
        self._fenced = True
        return fence


class _Held:
    """The text that waits. It grows at its end, so each value's end is looked for only once."""

    def __init__(self) -> None:
        self.text = ""
        self._ends: dict[int, tuple[lenient_json.ValueEnd, int, int | None]] = {}

    def cut(self, length: int) -> str:
        """Take so many characters off its beginning."""
        off, self.text = self.text[:length], self.text[length:]
        if length:
            self._ends.clear()
        return off

    def end_of_value(self, start: int) -> int | None:
        """Return where the object or list ends that begins there; None where it goes on."""
        search, seen, end = self._ends.get(start) or (lenient_json.ValueEnd(), start, None)
        if end is None:
            found = search.feed(self.text[seen:])
            end = None if found is None else seen + found
            self._ends[start] = search, len(self.text), end
        return end


def _values(held: _Held, start: int, closing: str, *, final: bool) -> _Span | None:
    """Find JSON values in a row, up to their closing mark or to other text; None: wait for more."""
    place = start
    while True:
        end = held.end_of_value(place)
        closed = _outside_strings(held.text, place, end, closing, final=final)
        if closed is not None:  # the mark stands inside the value, so that one is broken
            return _Span(closed, closed + len(closing), closed=True)
        if end is None:
            return _Span(len(held.text), len(held.text), closed=False) if final else None
        between = _BETWEEN.match(held.text, end)
        after = between.end() if between else end
        rest = held.text[after : after + len(closing)]
        if rest == closing:
            return _Span(end, after + len(closing), closed=True)
        if not final and closing.startswith(rest):
            return None
        if rest[:1] not in {"{", "["}:
            return _Span(end, end, closed=False)
        place = after


def _outside_strings(
    text: str, start: int, end: int | None, mark: str, *, final: bool
) -> int | None:
    """Return where a mark stands in an unfinished or broken value; in a string it does not count.

    At the end of the text it does count in one that is never closed.
    """
    place = text.find(mark, start, end)
    while place >= 0:
        value = lenient_json.ValueEnd()
        value.feed(text[start:place])
        if not value.in_string or (final and end is None):
            return place
        place = text.find(mark, place + 1, end)
    return None


def _tagged(held: _Held, *, at_line_start: bool, final: bool) -> _Found | None:
    """`<tool_call>JSON</tool_call>`, or `<function=name>JSON</function>`."""
    tag = _TAG.match(held.text)
    if not final and _PART_OF_TAG.fullmatch(held.text):
        return None
    has_json = tag is not None and held.text.startswith(("{", "["), tag.end())
    if tag is None or not (has_json or at_line_start):
        return _A_WORD  # the answer is about tags
    name, start = tag[1], tag.end()
    closing = "</function>" if name else "</tool_call>"
    if has_json:
        span = _values(held, start, closing, final=final)
    else:
        end = held.text.find(closing, start)
        span = _Span(end, end + len(closing), closed=True) if end >= 0 else None
    if span is None:
        return _A_WORD if final else None
    body = held.text[start : span.end]
    if name:
        return _Found([wire_call(name, value_or_text(body or "{}"))], span.after)
    return _Found(calls_in_a_row(body) or [broken_call(body)], span.after)


def _marked(held: _Held, *, final: bool) -> _Found | None:
    """`[TOOL_CALLS] JSON`, `[TOOL_CALLS]name{…}`, or `<|python_tag|>JSON`."""
    text = held.text
    mark = _MARKED.match(text)
    start = mark.end() if mark else 0
    name = mark[1] if mark else None
    if not text.startswith("{" if name else ("{", "["), start):
        could = _PART_OF_MARKED.fullmatch(text)
        return None if could and not final else _A_WORD
    end = held.end_of_value(start)
    if end is None and not final:
        return None
    stop = len(text) if end is None else end
    value = text[start:stop]
    calls = [wire_call(name, value_or_text(value))] if name else calls_in_a_row(value)
    return _Found(calls or [broken_call(value)], stop)


def _bare(held: _Held, names: Collection[str], *, final: bool) -> _Found | None:
    """JSON that begins a line or a sentence: calls only, and nothing else up to the line's end."""
    text = held.text
    place = start = len(text) - len(text.lstrip())
    while True:
        end = held.end_of_value(place)
        if end is None:
            waits = not final and may_be_call(text[place:], names)
            return None if waits else _OTHER_JSON
        if not only_calls(text[place:end], names):
            return _OTHER_JSON
        line_end = _LINE_END.match(text, end)
        place = line_end.end() if line_end else end
        following = text[place : place + 1]
        if following == "\n" or (final and not following):
            return _Found(only_calls(text[start:end], names), place)
        if following != "{":
            return _OTHER_JSON if following else None

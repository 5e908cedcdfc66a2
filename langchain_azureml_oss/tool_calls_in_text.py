"""Tool calls found in the text of an answer, whole or streamed, in any family's dialect.

Marked calls (`<tool_call>`, `[TOOL_CALLS]`, `<|python_tag|>`, `<function=…>`) count as they are.
Plain JSON counts only where it stands on lines of its own, or in a fence of its own, names a tool
that there is, and holds nothing but a call; so an answer that talks about JSON stays text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from langchain_azureml_oss import lenient_json
from langchain_azureml_oss.http_types import encode_json
from langchain_azureml_oss.stops import held_back

WireCall = dict[str, Any]

_MARKS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<function=", "```")
_CANDIDATE = re.compile(
    r"<tool_call>|\[TOOL_CALLS\]|<\|python_tag\|>|<function=|^[ \t]*(?:```|[{\[])", re.MULTILINE
)
_TAGGED = {"<tool_call>": "</tool_call>", "<function=": "</function>"}
_FENCE = re.compile(r"[ \t]*```[ \t]*(\w*)[ \t]*\n")
_FENCE_LANGUAGES = frozenset({"", "json", "tool_call", "tool_calls"})
_KEYS = frozenset({"name", "arguments", "parameters", "type", "function", "id", "tool_calls"})
_FIRST_KEY = re.compile(r"[\s\[]*\{\s*(?:([\"'])(\w*)(\1)?)?")
_NAME = re.compile(r"[\"']name[\"']\s*:\s*([\"'])(.*?)\1")


class _Found(NamedTuple):
    """What a candidate turned out to be: calls, or text; and its length in characters."""

    calls: list[WireCall]
    length: int


_OTHER_JSON = _Found([], 0)


class ToolCallScanner:
    """Incremental: `feed` pieces of text, get text and calls; `flush` at the end.

    Args:
        names: The tools that there are.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._held = ""
        self._space = ""  # white space that belongs to a call, if one follows
        self._at_line_start = True
        self._fenced = False
        self._has_calls = False
        self._other_json: lenient_json.ValueEnd | None = None

    def feed(self, text: str) -> tuple[str, list[WireCall]]:
        """Return the text and the calls that are certain now; what may become a call waits."""
        self._held += text
        return self._scan(final=False)

    def flush(self) -> tuple[str, list[WireCall]]:
        """Return the rest."""
        text, calls = self._scan(final=True)
        space, self._space = self._space, ""
        return text if self._has_calls else text + space, calls

    def _scan(self, *, final: bool) -> tuple[str, list[WireCall]]:
        said, calls = "", list[WireCall]()
        while self._held:
            if self._other_json is not None:
                said += self._pass_json()
                continue
            start = self._next_candidate(final=final)
            if start is None:
                keep = 0 if final else held_back(self._held, _MARKS)
                said += self._say(len(self._held) - keep)
                break
            said += self._say(start)
            found = self._read(final=final)
            if found is None:
                break
            if found.calls:
                calls += found.calls
                self._held, self._space = self._held[found.length :], ""
                self._has_calls = self._at_line_start = True
            elif found is _OTHER_JSON:
                self._other_json = lenient_json.ValueEnd()
            else:
                said += self._say(found.length)
        return said, calls

    def _pass_json(self) -> str:
        """Give out JSON that is no call, so that nothing inside it is taken for one."""
        assert self._other_json is not None  # noqa: S101
        end = self._other_json.feed(self._held)
        if end is not None:
            self._other_json = None
        return self._say(len(self._held) if end is None else end)

    def _say(self, length: int) -> str:
        """Take so much text off; white space at its end waits for what comes behind it."""
        text, self._held = self._space + self._held[:length], self._held[length:]
        said = text.rstrip()
        self._space = text[len(said) :]
        if text:
            self._at_line_start = not text.rpartition("\n")[2].strip() and (
                "\n" in text or self._at_line_start
            )
        return said

    def _next_candidate(self, *, final: bool) -> int | None:
        for match in _CANDIDATE.finditer(self._held):
            at_line = match.start() > 0 or self._at_line_start
            is_fence = match[0].endswith("```")
            if match[0] in _MARKS[:-1] or (at_line and (is_fence or not self._fenced)):
                rest = self._held[match.start() :].lstrip(" \t")
                unclear = not final and any(m != rest and m.startswith(rest) for m in _MARKS)
                return None if unclear else match.start()
        return None

    def _read(self, *, final: bool) -> _Found | None:
        """Read the candidate that begins the held text; None: it is not complete yet."""
        text = self._held
        for mark, end in _TAGGED.items():
            if text.startswith(mark):
                return _tagged(text, mark, end, final=final)
        for mark in ("[TOOL_CALLS]", "<|python_tag|>"):
            if text.startswith(mark):
                return _marked(text, mark, final=final)
        if text.lstrip().startswith("```"):
            return self._fence(final=final)
        return _bare(text, self._names, final=final)

    def _fence(self, *, final: bool) -> _Found | None:
        text = self._held
        if self._fenced:  # the end of somebody's code
            self._fenced = False
            return _Found([], text.index("```") + 3)
        opening = _FENCE.match(text)
        if opening is None and not final and "\n" not in text:
            return None
        if opening is not None and opening[1].lower() in _FENCE_LANGUAGES:
            body = text[opening.end() :]
            end = re.search(r"^[ \t]*```", body, re.MULTILINE)
            if end:
                calls = _only_calls(body[: end.start()], self._names)
                if calls:
                    return _Found(calls, opening.end() + end.end())
            elif final:
                calls = _only_calls(body, self._names)
                if calls:
                    return _Found(calls, len(text))
            elif _may_be_call(body, self._names):
                return None
        self._fenced = True
        return _Found([], text.index("```") + 3)


def _tagged(text: str, mark: str, end: str, *, final: bool) -> _Found | None:
    """`<tool_call>JSON</tool_call>`, or `<function=name>JSON</function>`."""
    body, closed, _ = text[len(mark) :].partition(end)
    if not closed and not final:
        return None
    length = len(mark) + len(body) + len(closed)
    if mark == "<function=":
        name, _, arguments = body.partition(">")
        return _Found([_wire(name.strip(), _value_or_text(arguments))], length)
    return _Found(_calls_in_lines(body) or [_broken(body)], length)


def _marked(text: str, mark: str, *, final: bool) -> _Found | None:
    """`[TOOL_CALLS] JSON`, `[TOOL_CALLS]name{…}`, or `<|python_tag|>JSON`."""
    body = text[len(mark) :]
    prefix = re.match(r"\s*(?:([\w.-]+)\s*(?:\[ARGS\])?\s*(?=\{)|(?=[{\[]))", body)
    if prefix is None:
        could = re.fullmatch(r"\s*[\w.-]*\s*(?:\[\w*\]?)?\s*", body)
        return None if could and not final else _Found([], len(mark))
    end = lenient_json.end_of_value(body[prefix.end() :])
    if end is None and not final:
        return None
    stop = len(body) if end is None else prefix.end() + end
    value = body[prefix.end() : stop]
    name = prefix[1]
    calls = [_wire(name, _value_or_text(value))] if name else _calls_in_lines(value)
    return _Found(calls or [_broken(value)], len(mark) + stop)


def _bare(text: str, names: Collection[str], *, final: bool) -> _Found | None:
    """JSON that begins a line: calls only, and nothing else up to the end of its last line."""
    indent = len(text) - len(text.lstrip())
    end = lenient_json.end_of_value(text[indent:])
    if end is None:
        return None if not final and _may_be_call(text, names) else _OTHER_JSON
    end += indent
    calls = _only_calls(text[indent:end], names)
    line, newline, _ = text[end:].partition("\n")
    following = re.match(r"[ \t]*[;,][ \t]*(?=\{)", line)
    if calls and following:
        more = _bare(text[end + following.end() :], names, final=final)
        if more is None:
            return None
        calls = calls + more.calls if more.calls else []
        return _Found(calls, end + following.end() + more.length) if calls else _OTHER_JSON
    if not calls or line.strip(" \t\r;,"):
        return _OTHER_JSON
    return _Found(calls, end + len(line)) if newline or final else None


def _may_be_call(text: str, names: Collection[str]) -> bool:
    """Whether a JSON value of which only the beginning is known may still be a call."""
    if not text.strip():
        return True
    key = _FIRST_KEY.match(text)
    if key is None:
        return not text.strip(" \t\n[")
    if key[2] is not None:
        known = key[2] in _KEYS if key[3] else any(k.startswith(key[2]) for k in _KEYS)
        if not known:
            return False
    name = _NAME.search(text)
    return name is None or name[2] in names


def _only_calls(text: str, names: Collection[str]) -> list[WireCall]:
    """Return the calls of known tools, if there is nothing else in the text."""
    calls = _calls_in_lines(text, strict=True)
    return calls if all(call["function"]["name"] in names for call in calls) else []


def _calls_in_lines(text: str, *, strict: bool = False) -> list[WireCall]:
    """Read one JSON value, or one in each line."""
    values: list[Any] = []
    rest = text.strip()
    while rest:
        end = lenient_json.end_of_value(rest)
        try:
            values.append(lenient_json.loads(rest[:end]))
        except ValueError:
            return []
        rest = rest[end:].lstrip(" \t\r\n;,") if end is not None else ""
    calls = [_call(item, strict=strict) for item in _flat(values)]
    return [call for call in calls if call] if all(calls) else []


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            flat += value["tool_calls"]
        elif isinstance(value, list):
            flat += value
        else:
            flat.append(value)
    return flat


def _call(value: Any, *, strict: bool) -> WireCall | None:
    """Return the call that a JSON value says, in OpenAI's form; None where it says none."""
    if not isinstance(value, dict) or (strict and not _KEYS.issuperset(value)):
        return None
    function = value.get("function")
    inner = function if isinstance(function, dict) else value
    name = inner.get("name", function if isinstance(function, str) else None)
    arguments = next((inner[key] for key in ("arguments", "parameters") if key in inner), None)
    if not isinstance(name, str) or (strict and not isinstance(arguments, dict | str)):
        return None
    if isinstance(arguments, str):
        arguments = _value_or_text(arguments)
    return _wire(name, {} if arguments is None else arguments)


def _wire(name: str, arguments: Any) -> WireCall:
    text = arguments if isinstance(arguments, str) else encode_json(arguments).decode()
    return {"type": "function", "function": {"name": name, "arguments": text}}


def _broken(text: str) -> WireCall:
    """Return a call that could not be read, so that the model is told."""
    name = _NAME.search(text)
    return _wire(name[2] if name else "", text.strip())


def _value_or_text(text: str) -> Any:
    try:
        return lenient_json.loads(text)
    except ValueError:
        return text.strip()

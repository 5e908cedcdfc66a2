"""Foreign text is read with work in proportion to its length, in whatever pieces it comes.

Work is counted in lines of this package that are run, not in seconds, and in the characters that a
line looks at in C: the package is rewritten for that, see `counting/rewriting.py`. A search by a
pattern counts up to where it ends; that no pattern does more is what test_patterns.py says. What C
copies is counted once more where a text comes in pieces: by what is allocated for each of them.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tracemalloc

import pytest
from counting.rewriting import COUNTER, counted

_ROOMS = [
    *("answers.echo", "answers.reasoning", "answers.stops", "connections.credentials"),
    *("connections.files", "errors", "errors.from_reply", "families", "tools", "wire"),
    *("role_prompts", "connections.urls"),
]
_echo, _reasoning, _stops, _credentials, *_others = counted(*_ROOMS)
_files, _errors, _from_reply, _families, _tools, _wire, _prompts, _urls = _others
find_echo, explain = _echo.find_echo, _from_reply.explain
ReasoningSplitter, StopFilter = _reasoning.ReasoningSplitter, _stops.StopFilter
_SECRETS, read_file = _credentials._SECRETS, _files.read_file
ConnectionConfigError, redact = _errors.ConnectionConfigError, _errors.redact
DIALECTS, ReasoningTags = _families.DIALECTS, _families.ReasoningTags
PromptedJson, ToolCallScanner = _tools.PromptedJson, _tools.ToolCallScanner
messages_from_prompt, escape_roles = _prompts.messages_from_prompt, _prompts.escape_roles
SSEDecoder, lenient_json = _wire.SSEDecoder, _wire.lenient_json

CALL = '{"name": "add", "arguments": {"a": 1}}'
KEY = "eyJ" + "ab" * 40 + "c"


def in_pieces(text, size):
    return [text[place : place + size] for place in range(0, len(text), size)]


def streamed(make, size):
    def read(text):
        reader = make()
        for piece in in_pieces(text, size):
            reader.feed(piece)
        reader.flush()

    return read


EVERY = DIALECTS["json"]._replace(
    marks=tuple(mark for dialect in DIALECTS.values() for mark in dialect.marks)
)


def scan(size):
    return streamed(lambda: ToolCallScanner({"add": {}}, EVERY), size)


def refused(text, path):
    path.write_text(text)
    with pytest.raises(ConnectionConfigError):
        read_file(path)


def suppressed(parse, *given):
    with contextlib.suppress(_errors.AzureMLOSSError):
        parse(*given)


def lenient(text):
    with contextlib.suppress(ValueError):
        lenient_json.loads(text)


UNITS = [
    *(
        " ",
        "\n",
        "`",
        "```\n",
        "```json\n",
        "~~~\n",
        "{",
        "[",
        "}",
        "{ x\n",
        "{\n",
        "[\n",
        "'",
        '"',
    ),
    *("<tool_call>", "</tool_call>", "<tool_call>\n{", '<tool_call>{"', "<tool_call>x\n", "<"),
    *(
        "[TOOL_CALLS]",
        "[TOOL_CALLS] ",
        "[TOOL_CALLS]a",
        "<function=",
        "<function=a>",
        "<|python_tag|>",
    ),
    *("- ", "-\n", "1. ", "12", "a. {", "word: [", '{"a": 1}\n', CALL, CALL + "\n", CALL + "\nx\n"),
    *(f"```json\n{CALL}\n```\n", f"`{CALL}`", '{"name": "', "\\", '{"a": "\\', "<|im_end|>", "; "),
]
"""What a text is made of that is to be read for calls."""
BEGINNINGS = [
    "",
    "[TOOL_CALLS]",
    "<tool_call>",
    '{"name": "add", "arguments": {"a": "',
    "```json\n",
    '```json\n["',
    "- ",
    "`",
]

READERS = {"calls-pieces": scan(4), "calls-whole": scan(10**9)}
OTHERS = {
    "json": (
        PromptedJson().read,
        ["{", '{"', '{"a": ', "{}", "{'a': ", '{"a": 1} x ', "{ ", '"', '{\n"a": [', "\\"],
    ),
    "lenient": (lenient, ["{", "[", '{"a":', "-", "(", "'", '"', "[1,", "not ", "1+", "\n", "a."]),
    "explain": (
        explain,
        [
            "<",
            "<title",
            "<title>",
            "<a",
            "<title></title>",
            "{",
            '{"error":',
            "[",
            "&",
            '{"error": "',
        ],
    ),
    "redact": (
        lambda text: redact(text, KEY),
        [
            *("eyJ", KEY[:8], KEY, "ab", "eyJ" + "ab" * 20, "\\", "e\\", KEY[:8] + "\\"),
            *("\\u0065", "%65", "&#101;", "&#0", "&amp;", "%25", "\\\\u00", "\0e"),
        ],
    ),
    "secrets": (
        lambda text: _SECRETS.sub("", text),
        ["eyJ", "eyJ.", "bearer ", "key=", 'key"', " ", "secret' "],
    ),
    "echo": (
        lambda text: find_echo(text, f"<s>{text[: len(text) // 2]}."),
        ["a", "ab", " ", "ha ", "?", "<s>"],
    ),
    "reasoning": (
        streamed(lambda: ReasoningSplitter(ReasoningTags("<think>", "</think>")), 10**9),
        ["<think>", "</think>", "<think></think>", "<", " ", "<think"],
    ),
    "reasoning-pieces": (
        streamed(lambda: ReasoningSplitter(ReasoningTags("<think>", "</think>")), 3),
        ["<think>", "</think>", "<think></think>", "<", " ", "<think"],
    ),
    "roles": (
        lambda text: suppressed(messages_from_prompt, text),
        [
            *("system:\n", "user:", "#", " ", "```\n", "~", "\n", "x\n", "\ufdd0"),
            *("## name:\n", "## tool_calls:\n", "assistant:\n## tool_calls:\n[\n", "tool:\n## "),
        ],
    ),
    "headers": (
        lambda text: suppressed(messages_from_prompt, f"assistant:\n## tool_calls:\n{text}"),
        ["x\n", "[\n", " \n", "## name:\n", "x"],
    ),
    "escaping": (
        escape_roles,
        ["system:\n", "system", " ", "#", "\n", "``", "e:", " \n", "# \n", "\ufdd0"],
    ),
    "harmless": (
        lambda text: _families.harmless(EVERY, text),
        ["<tool_call>", "<", "[TOOL_CALLS]", "<|im_end|>", " "],
    ),
    "urls": (
        lambda text: suppressed(_urls.check_url, f"https://{text}"),
        ["a.", "@", "[", "%", "?", "#", "a=b&", ":", "/", "key=x&"],
    ),
    "variables": (
        lambda text: suppressed(_files._resolved, text, "a label"),
        ["${env:", "${", "$", "}", "${env:X", "{"],
    ),
    "replies": (
        lambda text: [_from_reply.from_status(status, text) for status in (400, 403, 424, 500)],
        [
            *(
                "{",
                '{"input": ',
                "maximum ",
                "prompt length ",
                "flagged by ",
                "content ",
                "<title>",
            ),
            *("prompt length\n", "`inputs` tokens ", "tool_calls ", "stream"),
        ],
    ),
    "stops": (streamed(lambda: StopFilter(["\nUser:", "\n\n\nx"]), 3), ["\n", "\nUser", " "]),
}
SHORTENING = {"explain": (600, 1_200, 2_400), "replies": (2_100, 4_200, 8_400)}
"""Lengths at which all of these are cut, to 500 and 2,000 characters."""
CASES = [
    *(
        pytest.param(read, beginning, UNITS, id=f"{name}-{beginning!r}")
        for name, read in READERS.items()
        for beginning in BEGINNINGS
    ),
    *(pytest.param(read, "", units, id=name) for name, (read, units) in OTHERS.items()),
]


def steps(read, text):
    """How many lines of the package are run to read a text, and how many characters C looks at."""
    count = 0

    def local(frame, event, arg):
        nonlocal count
        count += event == "line"
        return local

    def trace(frame, event, arg):
        return local if "langchain_azureml_oss" in frame.f_code.co_filename else None

    before, read_before = sys.gettrace(), COUNTER.characters
    sys.settrace(trace)
    try:
        read(text)
    finally:
        sys.settrace(before)
    return count + COUNTER.characters - read_before


def assert_linear(read, make, lengths=(200, 400, 800)):
    """The more of a text there is, the less is it allowed to add than in proportion."""
    first, second, third = (steps(read, make(length)) for length in lengths)
    assert third - second <= 2.4 * (second - first) + 300, (first, second, third)


def test_the_measure_sees_searches_that_start_anew():
    """Each of them is one line of Python."""
    anew = {
        "find": lambda text: [COUNTER.called(text, "find", "x", at) for at in range(len(text))],
        "slice": lambda text: [COUNTER.taken(text, slice(at, None)) for at in range(len(text))],
        "in": lambda text: [COUNTER.contains("x", text) for _ in text],
        "pattern": lambda text: [
            COUNTER.called(re.compile("x"), "search", text, at) for at in range(len(text))
        ],
    }
    for read in anew.values():
        with pytest.raises(AssertionError):
            assert_linear(read, lambda length: " " * length)


def test_the_measure_sees_what_starts_anew():
    """Else none of these tests could fail."""
    anew = lambda text: [lenient(text[:place]) for place in range(len(text))]  # noqa: E731
    with pytest.raises(AssertionError):
        assert_linear(anew, lambda length: "[" * length, (50, 100, 200))


@pytest.mark.parametrize(("read", "beginning", "units"), CASES)
def test_work_grows_with_the_length_of_the_text(request, read, beginning, units):
    # What may still be a call is looked through again up to a bound, which 200 do not reach.
    usual = (400, 800, 1_600) if read is READERS["calls-pieces"] else (200, 400, 800)
    lengths = SHORTENING.get(request.node.callspec.id, usual)
    for unit in units:
        make = lambda length, unit=unit: beginning + unit * (length // len(unit))  # noqa: E731
        assert_linear(read, make, lengths)


LONG = 16_000


@pytest.mark.parametrize(
    ("read", "beginning", "units"),
    [case for case in CASES if case.id in {"calls-whole-''", *OTHERS}],
)
def test_a_long_text_is_read_to_its_end(read, beginning, units):
    for unit in units:
        read(beginning + unit * (LONG // len(unit)))


@pytest.mark.parametrize("unit", [b"x", b"\r", b"\n", b"\r\n", b"data: x\n", b"data: x\n\n", b":"])
@pytest.mark.parametrize("size", [1, 7, 1_400])
def test_events_are_read_in_proportion_to_their_length(unit, size):
    read = streamed(SSEDecoder, size)
    assert_linear(read, lambda length: b"data:" + unit * (length // len(unit)))
    streamed(SSEDecoder, size * 10)(b"data:" + unit * LONG)


PACKET = 1_400


def copied(reader, text):
    """How many bytes are allocated at the same time to read a piece; the sum over the pieces.

    Who copies all that came so far for each piece, by a slice or by joining, allocates it.
    """
    count = 0
    pieces = in_pieces(text, PACKET)
    tracemalloc.start()
    try:
        for piece in pieces:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            reader.feed(piece)
            count += tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return count


def assert_copies_are_linear(make, begin, unit):
    """Twice as much may add up to three times as much: lists and tables grow by leaps."""
    counts = [
        copied(make(), begin + unit * (pieces * PACKET // len(unit))) for pieces in (8, 16, 32)
    ]
    first, second, third = counts
    assert third - second <= 3 * (second - first) + 4 * PACKET, counts


class Joining:
    """Starts anew with each piece."""

    def __init__(self):
        self.text = ""

    def feed(self, piece):
        self.text = f"{self.text}{piece}"


def test_the_measure_of_copies_sees_what_is_joined_anew():
    with pytest.raises(AssertionError):
        assert_copies_are_linear(Joining, "", "x")


STREAMED = {
    "events": (SSEDecoder, b"data:", [b"x", b"\r", b"\n", b": \n", b"data: x\n", b"data: x\n\n"]),
    "calls": (
        lambda: ToolCallScanner({"add": {}}, EVERY),
        "",
        ["x", " ", "\n", "{", "[", "`", "```\n", "<tool_call>", "[TOOL_CALLS]", "- ", CALL],
    ),
    "a-call": (
        lambda: ToolCallScanner({"add": {}}, EVERY),
        '<tool_call>{"name": "add", "arguments": {"a": "',
        ["x", " ", "\\n", "<", "}", "`"],
    ),
    "reasoning": (
        lambda: ReasoningSplitter(ReasoningTags("<think>", "</think>")),
        "<think>",
        ["x", " ", "\n", "<", "<think", "</think>"],
    ),
    "stops": (lambda: StopFilter(["\nUser:", "\n\n\nx"]), "", ["x", "\n", "\nUser", " "]),
    "lenient": (lenient_json.ValueEnd, "{", ["[", '"', "{", "x", "1, "]),
}


@pytest.mark.parametrize(("make", "begin", "units"), STREAMED.values(), ids=STREAMED)
def test_what_is_copied_grows_with_the_length_of_the_text(make, begin, units):
    for unit in units:
        assert_copies_are_linear(make, begin, unit)


@pytest.mark.parametrize("merges", [False, True])
def test_aliases_of_a_connection_file_do_not_multiply(tmp_path, merges):
    def file(levels):
        value = "{<<: [%s]}" if merges else "[%s]"
        lines = ["a0: &a0 {k: v}"]
        lines += [f"a{n}: &a{n} {value % ', '.join([f'*a{n - 1}'] * 9)}" for n in range(1, levels)]
        return "\n".join(lines)

    def read(text):
        refused(text, tmp_path / "connection.yaml")

    counts = [steps(read, file(levels)) for levels in (8, 16, 32)]
    assert counts[2] - counts[1] <= 2.4 * (counts[1] - counts[0]) + 500
    refused("a: &a [*a]", tmp_path / "loop.yaml")


def test_json_without_end_is_no_error_of_the_interpreter():
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(ValueError, match="inside each other"):
        lenient_json.loads(deep)
    assert PromptedJson().read(json.dumps({"a": 1}) + deep)[1] is None

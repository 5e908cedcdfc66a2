"""Streamed fragments of tool calls, as servers cut them, and the calls they add up to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGenerationChunk

from langchain_azureml_oss.messages import ai_message, ai_message_chunk
from langchain_azureml_oss.tools import StreamedCalls
from langchain_azureml_oss.wire import Choice


def part(arguments=None, name=None, **more):
    function = {"name": name, "arguments": arguments}
    return {**more, "function": {k: v for k, v in function.items() if v is not None}}


A, B = '{"path": "/a"}', '{"path": "/b"}'
PATH_A, PATH_B = {"path": "/a"}, {"path": "/b"}


def streamed(*events):
    """The message that these events add up to."""
    calls = StreamedCalls()
    chunks = [ai_message_chunk(Choice(tool_calls=calls.feed(event))) for event in events]
    whole = ai_message_chunk(Choice(finish_reason="tool_calls"), metadata={})
    for chunk in reversed(chunks):
        whole = chunk + whole
    return whole


def told(message):
    return [(call["name"], call["args"]) for call in message.tool_calls]


CASES = {
    "name in every fragment": (
        [
            [part("", "read", index=0, id="c1")],
            [part('{"path": ', "read", index=0)],
            [part('"/a"}', "read", index=0)],
        ],
        [("read", PATH_A)],
    ),
    "id and name again in the last": (
        [
            [part("", "read", index=0, id="c1")],
            [part('{"path": ', index=0)],
            [part('"/a"}', index=0)],
            [part(None, "read", index=0, id="c1", type="function")],
        ],
        [("read", PATH_A)],
    ),
    "all of it again in the last": (
        [
            [part("", "read", index=0, id="c1")],
            [part(A, index=0)],
            [part(A, "read", index=0, id="c1")],
        ],
        [("read", PATH_A)],
    ),
    "an id for each fragment": (
        [
            [part("", "read", index=0, id="c1")],
            [part('{"path": ', index=0, id="c2")],
            [part('"/a"}', index=0, id="c3")],
        ],
        [("read", PATH_A)],
    ),
    "two whole calls at index 0": (
        [[part(A, "read", index=0, id="c1")], [part(B, "read", index=0, id="c2")]],
        [("read", PATH_A), ("read", PATH_B)],
    ),
    "two equal calls at index 0 with ids": (
        [[part(A, "read", index=0, id="c1")], [part(A, "read", index=0, id="c2")]],
        [("read", PATH_A), ("read", PATH_A)],
    ),
    "two whole calls at index 0 without ids": (
        [[part(A, "read", index=0)], [part(B, "read", index=0)]],
        [("read", PATH_A), ("read", PATH_B)],
    ),
    "two in parts at index 0 without ids": (
        [
            *([part("", "read", index=0)], [part('{"path"', index=0)], [part(': "/a"}', index=0)]),
            *([part("", "read", index=0)], [part('{"path"', index=0)], [part(': "/b"}', index=0)]),
        ],
        [("read", PATH_A), ("read", PATH_B)],
    ),
    "whole calls without an index": (
        [[part(A, "read", id="c1")], [part(B, "read", id="c2")]],
        [("read", PATH_A), ("read", PATH_B)],
    ),
    "whole calls without index or id": (
        [[part(A, "read")], [part(A, "read")]],
        [("read", PATH_A), ("read", PATH_A)],
    ),
    "one call at two indexes": (
        [[part(A, "read", index=0, id="c1")], [part(A, "read", index=1, id="c1")]],
        [("read", PATH_A)],
    ),
    "one call at two indexes, in parts": (
        [
            [part("", "read", index=0, id="c1"), part("", "read", index=1, id="c1")],
            [part('{"path": ', index=0), part('{"path": ', index=1)],
            [part('"/a"}', index=0), part('"/a"}', index=1)],
        ],
        [("read", PATH_A)],
    ),
    "a call that goes on at another index": (
        [[part('{"path": ', "read", index=0, id="c1")], [part('"/a"}', index=1, id="c1")]],
        [("read", PATH_A)],
    ),
    "different calls under one id": (
        [[part(A, "read", index=0, id="c"), part(B, "read", index=1, id="c")]],
        [("read", PATH_A), ("read", PATH_B)],
    ),
    "no arguments, with white space": ([[part(" \n", "now", index=0, id="c1")]], [("now", {})]),
    "two without arguments at index 0": (
        [[part("", "now", index=0, id="c1")], [part("", "then", index=0, id="c2")]],
        [("now", {}), ("then", {})],
    ),
    "two calls side by side": (
        [
            [part("", "read", index=0, id="c1"), part("", "read", index=1, id="c2")],
            [part('{"path": ', index=1), part('{"path": ', index=0)],
            [part('"/a"}', index=0), part('"/b"}', index=1)],
        ],
        [("read", PATH_A), ("read", PATH_B)],
    ),
}


@pytest.mark.parametrize(("events", "expected"), CASES.values(), ids=CASES)
def test_what_fragments_add_up_to(events, expected):
    message = streamed(*events)
    assert told(message) == expected
    assert message.invalid_tool_calls == []
    assert len({call["id"] for call in message.tool_calls}) == len(expected)


@pytest.mark.parametrize("same", [0, 1])
def test_a_call_that_was_cut_off_spoils_no_other(same):
    cut = part('{"path": "/c', "read", index=0, id="c1")
    message = streamed([cut], [part(B, "read", index=same, id="c2")])
    assert told(message) == [("read", PATH_B)]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["id"], invalid["args"]) == ("c1", '{"path": "/c')
    assert "cut off" in invalid["error"]


def test_surplus_behind_a_call_spoils_it():
    message = streamed([part(A, "read", index=0, id="c1")], [part("]", index=0)])
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"] == A + "]"


BROKEN = {
    "no name": (part(A, index=0, id="c1"), "names no function"),
    "cut": (part('{"a": "x\\', "f", index=0), "not JSON"),
    "text": (part('"text"', "f", index=0), "not a JSON object"),
    "deep": (part('{"a":' * 5000 + "1" + "}" * 5000, "f", index=0), "levels deep"),
    "quite deep": (part('{"a":' * 300 + "1" + "}" * 300, "f", index=0), "levels deep"),
    "deep and cut": (part("[" * 100_000, "f", index=0), ""),
    "a long number": (part('{"a": ' + "1" * 5000 + "}", "f", index=0), "not JSON"),
}


@pytest.mark.parametrize(("fragment", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_run_says_why_whole_and_streamed(fragment, reason):
    whole = ai_message(Choice(tool_calls=[fragment]), None, {})
    pieces = [fragment["function"]["arguments"][:9], fragment["function"]["arguments"][9:]]
    first = {**fragment, "function": {**fragment["function"], "arguments": pieces[0]}}
    for message in (whole, streamed([fragment]), streamed([first], [part(pieces[1], index=0)])):
        assert message.tool_calls == []
        (invalid,) = message.invalid_tool_calls
        assert reason in invalid["error"]
        assert invalid["args"] == fragment["function"]["arguments"]


def test_the_reason_is_there_however_chunks_are_added_up():
    calls = StreamedCalls()
    events = [[part('{"path": ', "read", index=0, id="c1")], [part('"/a', index=0)]]
    chunks = [ai_message_chunk(Choice(tool_calls=calls.feed(event))) for event in events]
    chunks.append(ai_message_chunk(Choice(), metadata={"finish_reason": "length"}))
    generations = [ChatGenerationChunk(message=chunk) for chunk in chunks]
    message = generate_from_stream(iter(generations)).generations[0].message
    assert type(message) is AIMessage
    first, *others = chunks
    for found in (message, first + others, message_chunk_to_message(first + others)):
        assert found.tool_calls == []
        assert "cut off" in found.invalid_tool_calls[0]["error"]


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_chunk_is_langchains_to_everybody():
    chunk = ai_message_chunk(Choice(text="Hi"))
    assert isinstance(chunk, AIMessageChunk)
    assert type(load(dumpd(chunk), allowed_objects="core")) is AIMessageChunk
    assert type(message_chunk_to_message(chunk)) is AIMessage


def test_half_a_call_is_shown_while_it_comes():
    calls = StreamedCalls()
    chunk = ai_message_chunk(Choice(tool_calls=calls.feed([part('{"path": "/a', "f", index=0)])))
    assert told(chunk) == [("f", {"path": "/a"})]


@pytest.mark.parametrize("piece", ["a", "{", "[", '{"', "{a", "}"])
def test_the_work_is_in_proportion_to_the_length(piece):
    """800 KB that are no JSON, at once: langchain-core would read them 800,000 times."""
    message = streamed([part(piece * (800_000 // len(piece)), "f", index=0, id="c1")])
    assert message.tool_calls == []
    assert len(message.invalid_tool_calls) == 1


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5)), min_size=1, max_size=3),
    st.data(),
)
def test_cut_anywhere_it_is_the_whole(objects, data):
    events = []
    for number, value in enumerate(objects):
        text, place = json.dumps(value), 0
        events.append([part("", "f", index=number, id=f"c{number}")])
        while place < len(text):
            length = data.draw(st.integers(1, len(text) - place))
            events.append([part(text[place : place + length], index=number)])
            place += length
    assert [args for _, args in told(streamed(*events))] == objects


TEXTS = ["", "{", "}", "{}", '{"a":', "1}", None, {"a": 1}, "]", " "]
FUNCTIONS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["f", "g", "", None, 3]),
        "arguments": st.sampled_from(TEXTS),
    },
)
ODD = st.fixed_dictionaries(
    {"function": FUNCTIONS},
    optional={
        "index": st.sampled_from([0, 1, -1, None, "0", True, 1.5]),
        "id": st.sampled_from(["x", "y", "", None, 7]),
    },
)


@given(st.lists(st.lists(ODD, max_size=3), max_size=8))
def test_nothing_that_a_server_sends_is_an_exception(events):
    message = streamed(*events)
    names = [call["name"] for call in message.tool_calls]
    assert all(names)
    assert all(call["error"] for call in message.invalid_tool_calls)

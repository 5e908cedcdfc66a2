"""Server-sent events, at whatever chunk boundaries."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_azureml_oss.wire.sse import Event, SSEDecoder

CUTS = st.lists(st.integers(0, 400), max_size=12)
LINES = st.sampled_from(
    [
        *(b"data: a", b"data:b", b"data", b"event: error", b": ping", b"", b"", b"id: 7", b"x: y"),
        *(b"data:  two spaces", b"data: a:b", b"\xef\xbb\xbfdata: c", "data: é\u2028x".encode()),
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])

# The two blocks are from docs/contracts.md, "Contract openai".
ODD_ERROR = (
    b"event: error\ndata: Error parsing decoded stream: :\n"
    b", with exception: list index out of range\n\ndata: [DONE]\n\n"
)


def decode(*pieces):
    decoder = SSEDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.flush()


def reference(body):
    """The WHATWG grammar over a whole body, plus the last event where no blank line follows."""
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, name, data = [], b"message", []
    for line in [*text.split(b"\n"), b""]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                found.append(Event(b"\n".join(data), name))
            name, data = b"message", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return found


@given(st.lists(st.tuples(LINES, ENDS)), CUTS)
@example([(b"data: a", b"\r\n"), (b"", b"\r\n"), (b"data: b", b"\r")], [8])
@example([(b"\xef\xbb\xbfdata: c", b"\n")], [1, 2])
def test_any_chunking_gives_the_same_events(cut, lines, places):
    body = b"".join(line + end for line, end in lines)
    assert decode(*cut(body, places)) == reference(body)


@given(st.binary(max_size=60), CUTS)
def test_any_bytes_are_read_alike(cut, body, places):
    assert decode(*cut(body, places)) == decode(body)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_lines_end_in_three_ways(end):
    body = end.join([b"data: 1", b"", b"event: x", b"data: 2", b"data: 3", b"", b""])
    assert decode(body) == [Event(b"1"), Event(b"2\n3", b"x")]


def test_an_event_is_given_as_soon_as_it_is_complete():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: 1\n") == []
    assert decoder.feed(b"\nda") == [Event(b"1")]
    assert decoder.feed(b"ta: 2\n\n") == [Event(b"2")]


def test_a_comment_is_no_event():
    assert decode(b": ping\n\ndata: 1\n\n: ping\n\n") == [Event(b"1")]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert decode(b"\xef", b"\xbb", b"\xbfdata: 1\n\n") == [Event(b"1")]


def test_one_space_after_the_colon_is_no_part_of_the_data():
    assert decode(b"data:  1 \n\n") == [Event(b" 1 ")]


def test_the_last_event_needs_no_blank_line():
    assert decode(b"data: 1\n\ndata: [DONE]") == [Event(b"1"), Event(b"[DONE]")]


@pytest.mark.parametrize("places", [[], list(range(200))], ids=["whole", "byte by byte"])
def test_the_odd_error_event_is_one_event(cut, places):
    assert decode(*cut(ODD_ERROR, places)) == [
        Event(b"Error parsing decoded stream: :", b"error"),
        Event(b"[DONE]"),
    ]


def test_what_is_held_back_is_counted():
    decoder = SSEDecoder()
    decoder.feed(b"data: " + b"x" * 100)
    assert decoder.pending >= 100
    decoder.feed(b"\n\n")
    assert decoder.pending == 0

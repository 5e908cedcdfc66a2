"""JSON bytes, and requests that are copied with more headers."""

from __future__ import annotations

import math

import pytest

from langchain_azureml_oss.wire.http_types import (
    HttpRequest,
    HttpResponse,
    decode_json,
    encode_json,
)


@pytest.mark.parametrize("value", ["\udcff", 2**70, [1, {"a": None}], "é😀"])
def test_what_is_written_is_read_again(value):
    assert decode_json(encode_json(value)) == value


def test_a_number_that_python_servers_write_is_read():
    assert math.isnan(decode_json(b"[NaN]")[0])


@pytest.mark.parametrize("data", [b"", b"<html>", b'{"a": ', b'{"a": "\xff"}'])
def test_what_is_no_json_is_a_value_error(data):
    with pytest.raises(ValueError, match=r".+"):
        decode_json(data)


def test_headers_are_added_to_a_copy_under_lower_case_names():
    request = HttpRequest("https://h/", b"", {"a": "1"})
    assert request.with_headers({"X-B_c": "2", "A": "3"}).headers == {"a": "3", "x-b_c": "2"}
    assert request.headers == {"a": "1"}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [("text/event-stream", True), ("Text/Event-Stream; charset=utf-8", True), ("text/html", False)],
)
def test_a_stream_says_so_in_its_content_type(content_type, expected):
    assert HttpResponse(200, {"content-type": content_type}).is_event_stream is expected

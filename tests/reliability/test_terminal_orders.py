"""No error and no log line of the library gives a terminal orders, whatever a server writes."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback

import pytest
from pydantic import BaseModel

from langchain_azureml_oss.errors import StreamInterruptedError, escaped, harmless, on_one_line

from .asking import ENTRIES, ask, model_for
from .faults import END, begun, chunk, either, sized

KEY = "sk-7Hq2vR9tLwX4bN8m"
ORDERS = "\x1b[2J\x1b]0;title\x07\x9b1m\x9d8;;http://evil\x9c\u202eEV\x7fIL\b\b\rX\x1bc\x85\u2066"
"""CSI and OSC in 7 and in 8 bits, writing turned around, what deletes, and a reset."""
RAW = b"\x1b[2J\x1b]0;title\x07\x9b1m\xe2\x80\xae\x7f\b\x85EVIL"
"""What a header can carry: all but the ends of lines."""
FORBIDDEN = {chr(order) for order in (*range(32), *range(127, 160))} - {"\t", "\n"}
FORBIDDEN |= {"\u202e", "\u2066"} | {chr(0xDC00 + byte) for byte in range(0x80, 0xA0)}


def said(status, body, *headers, reason=b"Reason"):
    lines = [b"HTTP/1.1 %d " % status + reason, b"content-length: %d" % len(body), *headers]
    return [b"\r\n".join([*lines, b"", b""]) + body]


BODY = json.dumps({"error": {"message": ORDERS, "type": ORDERS}}, ensure_ascii=False).encode()
PAGE = f"<html><title>{ORDERS}</title>".encode()
IDS = [b"x-request-id: " + RAW, b"azureml-model-deployment: " + RAW]
MODEL = [b"ms-azureml-model-error-reason: " + RAW, b"ms-azureml-model-error-statuscode: 503"]
REPLIES = {
    "a 400": said(400, BODY, *IDS, reason=RAW),
    "a 429": said(429, BODY, *IDS, b"retry-after: 0"),
    "a 401": said(401, ORDERS.encode(), *IDS, b"www-authenticate: " + RAW),
    "a 424": said(424, BODY, *IDS, *MODEL),
    "a page": said(502, PAGE, *IDS),
    "a redirect": said(307, b"", b"location: https://" + RAW, *IDS),
    "no JSON": said(200, ORDERS.encode(), b"content-type: " + RAW, *IDS),
    "an error in a 200": said(200, BODY, *IDS),
    "an encoding": said(200, BODY, b"content-encoding: " + RAW, *IDS),
    "no HTTP": [RAW + b"\r\n\r\n"],
    "no length": [b"HTTP/1.1 200 OK\r\ncontent-length: " + RAW + b"\r\n\r\n"],
}


def shown(error):
    """All that people see of an error; what is kept for programs is left out."""
    while error is not None:
        kept = {"body", "response", "text"}
        yield str(error)
        yield from map(str, error.args)
        yield from (str(value) for name, value in vars(error).items() if name not in kept)
        yield from (
            str(value) for value in (getattr(error, "response", None) or [{}, {}])[1].values()
        )
        yield "".join(traceback.format_exception_only(error))
        error = error.__cause__ or error.__context__


def assert_harmless(text):
    assert not set(text) & FORBIDDEN, ascii(text)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("how", REPLIES)
def test_an_error_and_its_log_lines(raw_server, caplog, how, entry):
    listen(raw_server(REPLIES[how]), entry, caplog)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_error_in_mid_stream(raw_server, caplog, entry):
    event = b"event: error\ndata: " + ORDERS.replace("\r", "").encode() + b"\n\n"
    script = either(lambda _: sized(BODY), lambda entry: begun(entry, chunk(event), END))
    listen(raw_server(script(entry)), entry, caplog)


def listen(server, entry, caplog):
    with (
        caplog.at_level(logging.INFO, logger="langchain_azureml_oss"),
        model_for(entry, server.url, KEY, max_retries=1) as model,
    ):
        error = ask(entry, model).error
    assert error is not None
    for text in shown(error):
        assert_harmless(text)
    for record in caplog.records:
        if record.name.startswith("langchain_azureml_oss"):
            line = record.getMessage()
            assert_harmless(line)
            assert "\n" not in line


@pytest.mark.parametrize("entry", ["chat.invoke", "chat.ainvoke"])
def test_the_words_are_kept_and_the_body_as_it_was(raw_server, entry):
    server = raw_server(REPLIES["a 400"])
    with model_for(entry, server.url, KEY) as model:
        error = ask(entry, model).error
    assert "EVIL" in str(error)
    assert "EVIL" in error.request_id
    assert json.loads(error.body)["error"]["message"] == ORDERS
    assert error.response.json() == json.loads(error.body)


def test_a_log_line_of_a_retry_is_one_line(raw_server, caplog):
    forged = "no\nCRITICAL root: the disk is full\u2028x"
    server = raw_server(said(503, json.dumps({"message": forged}).encode()))
    with model_for("chat.invoke", server.url, KEY, max_retries=1) as model:
        error = ask("chat.invoke", model).error
    (line,) = [r.getMessage() for r in caplog.records if r.name == "langchain_azureml_oss.exchange"]
    assert "no CRITICAL root: the disk is full x" in line
    assert len(line.splitlines()) == 1
    assert forged in str(error)


def test_what_a_right_answer_tells_of_itself(raw_server):
    body = json.dumps({"choices": [{"index": 0, "message": {"content": "Hello"}}]}).encode()
    server = raw_server(said(200, body, b"content-type: application/json", *IDS))
    with model_for("chat.invoke", server.url, KEY) as model:
        told = [model.invoke("hi"), asyncio.run(aask_and_close(model))]
    for answer in told:
        assert "EVIL" in answer.response_metadata["deployment"]
        for value in answer.response_metadata.values():
            assert_harmless(str(value))


async def aask_and_close(model):
    try:
        return await model.ainvoke("hi")
    finally:
        await model.aclose()


class Person(BaseModel):
    name: str


def test_an_answer_of_another_form(raw_server):
    body = json.dumps({"choices": [{"index": 0, "message": {"content": ORDERS}}]}).encode()
    with (
        model_for("chat.invoke", raw_server(sized(body)).url, KEY) as model,
        pytest.raises(ValueError, match="not have the form") as told,
    ):
        model.with_structured_output(Person, method="json_mode").invoke("hi")
    assert_harmless(str(told.value))
    assert told.value.llm_output == ORDERS


def test_what_is_an_order():
    assert harmless(ORDERS) == "[2J]0;title1m8;;http://evilEVILXc"
    assert harmless("a\tb\nc é 漢 \U0001f600") == "a\tb\nc é 漢 \U0001f600"
    assert on_one_line("a\nb\tc\x1b") == "a b c "
    line = json.dumps({"a": ORDERS}, ensure_ascii=False)
    assert json.loads(escaped(line)) == {"a": ORDERS}
    assert_harmless(escaped(line))


def test_a_stream_keeps_the_text_that_had_come():
    error = StreamInterruptedError(ORDERS, text=ORDERS)
    assert error.text == ORDERS
    assert_harmless(str(error))

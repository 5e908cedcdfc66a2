"""Recorded answers from memory."""

from __future__ import annotations

import pytest
from replay import Recorded

from langchain_azureml_oss.errors import EndpointConnectionError


async def test_the_same_responses_serve_both_worlds(make_chat, plug, answer):
    chat = make_chat()
    replay = plug(chat, answer({"output": "one"}), answer({"output": "two"}))
    assert chat.invoke("hi").text == "one"
    assert (await chat.ainvoke("hi")).text == "two"
    assert [request.url for request in replay.requests] == [chat.endpoint_url] * 2


def test_an_error_stands_for_a_lost_connection(make_chat, plug, answer):
    chat = make_chat(max_retries=0)
    plug(chat, EndpointConnectionError("gone"))
    with pytest.raises(EndpointConnectionError, match="gone"):
        chat.invoke("hi")


def test_a_piece_may_be_an_error(make_chat, plug):
    chat = make_chat(max_retries=0)
    plug(chat, Recorded(body=[b'{"out', EndpointConnectionError("gone")]))
    with pytest.raises(EndpointConnectionError, match="gone"):
        chat.invoke("hi")


def test_waits_are_noted_and_not_waited(make_chat, plug, answer):
    chat = make_chat()
    replay = plug(chat, answer("busy", 503, retry_after="50"), answer({"output": "one"}))
    chat.invoke("hi")
    assert replay.waits == [50]

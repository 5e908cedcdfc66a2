"""The async driver: aiohttp, one pool for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import pickle
import threading
import time
import warnings
from pathlib import Path

import pytest

from langchain_azureml_oss import errors

OK = {"output": "Hello!"}


@pytest.fixture
def chat_at(make_chat):
    return lambda server, path="/score", **fields: make_chat(
        endpoint_url=server.url + path, **fields
    )


@pytest.fixture
def no_leaks():
    """Nothing is left open without a word."""
    gc.collect()  # what other tests left is theirs
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(one.message) for one in caught if one.category is ResourceWarning] == []


def descriptors():
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_each_loop_has_its_own_session(chat_at, raw_server, wire, answer, no_leaks, caplog):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    before = None
    for _ in range(12):
        assert asyncio.run(chat.ainvoke("hi")).text == "Hello!"
        before = before or descriptors()
    # The server's end of a connection is closed by its own thread, a moment later.
    assert descriptors() <= before + 4
    assert len(chat._async._keepers) <= 1
    assert "Unclosed" not in caplog.text


def run_without_shutdown(coroutine):
    """A loop that is closed the hard way, without shutdown_asyncgens."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


# What asyncio itself says of a loop that was closed over open transports, whoever opened them.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_may_end_without_notice(chat_at, raw_server, wire, answer, caplog):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    before = None
    for _ in range(8):
        assert run_without_shutdown(chat.ainvoke("hi")).text == "Hello!"
        before = before or descriptors()
    assert descriptors() <= before + 4
    del chat
    gc.collect()
    assert "Unclosed" not in caplog.text


def test_a_model_that_is_forgotten_leaves_nothing_open(
    make_chat, raw_server, wire, answer, no_leaks, caplog
):
    server = raw_server(wire(answer(OK)))

    async def use():
        for _ in range(5):
            await make_chat(endpoint_url=f"{server.url}/score").ainvoke("hi")
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(use())
    gc.collect()
    assert "Unclosed" not in caplog.text


async def test_connections_are_used_again(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    async with chat_at(server) as chat:
        for _ in range(5):
            await chat.ainvoke("hi")
    assert (len(server.requests), server.connections) == (5, 1)


async def test_a_connection_is_used_again_after_an_error(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer("no", 400)), wire(answer(OK)))
    async with chat_at(server) as chat:
        with pytest.raises(errors.InvalidRequestError):
            await chat.ainvoke("hi")
        await chat.ainvoke("hi")
    assert server.connections == 1


async def test_a_connection_is_used_again_after_a_stream(chat_at, raw_server, wire, events, delta):
    server = raw_server(wire(events(delta("a"), delta("b", "stop"))))
    async with chat_at(server, "/v1/chat/completions") as chat:
        for _ in range(3):
            assert "".join([chunk.text async for chunk in chat.astream("hi")]) == "ab"
    assert server.connections == 1


async def test_the_pool_bounds_the_calls_in_flight(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    async with chat_at(server, max_connections=3) as chat:
        found = await asyncio.gather(*(chat.ainvoke(f"n{n}") for n in range(20)))
    assert [message.text for message in found] == ["Hello!"] * 20
    assert server.connections <= 3
    asked = {
        json.loads(r.body)["input_data"]["input_string"][0]["content"] for r in server.requests
    }
    assert asked == {f"n{n}" for n in range(20)}


async def test_a_closed_model_opens_again(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    await chat.ainvoke("hi")
    await chat.aclose()
    await chat.aclose()
    assert (await chat.ainvoke("hi")).text == "Hello!"
    await chat.aclose()
    assert server.connections == 2


async def test_a_pickled_model_calls_too(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    async with chat_at(server) as chat:
        await chat.ainvoke("hi")
        async with pickle.loads(pickle.dumps(chat)) as copy:
            assert (await copy.ainvoke("hi")).text == "Hello!"
    assert server.connections == 2


async def test_a_stream_comes_as_it_is_sent(chat_at, raw_server, wire, events, delta):
    pieces = wire(events(delta("a"), delta("b", "stop")))
    wait = threading.Event()
    server = raw_server([*pieces[:2], wait, *pieces[2:]])
    async with chat_at(server, "/v1/chat/completions") as chat:
        stream = chat.astream("hi")
        assert (await anext(stream)).text == "a"
        wait.set()
        assert "".join([chunk.text async for chunk in stream]) == "b"


async def test_a_stream_that_is_left_closes_its_connection(
    chat_at, raw_server, wire, events, delta
):
    pieces = wire(events(delta("a"), delta("b", "stop")))
    wait = threading.Event()
    server = raw_server([*pieces[:2], wait, *pieces[2:]])
    async with chat_at(server, "/v1/chat/completions") as chat:
        async with contextlib.aclosing(chat.astream("hi")) as stream:
            assert (await anext(stream)).text == "a"
        wait.set()
        assert await asyncio.to_thread(server.gone.wait, 2)


async def test_a_call_that_is_cancelled_lets_go(chat_at, raw_server, wire, answer):
    wait = threading.Event()
    server = raw_server([wait], wire(answer(OK)))
    async with chat_at(server, max_connections=1) as chat:
        task = asyncio.ensure_future(chat.ainvoke("hi"))
        await asyncio.to_thread(server.arrived.acquire, timeout=30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await chat.ainvoke("hi")).text == "Hello!"
        wait.set()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        ["close"],
        ["reset"],
        [HEAD, b'{"out', "close"],
        [HEAD, b'{"out', "reset"],
        [CHUNKED, b'5\r\n{"out\r\n', "close"],
        [b"junk\r\n\r\n", "close"],
    ],
    ids=["no answer", "reset", "cut short", "reset in the body", "chunk missing", "no http"],
)
async def test_a_connection_that_fails_is_an_error_of_this_package(
    chat_at, raw_server, key, shows, pieces
):
    server = raw_server(pieces)
    async with chat_at(server, max_retries=0) as chat:
        with pytest.raises(errors.EndpointConnectionError) as caught:
            await chat.ainvoke("hi")
    assert key not in shows(caught.value)


async def test_nobody_there_is_a_connection_error(chat_at, raw_server, key, shows):
    server = raw_server([])
    server.stop()
    async with chat_at(server, max_retries=0) as chat:
        with pytest.raises(errors.EndpointConnectionError) as caught:
            await chat.ainvoke("hi")
    assert key not in shows(caught.value)


@pytest.mark.parametrize("place", ["headers", "body"])
async def test_silence_is_a_time_out(chat_at, raw_server, place):
    wait = threading.Event()
    server = raw_server([*([HEAD, b'{"out'] if place == "body" else []), wait])
    async with chat_at(server, timeout=0.05) as chat:
        with pytest.raises(errors.RequestTimeoutError):
            await chat.ainvoke("hi")
        wait.set()
    assert len(server.requests) == 1


async def test_the_deadline_ends_a_call(chat_at, raw_server):
    wait = threading.Event()
    server = raw_server([HEAD, b'{"out', wait])
    async with chat_at(server, deadline=0.1) as chat:
        with pytest.raises(errors.RequestTimeoutError):
            await chat.ainvoke("hi")
        wait.set()


async def test_redirects_are_not_followed(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(b"", 307, location="http://127.0.0.1:1/other")))
    async with chat_at(server) as chat:
        with pytest.raises(errors.InvalidRequestError, match="redirect"):
            await chat.ainvoke("hi")
    assert len(server.requests) == 1


async def test_cookies_are_not_kept(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK, set_cookie="a=b")))
    async with chat_at(server) as chat:
        await chat.ainvoke("hi")
        await chat.ainvoke("hi")
    assert "cookie" not in server.requests[1].named


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""], ids=["chunked", "by length"])
async def test_an_answer_that_comes_while_the_loop_is_held_is_read(chat_at, raw_server, end):
    """The rest and the driver's look at the connection then come at once."""
    body = json.dumps(OK).encode()
    rest = b"%x\r\n%b\r\n" % (len(body), body) + end if end else body
    head = CHUNKED if end else HEAD.replace(b"100", b"%d" % len(body))
    go, sent = threading.Event(), threading.Event()
    sent.wait = lambda _: sent.set()  # what a raw server does with an event
    server = raw_server([head, go, rest, sent])
    async with chat_at(server, max_retries=0) as chat:
        asked = asyncio.ensure_future(chat.ainvoke("hi"))
        assert await asyncio.to_thread(server.arrived.acquire, timeout=30)
        await asyncio.sleep(0.05)  # until it reads
        go.set()
        while not sent.is_set():
            time.sleep(0.01)  # noqa: ASYNC251 - as code does that computes for long
        time.sleep(0.3)  # noqa: ASYNC251
        assert (await asked).text == "Hello!"

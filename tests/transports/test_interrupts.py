"""Exceptions that strike from outside: no frame shows the key, and the pool stays whole."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import traceback

import pytest

OK = {"output": "Hello!"}


class TimeIsUpError(Exception):
    """As a task queue raises it from a signal's handler."""


def frames_with(error, key):
    """The frames, of an error and of what it came from, that hold the key among their variables."""
    found, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for frame, line in traceback.walk_tb(error.__traceback__):
            shown = [_shown(value) for value in frame.f_locals.values()]
            if frame.f_code.co_filename != __file__ and key in " ".join(shown):
                found.append(f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}")
        error = error.__cause__ or error.__context__
    return found


def _shown(value):
    try:
        return repr(value)
    except AttributeError:  # of one that is not made yet
        return ""


class StrikeAt:
    """Raises at the n-th step inside these modules, as the handler of a signal may."""

    def __init__(self, place, error, modules):
        self.left, self._error, self._modules = place, error, modules

    def __enter__(self):
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _trace(self, frame, event, _):
        frame.f_trace_lines = False
        name = frame.f_globals.get("__name__", "")
        frame.f_trace_opcodes = name.startswith(self._modules)
        if event == "opcode":
            self.left -= 1
            if not self.left:
                raise self._error
        return self._trace


STRIDE = 97
"""Every so many steps; a prime, so that a loop is struck in each of its places."""
DRIVER = ("langchain_azureml_oss.transports", "urllib3", "requests", "http.client", "queue")


# What an interrupt tears from its owner, Python closes; one that strikes where a generator ends
# reaches nobody.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
def test_an_interrupt_at_any_step_shows_no_key_and_costs_no_place(
    make_chat, raw_server, wire, answer, key, error
):
    server = raw_server(wire(answer(OK)))
    struck, leaks = 0, []
    with make_chat(
        endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0, deadline=5
    ) as chat:
        chat.invoke("hi")
        for place in range(1, 100_000, STRIDE):
            with StrikeAt(place, error, DRIVER) as strike:
                try:
                    chat.invoke("hi")
                except error as caught:
                    leaks += frames_with(caught, key)
                    struck += 1
                except Exception as other:  # noqa: BLE001 - a library may make another of it
                    leaks += frames_with(other, key)
            if strike.left > 0:
                break
            assert chat.invoke("hi").text == "Hello!", place
    assert struck > 20
    assert leaks == []


def test_a_real_signal_shows_no_key(make_chat, raw_server, key):
    server = raw_server([threading.Event()])

    def strike(*_):
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with (
            make_chat(endpoint_url=f"{server.url}/score") as chat,
            pytest.raises(TimeIsUpError) as told,
        ):
            chat.invoke("hi")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert frames_with(told.value, key) == []


@pytest.fixture
def waiting(raw_server):
    """A server that takes a request and says nothing, and its URL."""
    over = threading.Event()
    server = raw_server([over])
    yield server
    over.set()


async def test_a_call_that_is_cancelled_shows_no_key(make_chat, waiting, key):
    async with make_chat(endpoint_url=f"{waiting.url}/score") as chat:
        task = asyncio.ensure_future(chat.ainvoke("hi"))
        assert await asyncio.to_thread(waiting.arrived.acquire, timeout=2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as told:
            await task
    assert frames_with(told.value, key) == []


async def test_a_call_that_runs_out_of_its_callers_time_shows_no_key(make_chat, waiting, key):
    async with make_chat(endpoint_url=f"{waiting.url}/score") as chat:
        with pytest.raises(TimeoutError) as told:
            async with asyncio.timeout(0.1):
                await chat.ainvoke("hi")
    assert frames_with(told.value, key) == []


async def test_a_call_that_waits_for_a_connection_shows_no_key(make_chat, waiting, key):
    async with make_chat(endpoint_url=f"{waiting.url}/score", max_connections=1) as chat:
        first = asyncio.ensure_future(chat.ainvoke("hi"))
        assert await asyncio.to_thread(waiting.arrived.acquire, timeout=2)
        with pytest.raises(TimeoutError) as told:
            async with asyncio.timeout(0.05):
                await chat.ainvoke("hi")
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert frames_with(told.value, key) == []


def test_ctrl_c_in_a_loop_shows_no_key(make_chat, waiting, key):
    async def call():
        async with make_chat(endpoint_url=f"{waiting.url}/score") as chat:
            await chat.ainvoke("hi")

    def press():
        assert waiting.arrived.acquire(timeout=2)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt) as told:
        asyncio.run(call())
    presser.join(2)
    assert frames_with(told.value, key) == []

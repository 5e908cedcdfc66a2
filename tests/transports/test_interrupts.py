"""Exceptions that strike from outside: no frame shows the key, and the pool stays whole."""

from __future__ import annotations

import asyncio
import contextlib
import dis
import gc
import signal
import sys
import threading
import traceback

import pytest
from pydantic import SecretStr

from langchain_azureml_oss.errors import EndpointConnectionError

OK = {"output": "Hello!"}


class TimeIsUpError(Exception):
    """As a task queue raises it from a signal's handler."""


def frames_with(error, key):
    """The frames, of an error and of what it came from, that hold the key among their variables."""
    found, seen, errors = [], set(), [error]
    while errors:
        error = errors.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename == __file__:
                continue
            found += [
                f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}: {name}"
                for name, value in frame.f_locals.items()
                if key in _shown(value)
            ]
        errors += [error.__cause__, error.__context__]
    return found


def _shown(value):
    """What a tool may show of a variable: itself, what is in it, and each of its attributes."""
    # That is what a SecretStr is for.
    attributes = [] if isinstance(value, SecretStr) else [*getattr(value, "__dict__", {}).values()]
    slots = [
        getattr(value, name, None)
        for cls in type(value).__mro__
        for name in getattr(cls, "__slots__", ())
        if isinstance(name, str) and not name.startswith("__")
    ]
    inside = [*value] if isinstance(value, tuple | list) else []
    return " ".join(map(_repr, [value, *attributes, *slots, *inside]))


def _repr(value):
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - of one that is not made yet
        return ""


class StrikeAt:
    """Raises at the n-th place inside these modules where Python may run a signal's handler."""

    def __init__(self, place, error, modules):
        self.left, self._error, self._modules = place, error, modules
        self._codes, self._may_strike = {}, {}

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
            code = frame.f_code
            if code not in self._codes:
                self._codes[code] = code.co_code
            may_strike = self._may_strike.pop(frame, False)
            self._may_strike[frame] = dis.opname[self._codes[code][frame.f_lasti]].startswith(
                BEHIND
            )
            self.left -= may_strike
            if may_strike and not self.left:
                self._may_strike.clear()  # else the frames that are struck would live on here
                raise self._error
        elif event == "return":
            self._may_strike.pop(frame, None)
        return self._trace


BEHIND = ("CALL", "RESUME", "JUMP_BACKWARD")
"""Instructions behind which the interpreter looks for signals."""
STRIDE = 11
"""Every so many steps; a prime, so that a loop is struck in each of its places."""
OURS = ("langchain_azureml_oss",)
DRIVER = ("langchain_azureml_oss.transports", "urllib3", "requests", "http.client", "queue")
EXTREME = pytest.mark.filterwarnings(
    # What an interrupt tears from its owner, Python closes; one that strikes where a generator ends
    # reaches nobody.
    "ignore:unclosed:ResourceWarning",
    "ignore:Unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def strike_at_every_step(act, between, error, modules, key):
    """Strike an act at one step after the other; returns how often, and the frames with the key."""
    struck, leaks = 0, set()
    for place in range(1, 200_000, STRIDE):
        strike = StrikeAt(place, error, modules)
        try:
            with strike:
                act()
        except BaseException as caught:  # a library may make another of it
            if strike.left > 0:
                raise
            leaks |= set(frames_with(caught, key))
            struck += isinstance(caught, error)
        if strike.left > 0:
            break
        between(place)
    gc.collect()  # so that what was left open is said here, and not in somebody else's test
    return struck, leaks


@EXTREME
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
def test_an_interrupt_at_any_step_shows_no_key_and_costs_no_place(
    make_chat, raw_server, wire, answer, key, error
):
    server = raw_server(wire(answer(OK)))

    def still_works(place):
        assert chat.invoke("hi").text == "Hello!", place

    with make_chat(
        endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0, deadline=5
    ) as chat:
        still_works(0)
        struck, leaks = strike_at_every_step(
            lambda: chat.invoke("hi"), still_works, error, DRIVER, key
        )
    assert struck > 20
    assert leaks == set()


@EXTREME
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
@pytest.mark.parametrize("is_token", [False, True])
def test_an_interrupt_where_things_are_decided_shows_no_key(
    make_chat, plug, answer, key, error, is_token
):
    """A refused key is asked for again, a refusal is freed of it, and another try is made."""

    def ask():
        refused = [answer("no", 401)] if is_token else []
        plug(chat, *refused, answer("busy", 503, retry_after="0"), answer(OK))
        chat.invoke("hi")

    def renew(_):
        nonlocal chat
        chat = make_chat(**({"credential": lambda: key} if is_token else {}))

    chat = None
    renew(0)
    struck, leaks = strike_at_every_step(ask, renew, error, OURS, key)
    assert struck > 20
    assert leaks == set()


@EXTREME
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
@pytest.mark.parametrize("is_reset", [False, True])
def test_an_interrupt_at_any_step_of_a_loop_shows_no_key(
    make_chat, raw_server, wire, answer, key, error, is_reset
):
    server = raw_server(["reset"] if is_reset else wire(answer(OK)))
    chat = make_chat(endpoint_url=f"{server.url}/score", max_retries=0, deadline=5)

    async def ask():
        try:
            with contextlib.suppress(EndpointConnectionError):
                await chat.ainvoke("hi")
        finally:
            await chat.aclose()

    struck, leaks = strike_at_every_step(
        lambda: asyncio.run(ask()), lambda _: None, error, OURS, key
    )
    assert struck > 20
    assert leaks == set()


@EXTREME
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
def test_an_interrupt_where_a_connection_fails_shows_no_key(make_chat, raw_server, key, error):
    server = raw_server(["reset"])

    def ask():
        with contextlib.suppress(EndpointConnectionError):
            chat.invoke("hi")

    with make_chat(endpoint_url=f"{server.url}/score", max_retries=0, deadline=5) as chat:
        struck, leaks = strike_at_every_step(ask, lambda _: None, error, DRIVER, key)
    assert struck > 20
    assert leaks == set()


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
        assert await asyncio.to_thread(waiting.arrived.acquire, timeout=30)
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
        assert await asyncio.to_thread(waiting.arrived.acquire, timeout=30)
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
        assert waiting.arrived.acquire(timeout=30)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has none
    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt) as told:
        asyncio.run(call())
    presser.join(2)
    assert frames_with(told.value, key) == []

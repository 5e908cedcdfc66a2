"""Interrupts strike while a token is asked for: later callers do not wait for ever."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from transports.test_interrupts import EXTREME, StrikeAt, TimeIsUpError

from langchain_azureml_oss.connections import authorizer
from langchain_azureml_oss.errors import AuthenticationError

MODULE = ("langchain_azureml_oss.connections.credentials",)
MOST = 400
"""Strikes; a token takes fewer steps than that."""


async def atoken():
    return "token"


def in_time(ask):
    """Run in a thread of its own, since what waits for a lock waits for ever."""
    done = []
    thread = threading.Thread(target=lambda: done.append(ask()), daemon=True)
    thread.start()
    thread.join(10)
    return done


@EXTREME
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
def test_a_sync_caller(error):
    given = authorizer(None, lambda: "token")
    for place in range(1, MOST):
        given._live_until(0)
        strike = StrikeAt(place, error, MODULE)
        with contextlib.suppress(error, AuthenticationError), strike:
            given.secret()
        given._live_until(0)
        assert in_time(given.secret) == ["token"], place
        if strike.left > 0:
            break
    assert 5 < place < MOST - 1


@EXTREME
@pytest.mark.parametrize("credential", [lambda: "token", atoken], ids=["sync", "async"])
def test_an_async_caller(credential):
    given = authorizer(None, credential)

    async def ask(place):
        given._live_until(0)
        strike = StrikeAt(place, TimeIsUpError, MODULE)
        with contextlib.suppress(TimeIsUpError, AuthenticationError), strike:
            await given.asecret()
        given._live_until(0)
        assert await asyncio.wait_for(given.asecret(), 10) == "token", place
        return strike.left > 0

    async def strikes():
        for place in range(1, MOST):
            if await ask(place):
                return place
        return MOST

    assert 5 < asyncio.run(strikes()) < MOST - 1


@EXTREME
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_async_callers_that_wait_for_another_ones_token():
    """Struck too is what they wait with: asyncio's locks, were there any, would not wake them."""

    async def slow_token():
        await asyncio.sleep(0)
        return "token"

    async def strikes():
        given = authorizer(None, slow_token)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        for place in range(1, MOST):
            given._live_until(0)
            strike = StrikeAt(place, TimeIsUpError, (*MODULE, "asyncio.locks", "asyncio.mixins"))
            with strike:
                asked = [asyncio.ensure_future(given.asecret()) for _ in range(3)]
                _, waiting = await asyncio.wait(asked, timeout=10)
            assert not waiting, place
            assert not {*map(type, (task.exception() for task in asked))} - {
                TimeIsUpError,
                AuthenticationError,
                type(None),
            }
            given._live_until(0)
            assert await asyncio.wait_for(given.asecret(), 10) == "token", place
            if strike.left > 0:
                return place
        return MOST

    assert 20 < asyncio.run(strikes()) < MOST - 1


async def test_callers_share_a_token_that_one_of_them_asks_for():
    async def slow_token():
        await asyncio.sleep(0.01)
        return "token"

    given = authorizer(None, slow_token)
    callers = [asyncio.ensure_future(given.asecret()) for _ in range(3)]
    await asyncio.sleep(0.005)
    callers[0].cancel()
    assert await asyncio.gather(*callers[1:]) == ["token"] * 2
    assert callers[0].cancelled()
    assert not given._asking

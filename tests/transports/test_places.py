"""Interrupts of async calls: the places of the pool stay whole, and no call waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from langchain_azureml_oss.errors import frames_forgotten
from langchain_azureml_oss.transports.places import Places
from transports.test_interrupts import EXTREME, StrikeAt, TimeIsUpError

STRIDE = 7
"""Every so many steps; a prime, so that a loop is struck in each of its places."""
MOST = 2_000
PLACES = ("langchain_azureml_oss.transports.places",)
DRIVER = ("langchain_azureml_oss.transports", "aiohttp", "asyncio.locks", "asyncio.timeouts")


class CancelAt:
    """Cancels the task that awaits it, where it waits for the n-th time.

    `late`: in the moment in which what it waits for is there, and the task has not gone on yet.
    """

    def __init__(self, awaited, place, *, late):
        self._awaited, self.left, self._late = awaited, place, late

    def __await__(self):
        steps = self._awaited.__await__()
        step, value = steps.send, None
        while True:
            try:
                waits_for = step(value)
            except StopIteration as end:
                return end.value
            self.left -= 1
            if not self.left:
                self._cancel(asyncio.current_task(), waits_for)
            step, value = steps.send, None
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - whatever it is, it goes on inside
                step, value = steps.throw, error

    def _cancel(self, task, waits_for):
        if self._late and waits_for is not None:
            waits_for.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


async def whole(chat):
    return (await chat.ainvoke("hi")).text


async def streamed(chat):
    return "".join([chunk.text async for chunk in chat.astream("hi")])


async def ended(tasks, where):
    """The texts of those that were not cancelled; none is left waiting."""
    done, waiting = await asyncio.wait(tasks, timeout=10)
    assert not waiting, where
    return [task.result() for task in done if not task.cancelled()]


@pytest.fixture
def drips(raw_server, wire, events, delta, tick):
    """A server that streams with pauses."""
    pieces = wire(events(delta("Hel"), delta("lo!", "stop"), cuts=range(20, 200, 60)))
    return raw_server([one for piece in pieces for one in (tick, piece)])


@pytest.mark.parametrize("late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "one that waits"])
async def test_a_call_that_is_cancelled_anywhere_costs_no_place(
    make_chat, drips, is_first, ask, late
):
    fields = {"endpoint_url": f"{drips.url}/v1/chat/completions", "streaming": True}
    async with make_chat(**fields, max_connections=1, max_retries=0) as chat:
        for place in range(1, MOST):
            cancel = CancelAt(ask(chat), place, late=late)

            async def struck(cancel=cancel):
                return await cancel

            before = [] if is_first else [asyncio.ensure_future(ask(chat))]
            await asyncio.sleep(0)
            tasks = [*before, asyncio.ensure_future(struck())]
            await asyncio.sleep(0)
            tasks += [asyncio.ensure_future(ask(chat)) for _ in range(2)]
            assert set(await ended(tasks, place)) == {"Hello!"}
            if cancel.left > 0:
                break
    assert 2 < place < MOST - 1


@EXTREME
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
def test_an_interrupt_at_any_step_costs_no_place_in_a_loop_that_goes_on(
    make_chat, raw_server, wire, answer, error
):
    server = raw_server(wire(answer({"output": "Hello!"})))
    chat = make_chat(
        endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0, deadline=5
    )
    with asyncio.Runner() as runner:
        # The runner's own way with Ctrl-C is to cancel; not every owner of a loop has it.
        loop = runner.get_loop()
        loop.set_exception_handler(lambda *_: None)
        assert loop.run_until_complete(whole(chat)) == "Hello!"
        for place in range(1, MOST, STRIDE):
            strike = StrikeAt(place, error, DRIVER)

            async def ask(strike=strike):
                with strike:
                    return await whole(chat)

            with contextlib.suppress(error, Exception):
                loop.run_until_complete(ask())
            if strike.left > 0:
                break
            assert loop.run_until_complete(whole(chat)) == "Hello!", place
        loop.run_until_complete(chat.aclose())
    gc.collect()
    assert 20 * STRIDE < place < MOST - STRIDE


@EXTREME
def test_calls_that_wait_behind_one_that_is_struck(make_chat, raw_server, wire, answer):
    server = raw_server(wire(answer({"output": "Hello!"})))
    chat = make_chat(endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0)

    async def strikes():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        for place in range(1, MOST, STRIDE):
            strike = StrikeAt(place, TimeIsUpError, DRIVER[:1])
            with strike:
                tasks = [asyncio.ensure_future(whole(chat)) for _ in range(4)]
                _, waiting = await asyncio.wait(tasks, timeout=10)
            assert not waiting, place
            assert sum(task.exception() is None for task in tasks) >= 3, place
            if strike.left > 0:
                break
        await chat.aclose()
        return place

    assert 20 * STRIDE < asyncio.run(strikes()) < MOST - STRIDE
    gc.collect()


@pytest.fixture
def only_new_garbage():
    """Let the collector pass over what comes now: all that other tests left takes it a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@EXTREME
@pytest.mark.usefixtures("only_new_garbage")
@pytest.mark.parametrize("count", [1, 2])
async def test_places_wherever_an_interrupt_strikes(count):
    """At each step of giving and taking; never do more calls have a place than there are."""

    async def call(places):
        nonlocal inside, most
        place = None
        try:
            with frames_forgotten:  # as the driver does
                place = await places.take()
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
        finally:
            try:
                if place is not None:
                    place.give_back()
            finally:
                if place is not None:
                    place.give_back()

    for number in range(1, MOST):
        places = Places(count)
        inside = most = 0
        strike = StrikeAt(number, TimeIsUpError, PLACES)
        with strike:
            tasks = [asyncio.ensure_future(call(places)) for _ in range(5)]
            _, waiting = await asyncio.wait(tasks, timeout=10)
        assert not waiting, number
        assert most == count, number
        assert len([task for task in tasks if task.exception() is None]) >= 4
        if strike.left > 0:
            break
        del tasks
        gc.collect()  # errors hold the frames in which they were raised
        again = [asyncio.ensure_future(call(places)) for _ in range(count + 1)]
        _, waiting = await asyncio.wait(again, timeout=10)
        assert not waiting, number
        assert most == count, number
    assert 20 < number < MOST - 1


async def test_places_are_given_in_the_order_in_which_they_were_asked_for():
    places, order = Places(1), []

    async def call(name):
        place = await places.take()
        order.append(name)
        await asyncio.sleep(0)
        place.give_back()
        place.give_back()

    tasks = [asyncio.ensure_future(call(name)) for name in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert order == [0, 1, 3, 4, 5]


async def test_a_place_that_nobody_holds_any_more_comes_back():
    places = Places(1)
    place = await places.take()
    waiter = asyncio.ensure_future(places.take())
    await asyncio.sleep(0)
    await asyncio.to_thread(gc.collect)
    assert not waiter.done()
    del place
    assert await asyncio.wait_for(waiter, 10)

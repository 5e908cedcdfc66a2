"""The turnstile of a cluster without a cluster: one bound for all, and leases of those that die."""

from __future__ import annotations

import asyncio

import pytest

from langchain_azureml_oss.batch.machines.cluster_gate import FarGate, Places
from langchain_azureml_oss.batch.pacing.turnstile import End


class Near:
    """Calls an actor's methods as Ray does, in this process."""

    def __init__(self, actor):
        self._actor = actor

    def __getattr__(self, name):
        method = getattr(self._actor, name)
        return type("Method", (), {"remote": staticmethod(method)})


@pytest.fixture
async def places():
    made = Places({"most": 3, "start": 3}, {"requests": None, "tokens": None})
    yield made
    if made._watch:
        made._watch.cancel()


async def test_all_scorers_together_keep_to_one_bound(places):
    gates = [FarGate(Near(places), name) for name in "ab"]
    now = most = 0

    async def one(gate):
        nonlocal now, most
        ticket = await gate.enter()
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0)
        now -= 1
        await gate.leave(ticket, End("answered"))

    await asyncio.gather(*(one(gates[n % 2]) for n in range(60)))
    assert most == 3


async def test_a_refusal_of_one_holds_back_the_others(places):
    first, second = (FarGate(Near(places), name) for name in "ab")
    tickets = [await first.enter(), await second.enter()]
    state = await second.leave(tickets[1], End("refused", 30.0))
    assert (state.height, state.refusals) == (1, 1)
    await first.leave(tickets[0], End("answered"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(first.enter(), 0.01)


async def test_places_of_a_scorer_that_is_gone_are_given_to_others(places):
    dead, alive = (FarGate(Near(places), name) for name in ("dead", "alive"))
    lost = [await dead.enter() for _ in range(3)]
    waiting = asyncio.create_task(alive.enter())
    await asyncio.sleep(0)
    assert not waiting.done()
    await places.beat("alive")
    places._heard["dead"] -= 1_000
    await places.release(places._heard["alive"] - 500)
    ticket = await asyncio.wait_for(waiting, 5)
    state = await dead.leave(lost[0], End("answered"))  # it was only slow, and counts no more
    assert state.height == 3
    await alive.leave(ticket, End("answered"))


async def test_a_place_given_to_a_scorer_that_went_while_it_waited_comes_back(places):
    alive, gone = (FarGate(Near(places), name) for name in ("alive", "gone"))
    tickets = [await alive.enter() for _ in range(3)]
    waiting = asyncio.create_task(gone.enter())
    await asyncio.sleep(0.01)
    gone._beats.cancel()
    places._heard["gone"] -= 1_000
    await places.release(places._heard["alive"] - 500)
    for ticket in tickets:
        await alive.leave(ticket, End("failed"))
    await waiting  # the actor answers, and nobody is there any more
    places._heard |= {name: -1_000.0 for name in places._heard if name == "gone"}
    await places.release(places._heard["alive"] - 500)
    assert [await asyncio.wait_for(alive.enter(), 1) for _ in range(3)]

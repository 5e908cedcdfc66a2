"""The turnstile of a whole cluster: an actor holds it, and each scorer asks it over the network.

A scorer that dies holds its places no longer than its lease.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from typing import Any

from langchain_azureml_oss.batch.pacing.limits import Limits
from langchain_azureml_oss.batch.pacing.pace import Pace, Ticket
from langchain_azureml_oss.batch.pacing.turnstile import End, State, Turnstile

LEASE_SECONDS = 10.0
"""How long places stay with a scorer that is not heard of."""
_BEAT_SECONDS = 2.0


class Places:
    """What the actor does: hands out places, and takes them back from those that are gone."""

    def __init__(self, pace: dict[str, Any], limits: dict[str, int | None]) -> None:
        self._turnstile = Turnstile(Pace(**pace), Limits(**limits))
        self._held: defaultdict[str, dict[int, Ticket]] = defaultdict(dict)
        self._heard: dict[str, float] = {}
        # An actor that was started again does not give the numbers of the one before.
        self._numbers = itertools.count(time.time_ns())
        self._watch: asyncio.Task[None] | None = None

    async def enter(self, owner: str, tokens: int) -> tuple[int, Ticket]:
        """Give a place to a scorer, under a number."""
        self._watch = self._watch or asyncio.create_task(self._take_back())
        await self.beat(owner)
        ticket = await self._turnstile.enter(tokens)
        number = next(self._numbers)
        # Who is gone by now holds it for another lease, and not for ever.
        self._heard.setdefault(owner, time.monotonic())
        self._held[owner][number] = ticket
        return number, ticket

    async def leave(self, owner: str, number: int, end: End) -> State:
        """Take a place back; one that was taken back before counts no more."""
        await self.beat(owner)
        ticket = self._held[owner].pop(number, None)
        if ticket is None:
            return self._turnstile.state
        return await self._turnstile.leave(ticket, end)

    async def beat(self, owner: str) -> None:
        """Hear of a scorer."""
        self._heard[owner] = time.monotonic()

    async def release(self, before: float) -> None:
        """Take back what scorers hold that were not heard of since then."""
        for owner in [owner for owner, heard in self._heard.items() if heard < before]:
            del self._heard[owner]
            for ticket in self._held.pop(owner, {}).values():
                await self._turnstile.leave(ticket, End("failed"))

    async def _take_back(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await self.release(time.monotonic() - LEASE_SECONDS)


class FarGate:
    """A scorer's way to the actor.

    Args:
        places: The actor.
        owner: Who the scorer is.
    """

    def __init__(self, places: Any, owner: str) -> None:
        self._places, self._owner = places, owner
        self._numbers: dict[int, int] = {}
        self._beats: asyncio.Task[None] | None = None

    async def enter(self, tokens: int = 0) -> Ticket:
        """Wait until a request of about so many tokens may start."""
        self._beats = self._beats or asyncio.create_task(self._beat())
        number, ticket = await self._places.enter.remote(self._owner, tokens)
        ticket = Ticket(*ticket)
        self._numbers[id(ticket)] = number
        return ticket

    async def leave(self, ticket: Ticket, end: End) -> State:
        """Tell what became of a request, and hear how it goes on."""
        number = self._numbers.pop(id(ticket))
        state: State = await self._places.leave.remote(self._owner, number, end)
        return state

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await self._places.beat.remote(self._owner)

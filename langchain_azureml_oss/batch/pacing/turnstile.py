"""Lets requests start, one after the other: the pace and the limits, with a clock and a loop.

One for a run on this machine; on many machines, an actor holds the one of them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from langchain_azureml_oss.batch.pacing.limits import Limits
from langchain_azureml_oss.batch.pacing.pace import Pace, Ticket


class End(NamedTuple):
    """What became of a request."""

    kind: Literal["answered", "refused", "failed"]
    asked: float | None = None
    """Seconds that the server asked to wait."""
    expected: int = 0
    """Tokens that were expected of it."""
    used: int | None = None
    """Tokens that it had, where that is known."""


class State(NamedTuple):
    """What is known about the pace."""

    height: int
    """Requests that may be on their way at once."""
    refusals: int
    """Requests that were refused."""
    lone_refusals: int
    """Requests that were refused though no other was on its way, one after the other."""


class Gate(Protocol):
    """What a run needs of a turnstile, which may be far away."""

    async def enter(self, tokens: int = 0) -> Ticket:
        """Wait until a request of about so many tokens may start."""

    async def leave(self, ticket: Ticket, end: End) -> State:
        """Tell what became of a request, and hear how it goes on."""


class Turnstile:
    """Whoever wants to send a request enters before, and leaves when it has ended.

    Args:
        pace: How many at once.
        limits: How many a minute.
        clock: Seconds that only go forward.
    """

    def __init__(
        self, pace: Pace, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pace, self._limits, self._clock = pace, limits, clock
        self._queue = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self, tokens: int = 0) -> Ticket:
        """Wait until a request of about so many tokens may start."""
        async with self._queue:
            await self._limits.admit(tokens)
            while (wait := self._pace.wait(self._clock())) != 0:
                self._changed.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    continue
            return self._pace.started(self._clock())

    async def leave(self, ticket: Ticket, end: End) -> State:
        """Tell what became of a request, and hear how it goes on."""
        now, pace = self._clock(), self._pace
        if end.kind == "answered":
            pace.answered(ticket, now)
        elif end.kind == "refused":
            pace.refused(ticket, now, end.asked)
        else:
            pace.ended(ticket)
        if end.used is not None:
            self._limits.settle(end.expected, end.used)
        self._changed.set()
        return self.state

    @property
    def state(self) -> State:
        """What is known about the pace."""
        return State(self._pace.height, self._pace.refusals, self._pace.lone_refusals)

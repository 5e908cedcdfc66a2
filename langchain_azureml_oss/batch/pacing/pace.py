"""How many requests at once: a height that finds itself. Pure: no clock, no I/O.

Additive increase, multiplicative decrease, as in TCP, with two things that an endpoint tells and a
network does not. A refusal is sure, so the height goes to just below what was refused, and stays
there: going beyond costs a pause, and is tried again only when the pause is a twentieth of the time
since, and half as often each time that the same height is refused. And a wait that the server asks
for holds for all requests, not for the refused one.

    searching ──429──► paused ──► climbing ◄──► just below the ceiling ──in time──► beyond it
        +1 an answer               +1 a round                                       +1 a round
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

_DECREASE = 0.9
"""What is left of the height after a refusal."""
_HOLD = 20
"""A refusal costs its pause; it is risked again after so many times that, for 5 % at most."""
_SAME = 1
"""How far apart two ceilings may be and be the same one."""
_LONGEST_PAUSE = 60.0
"""Seconds that a server may ask to wait; a longer wait is cut to this."""
_LONGEST_HOLD = 600.0


class Ticket(NamedTuple):
    """A request on its way."""

    epoch: int
    """How many times the height had been cut when it started."""
    place: int
    """How many were on their way, itself included."""
    started: float


@dataclass(slots=True)
class Pace:
    """Says when one more request may start, told what became of the others; times in seconds.

    Args:
        most: Requests at once, never more.
        start: Requests at once in the beginning.
        backoff: Upper end of the first pause where even a lone request is refused, and of any.
        jitter: A number from 0 to 1.
    """

    most: int
    start: int = 8
    backoff: tuple[float, float] = (0.5, 8.0)
    jitter: Callable[[], float] = random.random
    in_flight: int = 0
    lone_refusals: int = 0
    """Requests refused though no other was on its way, one after the other."""
    refusals: int = 0
    """All of them."""
    _height: float = field(init=False)
    _ceiling: float = math.inf
    """Where a request was refused last."""
    _epoch: int = 0
    _goes_on: float = -math.inf
    _beyond: float = -math.inf
    """From when on the ceiling is tried again."""
    _held: int = 0
    """How many times the ceiling was tried again in vain."""
    _was_full: float = -math.inf
    """When as many were on their way as the height allows."""
    _latency: float = 0.0

    def __post_init__(self) -> None:
        self._height = float(max(1, min(self.start, self.most)))

    @property
    def height(self) -> int:
        """Requests that may be on their way at once."""
        return int(self._height)

    def wait(self, now: float) -> float | None:
        """Return the seconds until one more may start; None: not before another has ended."""
        if self.in_flight >= self.height:
            return None
        return max(0.0, self._goes_on - now)

    def started(self, now: float) -> Ticket:
        """Count one that starts."""
        self.in_flight += 1
        if self.in_flight >= self.height:
            self._was_full = now
        return Ticket(self._epoch, self.in_flight, now)

    def ended(self, ticket: Ticket) -> None:
        """Count one that ended in a way that says nothing about the height."""
        self.in_flight -= 1

    def answered(self, ticket: Ticket, now: float) -> None:
        """Count one that was answered."""
        self.ended(ticket)
        self.lone_refusals = 0
        self._latency += (now - ticket.started - self._latency) / (8 if self._latency else 1)
        if ticket.started > self._was_full or ticket.epoch != self._epoch:
            return
        if math.isinf(self._ceiling):
            top, step = math.inf, 1.0
        else:
            top = math.inf if now >= self._beyond else self._ceiling - 1
            step = 1 / self._height
        self._height = min(self._height + step, max(top, self._height), float(self.most))

    def refused(self, ticket: Ticket, now: float, asked: float | None = None) -> None:
        """Count one that was refused because there were too many.

        Args:
            ticket: The request.
            now: The present.
            asked: The wait that the server asked for.
        """
        self.ended(ticket)
        self.refusals += 1
        below = max(1, ticket.place - 1)
        if ticket.epoch == self._epoch:  # requests of the same round are cut for once
            self._epoch += 1
            self._height = max(1.0, min(self._height, below) * _DECREASE)
            self._held = self._held + 1 if abs(below + 1 - self._ceiling) <= _SAME else 0
            self._ceiling = below + 1
        else:
            self._height = min(self._height, float(below))
            self._ceiling = min(self._ceiling, below + 1)
        if ticket.place == 1:
            self.lone_refusals += 1
        pause = self._pause(asked)
        self._goes_on = max(self._goes_on, now + pause)
        hold = min(_HOLD * 2.0 ** min(self._held, 9) * max(pause, self._latency), _LONGEST_HOLD)
        self._beyond = max(self._beyond, now + hold)

    def _pause(self, asked: float | None) -> float:
        if asked is not None:
            return min(asked, _LONGEST_PAUSE)
        if self.in_flight:
            return 0.0  # room comes with the next that ends
        first, longest = self.backoff
        doubled = first * 2.0 ** min(self.lone_refusals, 30)
        return min(doubled, longest) * self.jitter()

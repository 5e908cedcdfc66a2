"""How long the sync driver's thread may wait.

A socket's own time-out begins anew with each byte, so a server that drips would hold a call for
ever. So the driver says here what it waits for, and each single step on a socket asks first.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

LONGEST = 1e6
"""Seconds; sockets and locks refuse time-outs that are much longer."""


class Bounds(threading.local):
    """What this thread may wait for; one thread carries out one step of one call at a time."""

    def __init__(self) -> None:
        self.set(math.inf, math.inf)

    def set(self, silence: float, seconds: float) -> None:
        """Allow so long a wait for the next bytes, and so many seconds in all."""
        self._silence, self._ends = silence, time.monotonic() + seconds
        self.sent = False
        """Whether any part of the request has gone out."""

    def left(self) -> float:
        """Return the seconds until all waiting ends."""
        return min(LONGEST, max(0.0, self._ends - time.monotonic()))

    def next_step(self) -> float:
        """Return the seconds that the next step may take.

        Raises:
            TimeoutError: there are none.
        """
        seconds = min(self._silence, self.left())
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    @contextlib.contextmanager
    def connecting(self, seconds: float) -> Iterator[None]:
        """Bound the steps to a connection together; what a proxy is sent is no request."""
        silence, ends = self._silence, self._ends
        self.set(seconds, min(seconds, self.left()))
        try:
            yield
        finally:
            self._silence, self._ends, self.sent = silence, ends, False


BOUNDS = Bounds()


def bounded(sock: Any, step: Any) -> Any:
    """Return a step of a socket's that ends in time."""

    def step_in_time(*args: Any) -> Any:
        sock.settimeout(BOUNDS.next_step())
        return step(*args)

    return step_in_time

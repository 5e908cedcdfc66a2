"""Sockets whose waits end in time.

A socket's own time-out begins anew with each byte, so a server that drips would hold a call for
ever, and a big request has to go out in the time to connect. These sockets ask before each step how
long it may take; `bound` says it to those that the thread uses.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

_LONGEST = 1e6
"""Seconds; a socket refuses time-outs that are much longer."""


class _Bounds(threading.local):
    silence = math.inf
    """Longest wait for the next bytes, in seconds."""
    ends = math.inf
    """When all waiting ends, on the monotonic clock."""
    sent = False
    """Whether any part of the request has gone out."""

    def left(self) -> float:
        """Return the seconds until all waiting ends."""
        return min(_LONGEST, max(0.0, self.ends - time.monotonic()))


BOUNDS = _Bounds()


@contextlib.contextmanager
def connecting(seconds: float) -> Iterator[None]:
    """Bound the steps to a connection together; what is sent to a proxy is no part of a request."""
    silence, ends = BOUNDS.silence, BOUNDS.ends
    bound(seconds, min(seconds, BOUNDS.left()))
    try:
        yield
    finally:
        BOUNDS.silence, BOUNDS.ends, BOUNDS.sent = silence, ends, False


def bound(silence: float, seconds: float) -> None:
    """Bound what this thread's sockets wait for from now on, both in seconds."""
    BOUNDS.silence, BOUNDS.ends, BOUNDS.sent = silence, time.monotonic() + seconds, False


class BoundedSocket(socket.socket):
    """Asks before each step how long it may take."""

    def _begin(self) -> None:
        left = min(BOUNDS.silence, BOUNDS.left())
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)

    def recv(self, *args: Any) -> bytes:
        """Receive bytes, or raise TimeoutError."""
        self._begin()
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        """Receive bytes into a buffer, or raise TimeoutError."""
        self._begin()
        return super().recv_into(*args)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of the bytes, or raise TimeoutError."""
        rest = memoryview(data).cast("B")
        while rest:
            self._begin()
            rest = rest[self.send(rest, flags) :]
            BOUNDS.sent = True


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS."""

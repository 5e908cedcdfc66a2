"""Sockets whose waits end in time.

A socket's own time-out begins anew with each byte, so a server that drips would hold a call for
ever, and a big request has to go out in the time to connect. These sockets ask before each step how
long it may take; `bound` says it to those that the thread uses.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from typing import Any


class _Bounds(threading.local):
    silence = math.inf
    """Longest wait for the next bytes, in seconds."""
    ends = math.inf
    """When all waiting ends, on the monotonic clock."""
    sent = False
    """Whether any part of the request has gone out."""

    def left(self) -> float | None:
        """Return the seconds until all waiting ends; None: there is no end."""
        return max(0.0, self.ends - time.monotonic()) if self.ends < math.inf else None


BOUNDS = _Bounds()


def bound(silence: float, seconds: float) -> None:
    """Bound what this thread's sockets wait for from now on, both in seconds."""
    BOUNDS.silence, BOUNDS.ends, BOUNDS.sent = silence, time.monotonic() + seconds, False


class BoundedSocket(socket.socket):
    """Asks before each step how long it may take."""

    def _begin(self) -> None:
        left = min(BOUNDS.silence, BOUNDS.ends - time.monotonic())
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left if left < math.inf else None)

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

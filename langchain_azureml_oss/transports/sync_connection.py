"""urllib3's connections, with bounds on their waits, and the pools that hold them.

Public names of http.client and urllib3 are overridden: `connect`, `request`, `send`,
`response_class`, `is_connected`, `urlopen`. The private ones are in `PRIVATE_NAMES`.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.wait import wait_for_read, wait_for_socket, wait_for_write

from langchain_azureml_oss.transports.bounds import BOUNDS, bounded
from langchain_azureml_oss.transports.sync_answer import Answer, Incoming

_PIECE = 16 * 1024
"""Bytes of a request that are sent in one step: one record of TLS."""


def _urllib3s_own(cls: Any) -> Any:
    """Return urllib3's class, though VCR.py has put one of its own in its place."""
    return next(base for base in cls.__mro__ if base.__module__ == "urllib3.connection")


_HTTPConnection: Any = _urllib3s_own(HTTPConnection)
_HTTPSConnection: Any = _urllib3s_own(HTTPSConnection)


def connection_class() -> Any:
    """Return what urllib3 makes connections of; VCR.py changes that for as long as a test runs."""
    return HTTPConnectionPool.ConnectionCls


def pool_classes() -> dict[str, Any] | None:
    """Return the pools for each scheme; None: a test has put its own connections into urllib3's."""
    return _POOLS if connection_class() is _HTTPConnection else None


class Connection(_HTTPConnection):  # type: ignore[misc]
    """One whose waits end in time, and that is not used again with bytes left on it."""

    timeout: Any
    _incoming: Incoming | None = None
    _held: list[bytes] | None = None
    _is_unfinished = False

    def connect(self) -> None:
        """Connect in the time for that, proxy and TLS included."""
        self._incoming, self._is_unfinished = None, False
        with BOUNDS.connecting(self.timeout):
            self.timeout = BOUNDS.next_step()
            super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, head and body together: a packet costs more than all else here."""
        self._held = []
        try:
            super().request(*args, **kwargs)
        finally:
            held, self._held = self._held, None
        self.send(b"".join(held))

    def send(self, data: bytes) -> None:
        """Send bytes; `BrokenPipeError` makes urllib3 read what the other side had to say."""
        if self._held is not None:
            self._held.append(data)
            return
        if self.sock is None:
            self.connect()
        for start in range(0, len(data), _PIECE):
            if start and self._is_answered():
                self._is_unfinished = True
                raise BrokenPipeError
            self.sock.settimeout(BOUNDS.next_step())
            try:
                super().send(data[start : start + _PIECE])
            except ssl.SSLError:
                raise BrokenPipeError from None
            BOUNDS.sent = True

    def response_class(self, sock: Any, *args: Any, **kwargs: Any) -> Answer:
        """Return the answer on a socket; http.client calls this as it would a class."""
        incoming, self._incoming = self._incoming, None
        if incoming is None or incoming.closed:
            incoming = Incoming(sock)
        self._incoming = incoming
        return Answer(incoming, *args, **kwargs)

    @property
    def is_connected(self) -> bool:
        """Whether the next request can be sent here."""
        # Over TLS, bytes may wait where no look at the socket finds them.
        has_more = self._incoming is not None and self._incoming.has_more
        if has_more or self._is_unfinished or getattr(self.sock, "pending", int)():
            return False
        return bool(super().is_connected)

    def _is_answered(self) -> bool:
        """Wait until more can be sent; True: the answer has come before that."""
        # urllib3's TLS inside TLS cannot look without waiting.
        while isinstance(self.sock, socket.socket) and not wait_for_write(self.sock, timeout=0):
            wait_for_socket(self.sock, read=True, write=True, timeout=BOUNDS.next_step())
            if wait_for_read(self.sock, timeout=0):
                if self._incoming is None or self._incoming.closed:
                    self._incoming = Incoming(self.sock)
                if self._incoming.source.has_any():
                    return True
        return False


class _TLSConnection(Connection, _HTTPSConnection):  # type: ignore[misc]
    def _connect_tls_proxy(self, hostname: str, sock: Any) -> Any:
        """urllib3 reads TLS inside TLS itself, many steps at a time."""
        outer = super()._connect_tls_proxy(hostname, sock)
        outer.recv, outer.sendall = bounded(outer, outer.recv), bounded(outer, outer.sendall)
        return outer


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        """The same, with a bound on the wait for a place."""
        kwargs["pool_timeout"] = BOUNDS.left()
        return super().urlopen(*args, **kwargs)


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}

"""An answer as http.client reads it, from bytes that come in time.

http.client takes a head as a parser of e-mails does, and makes the best of what is malformed. Here
that is an error, as it is in aiohttp: whoever reads a head in another way than its writer meant
takes the bytes of one answer for another's.
"""

from __future__ import annotations

import http.client
import io
import ssl
from typing import Any

from langchain_azureml_oss.transports.bounds import BOUNDS

_MAX_DIGITS = 18
_MAX_BLANK_LINES = 10
_AHEAD = 4096
"""Bytes that are taken from the socket while a request is still being sent."""


class _Source(io.RawIOBase):
    """A socket's bytes; the same for plain sockets and for TLS of every make."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        # A socket stays open for as long as a file of it does, though http.client closes it.
        self._file = sock.makefile("rb", buffering=0)
        self._ahead = b""
        self.is_at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._ahead:
            count = min(len(buffer), len(self._ahead))
            buffer[:count], self._ahead = self._ahead[:count], self._ahead[count:]
            return count
        if self.is_at_end:
            return 0
        self._sock.settimeout(BOUNDS.next_step())
        received: int = self._sock.recv_into(buffer)
        self.is_at_end = not received
        return received

    def has_any(self) -> bool:
        """Look without waiting. Over TLS, what there is to read may be no part of an answer."""
        self._sock.settimeout(0)
        try:
            self._ahead = self._sock.recv(_AHEAD)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


class Incoming(io.BufferedReader):
    """The bytes of one answer."""

    has_more = False
    """Whether there were more when the answer was over: its connection is of no further use."""

    def __init__(self, sock: Any) -> None:
        self.source = _Source(sock)
        super().__init__(self.source)

    def makefile(self, *_: Any) -> Incoming:
        """http.client takes this for a socket, and asks it for a file."""
        return self

    def close(self) -> None:
        """Let go of the socket."""
        if not self.closed:
            self.source.is_at_end = True  # what is buffered is all that a look can find
            self.has_more = bool(self.peek())
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer whose head is well-formed."""

    def __init__(self, incoming: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(incoming, *args, **kwargs)
        self._incoming: Incoming = incoming

    def begin(self) -> None:
        """Read the status and the headers.

        Raises:
            http.client.HTTPException, OSError: they did not come, or are malformed.
        """
        for _ in range(_MAX_BLANK_LINES):  # aiohttp overlooks them too
            if self._incoming.peek(1)[:1] not in {b"\r", b"\n"}:
                break
            self._incoming.readline()
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:  # 103, Early Hints
            self.headers = None  # type: ignore[assignment]  # begin() does nothing for one that has begun
            super().begin()
        if self._incoming.source.is_at_end:
            raise http.client.RemoteDisconnected("the other side hung up before its headers ended")
        if self.msg.defects or self.msg.get_payload():
            raise http.client.HTTPException("a header is malformed")
        lengths = set(self.msg.get_all("content-length", ()))
        codings = {coding.lower() for coding in self.msg.get_all("transfer-encoding", ())}
        if len(lengths) + len(codings) > 1:
            raise http.client.HTTPException("its headers disagree about where its body ends")
        if codings - {"chunked"}:
            raise http.client.HTTPException("its transfer-encoding is not known")
        for length in lengths:
            if not length.isdecimal() or len(length) > _MAX_DIGITS:
                raise http.client.HTTPException(f"its content-length is {length[:40]!r}")

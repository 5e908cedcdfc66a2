"""A response on a connection of the pool, as it comes."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any

_MAX_LINE = 65_536
"""Bytes of one line of the head, as http.client has it."""
_MAX_HEADERS = 100
_MAX_DIGITS = 18
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers that say where a body ends."""


class Answer(http.client.HTTPResponse):
    """Once it is closed, its connection may be used again.

    http.client reads the body. The head is read here: what http.client has for that, a parser of
    e-mails, takes a tenth of a call's time, and overlooks what is malformed. Errors are
    http.client's and the socket's.

    Args:
        connection: What the request was sent on.
        give_back: Takes the connection, when nothing more is read from it.
    """

    fields: dict[str, str]
    """The headers, under lower-case names."""

    def __init__(self, connection: Any, give_back: Callable[[Any], None]) -> None:
        super().__init__(connection.sock, method="POST")
        self._connection, self._give_back = connection, give_back
        self._ended = False

    def begin(self) -> None:
        """Read the status and the headers."""
        version = self._read_head()
        while 100 <= self.status < 200 and self.status != 101:  # an interim one: 103, Early Hints
            version = self._read_head()
        self.version = 10 if version == "HTTP/1.0" else 11
        self.chunked = "transfer-encoding" in self.fields
        self.chunk_left = None
        self.length = None if self.chunked else self._length()
        connection = self.fields.get("connection", "").lower()
        stays = "keep-alive" in connection if self.version == 10 else "close" not in connection
        self.will_close = not stays or (self.length is None and not self.chunked)

    def read1(self, n: int = -1, *, decode_content: bool = False) -> bytes:
        """Return the next bytes of the body, b"" at its end; decoding is for who is around."""
        data = super().read1(n)
        if not data:
            if self.length:
                raise http.client.IncompleteRead(b"", self.length)
            self._ended = True
        return data

    def isclosed(self) -> bool:
        """Whether nothing is left to close; urllib3 asks before it closes what it decodes."""
        return self._connection is None

    def close(self) -> None:
        """Give the connection back; one with something left to read is closed first."""
        super().close()
        connection, self._connection = self._connection, None
        if connection is not None:
            is_whole = self._ended or self.length == 0
            # Over TLS, bytes beyond the end may wait where no look at the socket finds them.
            more = getattr(connection.sock, "pending", int)()
            if self.will_close or more or not is_whole:
                connection.close()
            self._give_back(connection)

    def _read_head(self) -> str:
        """Read one status line with headers, and return the version."""
        line = self._line()
        version, _, rest = line.partition(" ")
        status, _, self.reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not (len(status) == 3 and status.isdecimal()):
            raise http.client.BadStatusLine(line)
        self.status = int(status)
        self.fields = {}
        left = _MAX_HEADERS
        while line := self._line():
            name, colon, value = line.partition(":")
            name, value, left = name.lower(), value.strip(), left - 1
            if not colon or not name or name != name.strip():
                raise http.client.HTTPException("a header is malformed")
            if name in _FRAMING and self.fields.get(name, value) != value:
                raise http.client.HTTPException(f"there are two values of {name}")
            if not left:
                raise http.client.HTTPException(f"there are over {_MAX_HEADERS} headers")
            self.fields[name] = value
        if self.fields.keys() >= _FRAMING:
            raise http.client.HTTPException("its body has a length and is chunked")
        if self.fields.get("transfer-encoding", "chunked").lower() != "chunked":
            raise http.client.HTTPException("its transfer-encoding is not known")
        return version

    def _line(self) -> str:
        """Return a line without its end."""
        line = self.fp.readline(_MAX_LINE + 1)
        if not line:
            raise http.client.RemoteDisconnected("the other side hung up before its headers ended")
        if not line.endswith(b"\n"):
            raise http.client.HTTPException("its headers are cut short, or one is too long")
        return line.decode("latin-1").rstrip("\r\n")

    def _length(self) -> int | None:
        """Return the bytes of a body that is not chunked; None: it goes on to the end."""
        if self.status in {101, 204, 304}:
            return 0
        length = self.fields.get("content-length")
        if length is None:
            return None
        if not length.isdecimal() or len(length) > _MAX_DIGITS:
            raise http.client.HTTPException(f"its content-length is {length[:40]!r}")
        return int(length)

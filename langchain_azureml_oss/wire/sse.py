"""Server-sent events: bytes in, events out, at whatever chunk boundaries.

Source of the grammar: the WHATWG HTML standard, section "Server-sent events".
"""

from __future__ import annotations

from typing import NamedTuple

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event. `data` stays bytes, since the JSON parser wants bytes."""

    data: bytes
    name: bytes = b"message"


class SSEDecoder:
    """Incremental decoder: `feed` what arrives, `flush` at the end of the body.

    An event that is not complete is kept in the pieces in which it came, so that each byte is
    looked at once, however long a line is and however it is cut.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._after_cr = False  # whose LF may come with the next piece
        self._after_newline = False
        self._at_start = True
        self.pending = 0
        """Bytes held back until their event is complete."""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes."""
        if self._at_start:
            data = self._without_mark(data)
        if not data:
            return []
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return [event for block in self._blocks(data) if (event := _parse(block))]

    def flush(self) -> list[Event]:
        """Return the last event where the body ends without the blank line after it."""
        event = _parse(self._taken())
        return [event] if event else []

    def _without_mark(self, data: bytes) -> bytes:
        """Take a byte order mark off; nothing is certain before three bytes have come."""
        data = self._taken() + data
        if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
            self._hold(data)
            return b""
        self._at_start = False
        return data.removeprefix(_BYTE_ORDER_MARK)

    def _blocks(self, data: bytes) -> list[bytes]:
        """Return what stands before each blank line; the rest waits."""
        blocks = []
        if self._after_newline and data.startswith(b"\n"):
            blocks.append(self._taken())
            data = data[1:]
        *complete, rest = data.split(b"\n\n")
        if complete:
            blocks += [self._taken() + complete[0], *complete[1:]]
        if rest:
            self._hold(rest)
        return blocks

    def _hold(self, data: bytes) -> None:
        self._pieces.append(data)
        self.pending += len(data)
        self._after_newline = data.endswith(b"\n")

    def _taken(self) -> bytes:
        held, self._pieces = b"".join(self._pieces), []
        self.pending, self._after_newline = 0, False
        return held


def _parse(block: bytes) -> Event | None:
    if block.startswith(b"data:") and b"\n" not in block:  # nearly all events
        return Event(block[6:] if block[5:6] == b" " else block[5:])
    name, data = b"message", []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value
    if not data:
        return None
    return Event(b"\n".join(data), name)

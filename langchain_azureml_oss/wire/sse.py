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
    """Incremental decoder: `feed` what arrives, `flush` at the end of the body."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at_start = True

    @property
    def pending(self) -> int:
        """Bytes held back until their event is complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes."""
        buffer = self._buffer + data
        if self._at_start:
            if _BYTE_ORDER_MARK.startswith(buffer[:3]) and len(buffer) < len(_BYTE_ORDER_MARK):
                self._buffer = buffer
                return []
            buffer = buffer.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        if b"\r" in buffer:
            # A CR at the end may be the first half of a CRLF.
            held = b"\r" if buffer.endswith(b"\r") else b""
            whole = buffer[: len(buffer) - len(held)]
            buffer = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *blocks, self._buffer = buffer.split(b"\n\n")
        return [event for block in blocks if (event := _parse(block))]

    def flush(self) -> list[Event]:
        """Return the last event where the body ends without the blank line after it."""
        block, self._buffer = self._buffer.replace(b"\r", b"\n"), b""
        event = _parse(block)
        return [event] if event else []


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

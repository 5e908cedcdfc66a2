"""Events or a whole answer, told by the first bytes: content types are often wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from langchain_azureml_oss.answers.readers import Reader
from langchain_azureml_oss.errors import AzureMLOSSError

T = TypeVar("T")

_LINES = (b"data:", b"event:", b"id:", b"retry:", b":")
"""What a line of an event stream begins with. Source: WHATWG HTML, section "Server-sent events"."""
_NOTHING = b"\xef\xbb\xbf \t\r\n"
"""Byte order mark and white space."""
_LOOKED_AT = 200
"""Bytes in which a body shows what it is."""


def is_stream(body: bytes) -> bool:
    """Whether a body begins as an event stream does."""
    start = body[:_LOOKED_AT].lstrip(_NOTHING)
    return start.startswith(_LINES)


class SniffingReader(Generic[T]):
    """Waits for the first bytes that tell, then reads as one of two readers.

    Args:
        events: Makes the reader of an event stream.
        whole: Makes the reader of a whole answer.
    """

    def __init__(self, events: Callable[[], Reader[T]], whole: Callable[[], Reader[T]]) -> None:
        self._events, self._whole = events, whole
        self._held = b""
        self._reader: Reader[T] | None = None
        self.done = False
        self.failure: AzureMLOSSError | None = None

    def feed(self, data: bytes) -> list[T]:
        """Return the results that `data` completes."""
        if self._reader is None:
            self._held = (self._held + data).lstrip(_NOTHING)
            if any(line.startswith(self._held) for line in _LINES):
                return []
            data = self._held
        return self._known(self._chosen().feed(data))

    def close(self) -> list[T]:
        """Return the last results, at the end of the body."""
        if self._reader is None:
            self._chosen().feed(self._held)
        return self._known(self._chosen().close())

    def abandon(self) -> str:
        """Return all the text that had come, when there will be no more."""
        return self._reader.abandon() if self._reader is not None else ""

    def _chosen(self) -> Reader[T]:
        if self._reader is None:
            self._reader = self._events() if is_stream(self._held) else self._whole()
        return self._reader

    def _known(self, results: list[T]) -> list[T]:
        if self._reader is not None:
            self.done, self.failure = self._reader.done, self._reader.failure
        return results

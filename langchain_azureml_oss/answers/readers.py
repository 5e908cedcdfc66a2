"""What takes the bytes of a response: any reader, and the one that waits for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from langchain_azureml_oss.errors import AzureMLOSSError, ResponseFormatError
from langchain_azureml_oss.wire import HttpResponse

T = TypeVar("T")


class Reader(Protocol[T]):
    """Takes the bytes of one response, and gives out results as soon as they are known."""

    done: bool
    """Whether the answer has ended, though the body may go on."""

    failure: AzureMLOSSError | None
    """What went wrong behind the results that were returned last."""

    def feed(self, data: bytes) -> list[T]:
        """Return the results that `data` completes."""

    def close(self) -> list[T]:
        """Return the last results, at the end of the body."""

    def abandon(self) -> str:
        """Return all the text that had come, when there will be no more."""


class WholeReader(Generic[T]):
    """Collects a body, then makes one result of it."""

    def __init__(
        self, response: HttpResponse, finish: Callable[[HttpResponse], T], max_bytes: int
    ) -> None:
        self._max_bytes = max_bytes
        self._response = response
        self._finish = finish
        self._parts: list[bytes] = []
        self._size = 0
        self.done = False
        self.failure: AzureMLOSSError | None = None

    def feed(self, data: bytes) -> list[T]:
        """Keep the bytes, up to a bound of memory."""
        self._size += len(data)
        check_size(self._size, self._max_bytes)
        self._parts.append(data)
        return []

    def close(self) -> list[T]:
        """Return the result."""
        status, headers = self._response.status, self._response.headers
        return [self._finish(HttpResponse(status, headers, b"".join(self._parts)))]

    def abandon(self) -> str:
        """Return nothing: a part of a JSON text is no answer."""
        return ""


def check_size(size: int, limit: int) -> None:
    """Check a number of bytes.

    Raises:
        ResponseFormatError: it is over the limit.
    """
    if size > limit:
        msg = f"The response is over {limit} bytes (max_response_bytes); reading was stopped."
        raise ResponseFormatError(msg)

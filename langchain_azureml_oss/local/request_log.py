"""What arrived at a local endpoint, for tests to look at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from multidict import CIMultiDict

_SECRET_HEADERS = frozenset({"authorization", "api-key", "ocp-apim-subscription-key"})


@dataclass
class RecordedRequest:
    """One request.

    Attributes:
        method: HTTP method.
        path: Path, without the query string.
        query: Query string, without its question mark.
        headers: Headers, found in any case; keys and tokens are masked.
        body: The parsed JSON body; None when there was none or it was not JSON.
        status: Status answered; None while the request is open, or when the connection was reset.
        deployment: Deployment that answered; None when it never came to that.
        fault: Fault that was injected, if any.
        size: Bytes of the body.
    """

    method: str
    path: str
    query: str
    headers: CIMultiDict[str]
    body: Any = None
    status: int | None = None
    deployment: str | None = None
    fault: str | None = None
    size: int = field(default=0, repr=False)


class RequestLog:
    """The last requests, oldest first. Written by the server's thread, read by any other.

    Args:
        keep: How many requests are kept.
        keep_bytes: How many bytes their bodies may have together; the last request always stays.
    """

    def __init__(self, keep: int, keep_bytes: int) -> None:
        self._records: deque[RecordedRequest] = deque()
        self._keep, self._keep_bytes = keep, keep_bytes
        self._bytes = 0
        self._lock = Lock()

    def add(self, record: RecordedRequest) -> None:
        """Adds a request, dropping the oldest ones when full."""
        with self._lock:
            self._records.append(record)
            self._trim()

    def weigh(self, record: RecordedRequest, size: int) -> None:
        """Notes the size of a request's body in bytes, dropping the oldest ones when full."""
        with self._lock:
            if any(record is kept for kept in self._records):
                record.size = size
                self._bytes += size
                self._trim()

    def _trim(self) -> None:
        while len(self._records) > self._keep or (
            self._bytes > self._keep_bytes and len(self._records) > 1
        ):
            self._bytes -= self._records.popleft().size

    def snapshot(self) -> list[RecordedRequest]:
        """The requests so far."""
        with self._lock:
            return list(self._records)


def masked(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers, with the scheme but not the secret of those that carry one."""
    return CIMultiDict(
        (name, _mask(value) if name.lower() in _SECRET_HEADERS else value)
        for name, value in headers.items()
    )


def _mask(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space else "***"

"""What arrived at a local endpoint, for tests to look at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
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
    """

    method: str
    path: str
    query: str
    headers: CIMultiDict[str]
    body: Any = None
    status: int | None = None
    deployment: str | None = None
    fault: str | None = None


class RequestLog:
    """The last requests, oldest first. Written by the server's thread, read by any other."""

    def __init__(self, keep: int) -> None:
        self._records: deque[RecordedRequest] = deque(maxlen=keep)
        self._lock = Lock()

    def add(self, record: RecordedRequest) -> None:
        """Adds a request, dropping the oldest one when full."""
        with self._lock:
            self._records.append(record)

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

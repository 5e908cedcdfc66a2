"""How often to try again, and after how long. Whether an error may pass, it says itself."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import NamedTuple

from langchain_azureml_oss.errors import AzureMLOSSError, RateLimitError, RequestTimeoutError

is_paced: ContextVar[bool] = ContextVar("is_paced", default=False)
"""Whether whoever calls hears of each 429 at once, since it paces many calls together."""


class RetryPolicy(NamedTuple):
    """Exponential backoff with full jitter; all times in seconds."""

    max_retries: int = 3
    """Tries after the first."""
    initial: float = 0.5
    """Upper end of the first wait; each further one doubles it."""
    maximum: float = 8.0
    """Upper end of any wait of our own."""
    server_maximum: float = 60.0
    """Longest wait that the server may ask for; a longer one is cut to this."""
    retry_read_timeouts: bool = False
    """Whether to send again what the server had accepted and not answered in time."""
    jitter: Callable[[], float] = random.random
    """A number from 0 to 1."""

    def wait(
        self, retries: int, error: AzureMLOSSError, headers: Mapping[str, str]
    ) -> float | None:
        """Return the seconds to wait before the next try, or None for no further try.

        Args:
            retries: How many retries were made already.
            error: What the last try ended with.
            headers: Those of the last response, under lower-case names; they may ask for a wait.
        """
        if retries >= self.max_retries or not error.is_retryable:
            return None
        accepted = isinstance(error, RequestTimeoutError) and error.accepted
        if accepted and not self.retry_read_timeouts:
            return None
        if isinstance(error, RateLimitError) and is_paced.get():
            return None
        asked = retry_after(headers)
        if asked is not None:
            return min(asked, self.server_maximum)
        return min(self.initial * 2.0**retries, self.maximum) * self.jitter()


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Return the wait that a response asks for, in seconds.

    Args:
        headers: Response headers under lower-case names: `retry-after-ms` and
            `x-ms-retry-after-ms` (milliseconds) or `retry-after` (seconds, or an HTTP date).
        now: The present in seconds since 1970, for the date form.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        seconds = _number(headers.get(name), divisor=1000)
        if seconds is not None:
            return seconds
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: str | None, divisor: float = 1.0) -> float | None:
    try:
        seconds = float(value) / divisor if value is not None else None
    except ValueError:
        return None
    # The comparison also drops NaN.
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None

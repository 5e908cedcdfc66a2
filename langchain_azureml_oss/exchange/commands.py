"""What the exchange tells a driver to do, and the call that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import SecretStr

from langchain_azureml_oss.answers import Reader
from langchain_azureml_oss.connections import Authorizer
from langchain_azureml_oss.errors import AzureMLOSSError, frames_forgotten
from langchain_azureml_oss.exchange.retry import RetryPolicy
from langchain_azureml_oss.wire import HttpRequest, HttpResponse, Timeouts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Authorize:
    """Get the secret; `rejected` is one that was answered with 401."""

    authorizer: Authorizer
    rejected: SecretStr = field(default=SecretStr(""))

    def secret(self) -> SecretStr:
        """Return what came of it."""
        with frames_forgotten:
            return SecretStr(self.authorizer.secret(self.rejected))

    async def asecret(self) -> SecretStr:
        """Return what came of it, without blocking the event loop."""
        with frames_forgotten:
            return SecretStr(await self.authorizer.asecret(self.rejected))


class Send(NamedTuple):
    """Send the request, and read the response up to its headers."""

    request: HttpRequest
    secret: SecretStr
    timeouts: Timeouts
    seconds: float = float("inf")
    """Bound on all of it, waiting for a connection of the pool included."""

    def headers(self) -> dict[str, str]:
        """Return all headers, the key in the clear: for frames that are forgotten."""
        bearer = f"Bearer {self.secret.get_secret_value()}"
        return {**self.request.headers, "authorization": bearer}


class Receive(NamedTuple):
    """Read the next bytes of the body; `timeout` is the longest silence, in seconds."""

    timeout: float


class Wait(NamedTuple):
    """Do nothing for so many seconds."""

    seconds: float


class Emit(NamedTuple):
    """Give these results to the caller."""

    results: list[Any]


Command = Authorize | Send | Receive | Wait | Emit


class Retry(NamedTuple):
    """Another try that is about to be made, for who counts them."""

    attempt: int
    """1 for the second try."""
    wait: float
    """Seconds until then."""
    error: AzureMLOSSError
    """The reason: what the last try ended with."""


class Call(NamedTuple, Generic[T]):
    """All that is needed to carry out one call and read its answer."""

    request: HttpRequest
    """Without the Authorization header, which is asked for when it is needed."""
    authorizer: Authorizer
    reader: Callable[[HttpResponse], Reader[T]]
    """Makes the reader for a 2xx response, of which only status and headers are known."""
    timeouts: Timeouts
    deadline: float | None = None
    """Seconds for the whole call, retries and all."""
    retries: RetryPolicy = RetryPolicy()
    on_retry: Callable[[Retry], object] | None = None
    """Told of each further try before the wait."""
    amend: Callable[[AzureMLOSSError], Call[T] | None] = lambda _: None
    """Returns the call to make instead, where the server refused something that can be left out."""

"""Carries exchanges out with requests: one pooled session for each process."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import requests
import urllib3
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from langchain_azureml_oss.errors import AzureMLOSSError, RequestTimeoutError
from langchain_azureml_oss.exchange import Authorize, Call, Emit, Receive, Send, Wait, exchange
from langchain_azureml_oss.transports.bounded_sockets import BOUNDS, bound
from langchain_azureml_oss.transports.failures import (
    lost_connection,
    no_bytes_in_time,
    no_connection_in_time,
)
from langchain_azureml_oss.transports.settings import HttpSettings
from langchain_azureml_oss.transports.sync_pool import SyncPool
from langchain_azureml_oss.wire import HttpResponse

T = TypeVar("T")

_READ_SIZE = 64 * 1024
_NO_COOKIES = RequestsCookieJar()
"""requests wants a jar, though empty."""
_FAILURES = (
    *(requests.RequestException, urllib3.exceptions.HTTPError),
    *(http.client.HTTPException, OSError),
)
_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


class SyncTransport:
    """Runs calls on a pool that is opened at the first of them; safe in threads and forks."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._pool: SyncPool | None = None
        self._lock = threading.Lock()

    def drive(self, call: Call[T]) -> Iterator[T]:
        """Yield the results of a call as they come.

        Raises:
            AzureMLOSSError: the call failed.
        """
        steps = exchange(call)
        held: _Held | None = None
        outcome: Any = None
        try:
            while True:
                try:
                    command = steps.send(outcome)
                except StopIteration:
                    return
                outcome = None
                if isinstance(command, Receive):
                    outcome = _receive(held, command.timeout)
                elif isinstance(command, Emit):
                    yield from command.results
                else:
                    # Nothing more is read of the last response, and its connection is wanted.
                    _release(held)
                    held = None
                    if isinstance(command, Send):
                        held, outcome = self._send(command)
                    elif isinstance(command, Authorize):
                        outcome = command.authorizer.secret(command.rejected)
                    elif isinstance(command, Wait):
                        time.sleep(command.seconds)
        finally:
            steps.close()
            _release(held)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy without the connections: those belong to this process."""
        return type(self), (self._settings,)

    def close(self) -> None:
        """Close the pooled connections; the next call opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.session.close()

    def _send(self, command: Send) -> tuple[_Held | None, Any]:
        request, timeouts = command.request, command.timeouts
        # Prepared by hand: requests' own preparation looks up proxies, netrc and cookies each time.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = "POST", request.url, request.body
        prepared.headers = CaseInsensitiveDict(
            {**request.headers, "Content-Length": str(len(request.body))}
        )
        vars(prepared)["_cookies"] = _NO_COOKIES
        prepared.hooks = {"response": []}
        pool = self._open_pool()
        bound(timeouts.read, command.seconds)
        if not pool.enter():
            return None, RequestTimeoutError("No free connection in time (max_connections=).")
        try:
            response = pool.session.send(
                prepared,
                stream=True,
                timeout=(timeouts.connect, timeouts.read),
                allow_redirects=False,
                proxies=self._settings.proxies,
            )
        except _FAILURES as error:
            pool.leave()
            return None, _failure(error)
        except BaseException as error:  # noqa: BLE001 - it is raised again
            pool.leave()
            # The frames below have the key among their variables.
            raise error.with_traceback(None) from None
        headers = dict(response.headers.lower_items())
        return _Held(response, pool), HttpResponse(response.status_code, headers)

    def _open_pool(self) -> SyncPool:
        pool = self._pool
        if pool is not None and pool.process == os.getpid():
            return pool
        with self._lock:
            # After a fork the parent's connections are the parent's alone.
            if self._pool is None or self._pool.process != os.getpid():
                self._pool = SyncPool(self._settings)
            return self._pool


class _Held(NamedTuple):
    """A response whose body is being read, and the pool in which it takes a place."""

    response: requests.Response
    pool: SyncPool


def _receive(held: _Held | None, seconds: float) -> Any:
    assert held is not None, "Receive follows Send"  # noqa: S101
    bound(seconds, seconds)
    try:
        return held.response.raw.read1(_READ_SIZE, decode_content=True)
    except _FAILURES as error:
        held.response.close()
        return _failure(error, receiving=True)


def _release(held: _Held | None) -> None:
    """Give the connection back to the pool if the body was read, close it otherwise."""
    if held is not None:
        try:
            held.response.close()
        finally:
            held.pool.leave()


def _failure(error: BaseException, *, receiving: bool = False) -> AzureMLOSSError:
    """Return this package's error for one of requests, urllib3 or the operating system."""
    cause = _innermost(error)
    if isinstance(cause, AzureMLOSSError):  # of the TLS context
        return cause
    if isinstance(cause, _TIMEOUTS):
        return no_bytes_in_time() if receiving or BOUNDS.sent else no_connection_in_time()
    return lost_connection(cause, receiving=receiving)


def _innermost(error: BaseException) -> BaseException:
    """Return the first cause, whose words are the shortest and name no header."""
    reason = getattr(error, "reason", None)
    near = (reason, *error.args, error.__cause__)
    causes = [one for one in near if isinstance(one, BaseException)]
    return _innermost(causes[0]) if causes else error

"""Carries exchanges out with requests: one pooled session for each process.

    SyncTransport     takes commands from the exchange, and gives back what came of them
    requests.Session  is there for the tools of its users: requests-mock, responses,
                      OpenTelemetry. It sends a prepared request, and knows no cookies,
                      no redirects, no netrc and no proxies but those of `HttpSettings`
    _Adapter          finds pool, proxy and TLS context once for each URL, by overriding
                      what requests made to be overridden
    urllib3's pool    holds `max_connections` places, sends, and reads. VCR.py and
                      OpenTelemetry for urllib3 hook in here
    Connection        urllib3's, which bounds its own waits and reads its answers strictly
    the socket        whatever made it: Python, its ssl, truststore, gevent

Waits end in time. Before each single step on a socket (connect, send a piece, receive what is
there), the connection asks `BOUNDS` how long that step may take, and sets the socket's time-out to
it. So neither a server that drips nor one that reads slowly outlives a deadline, and no kind of
socket has to be known. The bounds belong to the thread: urllib3 takes no argument that reaches so
deep.

An exception that is not ours (Ctrl-C, or what a signal's handler raises) may strike between any two
steps, so also where urllib3 has taken a connection and has not noted it yet. So the pool that it
struck is not used again, and the frames below, in which headers are variables, are cut off.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.util.ssl_match_hostname import CertificateError

from langchain_azureml_oss.errors import AzureMLOSSError, frames_forgotten
from langchain_azureml_oss.exchange import Authorize, Call, Emit, Receive, Send, Wait
from langchain_azureml_oss.transports.bounds import BOUNDS, LONGEST
from langchain_azureml_oss.transports.failures import (
    lost_connection,
    no_bytes_in_time,
    no_connection_in_time,
)
from langchain_azureml_oss.transports.settings import HttpSettings
from langchain_azureml_oss.transports.steps import Steps, head
from langchain_azureml_oss.transports.sync_session import SyncPool

T = TypeVar("T")

_READ_SIZE = 64 * 1024
_FAILURES = (
    *(requests.RequestException, urllib3.exceptions.HTTPError),
    *(http.client.HTTPException, OSError),
)
_TIMEOUTS = (
    *(requests.Timeout, TimeoutError),
    *(urllib3.exceptions.TimeoutError, urllib3.exceptions.EmptyPoolError),
)


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
        steps = Steps(call)
        response: requests.Response | None = None
        try:
            try:
                for command in steps:
                    if isinstance(command, Receive):
                        steps.outcome = _receive(response, command.timeout)
                    elif isinstance(command, Emit):
                        yield from command.results
                    else:
                        # Nothing more is read of the last response; its connection is wanted.
                        _release(response)
                        response = None
                        if isinstance(command, Send):
                            response, steps.outcome = self._send(command)
                        elif isinstance(command, Authorize):
                            steps.outcome = command.secret()
                        elif isinstance(command, Wait):
                            time.sleep(command.seconds)
            finally:
                steps.close()
                _release(response)
        except (AzureMLOSSError, GeneratorExit):
            raise
        except BaseException:
            self._pool = None
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy without the connections: those belong to this process."""
        return type(self), (self._settings,)

    def close(self) -> None:
        """Close the pooled connections; the next call opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.session.close()

    def _send(self, command: Send) -> tuple[requests.Response | None, Any]:
        BOUNDS.set(command.timeouts.read, command.seconds)
        with frames_forgotten:
            try:
                response = self._request(command)
                return response, head(response.status_code, response.headers)
            except _FAILURES as error:
                return None, _failure(error)

    def _request(self, command: Send) -> requests.Response:
        request, timeouts = command.request, command.timeouts
        # Prepared by hand: requests' own way looks up proxies, netrc and cookies each time.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = request.method, request.url
        prepared.headers = CaseInsensitiveDict(command.headers())
        if request.method == "POST":
            prepared.body = request.body
            prepared.headers["Content-Length"] = str(len(request.body))
        return self._open_pool().session.send(
            prepared,
            stream=True,
            timeout=(min(timeouts.connect, LONGEST), min(timeouts.read, LONGEST)),
            allow_redirects=False,
            proxies=self._settings.proxies,
        )

    def _open_pool(self) -> SyncPool:
        pool = self._pool
        if pool is not None and pool.is_usable:
            return pool
        with self._lock:
            if self._pool is None or not self._pool.is_usable:
                self._pool = SyncPool(self._settings)
            return self._pool


def _receive(response: requests.Response | None, seconds: float) -> Any:
    assert response is not None, "Receive follows Send"  # noqa: S101
    BOUNDS.set(seconds, seconds)
    try:
        return response.raw.read1(_READ_SIZE, decode_content=True)
    except _FAILURES as error:
        response.close()
        return _failure(error, receiving=True)


def _release(response: requests.Response | None) -> None:
    """Give the connection back to the pool if the body was read, close it otherwise."""
    if response is not None:
        response.close()


def _failure(error: BaseException, *, receiving: bool = False) -> AzureMLOSSError:
    """Return this package's error for one of requests, urllib3 or the operating system."""
    cause = _innermost(error)
    if isinstance(cause, AzureMLOSSError):  # of the TLS context
        return cause
    if isinstance(cause, CertificateError):  # urllib3's, where pyOpenSSL is beneath it
        cause = ssl.SSLCertVerificationError(str(cause))
    if isinstance(cause, _TIMEOUTS):
        return no_bytes_in_time() if receiving or BOUNDS.sent else no_connection_in_time()
    return lost_connection(cause, receiving=receiving)


def _innermost(error: BaseException) -> BaseException:
    """Return the first cause, whose words are the shortest and name no header."""
    reason = getattr(error, "reason", None)
    near = (reason, *error.args, error.__cause__)
    causes = [one for one in near if isinstance(one, BaseException)]
    return _innermost(causes[0]) if causes else error

"""Carries exchanges out with requests: one pooled session for each process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    EndpointConnectionError,
    RequestTimeoutError,
)
from langchain_azureml_oss.exchange import Authorize, Call, Emit, Receive, Send, Wait, exchange
from langchain_azureml_oss.http_types import HttpResponse
from langchain_azureml_oss.transports.settings import HttpSettings

T = TypeVar("T")

_READ_SIZE = 64 * 1024


class SyncTransport:
    """Runs calls on a session that is opened at the first of them; safe in threads and forks."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._session: requests.Session | None = None
        self._process = 0
        self._lock = threading.Lock()

    def drive(self, call: Call[T]) -> Iterator[T]:
        """Yield the results of a call as they come.

        Raises:
            AzureMLOSSError: the call failed.
        """
        steps = exchange(call)
        response: requests.Response | None = None
        outcome: Any = None
        try:
            while True:
                try:
                    command = steps.send(outcome)
                except StopIteration:
                    return
                outcome = None
                if isinstance(command, Receive):
                    outcome = _receive(response, command.timeout)
                elif isinstance(command, Emit):
                    yield from command.results
                elif isinstance(command, Send):
                    _release(response)
                    response, outcome = self._send(command)
                elif isinstance(command, Authorize):
                    outcome = command.authorizer.secret(command.rejected)
                elif isinstance(command, Wait):
                    time.sleep(command.seconds)
        finally:
            steps.close()
            _release(response)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy without the connections: those belong to this process."""
        return type(self), (self._settings,)

    def close(self) -> None:
        """Close the pooled connections; the next call opens new ones."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _send(self, command: Send) -> tuple[requests.Response | None, Any]:
        request, timeouts = command.request, command.timeouts
        # Prepared by hand: requests' own preparation looks up proxies, netrc and cookies each time.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = "POST", request.url, request.body
        prepared.headers = CaseInsensitiveDict(
            {**request.headers, "Content-Length": str(len(request.body))}
        )
        vars(prepared)["_cookies"] = RequestsCookieJar()  # requests wants a jar, though empty
        prepared.hooks = {"response": []}
        try:
            response = self._open_session().send(
                prepared,
                stream=True,
                timeout=(timeouts.connect, timeouts.read),
                allow_redirects=False,
                verify=self._settings.verify,
                cert=self._settings.client_cert,
                proxies=self._settings.proxies,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return None, _failure(error)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response, HttpResponse(response.status_code, headers)

    def _open_session(self) -> requests.Session:
        session = self._session
        if session is not None and self._process == os.getpid():
            return session
        with self._lock:
            if self._session is None or self._process != os.getpid():
                # After a fork the parent's connections are the parent's alone.
                size = self._settings.max_connections
                adapter = HTTPAdapter(pool_connections=1, pool_maxsize=size, pool_block=True)
                self._session = requests.Session()
                self._session.trust_env = False  # read once, in HttpSettings
                self._session.mount("https://", adapter)
                self._session.mount("http://", adapter)
                self._process = os.getpid()
            return self._session


def _receive(response: requests.Response | None, seconds: float) -> Any:
    assert response is not None, "Receive follows Send"  # noqa: S101
    connection = getattr(response.raw, "connection", None)
    if connection is not None and connection.sock is not None:
        connection.sock.settimeout(seconds)
    try:
        return response.raw.read1(_READ_SIZE, decode_content=True)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        response.close()
        return _failure(error, receiving=True)


def _release(response: requests.Response | None) -> None:
    """Give the connection back to the pool if the body was read, close it otherwise."""
    if response is not None:
        response.close()


def _failure(error: Exception, *, receiving: bool = False) -> AzureMLOSSError:
    """Return this package's error for one of requests, urllib3 or the operating system."""
    if isinstance(error, requests.ConnectTimeout):
        return RequestTimeoutError("No connection to the endpoint in time (timeout=).")
    if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return RequestTimeoutError("No bytes from the endpoint in time (timeout=).", accepted=True)
    doing = "while its answer was read" if receiving else "before it answered"
    return EndpointConnectionError(
        f"The connection to the endpoint failed {doing}: {_cause(error)}"
    )


def _cause(error: BaseException) -> str:
    """Return the innermost reason, whose words are the shortest and name no header."""
    reason = getattr(error, "reason", None)
    args = [arg for arg in (reason, *error.args) if isinstance(arg, BaseException)]
    return _cause(args[0]) if args else f"{type(error).__name__}: {error}"

"""Carries the steps of an examination out; decides nothing."""

from __future__ import annotations

import functools
import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping
from typing import Any, Self

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.connections import Authorizer
from langchain_azureml_oss.doctor.asking import ask
from langchain_azureml_oss.doctor.checklist import Report
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.doctor.steps import (
    Ask,
    Certificate,
    Connect,
    Handshake,
    Look,
    Outcome,
    Pause,
    Resolve,
    Step,
)
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.transports import (
    HttpSettings,
    SyncTransport,
    environment_proxies,
    tls_context,
)
from langchain_azureml_oss.wire import decode_json

_CONNECT_SECONDS = 10.0
_LARGEST = 1024 * 1024
"""Bytes of what a server tells of itself."""


def carry_out(examination: Generator[Step, Any, Report], setup: Setup) -> Report:
    """Run an examination to its end."""
    with _Hands(setup) as hands:
        outcome: Any = None
        while True:
            try:
                step = examination.send(outcome)
            except StopIteration as end:
                report: Report = end.value
                return report.without(hands.secrets)
            outcome = hands.do(step)


class _Hands:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._authorizer: Authorizer | None = None
        self.secrets = [secret for secret in (setup.key,) if secret]
        """What no line of the report may show."""
        self._actions: Mapping[type, Callable[[Any], Any]] = {
            Resolve: _resolve,
            Connect: _connect,
            Handshake: _handshake,
            Ask: self._ask,
            Look: self._look,
            Pause: lambda step: time.sleep(step.seconds),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_transport" in vars(self):
            self._transport.close()

    # Only once it is known that the URL is one.
    @functools.cached_property
    def _settings(self) -> HttpSettings:
        return HttpSettings(proxies=environment_proxies(self._setup.url))

    @functools.cached_property
    def _transport(self) -> SyncTransport:
        return SyncTransport(self._settings)

    def do(self, step: Step) -> Any:
        return self._actions[type(step)](step)

    def _authorize(self) -> Authorizer:
        """Return what authorizes the requests; kept, since a token serves them all."""
        if self._authorizer is None:
            self._authorizer = self._setup.authorizer()
        return self._authorizer

    def _ask(self, step: Ask) -> Outcome:
        try:
            self.secrets.append(self._authorize().secret())
            return ask(step, self._transport, self._authorize())
        except AzureMLOSSError as error:
            return error

    def _look(self, step: Look) -> dict[str, Any] | None:
        # The package's transports only post.
        secret = self._authorize().secret()
        headers = {**_headers(step.deployment), "authorization": f"Bearer {secret}"}
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(self._settings.proxies),
            urllib.request.HTTPSHandler(context=tls_context(self._settings)),
            _StaysHere(),
        )
        request = urllib.request.Request(step.url, headers=headers)  # noqa: S310 - http(s), checked
        try:
            with opener.open(request, timeout=_CONNECT_SECONDS) as response:
                found = decode_json(response.read(_LARGEST))
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return found if isinstance(found, dict) else None


class _StaysHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, since the key would go along."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _headers(deployment: str | None) -> dict[str, str]:
    headers = {"accept-encoding": "identity", "user-agent": f"langchain-azureml-oss/{__version__}"}
    return {**headers, "azureml-model-deployment": deployment} if deployment else headers


def _resolve(step: Resolve) -> list[str] | OSError:
    try:
        found = socket.getaddrinfo(step.host, step.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:  # a label that is empty or too long
        return OSError(str(error))
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(step: Connect) -> OSError | None:
    try:
        socket.create_connection((step.host, step.port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        return error
    return None


def _handshake(step: Handshake) -> Certificate | OSError:
    try:
        with (
            socket.create_connection((step.host, step.port), timeout=_CONNECT_SECONDS) as plain,
            tls_context(HttpSettings()).wrap_socket(plain, server_hostname=step.host) as secure,
        ):
            shown = secure.getpeercert() or {}
            return Certificate(secure.version() or "TLS", str(shown.get("notAfter", "")))
    except OSError as error:
        return error

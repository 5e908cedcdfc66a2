"""Carries the steps of an examination out; decides nothing."""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.answers import WholeReader
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
from langchain_azureml_oss.exchange import Call, RetryPolicy
from langchain_azureml_oss.transports import (
    HttpSettings,
    SyncTransport,
    environment_proxies,
    tls_context,
)
from langchain_azureml_oss.wire import HttpRequest, Timeouts, decode_json

_CONNECT_SECONDS = 10.0
_LARGEST = 1024 * 1024
"""Bytes of what a server tells of itself."""


def carry_out(examination: Generator[Step, Any, Report], setup: Setup) -> Report:
    """Run an examination to its end."""
    hands = _Hands(setup)
    outcome: Any = None
    try:
        while True:
            outcome = hands.do(examination.send(outcome))
    except StopIteration as end:
        report: Report = end.value
        return report.without(hands.secrets)
    finally:
        hands.close()


class _Hands:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.secrets = [setup.key] if setup.key else []
        """What no line of the report may show."""
        self._actions: Mapping[type, Callable[[Any], Any]] = {
            Resolve: _resolve,
            Connect: _connect,
            Handshake: _handshake,
            Ask: self._ask,
            Look: self._look,
            Pause: lambda step: time.sleep(step.seconds),
        }

    def do(self, step: Step) -> Any:
        return self._actions[type(step)](step)

    def close(self) -> None:
        if "_transport" in vars(self):
            self._transport.close()

    # Only once it is known that the URL is one.
    @functools.cached_property
    def _transport(self) -> SyncTransport:
        return SyncTransport(HttpSettings(proxies=environment_proxies(self._setup.url)))

    # Kept, since a token serves all requests.
    @functools.cached_property
    def _authorizer(self) -> Authorizer:
        return self._setup.authorizer()

    def _ask(self, step: Ask) -> Outcome:
        try:
            self.secrets.append(self._authorizer.secret())
            return ask(step, self._transport, self._authorizer)
        except AzureMLOSSError as error:
            return error

    def _look(self, step: Look) -> dict[str, Any] | None:
        headers = {
            "accept-encoding": "identity",
            "user-agent": f"langchain-azureml-oss/{__version__}",
            **({"azureml-model-deployment": step.deployment} if step.deployment else {}),
        }
        call = Call(
            HttpRequest(step.url, b"", headers, method="GET"),
            self._authorizer,
            lambda response: WholeReader(response, lambda whole: whole.body, _LARGEST),
            Timeouts(_CONNECT_SECONDS, _CONNECT_SECONDS),
            retries=RetryPolicy(max_retries=0),
        )
        try:
            (body,) = self._transport.drive(call)
            found = decode_json(body)
        except (AzureMLOSSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


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
        socket.create_connection(step, timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        return error
    return None


def _handshake(step: Handshake) -> Certificate | OSError:
    try:
        with (
            socket.create_connection(step, timeout=_CONNECT_SECONDS) as plain,
            tls_context(HttpSettings()).wrap_socket(plain, server_hostname=step.host) as secure,
        ):
            shown = secure.getpeercert() or {}
            return Certificate(secure.version() or "TLS", str(shown.get("notAfter", "")))
    except OSError as error:
        return error

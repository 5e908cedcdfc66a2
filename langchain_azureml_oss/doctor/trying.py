"""Carries the steps of an examination out; decides nothing."""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.answers import WholeReader
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.connections import Authorizer, environment_proxies
from langchain_azureml_oss.doctor import steps
from langchain_azureml_oss.doctor.candidates import TOKENS, Probe
from langchain_azureml_oss.doctor.checklist import Report
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.exchange import Call, RetryPolicy
from langchain_azureml_oss.llms import AzureMLOSSLLM
from langchain_azureml_oss.transports import (
    HttpSettings,
    SyncTransport,
    tls_context,
)
from langchain_azureml_oss.wire import HttpRequest, HttpResponse, Timeouts, decode_json

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_LARGEST = 1024 * 1024
"""Bytes of what a server tells of itself."""
_PROMPT = "Hello there"
_FEATURE_TOKENS = 48
_TOOL: dict[str, Any] = {
    "title": "get_weather",
    "description": "Returns the weather in a city.",
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
_SCHEMA: dict[str, Any] = {
    "title": "sky",
    "description": "The colour of the sky.",
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["blue", "red"]}},
    "required": ["colour"],
}
_LIMITS: Mapping[str, Any] = {
    # Each try is counted, so the examination decides about another one.
    "max_retries": 0,
    "timeout": (10.0, 60.0),
    # Answers to two tokens are far smaller.
    "max_response_bytes": _LARGEST,
    "cache": False,
}


def carry_out(examination: Generator[steps.Step, Any, Report], setup: Setup) -> Report:
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
            steps.Resolve: _resolve,
            steps.Connect: _connect,
            steps.Handshake: _handshake,
            steps.Ask: self._ask,
            steps.Look: self._look,
            steps.Pause: lambda step: time.sleep(step.seconds),
        }

    def do(self, step: steps.Step) -> Any:
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

    def _ask(self, step: steps.Ask) -> steps.Outcome:
        try:
            self.secrets.append(self._authorizer.secret())
            return _answered(step, self._transport, self._authorizer)
        except AzureMLOSSError as error:
            return error

    def _look(self, step: steps.Look) -> dict[str, Any] | None:
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


def _resolve(step: steps.Resolve) -> list[str] | OSError:
    try:
        found = socket.getaddrinfo(step.host, step.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:  # a label that is empty or too long
        return OSError(str(error))
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(step: steps.Connect) -> OSError | None:
    try:
        socket.create_connection(step, timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        return error
    return None


def _handshake(step: steps.Handshake) -> steps.Certificate | OSError:
    try:
        with (
            socket.create_connection(step, timeout=_CONNECT_SECONDS) as plain,
            tls_context(HttpSettings()).wrap_socket(plain, server_hostname=step.host) as secure,
        ):
            shown = secure.getpeercert() or {}
            return steps.Certificate(secure.version() or "TLS", str(shown.get("notAfter", "")))
    except OSError as error:
        return error


def _answered(step: steps.Ask, transport: SyncTransport, authorizer: Authorizer) -> steps.Answer:
    """Make the model of a probe, and ask it; one request is sent.

    Raises:
        AzureMLOSSError: there is no answer.
    """
    probe = step.probe
    is_long = probe.feature in {"tools", "json_schema"}
    arguments = {
        # Named in any case, or the environment would say which.
        **probe.arguments(step.row, step.deployment or "default"),
        **_LIMITS,
        "model_family": step.row,
        "endpoint_api_key": "asked of the authorizer",
        "max_tokens": _FEATURE_TOKENS if is_long else TOKENS,
        "stream_usage": probe.usage,
        "streaming": probe.feature == "stream",
    }
    if probe.feature == "tools":
        arguments["tool_calling"] = "native"  # or the server would not be asked for its own
    model = (AzureMLOSSChatModel if probe.api == "chat" else AzureMLOSSLLM)(**arguments)
    watched = vars(model)["_sync"] = _Watched(transport, authorizer)
    text, told, calls = _asked(model, probe)
    name = told.get("model_name")
    return steps.Answer(
        text=text,
        headers=watched.response.headers,
        first_byte=watched.first_byte,
        seconds=watched.seconds,
        model=None if name in {model._trace_name({}), "unknown"} else name,  # noqa: SLF001
        has_usage=bool(told.get("usage_metadata")),
        has_calls=bool(calls),
        finish_reason=told.get("finish_reason"),
        is_stream=watched.response.is_event_stream,
    )


def _asked(
    model: AzureMLOSSChatModel | AzureMLOSSLLM, probe: Probe
) -> tuple[str, Mapping[str, Any], Sequence[Any]]:
    """Return the text of an answer, what was told about it, and its tool calls."""
    if isinstance(model, AzureMLOSSLLM):
        generation = model.generate([_PROMPT]).generations[0][0]
        return generation.text, generation.generation_info or {}, ()
    message: AIMessage
    if probe.feature == "tools":
        message = model.bind_tools([_TOOL]).invoke("What is the weather in Paris? Use the tool.")
    elif probe.feature == "json_schema":
        structured = model.with_structured_output(_SCHEMA, method="json_schema", include_raw=True)
        message = structured.invoke("Which colour has the sky?")["raw"]
    else:
        message = model.invoke(_PROMPT)
    told = {**message.response_metadata, "usage_metadata": message.usage_metadata}
    return message.text, told, message.tool_calls


class _Watched:
    """The way to the endpoint; remembers headers and times, and lets nothing be amended."""

    def __init__(self, transport: SyncTransport, authorizer: Authorizer) -> None:
        self._transport, self._authorizer = transport, authorizer
        self.response = HttpResponse(0, {})
        self.first_byte = self.seconds = 0.0

    def drive(self, call: Call[T]) -> Iterator[T]:
        started = time.monotonic()

        def reader(response: HttpResponse) -> Any:
            self.response, self.first_byte = response, time.monotonic() - started
            return call.reader(response)

        # What a server refuses is what is asked about, so nothing is done without it.
        yield from self._transport.drive(
            call._replace(reader=reader, authorizer=self._authorizer, amend=lambda _: None)
        )
        self.seconds = time.monotonic() - started

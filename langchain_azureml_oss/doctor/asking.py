"""Asks an endpoint through the models that the report recommends, and looks on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage

from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.connections import Authorizer
from langchain_azureml_oss.doctor.candidates import TOKENS, Probe
from langchain_azureml_oss.doctor.steps import Answer, Ask
from langchain_azureml_oss.exchange import Call
from langchain_azureml_oss.llms import AzureMLOSSLLM
from langchain_azureml_oss.transports import SyncTransport
from langchain_azureml_oss.wire import HttpResponse

T = TypeVar("T")

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
    "max_response_bytes": 1024 * 1024,
    "cache": False,
}


def ask(step: Ask, transport: SyncTransport, authorizer: Authorizer) -> Answer:
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
    return Answer(
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

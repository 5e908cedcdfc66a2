"""A question -> the call that answers it, over the fields of either model."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage

from langchain_azureml_oss.answers import (
    AnswerMisfitError,
    AnswerRules,
    EventReader,
    Reader,
    SniffingReader,
    WholeReader,
    only_choice,
    whole_reply,
)
from langchain_azureml_oss.endpoint.call_options import (
    ALIASES,
    OPTIONS,
    call_options,
    call_settings,
    check_forms,
    check_names,
)
from langchain_azureml_oss.endpoint.headers import named_deployment, with_query
from langchain_azureml_oss.endpoint.model_settings import SETTINGS
from langchain_azureml_oss.endpoint.plain_calls import PlainCalls
from langchain_azureml_oss.endpoint.traces import Traces
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ConnectionConfigError,
    ModelContainerError,
    ResponseFormatError,
    refused_feature,
    response_details,
)
from langchain_azureml_oss.exchange import Call
from langchain_azureml_oss.families import fold, render
from langchain_azureml_oss.formatters import AsTheyAre, ModelCall, Setting, check, merge, spell
from langchain_azureml_oss.messages import to_wire
from langchain_azureml_oss.tools import (
    FORMATS,
    TOOL_SETTINGS,
    PromptedJson,
    PromptedTools,
    response_format,
    without_tool_role,
)
from langchain_azureml_oss.wire import (
    Choice,
    HttpRequest,
    HttpResponse,
    Reply,
    WireMessage,
)

logger = logging.getLogger(__name__)

# What a server may refuse -> what the log says is done instead.
_INSTEAD = {
    "tools": "this package shows them to the model as text",
    "json_schema": "this package asks for the form in words",
    "json_object": "this package asks for the form in words",
    "stream_options": "streams come without it, and mostly without token counts",
}


class Ask(NamedTuple):
    """One question to the model, before any contract: a conversation, or prompts."""

    messages: Sequence[BaseMessage] = ()
    prompts: Sequence[str] = ()
    stop: list[str] | None = None
    kwargs: Mapping[str, Any] = {}
    stream: bool = False
    follow_up: Sequence[WireMessage] = ()
    """Turns to go on with, after an answer that did not fit."""


class EndpointCalls(PlainCalls, Traces):
    """Builds calls from the fields; what a model makes of the answers is its own."""

    @abstractmethod
    def _result(self, reply: Reply, details: Mapping[str, Any]) -> Any:
        """Return what a whole answer is to LangChain.

        Args:
            reply: The answer.
            details: What is known about the response besides.
        """

    @abstractmethod
    def _piece(self, choice: Choice, info: dict[str, Any] | None) -> Any:
        """Return the chunk for a part of a streamed answer, with its `generation_info`."""

    @abstractmethod
    def _last(self, choice: Choice, reply: Reply, metadata: dict[str, Any]) -> Any:
        """Return the last chunk, with what is known about the answer besides."""

    def _call(self, ask: Ask) -> Call[Any]:
        """Build the call that answers a question.

        Raises:
            UnsupportedInputError: it cannot be expressed in the contract or the family.
            ConnectionConfigError: an option of the call makes no sense.
        """
        ask = ask._replace(kwargs={ALIASES.get(k, k): v for k, v in ask.kwargs.items()})
        options = call_options(self, ask.kwargs)
        deployment_name = named_deployment(options["deployment_name"])
        model_call, rules = self._model_call(ask, options)
        request = self._request(model_call, options)

        def reader(response: HttpResponse) -> Reader[Any]:
            details = response_details(response)
            details["deployment"] = details["deployment"] or deployment_name
            details["trace_name"] = self._trace_name(ask.kwargs)

            def piece(choice: Choice) -> Any:
                logprobs = choice.logprobs
                return self._piece(choice, None if logprobs is None else {"logprobs": logprobs})

            def last(choice: Choice, reply: Reply) -> Any:
                return self._last(choice, reply, self._response_metadata(reply, choice, details))

            def events() -> Reader[Any]:
                return EventReader(
                    self._formatter.parse_event, rules, piece, last, self.max_response_bytes
                )

            def finish(full: HttpResponse) -> Any:
                reply = whole_reply(full, self._formatter, model_call, rules)
                if ask.stream:  # which the server answered whole: one chunk
                    return last(only_choice(reply), reply)
                return self._result(reply, details)

            def whole() -> Reader[Any]:
                return WholeReader(response, finish, self.max_response_bytes)

            return SniffingReader(events, whole) if request.stream else whole()

        return self._carried(
            *(request, reader, options), amend=lambda error: self._amend(error, model_call, ask)
        )

    def _model_call(self, ask: Ask, options: Mapping[str, Any]) -> tuple[ModelCall, AnswerRules]:
        settings = self._settings(ask)
        asked_stop = settings.pop("stop", None)
        stops = asked_stop.value if asked_stop is not None else []
        wants_none = asked_stop is not None and not stops
        stops = [stops] if isinstance(stops, str) else [stop for stop in stops if stop]
        tools, json = (None, None) if ask.prompts else self._form(settings)
        messages = self._conversation(ask, tools, json)
        prompts: Sequence[str] = ask.prompts
        template_stops: tuple[str, ...] = ()
        is_rendered = bool(messages) and self._renders
        if is_rendered:
            prompts = [render(messages, self._row, self._formatter.name)]
            messages = []
            template_stops = () if wants_none else self._row.template.stop
            stops += template_stops
        rules = AnswerRules(
            stops=tuple(stops),
            template_stops=template_stops,
            reasoning=self.reasoning_tags or self._row.reasoning,
            trim=is_rendered,
            tools=tools,
            sent_tools=None if tools else self._sent_tools(settings),
            calls_left=self._note_calls_left,
            json=json,
            insists=not ask.follow_up,
        )
        can_stream = self._formatter.traits.streams and not rules.needs_whole
        stream = ask.stream and can_stream
        call = ModelCall(
            parameters=self._parameters(settings, stops, usage=stream and options["stream_usage"]),
            messages=messages,
            prompts=prompts,
            model=options["model"],
            stream=stream,
        )
        if rules.reasoning is None or rules.reasoning.implied_start is not None:
            return call, rules
        # What a template writes may depend on these.
        way = repr((options["deployment_name"], call.parameters.get("chat_template_kwargs")))
        tags = self._tags_seen.tags(rules.reasoning, way, stream=stream)
        return call, rules._replace(reasoning=tags, learn=self._tags_seen.learn(way))

    def _settings(self, ask: Ask) -> dict[str, Setting]:
        """Return everything that is to be sent to the model, whoever said it."""
        call = {k: v for k, v in ask.kwargs.items() if k not in OPTIONS}
        check_names(self, call)
        if ask.stop is not None:
            call["stop"] = ask.stop
        call = call_settings(call)
        call_kwargs = call.pop("model_kwargs", None) or {}
        fields = {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}
        settings = merge(
            *(AsTheyAre(self._row.defaults), AsTheyAre(self.model_kwargs), fields),
            *(AsTheyAre(call_kwargs), call),
        )
        check_forms({name: setting.value for name, setting in settings.items()})
        check(settings)
        settings.pop("stream", None)  # it is the method called that decides
        return settings

    def _form(
        self, settings: dict[str, Setting]
    ) -> tuple[PromptedTools | None, PromptedJson | None]:
        """Take out what the server does not do for us, and return how it is done without it."""
        tools = self._take_tools(settings) if self._prompts_tools else None
        asked = settings.pop("response_format", None)
        if tools is None and asked is None:
            return None, None
        names = self._formatter.parameter_names
        takes_format = names.get("response_format", ("",)) and not self._renders
        refused = self._refused if takes_format else FORMATS
        # Beside tools that are shown as text, so is the form: a server that kept to the form of the
        # answer would let no call through.
        sent, json = response_format(asked and asked.value, FORMATS if tools else refused)
        if tools:
            json = None if tools.must_call else json
            sent = tools.response_format(json, refused)
            kept = sent is not None and sent["type"] == "json_schema"
            tools = replace(tools, is_constrained=kept)
        if sent is not None:
            settings["response_format"] = Setting(sent)
        return tools, json

    def _take_tools(self, settings: dict[str, Setting]) -> PromptedTools | None:
        """Take the tools out of the settings, to show them as text."""
        given, chosen, parallel = (
            setting and setting.value
            for setting in (settings.pop(name, None) for name in TOOL_SETTINGS)
        )
        return PromptedTools.of(
            given or (), chosen, self._row.tool_dialect, one_only=parallel is False
        )

    def _sent_tools(self, settings: Mapping[str, Setting]) -> PromptedTools | None:
        """Return the tools that the server is sent, as far as it may leave their calls to us."""
        given, chosen = (
            setting and setting.value for setting in map(settings.get, ("tools", "tool_choice"))
        )
        if not (self._reads_calls and isinstance(given, list | tuple)):
            return None
        return PromptedTools.sent(given, chosen, self._row.tool_dialect)

    def _note_calls_left(self) -> None:
        """Say once that the server does not read its model's calls."""
        if not self._leaves_calls:
            self._leaves_calls = True
            logger.warning(
                "The endpoint takes tools, but leaves the model's calls in the text: it parses"
                " none, or not this model's. They are read from the text. vLLM parses with"
                " --enable-auto-tool-choice and the model's --tool-call-parser."
            )

    def _conversation(
        self, ask: Ask, tools: PromptedTools | None, json: PromptedJson | None
    ) -> list[WireMessage]:
        if ask.prompts:
            return []
        messages = to_wire(ask.messages)
        if tools:
            messages = tools.disarmed(messages)
        has_tools = bool(ask.kwargs.get("tools"))
        if self._prompts_tools or not (self._row.tool_role or has_tools):
            messages = without_tool_role(messages, self._row.tool_dialect)
        if tools:
            messages = tools.shown(messages, json)
        elif json:
            messages = json.shown(messages)
        return fold([*messages, *ask.follow_up], self._row)

    @property
    def _prompts_tools(self) -> bool:
        """Whether tools are shown to the model as text, instead of sent to the server."""
        takes_tools = self._formatter.traits.tools and not self._renders
        return not takes_tools or "tools" in self._refused

    def _parameters(
        self, settings: Mapping[str, Setting], stops: Sequence[str], *, usage: bool
    ) -> dict[str, Any]:
        """Return the settings in the contract's words."""
        names = self._formatter.parameter_names
        parameters = spell(settings, names, self._formatter.name)
        if stops and names.get("stop", ("stop",)):
            parameters["stop"] = list(stops)
        if usage and names.get("stream_options"):
            parameters.setdefault("stream_options", {"include_usage": True})
        if "stream_options" in self._refused:
            parameters.pop("stream_options", None)
        return parameters

    def _request(self, model_call: ModelCall, options: Mapping[str, Any]) -> HttpRequest:
        url = with_query(self.endpoint_url or "", options["default_query"])
        request = self._with_headers(self._formatter.build(model_call, url), options)
        if not request.fits_http:
            names = ", ".join(map(repr, request.headers))
            msg = (
                f"One of the headers {names} holds a line break or another character that HTTP"
                f" does not carry; contract {self._formatter.name!r} made it."
            )
            raise ConnectionConfigError(msg)
        return request

    def _amend(self, error: AzureMLOSSError, sent: ModelCall, ask: Ask) -> Call[Any] | None:
        """Do without what the server refused, once and for all; or ask again for the right form."""
        if isinstance(error, AnswerMisfitError):
            return self._call(ask._replace(follow_up=error.turns()))
        history = {"tool_calls": ...} if any("tool_calls" in m for m in sent.messages) else {}
        if self._is_swapped(error, sent):
            words = (
                'The URL is a chat API\'s, and its completion API does not answer: set api="chat".'
            )
            error.args = (f"{error} {words}",)
        feature = refused_feature(error, {**sent.parameters, **history})
        if feature is None or feature in self._required:
            return None
        if feature not in self._refused:  # or another call has just found out
            instead = _INSTEAD.get(feature, "this model does without it")
            logger.warning("The endpoint refuses %s; %s.", feature, instead)
            self._refused.add(feature)
        return self._call(ask)

    def _is_swapped(self, error: AzureMLOSSError, sent: ModelCall) -> bool:
        """Whether a prompt went beside the chat API that the URL names, where nothing answers."""
        status = error.model_status if isinstance(error, ModelContainerError) else error.status
        no_answer = status in {404, 405} or isinstance(error, ResponseFormatError)
        return (
            no_answer and bool(sent.prompts) and self._formatter.chats_at(self.endpoint_url or "")
        )

    @property
    def _reads_calls(self) -> bool:
        """Whether an answer has a place for calls, so that they are taken out of its text."""
        return False

    @property
    def _required(self) -> frozenset[str]:
        """Features that the caller wants from the server or not at all."""
        return frozenset()

"""The OpenAI-style routes: chat and text completions, with and without `/v1`."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from langchain_azureml_oss.local.engines.base import JSON, Engine, EngineError, only
from langchain_azureml_oss.local.refusals import detail, error, from_engine, invalid
from langchain_azureml_oss.local.score_settings import MOST_TOKENS
from langchain_azureml_oss.local.state import STATE, visit
from langchain_azureml_oss.local.streams import write_stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from langchain_azureml_oss.local.options import EndpointOptions, Task


@dataclass(frozen=True)
class Api:
    """One of the two APIs: its input field, the task it needs, and the engine's method."""

    field: str
    task: Task
    engine: Callable[[Engine], Callable[[JSON], AsyncGenerator[JSON, None]]]
    check: Callable[[Any], str | None]


def check_messages(messages: Any) -> str | None:
    """What is wrong with the messages of a body, if anything."""
    if not isinstance(messages, list) or not messages:
        return "Input should be a list with at least one message"
    if not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in messages):
        return "Each message needs a role"
    return None


def _check_prompt(prompt: Any) -> str | None:
    return None if isinstance(prompt, str) else "Input should be a valid string"


CHAT = Api("messages", "chat", lambda engine: engine.chat, check_messages)
COMPLETION = Api("prompt", "completion", lambda engine: engine.complete, _check_prompt)

# Two halves of the server disagree about extras. The key is what the header `extra-parameters`
# says; "" stands for whatever else it may say.
_STRICT = {
    None: "refuse",
    "error": "refuse",
    "drop": "drop",
    "pass-through": "pass",
    "": "unknown",
}
_LENIENT = {None: "drop", "error": "drop", "drop": "drop", "pass-through": "pass", "": "drop"}

ROUTES: dict[str, tuple[Api, dict[str | None, str]]] = {
    "/chat/completions": (CHAT, _STRICT),
    "/completions": (COMPLETION, _STRICT),
    "/v1/chat/completions": (CHAT, _LENIENT),
    "/v1/completions": (COMPLETION, _LENIENT),
}

_KNOWN = {
    "model",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "stream",
    "response_format",
    "tools",
    "tool_choice",
}
_BOUNDS: dict[str, tuple[float, float]] = {
    "temperature": (0, 1),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "max_tokens": (0, MOST_TOKENS),
}
# Task of the deployment, and of the API, in the words of Microsoft's server.
_TASKS = {"chat": "chat-completion", "completion": "text-generation", "embeddings": "embeddings"}
_APIS = {"chat": "chat completion", "completion": "text generation"}
# What llama.cpp adds of its own.
_NOT_OPENAI = frozenset({"timings", "system_fingerprint", "__verbose"})


async def generate(request: web.Request) -> web.StreamResponse:
    """Answers all four routes."""
    state = request.app[STATE]
    api, policies = ROUTES[request.path]
    body = parsed(visit(request).raw)
    _refuse(body, api, state.options)
    body = _settle_extras(body, api, request.headers.get("extra-parameters"), policies)
    _validate(body, api, state.options)
    name = state.model_name(request)
    streaming = body.get("stream", False) and not state.options.ignore_stream
    pieces = _in_azure_words(api.engine(state.engine)(body | {"stream": streaming}))
    if streaming:
        wanted = (body.get("stream_options") or {}).get("include_usage", False)
        return await write_stream(request, presented(pieces, name, include_usage=wanted))
    return web.json_response(present(await only(pieces), name))


def wants_stream(request: web.Request) -> bool:
    """Whether the answer to a request is going to be a stream."""
    body = visit(request).body
    asked = isinstance(body, dict) and body.get("stream") is True
    return asked and request.path in ROUTES and not request.app[STATE].options.ignore_stream


def parsed(raw: bytes) -> JSON:
    """The fields of a body; 422 where it is no JSON object."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise invalid("body", f"JSON decode error: {problem}", {}) from None
    if not isinstance(body, dict):
        raise invalid("body", "Input should be a valid dictionary", body)
    # A null is a field that was not sent.
    return {name: value for name, value in body.items() if value is not None}


def _refuse(body: JSON, api: Api, options: EndpointOptions) -> None:
    """What a server of this kind does not do at all."""
    if options.task not in {"any", api.task}:
        words = f"task_type {_TASKS[options.task]} not available with {_APIS[api.task]} API."
        raise error(400, words)
    if options.refuse_tools and ("tools" in body or "tool_choice" in body):
        raise detail(400, "Tools and tool_choice are not supported.")
    if options.refuse_stream_options and "stream_options" in body:
        raise detail(400, "stream_options is not supported.")


def _settle_extras(
    body: JSON, api: Api, header: str | None, policies: dict[str | None, str]
) -> JSON:
    extras = sorted(set(body) - _KNOWN - {api.field})
    policy = policies.get(header, policies[""])
    if policy == "unknown":
        raise detail(400, "extra-parameters must be 'error', 'drop' or 'pass-through'.")
    if extras and policy == "refuse":
        raise detail(
            400,
            f"Extra parameters {extras} are not allowed when extra-parameters is not set or set to "
            "be 'error'. Set extra-parameters to 'pass-through' to pass to the model.",
        )
    kept = set(body) if policy == "pass" else set(body) - set(extras)
    return {name: value for name, value in body.items() if name in kept}


def _validate(body: JSON, api: Api, options: EndpointOptions) -> None:
    value = body.get(api.field)
    problem = api.check(value)
    if problem:
        raise invalid(api.field, problem, value)
    for name, (low, high) in _BOUNDS.items():
        number = body.get(name, low)
        kinds = int if name == "max_tokens" else (int, float)
        if isinstance(number, bool) or not isinstance(number, kinds) or not low <= number <= high:
            raise invalid(name, f"Input should be a number from {low} to {high}", number)
    if not isinstance(body.get("stream", False), bool):
        raise invalid("stream", "Input should be a valid boolean", body["stream"])
    formats = ["text", "json_object", *(["json_schema"] if options.json_schema else [])]
    response_format = body.get("response_format", {"type": "text"})
    if not isinstance(response_format, dict) or response_format.get("type") not in formats:
        raise invalid("response_format", f"type should be one of {formats}", response_format)


async def _in_azure_words(pieces: AsyncGenerator[JSON, None]) -> AsyncGenerator[JSON, None]:
    """The engine's pieces, with its own errors in the body shape of Microsoft's server."""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    except EngineError as problem:
        raise from_engine(problem) from problem


async def presented(
    chunks: AsyncGenerator[JSON, None], model: str, *, include_usage: bool
) -> AsyncGenerator[JSON, None]:
    """The chunks under the deployment's name, usage only in a last one and only when asked for."""
    usage = None
    last: JSON = {}
    async with aclosing(chunks):
        async for chunk in chunks:
            last = present(chunk, model)
            usage = last.pop("usage", None) or usage
            if last["choices"]:
                yield last
    if include_usage:
        yield last | {"choices": [], "usage": usage}


def present(piece: JSON, model: str) -> JSON:
    """A piece under the model's name, without what llama.cpp adds."""
    return {k: v for k, v in piece.items() if k not in _NOT_OPENAI} | {"model": model}

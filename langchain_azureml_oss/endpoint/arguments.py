"""What the constructors take: under which names and types, and what becomes of other names."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypedDict

from langchain_core.caches import BaseCache
from langchain_core.callbacks import Callbacks
from pydantic import SecretStr

from langchain_azureml_oss.connections import CustomConnection, nearest
from langchain_azureml_oss.endpoint.secret_settings import is_secret
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.exchange import Retry
from langchain_azureml_oss.families import FamilyProfile, ModelFamily, ReasoningTags
from langchain_azureml_oss.formatters import ContentFormatter
from langchain_azureml_oss.wire import looks_secret


class LikeAConnection(Protocol):
    """Prompt flow's CustomConnection, and whatever has its shape."""

    @property
    def configs(self) -> Mapping[str, Any]:
        """`endpoint_url`, `model_family` and others."""

    @property
    def secrets(self) -> Mapping[str, Any]:
        """`endpoint_api_key` and others."""


class LikeACredential(Protocol):
    """azure-core's TokenCredential and AsyncTokenCredential, and whatever has their method."""

    @property
    def get_token(self) -> Callable[..., Any]:
        """Called with a scope; returns an azure-core AccessToken, or a coroutine of one."""


class SharedArguments(TypedDict, total=False):
    """Arguments of the models' constructors, with the types that they take.

    A field keeps what it makes of them: `stop="x"` becomes a list. What each means stands at the
    field. A name in `ALIASES` is another name of an argument.
    """

    connection: CustomConnection | LikeAConnection | Mapping[str, Any] | str | None
    endpoint_url: str | None
    base_url: str | None
    endpoint_api_key: str | SecretStr | None
    api_key: str | SecretStr | None
    model_family: ModelFamily | FamilyProfile | str | None
    deployment_name: str | None
    credential: LikeACredential | Callable[[], str] | None
    credential_scope: str
    contract: str
    content_formatter: ContentFormatter | None
    reasoning_tags: ReasoningTags | tuple[str, str] | tuple[str, str, bool | None] | None
    model: str | None
    model_name: str | None
    temperature: float | None
    max_tokens: int | None
    max_new_tokens: int | None
    max_completion_tokens: int | None
    top_p: float | None
    seed: int | None
    stop: str | Sequence[str] | None
    stop_sequences: str | Sequence[str] | None
    n: int | None
    logprobs: bool | int | None
    top_logprobs: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    logit_bias: Mapping[str, float] | Mapping[int, float] | None
    reasoning_effort: str | None
    service_tier: str | None
    model_kwargs: Mapping[str, Any]
    extra_body: Mapping[str, Any] | None
    timeout: float | tuple[float, float] | None
    request_timeout: float | tuple[float, float] | None
    deadline: float | None
    max_retries: int | None
    backoff: tuple[float, float]
    retry_read_timeouts: bool
    on_retry: Callable[[Retry], object] | None
    max_response_bytes: int
    max_connections: int
    default_headers: Mapping[str, str | SecretStr] | None
    extra_headers: Mapping[str, str | SecretStr] | None
    default_query: Mapping[str, str | SecretStr] | None
    extra_query: Mapping[str, str | SecretStr] | None
    allow_http: bool
    ca_bundle: str | None
    client_cert: str | tuple[str, str] | None
    streaming: bool
    stream_usage: bool | None
    # langchain-core's own.
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: Callbacks
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None


ALIASES: Mapping[str, str] = {
    "base_url": "endpoint_url",
    "api_key": "endpoint_api_key",
    "model_name": "model",
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
    "request_timeout": "timeout",
    "extra_body": "model_kwargs",
    "extra_headers": "default_headers",
    "extra_query": "default_query",
}
"""Another name of an argument -> its name here."""

_JOINED = frozenset({"model_kwargs", "default_headers", "default_query"})
"""Mappings: what is given under another name is added to them."""

_AS_KEY = "The endpoint's key goes to endpoint_api_key=, a token to credential=."
_AS_SETTING = "A setting of the model of that name goes into model_kwargs={...}."
_AS_HEADER_TOO = "Another secret goes into default_headers={...}."
_AS_CLIENT = "Connections are made by this package: ca_bundle=, client_cert=, timeout= and"
_AS_CLIENT += " max_connections= say how, and proxies come from HTTPS_PROXY."
_AS_URL = "The endpoint's URL, with its path, goes to endpoint_url=."
_AS_MODEL = "The name of the model goes to model=, that of a deployment to deployment_name=."
_AS_IT_IS = "Texts are sent as they are, and no tokenizer is needed for that: leave it out."
_NO_RESPONSES = "Azure ML's endpoints have no Responses API; leave it out."
_AS_HEADER = "Leave it out, or send it as a header: default_headers={'OpenAI-Organization': '...'}."

ELSEWHERE: Mapping[str, str] = {
    "http_client": _AS_CLIENT,
    "http_async_client": _AS_CLIENT,
    "endpoint_api_type": "It is langchain-community's: leave it out, and write contract='openai'"
    " for a serverless endpoint; or import the class from langchain_azureml_oss.compat.",
    "openai_proxy": _AS_CLIENT,
    "headers": "Headers of every call go to default_headers={...}.",
    "organization": _AS_HEADER,
    "openai_organization": _AS_HEADER,
    "azure_endpoint": _AS_URL,
    "openai_api_base": _AS_URL,
    "endpoint": _AS_URL,
    "api_version": "It is part of the URL: default_query={'api-version': '...'}.",
    "openai_api_version": "It is part of the URL: default_query={'api-version': '...'}.",
    "azure_deployment": _AS_MODEL,
    "azure_ad_token": _AS_KEY,
    "azure_ad_token_provider": "A function that returns a token goes to credential=.",
    "use_responses_api": _NO_RESPONSES,
    "use_previous_response_id": _NO_RESPONSES,
    "include": _NO_RESPONSES,
    "truncation": _NO_RESPONSES,
    "context_management": _NO_RESPONSES,
    "client": _AS_CLIENT,
    "async_client": _AS_CLIENT,
    "root_client": _AS_CLIENT,
    "root_async_client": _AS_CLIENT,
    "http_socket_options": _AS_CLIENT,
    "stream_chunk_timeout": "The longest silence of a stream goes to timeout=(connect, read).",
    "include_response_headers": "response_metadata tells request_id and deployment; leave it out.",
    "disabled_params": "What is not set is not sent; leave it out.",
    "deployment": _AS_MODEL,
    "openai_api_type": "The URL says what is spoken; leave it out.",
    "chunk_size": "How many texts share a request goes to batch_size=.",
    "check_embedding_ctx_length": _AS_IT_IS,
    "embedding_ctx_length": _AS_IT_IS,
    "tiktoken_enabled": _AS_IT_IS,
    "allowed_special": _AS_IT_IS,
    "disallowed_special": _AS_IT_IS,
    "tiktoken_model_name": "A tokenizer goes to custom_get_token_ids=; or the server counts with"
    " token_counting='server'.",
    "skip_empty": "Every text has its vector; leave it out.",
    "show_progress_bar": "None is shown; leave it out.",
    "retry_min_seconds": "The waits between tries go to backoff=(first, longest).",
    "retry_max_seconds": "The waits between tries go to backoff=(first, longest).",
}
"""Arguments of other packages' models that mean something else here -> the way here. None and False
say that it is not wanted, and so nothing."""


_NO_SECRETS = frozenset({"prompt_cache_key"})
"""OpenAI's settings that only sound like one."""


_OFF_ANYWAY = frozenset({"store"})
"""OpenAI's settings whose False is what happens here without them."""

SENT_AS_THEY_ARE = frozenset(
    {
        # OpenAI's.
        *("audio", "best_of", "echo", "function_call", "functions", "modalities"),
        *("parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_retention"),
        *("response_format", "safety_identifier", "store", "stream_options", "suffix"),
        *("tool_choice", "tools", "user", "verbosity", "web_search_options"),
        # vLLM's and llama.cpp's.
        *("chat_template_kwargs", "guided_json", "ignore_eos", "min_p", "min_tokens"),
        *("repeat_penalty", "repetition_penalty", "stop_token_ids", "structured_outputs", "top_k"),
    }
)
"""Settings without a field that servers know: no name of a field was meant."""

_MEANT: Mapping[str, str] = {"reasoning": "reasoning_effort"}
"""Settings of other APIs that no likeness leads to."""


class Understood(NamedTuple):
    """Arguments under their names here, and those that no field has."""

    known: dict[str, Any]
    unknown: dict[str, Any]


def understood(given: Mapping[str, Any], names: Iterable[str]) -> Understood:
    """Sort arguments by whether a field has their name.

    Args:
        given: A constructor's arguments.
        names: Those of the fields, and whatever else is known.

    Raises:
        ConnectionConfigError: one means something else here, or is a key under a name that would
            have it sent to the model.
    """
    _refuse_formatter_of_community(given.get("content_formatter"))
    names, known, unknown = set(names), dict[str, Any](), dict[str, Any]()
    for spelling, value in given.items():
        name = ALIASES.get(spelling, spelling)
        if name not in names:
            if value is None or (value is False and (name in ELSEWHERE or name in _OFF_ANYWAY)):
                continue
            refuse(spelling, value)
            unknown[name] = value
        elif name in _JOINED and known.get(name) and value:
            of_other_names, own = (known[name], value) if spelling == name else (value, known[name])
            known[name] = {**own, **of_other_names}
        elif value is not None or name not in known:
            known[name] = value  # of two names for one argument, the later wins
    return Understood(known, unknown)


def refuse(name: str, value: Any) -> None:
    """Refuse what is not a setting of the model, so that it is not sent there.

    Raises:
        ConnectionConfigError: it means something else here, or may be a key.
    """
    way = ELSEWHERE.get(name)
    if way is None and looks_secret(name) and name not in _NO_SECRETS and _may_hold_a_secret(value):
        way = f"{_AS_KEY} {_AS_HEADER_TOO if is_secret(name, value) else _AS_SETTING}"
    if way is not None:
        msg = f"{name} is not an argument of this package's models. {way}"
        raise ConnectionConfigError(msg)


def _may_hold_a_secret(value: Any) -> bool:
    """Whether a value is text, holds text, or gives it; that of stop_token_ids does not."""
    if isinstance(value, Mapping):
        return any(map(_may_hold_a_secret, value.values()))
    if isinstance(value, list | tuple | set):
        return any(map(_may_hold_a_secret, value))
    return isinstance(value, str | bytes | SecretStr) or callable(value)


def _refuse_formatter_of_community(formatter: Any) -> None:
    """Say what to write instead of langchain-community's formatters for Azure ML."""
    if hasattr(formatter, "format_response_payload"):
        msg = (
            "content_formatter is langchain-community's. Write model_family= in its place, or"
            " import the class from langchain_azureml_oss.compat."
        )
        raise ConnectionConfigError(msg)


def warn_of_unknown(model: str, unknown: Iterable[str], names: Iterable[str]) -> None:
    """Say at the caller's line that these arguments are sent to the model as they are."""
    names, said = sorted(names), []
    for name in unknown:
        near = None if name in SENT_AS_THEY_ARE else _MEANT.get(name) or nearest(name, names)
        said.append(f"{name} (did you mean {near}?)" if near else name)
    warnings.warn(
        f"{', '.join(said)}: not an argument of {model}; sent to the model as part of"
        " model_kwargs. Put it there to be without this warning.",
        stacklevel=_callers_level(),
    )


_BETWEEN = frozenset({__name__.partition(".")[0], "pydantic", "langchain_core"})


def _callers_level() -> int:
    """Return how many frames up the first one is that is not ours, pydantic's or LangChain's."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001 - as the warnings module itself does
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    return level

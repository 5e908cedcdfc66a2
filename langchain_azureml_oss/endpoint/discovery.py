"""What a server tells about itself when it is asked: a few requests, one after the other.

Each is sent once. What a server does not say, or does not know the path of, stays unknown; no
connection, no time left and a wrong key are errors. Source of the shapes: docs/contracts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.messages import HumanMessage
from pydantic import PrivateAttr

from langchain_azureml_oss.answers import WholeReader
from langchain_azureml_oss.endpoint.call_options import call_options
from langchain_azureml_oss.endpoint.calls import Ask, EndpointCalls
from langchain_azureml_oss.endpoint.plain_calls import Turns
from langchain_azureml_oss.endpoint.token_counting import TokenCounts, count_text
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    EndpointConnectionError,
    RequestTimeoutError,
    refused_feature,
)
from langchain_azureml_oss.exchange import Call

_TELLING = (AuthenticationError, EndpointConnectionError, RequestTimeoutError)
"""Errors that are about the whole endpoint, and not about one path."""

_LARGEST_WINDOW = 2**31

_TOOL = {
    "type": "function",
    "function": {"name": "now", "parameters": {"type": "object", "properties": {}}},
}
_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
    },
}


@dataclass(slots=True)
class Learned:
    """What a server told."""

    name: str | None = None
    window: int | None = None
    """Tokens."""
    has_tokenizer: bool = False
    refused: set[str] = field(default_factory=set)
    """Features of requests that it does not take."""


def discovery(model: EndpointCalls) -> Turns[Learned]:
    """Ask a server about itself: at most six requests."""
    learned = Learned()
    for path in ("/v1/models", "/info"):
        if learned.name is None or learned.window is None:
            found = yield from _asked(model._json(path, None, max_retries=0))  # noqa: SLF001
            name, window = _told(found or {}, model.model)
            learned.name = learned.name or name
            learned.window = learned.window or window
    learned.has_tokenizer = yield from _counts(model)
    for call, sent in _probes(model):
        try:
            yield call
        except _TELLING:
            raise
        except AzureMLOSSError as error:
            feature = refused_feature(error, sent)
            learned.refused |= {feature} if feature else set()
    return learned


def _asked(call: Call[Any]) -> Turns[Any]:
    try:
        return (yield call)
    except _TELLING:
        raise
    except AzureMLOSSError:
        return None


def _counts(model: EndpointCalls) -> Turns[bool]:
    try:
        yield from count_text(model, "a", max_retries=0)
    except _TELLING:
        raise
    except AzureMLOSSError:
        return False
    return True


def _told(found: Mapping[str, Any], asked: str | None) -> tuple[str | None, int | None]:
    """Return name and window, of a list of models or of one model's own words."""
    listed = found.get("data")
    models = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    own = [one for one in models if asked is not None and one.get("id") == asked]
    # Of several models, nobody knows which one answers.
    models = own or (models if len(models) == 1 else [])
    told = models[0] if models else {} if listed is not None else found
    meta = told.get("meta")
    of_llama = meta if isinstance(meta, dict) else {}
    places = (told.get("max_model_len"), of_llama.get("n_ctx"), told.get("max_total_tokens"))
    names = (told.get("id"), told.get("model_name"), told.get("model_id"))
    window = next((n for n in places if type(n) is int and 0 < n <= _LARGEST_WINDOW), None)
    return next((n for n in names if isinstance(n, str) and 0 < len(n) <= 256), None), window


def _probes(model: EndpointCalls) -> Iterator[tuple[Call[Any], Mapping[str, Any]]]:
    """Yield a question with each feature that the contract has, and what is sent of settings."""
    traits = model._formatter.traits  # noqa: SLF001 - the models' own room
    if model._renders or not traits.tools:  # noqa: SLF001 - shown as text, whatever the server takes
        return
    options = {**call_options(model, {}), "max_retries": 0}
    for settings, stream in (
        ({"tools": [_TOOL]}, False),
        ({"response_format": _SCHEMA}, False),
        ({}, traits.streams and model.stream_usage),
    ):
        if not settings and not stream:
            continue
        kwargs = {"max_tokens": 1, **settings}
        ask = Ask(messages=[HumanMessage("Hi")], kwargs=kwargs, stream=stream)
        sent, _ = model._model_call(ask, options)  # noqa: SLF001
        request = model._request(sent, options)  # noqa: SLF001
        read = lambda response: WholeReader(response, bool, model.max_response_bytes)  # noqa: E731
        yield model._carried(request, read, options), sent.parameters  # noqa: SLF001


if TYPE_CHECKING:

    class _ChatModel(TokenCounts, BaseChatModel):
        """What the models are that ask."""

        _window: int | None = PrivateAttr()
        """What a server told at the last discovery."""
else:
    _ChatModel = object  # see `Mixin`


class Discovering(_ChatModel):
    """Asks the server about itself."""

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """What a dump says besides: also a profile that is not the table's, which would be lost."""
        is_own = self.profile != self._resolve_model_profile()
        return super().lc_attributes | ({"profile": self.profile} if is_own else {})

    def discover(self) -> Self:
        """Ask the server about itself, and return a copy that knows what it told.

        That is the model's name, the window (in `profile`), whether it counts tokens, and which of
        tools, JSON schemas and usage in streams it takes. At most six requests, three of them
        questions of one token. What cannot be learned, and what was said when this model was made,
        stays as it is.

        Raises:
            AzureMLOSSError: the endpoint cannot be reached, or refuses the key.
        """
        return self._knowing(self._in_turn(discovery(self)))

    async def adiscover(self) -> Self:
        """Ask the server about itself, and return a copy that knows what it told; see `discover`.

        Raises:
            AzureMLOSSError: the endpoint cannot be reached, or refuses the key.
        """
        return self._knowing(await self._ain_turn(discovery(self)))

    def _knowing(self, learned: Learned) -> Self:
        said = self.model_fields_set
        update: dict[str, Any] = {}
        if learned.name and not self.model:
            update["model"] = learned.name
        if learned.has_tokenizer and "token_counting" not in said:
            update["token_counting"] = "server"  # noqa: S105 - no password
        table = self._resolve_model_profile() or ModelProfile()
        told = {**table, "max_input_tokens": getattr(self, "_window", None)}
        if learned.window and self.profile in (table, told):  # and not the user's
            update["profile"] = {**table, "max_input_tokens": learned.window}
        copied = self.model_copy(update=update)
        # What the server told is nobody's word, so that another discovery may replace it.
        copied.model_fields_set.intersection_update(said)
        copied._window = learned.window  # noqa: SLF001 - of this class
        copied._refused |= self._refused | learned.refused  # noqa: SLF001
        return copied

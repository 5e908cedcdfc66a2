"""A formatter of langchain-community's kind, as one of this package's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, convert_to_messages

from langchain_azureml_oss.compat.formatters import AzureMLEndpointApiType
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ResponseFormatError,
    UnsupportedInputError,
)
from langchain_azureml_oss.formatters import ContentFormatter, ModelCall, Traits
from langchain_azureml_oss.messages import to_wire
from langchain_azureml_oss.wire import Choice, HttpRequest, HttpResponse, Reply, encode_json


def _has_calls(message: Any) -> bool:
    return isinstance(message, AIMessage) and bool(message.tool_calls)


class AdaptedFormatter(ContentFormatter):
    """A formatter of langchain-community's kind, as one of this package's."""

    name = "langchain-community"

    def __init__(self, old: Any, api_type: AzureMLEndpointApiType) -> None:
        self.old, self.api_type = old, api_type
        # Without a method for conversations, these come in the family's template, as one prompt.
        self.traits = Traits(chat=hasattr(old, "format_messages_request_payload"))  # type: ignore[misc]

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Not used: the old formatter makes bytes."""
        raise NotImplementedError

    def read(self, data: Any, call: ModelCall) -> Reply:
        """Not used: the old formatter reads bytes."""
        raise NotImplementedError

    def build(self, call: ModelCall, url: str) -> HttpRequest:
        """Return the request whose body the old formatter makes."""
        settings = dict(call.parameters)
        try:
            if call.messages:
                messages = convert_to_messages([dict(message) for message in call.messages])
                made = self._say(self.old.format_messages_request_payload, messages, settings)
            else:
                (prompt,) = call.prompts
                made = self._say(self.old.format_request_payload, prompt, settings)
        except AzureMLOSSError:
            raise
        except Exception as error:
            kind = type(self.old).__name__
            msg = f"{kind} cannot make a request of this question: {type(error).__name__}."
            raise UnsupportedInputError(msg) from error
        sent_as = getattr(self.old, "content_type", None) or "application/json"
        headers = {"content-type": str(sent_as)}
        if getattr(self.old, "accepts", None):
            headers["accept"] = str(self.old.accepts)
        return HttpRequest(url, self._bytes(made), headers)

    def _bytes(self, made: Any) -> bytes:
        body = made.read() if hasattr(made, "read") else made
        if isinstance(body, str):
            return body.encode()
        if isinstance(body, Mapping):
            return encode_json(body)
        if isinstance(body, bytes | bytearray):
            return bytes(body)
        msg = (
            f"{type(self.old).__name__} made a request body of {type(body).__name__}; it must be"
            " bytes, or a text."
        )
        raise UnsupportedInputError(msg)

    def parse(self, response: HttpResponse, call: ModelCall) -> Reply:
        """Return what the old formatter finds in a response."""
        try:
            found = self._say(self.old.format_response_payload, response.body)
        except AzureMLOSSError:
            raise
        except Exception as error:
            kind = type(self.old).__name__
            msg = f"{kind}.format_response_payload cannot read the answer: {type(error).__name__}."
            raise ResponseFormatError(msg) from error
        text = found if isinstance(found, str) else getattr(found, "text", None)
        if not isinstance(text, str):
            msg = (
                f"{type(self.old).__name__}.format_response_payload returned"
                f" {type(found).__name__}; it must return a Generation, a ChatGeneration or a text."
            )
            raise ResponseFormatError(msg)
        info = getattr(found, "generation_info", None) or {}
        message = getattr(found, "message", found)
        calls = to_wire([message])[0]["tool_calls"] if _has_calls(message) else []
        return Reply([Choice(text=text, finish_reason=info.get("finish_reason"), tool_calls=calls)])

    def _say(self, method: Callable[..., Any], *values: Any) -> Any:
        """Call a method with the type of the API too, unless it is from before there were two."""
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(method).parameters.values()
        takes_all = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
        by_name = {
            one.name: self.api_type
            for one in parameters
            if one.kind is inspect.Parameter.KEYWORD_ONLY and one.name == "api_type"
        }
        count = sum(one.kind in kinds for one in parameters)
        given = (*values, self.api_type)
        return method(*(given if takes_all else given[:count]), **by_name)

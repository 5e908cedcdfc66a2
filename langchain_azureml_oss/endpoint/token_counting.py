"""How many tokens a text or a conversation has: estimated, or counted by the server's tokenizer.

Source of the shapes: vLLM's and llama.cpp's documentation. vLLM takes a prompt, or messages with
tools, at `/tokenize` and answers a `count`. llama.cpp takes a `content` there and answers `tokens`;
it makes a prompt of messages at `/apply-template`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_azureml_oss.endpoint.call_options import call_options
from langchain_azureml_oss.endpoint.calls import Ask, EndpointCalls
from langchain_azureml_oss.endpoint.fields import EndpointFields
from langchain_azureml_oss.endpoint.plain_calls import Turns
from langchain_azureml_oss.errors import (
    InvalidRequestError,
    ModelContainerError,
    NotFoundError,
    ResponseFormatError,
    ServerError,
)

TokenCounting = Literal["estimate", "server"]

_OTHER_SHAPE = (InvalidRequestError, ModelContainerError, ResponseFormatError, ServerError)
"""What a server of the other kind may answer."""


class TokenCounts(EndpointCalls, EndpointFields):
    """Counts tokens."""

    token_counting: TokenCounting = "estimate"  # noqa: S105 - no password
    """Who counts tokens: `estimate`, without any request, or the `server`'s `/tokenize`."""

    def get_num_tokens(self, text: str) -> int:
        """Return how many tokens a text has.

        Counted by `custom_get_token_ids`, where it is given; by the server with
        `token_counting="server"`; otherwise estimated as one token for each four characters.

        Raises:
            AzureMLOSSError: the server has no tokenizer, or could not be asked.
        """
        if self.custom_get_token_ids is not None or self.token_counting != "server":  # noqa: S105
            return super().get_num_tokens(text)
        return self._in_turn(count_text(self, text))

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Return how many tokens a conversation has, with the tools that the model may call.

        The server counts what it would be sent; an estimate counts the texts, and the tools as
        JSON.

        Args:
            messages: The conversation.
            tools: As `bind_tools` takes them.

        Raises:
            AzureMLOSSError: the server has no tokenizer, or could not be asked.
        """
        schemas: list[Any] = [convert_to_openai_tool(tool) for tool in tools or ()]
        if self.custom_get_token_ids is not None:
            texts = [f"{message.type}: {message.text}" for message in messages]
            return sum(map(self.get_num_tokens, [*texts, *map(str, schemas)]))
        if self.token_counting != "server":  # noqa: S105
            return count_tokens_approximately(messages, tools=schemas or None)
        ask = Ask(messages=messages, kwargs={"tools": schemas} if schemas else {})
        call, _ = self._model_call(ask, call_options(self, {}))
        if call.prompts:  # the template's, with all that is in it
            return self._in_turn(count_text(self, call.prompts[0]))
        shown = {name: call.parameters[name] for name in ("tools",) if name in call.parameters}
        return self._in_turn(_count_messages(self, {"messages": list(call.messages), **shown}))


def count_text(model: EndpointCalls, text: str, **options: Any) -> Turns[int]:
    """Return the tokens of a text, without those that stand before and after a prompt."""
    plain = {"add_special_tokens": False, "add_special": False}
    return (yield from _tokenize(model, {"prompt": text, "content": text, **plain}, **options))


def _count_messages(model: EndpointCalls, body: Mapping[str, Any]) -> Turns[int]:
    if "tokenize_messages" not in model._refused:  # noqa: SLF001 - the models' own room
        try:
            return (yield from _tokenize(model, {**body, "add_generation_prompt": True}))
        except _OTHER_SHAPE:
            pass
    found = yield model._json("/apply-template", body)  # noqa: SLF001
    prompt = found.get("prompt")
    if not isinstance(prompt, str):
        raise _no_count("/apply-template")
    # The template's own special tokens are parsed; that at the beginning is added, as in a chat.
    counted = yield from _tokenize(model, {"content": prompt, "add_special": True})
    model._refused.add("tokenize_messages")  # noqa: SLF001 - next time, it is asked this way at once
    return counted


def _tokenize(model: EndpointCalls, body: Mapping[str, Any], **options: Any) -> Turns[int]:
    named = {"model": model.model} if model.model else {}
    try:
        found = yield model._json("/tokenize", {**named, **body}, **options)  # noqa: SLF001
    except NotFoundError as error:
        msg = (
            "This endpoint has no /tokenize, which token_counting='server' asks: leave it at"
            f" 'estimate', or pass the model's tokenizer as custom_get_token_ids=. {error}"
        )
        details = {name: getattr(error, name) for name in ("status", "request_id", "deployment")}
        raise NotFoundError(msg, body=error.body, **details) from None
    count, tokens = found.get("count"), found.get("tokens")
    if type(count) is int and count >= 0:
        return count
    # llama.cpp answers no tokens at all to what it does not know.
    if isinstance(tokens, list) and "content" in body:
        return len(tokens)
    raise _no_count("/tokenize")


def _no_count(path: str) -> ResponseFormatError:
    msg = f"The answer of {path} holds no count of tokens. Leave token_counting at 'estimate'."
    return ResponseFormatError(msg)

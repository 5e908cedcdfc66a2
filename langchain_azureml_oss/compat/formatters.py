"""langchain-community's content formatters: what they mean here.

Source: langchain-community 0.4, llms/azureml_endpoint.py and chat_models/azureml_endpoint.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_azureml_oss.errors import ResponseFormatError
from langchain_azureml_oss.families import ModelFamily, fold, profile
from langchain_azureml_oss.formatters import ContentFormatter, ModelCall, formatter
from langchain_azureml_oss.messages import to_wire
from langchain_azureml_oss.wire import Choice, HttpResponse, encode_json


class AzureMLEndpointApiType(str, Enum):  # noqa: UP042 - as it was
    """How an endpoint is hosted; `realtime` is the old word for `dedicated`."""

    dedicated = "dedicated"
    realtime = "realtime"
    serverless = "serverless"


class ContentFormatterBase:
    """The base of your own old formatters, which go on working with the classes here."""

    content_type: str | None = "application/json"
    accepts: str | None = "application/json"
    format_error_msg: str = (
        "Error while formatting response payload for chat model of type `{api_type}`. Are you using"
        " the right formatter for the deployed model and endpoint type?"
    )

    @staticmethod
    def escape_special_characters(prompt: str) -> str:
        """Return the prompt as it is: JSON escapes it, and twice would be once too often."""
        return prompt

    @property
    def supported_api_types(self) -> Sequence[AzureMLEndpointApiType]:
        """The kinds of hosting whose endpoints this formatter speaks to."""
        return [AzureMLEndpointApiType.dedicated]

    def format_request_payload(
        self,
        prompt: str,
        model_kwargs: dict[str, Any],
        api_type: AzureMLEndpointApiType = AzureMLEndpointApiType.dedicated,
    ) -> Any:
        """Return the body to send."""
        raise NotImplementedError

    def format_response_payload(
        self,
        output: bytes,
        api_type: AzureMLEndpointApiType = AzureMLEndpointApiType.dedicated,
    ) -> Any:
        """Return the answer in the body of a response: a Generation, a ChatGeneration or a text."""
        raise NotImplementedError


class Meaning(NamedTuple):
    """What a formatter of langchain-community is in the words of the new classes."""

    model_family: ModelFamily
    contract: str
    serverless: str | None = None
    """The contract of serverless endpoints, where the formatter knows these."""


_GPT2 = Meaning(ModelFamily.GPT2, "gpt2-2023")

MEANINGS: Mapping[str, Meaning] = {
    "CustomOpenAIChatContentFormatter": Meaning(ModelFamily.OPENAI, "score", "openai"),
    "CustomOpenAIContentFormatter": Meaning(ModelFamily.OPENAI, "score", "openai"),
    "DollyContentFormatter": Meaning(ModelFamily.DOLLY, "dolly-2023"),
    "GPT2ContentFormatter": _GPT2,
    "HFContentFormatter": Meaning(ModelFamily.FALCON, "falcon-2023"),
    "LlamaChatContentFormatter": Meaning(ModelFamily.LLAMA, "score", "openai"),
    "LlamaContentFormatter": Meaning(ModelFamily.LLAMA, "score", "openai"),
    "MistralChatContentFormatter": Meaning(ModelFamily.MISTRAL, "score", "openai"),
    "OSSContentFormatter": _GPT2,
}
"""Name of a formatter of langchain-community -> what it means."""

_HOMES = (
    __name__,
    "langchain_community.llms.azureml_endpoint",
    "langchain_community.chat_models.azureml_endpoint",
)


def meaning(given: Any) -> Meaning | None:
    """Return what a formatter means, from here or langchain-community's own; None: another."""
    kind = type(given)
    return MEANINGS.get(kind.__name__) if kind.__module__ in _HOMES else None


class _Known(ContentFormatterBase):
    """A formatter that langchain-community has, for those who call its methods or extend it."""

    @property
    def _meaning(self) -> Meaning:
        return next(
            MEANINGS[base.__name__] for base in type(self).__mro__ if base.__name__ in MEANINGS
        )

    @property
    def supported_api_types(self) -> Sequence[AzureMLEndpointApiType]:
        hosted = [AzureMLEndpointApiType.dedicated]
        return [*hosted, AzureMLEndpointApiType.serverless] if self._meaning.serverless else hosted

    def _contract(self, api_type: AzureMLEndpointApiType) -> ContentFormatter:
        serverless = api_type == AzureMLEndpointApiType.serverless
        return formatter((serverless and self._meaning.serverless) or self._meaning.contract)

    def format_request_payload(
        self,
        prompt: str,
        model_kwargs: dict[str, Any],
        api_type: AzureMLEndpointApiType = AzureMLEndpointApiType.dedicated,
    ) -> bytes:
        call = ModelCall(parameters=dict(model_kwargs), prompts=[prompt])
        return encode_json(self._contract(api_type).body(call))

    def format_response_payload(
        self,
        output: bytes,
        api_type: AzureMLEndpointApiType = AzureMLEndpointApiType.dedicated,
    ) -> Any:
        choice = self._choice(output, ModelCall({}, prompts=[""]), api_type)
        return Generation(text=choice.text, generation_info=_info(choice))

    def _choice(self, output: bytes, call: ModelCall, api_type: AzureMLEndpointApiType) -> Choice:
        reply = self._contract(api_type).parse(HttpResponse(200, {}, output), call)
        for choice in reply.choices:
            if choice is not None:
                return choice
        raise ResponseFormatError("The answer holds no text.")


def _info(choice: Choice) -> dict[str, Any]:
    return {"finish_reason": choice.finish_reason, "logprobs": choice.logprobs}


class GPT2ContentFormatter(_Known):
    """For GPT2."""


class OSSContentFormatter(GPT2ContentFormatter):
    """The old name of GPT2ContentFormatter."""


class HFContentFormatter(_Known):
    """For models of Hugging Face's catalog, such as Falcon."""


class DollyContentFormatter(_Known):
    """For Dolly v2."""


class CustomOpenAIContentFormatter(_Known):
    """For models of the catalog, dedicated or serverless."""


class LlamaContentFormatter(CustomOpenAIContentFormatter):
    """For Llama."""


class CustomOpenAIChatContentFormatter(_Known):
    """For chat models of the catalog, dedicated or serverless."""

    SUPPORTED_ROLES: ClassVar[list[str]] = ["user", "assistant", "system"]

    def format_messages_request_payload(
        self,
        messages: list[BaseMessage],
        model_kwargs: dict[str, Any],
        api_type: AzureMLEndpointApiType = AzureMLEndpointApiType.dedicated,
    ) -> bytes:
        """Return the body that asks for the next turn of a conversation."""
        turns = fold(to_wire(messages), profile(self._meaning.model_family))
        call = ModelCall(parameters=dict(model_kwargs), messages=turns)
        return encode_json(self._contract(api_type).body(call))

    def format_response_payload(
        self,
        output: bytes,
        api_type: AzureMLEndpointApiType = AzureMLEndpointApiType.dedicated,
    ) -> ChatGeneration:
        """Return the answer in the body of a response."""
        call = ModelCall({}, messages=[{"role": "user", "content": ""}])
        choice = self._choice(output, call, api_type)
        return ChatGeneration(message=AIMessage(choice.text), generation_info=_info(choice))


class LlamaChatContentFormatter(CustomOpenAIChatContentFormatter):
    """For Llama's chat models."""


class MistralChatContentFormatter(LlamaChatContentFormatter):
    """For Mistral's chat models, whose template has no system turn."""

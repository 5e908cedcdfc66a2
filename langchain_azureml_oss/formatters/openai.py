"""Contract `openai`: /chat/completions and /completions, with or without /v1, whole and streamed.

Source: observed on Microsoft's catalog server, see docs/contracts.md; the bodies are OpenAI's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from langchain_azureml_oss.formatters.base import (
    Api,
    ContentFormatter,
    ModelCall,
    Traits,
    error_inside,
)
from langchain_azureml_oss.formatters.parameters import ContractNames
from langchain_azureml_oss.wire import Choice, Reply

# What Microsoft's server knows; it answers 400 to anything else, or drops it, unless told to pass
# it through to the model.
_KNOWN_FIELDS = frozenset(
    {"messages", "prompt", "model", "frequency_penalty", "presence_penalty", "seed", "temperature"}
    | {"top_p", "max_tokens", "stop", "stream", "response_format", "tools", "tool_choice"}
)
_PATHS: Mapping[Api, str] = {"chat": "/chat/completions", "completion": "/completions"}
_OF_AN_EVENT = frozenset({"choices", "usage", "object"})
"""What tells an event of a stream, where it brings no choice."""
_SUFFIX = re.compile(r"((/chat)?/completions|/embed(dings)?)/?$")


class OpenAIFormatter(ContentFormatter):
    """Bodies of OpenAI's chat and completion APIs."""

    name = "openai"
    traits = Traits(streams=True, tools=True)
    parameter_names: ClassVar[ContractNames] = {
        "max_tokens": ("max_tokens", "max_completion_tokens"),
        "stream_options": ("stream_options",),
    }

    def chats_at(self, url: str) -> bool:
        """Whether the path is that of the chat API."""
        return url.partition("?")[0].rstrip("/").endswith(_PATHS["chat"])

    def url(self, url: str, api: Api) -> str:
        """Return the path of the API in use: a bare host gets it with /v1, a sibling is swapped."""
        return api_url(url, _PATHS[api])

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return OpenAI's body; `/completions` takes one prompt."""
        asked: dict[str, Any] = (
            {"messages": list(call.messages)} if call.messages else {"prompt": call.prompts[0]}
        )
        body = {**asked, **call.parameters}
        if call.model:
            body["model"] = call.model
        if call.stream:
            body["stream"] = True
        else:
            body.pop("stream_options", None)  # OpenAI and vLLM refuse it without a stream
        return body

    def headers(self, call: ModelCall, body: Mapping[str, Any]) -> Mapping[str, str]:
        """Ask for extra fields to reach the model, when (and only when) there are any."""
        return {} if _KNOWN_FIELDS.issuperset(body) else {"extra-parameters": "pass-through"}

    def read(self, data: Any, call: ModelCall) -> Reply:
        """Read a whole answer."""
        choices = self._choices(data)
        if not all(_speaks(choice, "message") for choice in choices):
            raise self.mismatch(data, expected="a message or a text in each choice")
        return _reply(data, [_choice(choice, "message") for choice in choices])

    def advice(self, data: Any) -> str:
        """Return what to try after an answer of another shape."""
        return (
            "A URL that ends in /score speaks contract='score'; this contract is at"
            " /v1/chat/completions."
        )

    def read_event(self, data: Any) -> Reply:
        """Read one event of a stream; a choice that brings nothing is none."""
        found = []
        for choice in self._choices(data, is_event=True):
            # Some servers write a whole message into one event.
            part = "delta" if choice.get("delta") else "message"
            if _brings_any(choice, part):
                found.append(_choice(choice, part, in_event=True))
        return _reply(data, found)

    def _choices(self, data: Any, *, is_event: bool = False) -> Sequence[Any]:
        """Return the choices.

        Raises:
            AzureMLOSSError: the error that is written beside them, or in their place.
        """
        choices = data.get("choices") if isinstance(data, dict) else ...
        error = error_inside(data)
        if error is not None and not (choices and _says_nothing(data.get("error"))):
            raise error
        if isinstance(choices, list):
            return choices
        # Servers write null in a first event, and in the one with the usage, or leave the list out.
        if is_event and choices is None and not _OF_AN_EVENT.isdisjoint(data):
            return ()
        raise self.mismatch(data, expected='{"choices": [...]}')


def api_url(url: str, path: str) -> str:
    """Return the URL of one of OpenAI's APIs at the endpoint that a URL names."""
    base, question_mark, query = url.partition("?")
    if _SUFFIX.search(base):
        return _SUFFIX.sub(path, base) + question_mark + query
    host_only = base.rstrip("/").count("/") == 2
    prefix = base.rstrip("/") + ("/v1" if host_only else "")
    if not prefix.endswith(("/v1", "/models")):
        return url
    return prefix + path + question_mark + query


def _speaks(choice: Mapping[str, Any], part: str) -> bool:
    """Whether there is an answer in a choice, though it may be an empty one."""
    return bool(choice.get(part)) or choice.get("text") is not None


def _says_nothing(error: Any) -> bool:
    """Whether an error is a form that was not filled in, as some servers have it in each answer."""
    return isinstance(error, Mapping) and not any(error.values())


def _brings_any(choice: Mapping[str, Any], part: str) -> bool:
    return _speaks(choice, part) or bool(choice.get("finish_reason"))


def _reply(data: Mapping[str, Any], choices: Sequence[Choice]) -> Reply:
    usage = data.get("usage")
    if not usage:
        for choice in data.get("choices") or ():
            usage = usage or choice.get("usage")  # Moonshot's place
    return Reply(
        choices=list(choices),
        usage=usage,
        model=data.get("model"),
        id=data.get("id"),
    )


def _choice(choice: Mapping[str, Any], part: str, *, in_event: bool = False) -> Choice:
    message = choice.get(part) or {}
    return Choice(
        text=content_text(message.get("content")) or choice.get("text") or "",
        reasoning=reasoning_text(message),
        tool_calls=_calls(message),
        finish_reason=choice.get("finish_reason"),
        logprobs=choice.get("logprobs"),
        index=choice.get("index") or 0,
        is_whole=in_event and part == "message",
        refusal=message.get("refusal"),
    )


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a message's calls, or the only one where it has OpenAI's older form."""
    older = message.get("function_call")
    return message.get("tool_calls") or ([{"index": 0, "function": older}] if older else [])


def content_text(content: Any) -> str:
    """Return the text of a message's content: text, or a list of parts."""
    if isinstance(content, list):
        # What is neither a text nor a part is an AttributeError, so that no words are lost quietly.
        return "".join(p if isinstance(p, str) else p.get("text") or "" for p in content)
    return content or ""


def reasoning_text(message: Mapping[str, Any]) -> str:
    """Return a message's reasoning: vLLM called it reasoning_content, and reasoning since 0.12.

    Mistral's models have it among the parts of the content.
    """
    told = message.get("reasoning_content") or message.get("reasoning") or ""
    content = message.get("content")
    if told or not isinstance(content, list):
        return told
    thoughts = [part.get("thinking") for part in content if not isinstance(part, str)]
    return "".join(map(content_text, thoughts))

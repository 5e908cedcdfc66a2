"""Contracts of today's /score routes: `score` and `score-params`.

Source: observed on Microsoft's catalog server and its MLflow flavour, see docs/contracts.md.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from langchain_azureml_oss.errors import ResponseFormatError
from langchain_azureml_oss.families import plain_text
from langchain_azureml_oss.formatters.base import (
    Api,
    ContentFormatter,
    ModelCall,
    Traits,
    error_inside,
)
from langchain_azureml_oss.formatters.openai import content_text, reasoning_text
from langchain_azureml_oss.formatters.parameters import ContractNames
from langchain_azureml_oss.wire import Choice, Reply, WireMessage, decode_json

logger = logging.getLogger(__name__)

_EXPECTED = '{"output": ...}, a list of texts, or [{"0": ...}]'

_OBJECT_KEYS = frozenset(
    {"output", "message", "error", "finish_reason", "usage", "model", "id", "tool_calls"}
    | {"reasoning_content", "object", "code", "type", "param"}
)
"""What an answer that is an object holds."""

_FOR_A_CHAT = (
    'A chat deployment answers so to a prompt. Write AzureMLOSSLLM(..., api="chat"), or'
    " AzureMLOSSChatModel(...); with the families FALCON, GPT2 and DOLLY, which make a prompt of"
    ' every conversation, also model_family="OPENAI".'
)
_AT_SCORE = ("score", "score-params", "gpt2-2023", "falcon-2023", "dolly-2023")
"""The contracts whose URLs end in /score, so that the URL does not tell them apart."""


class ScoreFamilyFormatter(ContentFormatter):
    """What every contract at /score has in common: all of them accept all the response shapes."""

    def url(self, url: str, api: Api) -> str:
        """Give a bare host the path /score; any other URL stays."""
        base, question_mark, query = url.partition("?")
        host_only = base.rstrip("/").count("/") == 2
        return base.rstrip("/") + "/score" + question_mark + query if host_only else url

    def read(self, data: Any, call: ModelCall) -> Reply:
        """Read any shape that /score answers with; failures come with status 200 too."""
        reply = self._any_shape(data, call)
        if call.messages and (len(reply.choices) > 1 or _repeats_message(reply, call)):
            raise _not_a_chat(len(reply.choices))
        return reply

    def _any_shape(self, data: Any, call: ModelCall) -> Reply:
        if isinstance(data, str):
            return self._json_text(data, call)
        if isinstance(data, list) and data:
            return Reply([self._text(item) for item in self._items(data, len(call.prompts))])
        if isinstance(data, dict) and not {"error", "output", "message"}.isdisjoint(data):
            return self._object(data, call)
        if data == {} and call.prompts:
            raise ResponseFormatError(f"{self.mismatch(data, expected=_EXPECTED)} {_FOR_A_CHAT}")
        raise self.mismatch(data, expected=_EXPECTED)

    def _json_text(self, text: str, call: ModelCall) -> Reply:
        """Read what a score.py returned that makes texts: the answer, or JSON of any shape above.

        JSON that is no answer of this contract is the model's own.
        """
        try:
            inner = decode_json(text.encode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            return Reply([Choice(text=text)])
        if isinstance(inner, str):
            return Reply([Choice(text=inner)])
        asked = max(1, len(call.prompts))
        is_object = isinstance(inner, dict) and _OBJECT_KEYS.issuperset(inner)
        if is_object or isinstance(inner, list):
            with contextlib.suppress(ResponseFormatError, AttributeError, TypeError, ValueError):
                reply = self._any_shape(inner, call)
                if is_object or len(reply.choices) == asked or _repeats_message(reply, call):
                    return reply
        return Reply([Choice(text=text)])

    def advice(self, data: Any) -> str:
        """Return what to try after an answer of another shape."""
        if isinstance(data, Mapping) and "choices" in data:
            return "It is of the kind that contract='openai' has: try that."
        others = ", ".join(repr(name) for name in _AT_SCORE if name != self.name)
        advice = f"Try contract='openai' at /v1/chat/completions, or at /score one of {others}."
        if data == {}:
            return (
                "An empty object says that the server did not understand the request, that the"
                " engine is down, or that a content filter stepped in: the deployment's logs say"
                f" which. {advice}"
            )
        return advice

    def _object(self, data: Mapping[str, Any], call: ModelCall) -> Reply:
        error = error_inside(data)
        if error is not None:
            raise error
        message = data.get("message") or {}
        if not isinstance(message, Mapping):
            raise self.mismatch(data, expected=_EXPECTED)
        output = data.get("output")
        tool_calls = data.get("tool_calls") or message.get("tool_calls") or []
        reasoning = data.get("reasoning_content") or reasoning_text(message)
        if isinstance(output, list) and not call.messages and not _is_parts(output):
            choices: list[Choice | None] = [self._text(item) for item in output]
        else:
            choices = [self._text(output if output is not None else message.get("content"))]
            if choices == [None] and (tool_calls or reasoning):
                choices = [Choice()]  # an answer without a text is no failure
        for choice in filter(None, choices):
            choice.finish_reason = data.get("finish_reason")
            choice.tool_calls, choice.reasoning = tool_calls, reasoning
        return Reply(choices, data.get("usage"), data.get("model"), data.get("id"))

    def _items(self, data: list[Any], asked: int) -> list[Any]:
        """Return one item for each prompt, from a list, or from objects whose keys are numbers."""
        items: dict[int, Any] = {}
        for item in data:
            if isinstance(item, Mapping) and item and all(str(key).isdecimal() for key in item):
                numbered = {int(key): value for key, value in item.items()}
                # Each object may count its own prompts from 0.
                shift = len(items) if numbered.keys() & items.keys() else 0
                items |= {number + shift: value for number, value in numbered.items()}
            else:
                items[len(items)] = item
        last = max(items)
        if last > asked + len(items):
            raise self.mismatch(data, expected=f"answers to {asked} prompts, counted from 0")
        # A number that is left out is a prompt that the server lost.
        return [items.get(number) for number in range(last + 1)]

    def _text(self, item: Any) -> Choice | None:
        """Return one answer; None where the server said null, so that this prompt failed."""
        if isinstance(item, list) and len(item) == 1 and not isinstance(item[0], str):
            item = item[0]  # transformers' pipeline: a list of answers for each prompt
        if isinstance(item, Mapping) and "generated_text" in item:
            item = item["generated_text"]
        if isinstance(item, list) or (isinstance(item, Mapping) and "text" in item):
            item = content_text(item if isinstance(item, list) else [item])
        if item is None:
            return None
        if not isinstance(item, str):
            raise self.mismatch(item, expected="a text")
        if item == "None":
            logger.warning(
                "The answer is the word None. The server writes it when its engine answered an"
                " error; the model may also have said it."
            )
        return Choice(text=item)


class ScoreFormatter(ScoreFamilyFormatter):
    """`{"input_data": {"input_string": ..., "parameters": {...}}}`: today's catalog models."""

    name = "score"
    traits = Traits(several_prompts=True)
    parameter_names: ClassVar[ContractNames] = {
        "max_tokens": ("max_new_tokens", "max_gen_len", "max_tokens"),
        "stream_options": (),
        "response_format": (),
    }

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return the body; `parameters` counts only inside `input_data`."""
        asked: list[Any] = [_text_message(message, self.name) for message in call.messages]
        asked += call.prompts
        # The text begins with the prompt otherwise, and nobody could tell the two apart for sure.
        told = {"return_full_text": False} if call.prompts else {}
        return {"input_data": {"input_string": asked, "parameters": {**told, **call.parameters}}}


class ScoreParamsFormatter(ScoreFamilyFormatter):
    """`{"input_data": [...], "params": {...}}`: transformers-flavoured MLflow models."""

    name = "score-params"
    traits = Traits(chat=False, several_prompts=True, echoes=True)
    parameter_names: ClassVar[ContractNames] = {
        # transformers' generate() refuses arguments that it does not know.
        "max_tokens": ("max_new_tokens",),
        "stop": (),
        "seed": (),
        "response_format": (),
    }

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return the body."""
        return {"input_data": list(call.prompts), "params": dict(call.parameters)}


def _repeats_message(reply: Reply, call: ModelCall) -> bool:
    """Whether a text begins as Python writes a message: the server took that for a prompt."""
    first = reply.choices[0] if reply.choices and call.messages else None
    if first is None:
        return False
    message: WireMessage = call.messages[0]
    beginning = repr({"role": message["role"], "content": message["content"]})[:-1]
    return first.text.startswith(beginning)


def _not_a_chat(texts: int) -> ResponseFormatError:
    many = f"The conversation was answered as {texts} separate prompts, one for each message"
    return ResponseFormatError(
        f"{many if texts > 1 else 'The message was taken for a prompt'}: the deployment is a"
        ' text-generation one. Write AzureMLOSSLLM(..., api="completion"), or deploy the model for'
        " the task chat-completion."
    )


def _is_parts(output: list[Any]) -> bool:
    """Whether a list is one answer in content parts, and not one answer for each prompt."""
    return bool(output) and all(isinstance(item, Mapping) and "type" in item for item in output)


def _text_message(message: Mapping[str, Any], contract: str) -> dict[str, Any]:
    return {**message, "content": plain_text(dict(message), f"The contract {contract!r}")}

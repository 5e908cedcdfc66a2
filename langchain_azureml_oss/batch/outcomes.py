"""What came of a question -> what is written of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import Generation
from pydantic import BaseModel

Outcome = dict[str, Any]
"""`text`, `answer` or `vector`, and what is known about it, or `error`."""

_METADATA = ("model_name", "deployment", "finish_reason", "request_id")


def of_message(message: AIMessage) -> Outcome:
    """Return what is written of a chat model's answer."""
    known = {**message.response_metadata, "usage": message.usage_metadata}
    calls = [{"id": c["id"], "name": c["name"], "args": c["args"]} for c in message.tool_calls]
    reasoning = message.additional_kwargs.get("reasoning_content")
    return _outcome({"text": message.text, "reasoning": reasoning}, known, calls)


def of_generation(generation: Generation) -> Outcome:
    """Return what is written of a completion."""
    info = generation.generation_info or {}
    known = {**info, "usage": info.get("usage_metadata")}
    return _outcome({"text": generation.text}, known)


def of_value(value: Any, known: Mapping[str, Any]) -> Outcome:
    """Return what is written of a chain's result: a message, a text, or a structured answer.

    Args:
        value: The result; that of `with_structured_output(include_raw=True)` may hold an error.
        known: What its models told about their last answer.
    """
    if isinstance(value, AIMessage):
        return {**_outcome({}, known), **of_message(value)}
    if isinstance(value, Mapping) and {"raw", "parsed", "parsing_error"} == value.keys():
        if value["parsing_error"] is not None:
            raise value["parsing_error"]
        value = value["parsed"]
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return _outcome({"text" if isinstance(value, str) else "answer": value}, known)


def of_vectors(vectors: Sequence[Sequence[float]], *, is_list: bool) -> Outcome:
    """Return what is written of a text's vector, or of those of a list of texts."""
    return {"vectors": vectors} if is_list else {"vector": vectors[0]}


def of_failure(error: BaseException) -> Outcome:
    """Return what is written of a row that has no answer."""
    said = {"type": type(error).__name__, "message": str(error)}
    details = {name: getattr(error, name, None) for name in ("status", "request_id", "deployment")}
    return {"error": said | {k: v for k, v in details.items() if v is not None}}


def _outcome(
    answer: Outcome, known: Mapping[str, Any], calls: list[dict[str, Any]] | None = None
) -> Outcome:
    outcome = {**answer, **{key: known.get(key) for key in (*_METADATA, "usage")}}
    outcome["tool_calls"] = calls or None
    return {key: value for key, value in outcome.items() if value is not None}

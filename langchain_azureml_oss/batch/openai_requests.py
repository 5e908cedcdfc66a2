"""OpenAI's batch files: a request on each line in, a response on each line out.

Source: OpenAI's documentation of the Batch API (request input, request output).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import encode_json

_SETTINGS = frozenset(
    {
        *("temperature", "top_p", "max_tokens", "stop", "seed", "response_format", "model"),
        *("tools", "tool_choice", "parallel_tool_calls", "dimensions"),
    }
)
"""Fields of a body that are arguments of a call; whatever else there is goes to the model as it is,
so that no field of a file can be an option of this package, such as a time-out."""
_QUESTION = frozenset({"messages", "prompt", "input", "stream", "stream_options", "n"})

Kind = Literal["chat", "completion", "embeddings"]

_KINDS: Mapping[str, Kind] = {
    "/chat/completions": "chat",
    "/completions": "completion",
    "/embeddings": "embeddings",
}
"""End of a request's URL -> what it asks for; the first that fits."""


def is_request(value: Mapping[str, Any]) -> bool:
    """Whether an object is a line of OpenAI's batch files."""
    return isinstance(value.get("custom_id"), str) and isinstance(value.get("body"), dict)


def kind_of(request: Mapping[str, Any]) -> Kind | None:
    """Return what a request asks for; None: nothing that a model does."""
    url = str(request.get("url", ""))
    return next((kind for end, kind in _KINDS.items() if url.endswith(end)), None)


def options_of(number: int, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the call that a request asks for.

    Raises:
        UnsupportedInputError: it asks for something else than one answer of a model.
    """
    body = request["body"]
    if kind_of(request) is None:
        url, known = str(request.get("url", "")), ", ".join(_KINDS)
        raise UnsupportedInputError(f"Row {number}: {url!r} is none of {known}.")
    if body.get("n") not in {None, 1}:
        raise UnsupportedInputError(f"Row {number} asks for {body['n']} answers; leave out `n`.")
    if body.get("encoding_format") not in {None, "float"}:
        msg = f"Row {number}: vectors are lists of numbers here; leave out `encoding_format`."
        raise UnsupportedInputError(msg)
    body = {key: value for key, value in body.items() if value is not None}
    longest = body.pop("max_completion_tokens", None)
    if longest is not None:
        body.setdefault("max_tokens", longest)
    options = {name: value for name, value in body.items() if name in _SETTINGS}
    others = body.keys() - _SETTINGS - _QUESTION
    return options | ({"model_kwargs": {name: body[name] for name in others}} if others else {})


def response_line(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line for a row of a file of answers.

    Args:
        answer: Whose `input` is a request.
    """
    request, number = answer["input"], answer["row"]
    line = {"id": f"batch_req_{number}", "custom_id": request["custom_id"]}
    error = answer.get("error")
    if error is None:
        body = _BODIES[kind_of(request) or "chat"](answer)
        request_id = answer.get("request_id")
        response = {"status_code": 200, "request_id": request_id, "body": body}
        return {**line, "response": response, "error": None}
    said = {"code": error["type"], "message": error["message"]}
    if (status := error.get("status")) is None:
        return {**line, "response": None, "error": said}
    response = {"status_code": status, "request_id": error.get("request_id")}
    return {**line, "response": {**response, "body": {"error": said}}, "error": None}


def _text(answer: Mapping[str, Any]) -> str:
    text: str | None = answer.get("text")
    return encode_json(answer.get("answer")).decode() if text is None else text


def _chat(answer: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _text(answer)}
    if reasoning := answer.get("reasoning"):
        message["reasoning_content"] = reasoning
    if calls := answer.get("tool_calls"):
        message["tool_calls"] = [_call(call) for call in calls]
    return _generated("chat.completion", answer, {"message": message})


def _completion(answer: Mapping[str, Any]) -> dict[str, Any]:
    return _generated("text_completion", answer, {"text": _text(answer)})


def _generated(kind: str, answer: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    usage = answer.get("usage")
    return {
        "id": answer.get("request_id") or f"row-{answer['row']}",
        "object": kind,
        "model": answer.get("model_name"),
        "choices": [{"index": 0, "finish_reason": answer.get("finish_reason"), **content}],
        "usage": usage
        and {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def _embeddings(answer: Mapping[str, Any]) -> dict[str, Any]:
    vectors = answer["vectors"] if "vectors" in answer else [answer["vector"]]
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    model = answer["input"]["body"].get("model")
    return {"object": "list", "data": data, "model": model, "usage": None}


_BODIES = {"chat": _chat, "completion": _completion, "embeddings": _embeddings}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = encode_json(call["args"]).decode()
    function = {"name": call["name"], "arguments": arguments}
    return {"id": call["id"], "type": "function", "function": function}

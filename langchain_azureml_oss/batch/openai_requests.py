"""OpenAI's batch files: a request on each line in, a response on each line out.

Source: OpenAI's documentation of the Batch API (request input, request output).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import encode_json

_SETTINGS = frozenset(
    {
        *("temperature", "top_p", "max_tokens", "stop", "seed", "response_format", "model"),
        *("tools", "tool_choice", "parallel_tool_calls"),
    }
)
"""Fields of a body that are arguments of a call; whatever else there is goes to the model as it is,
so that no field of a file can be an option of this package, such as a time-out."""
_QUESTION = frozenset({"messages", "prompt", "stream", "stream_options", "n"})
CHAT, COMPLETION = "/chat/completions", "/completions"


def is_request(value: Mapping[str, Any]) -> bool:
    """Whether an object is a line of OpenAI's batch files."""
    return isinstance(value.get("custom_id"), str) and isinstance(value.get("body"), dict)


def options_of(number: int, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the call that a request asks for.

    Raises:
        UnsupportedInputError: it asks for something else than one answer of a model.
    """
    body, url = request["body"], str(request.get("url", ""))
    if not url.endswith(COMPLETION):
        raise UnsupportedInputError(f"Row {number}: {url!r} is neither {CHAT} nor {COMPLETION}.")
    if body.get("n") not in {None, 1}:
        raise UnsupportedInputError(f"Row {number} asks for {body['n']} answers; leave out `n`.")
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
        body = _body(answer, is_chat=str(request["url"]).endswith(CHAT))
        request_id = answer.get("request_id")
        response = {"status_code": 200, "request_id": request_id, "body": body}
        return {**line, "response": response, "error": None}
    said = {"code": error["type"], "message": error["message"]}
    if (status := error.get("status")) is None:
        return {**line, "response": None, "error": said}
    response = {"status_code": status, "request_id": error.get("request_id")}
    return {**line, "response": {**response, "body": {"error": said}}, "error": None}


def _body(answer: Mapping[str, Any], *, is_chat: bool) -> dict[str, Any]:
    text = answer.get("text")
    if text is None:
        text = encode_json(answer.get("answer")).decode()
    choice: dict[str, Any] = {"index": 0, "finish_reason": answer.get("finish_reason")}
    if is_chat:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if reasoning := answer.get("reasoning"):
            message["reasoning_content"] = reasoning
        if calls := answer.get("tool_calls"):
            message["tool_calls"] = [_call(call) for call in calls]
        choice["message"] = message
    else:
        choice["text"] = text
    usage = answer.get("usage")
    return {
        "id": answer.get("request_id") or f"row-{answer['row']}",
        "object": "chat.completion" if is_chat else "text_completion",
        "model": answer.get("model_name"),
        "choices": [choice],
        "usage": usage
        and {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = encode_json(call["args"]).decode()
    function = {"name": call["name"], "arguments": arguments}
    return {"id": call["id"], "type": "function", "function": function}

"""OpenAI-style bodies, as Microsoft's server takes and gives them."""

from __future__ import annotations

import json

import pytest

from langchain_azureml_oss import errors
from langchain_azureml_oss.formatters import ModelCall, formatter
from langchain_azureml_oss.wire.http_types import HttpResponse
from langchain_azureml_oss.wire.sse import Event

OPENAI = formatter("openai")
HI = [{"role": "user", "content": "Say hi."}]
# docs/contracts.md, "Known fields"; messages and prompt are always there.
KNOWN = [
    *("model", "frequency_penalty", "presence_penalty", "seed", "temperature", "top_p"),
    *("max_tokens", "stop", "stream", "response_format", "tools", "tool_choice"),
]
EXTRA = ["top_k", "n", "logprobs", "stream_options", "max_completion_tokens", "parallel_tool_calls"]


def read(value):
    return OPENAI.parse(HttpResponse(200, {}, json.dumps(value).encode()), ModelCall({}))


def test_a_chat_request():
    call = ModelCall({"temperature": 0.4}, messages=HI, model="m", stream=True)
    assert OPENAI.body(call) == {
        "messages": HI,
        "temperature": 0.4,
        "model": "m",
        "stream": True,
    }


def test_a_completion_request_holds_one_prompt():
    assert OPENAI.body(ModelCall({"max_tokens": 8}, prompts=["1 2 3"])) == {
        "prompt": "1 2 3",
        "max_tokens": 8,
    }


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_field_needs_no_header(name):
    request = OPENAI.build(ModelCall({name: 1}, messages=HI), "https://h.example/v1")
    assert "extra-parameters" not in request.headers


@pytest.mark.parametrize("name", EXTRA)
def test_an_extra_field_is_passed_through(name):
    call = ModelCall({name: 1}, messages=HI, stream=True)
    request = OPENAI.build(call, "https://h.example/v1")
    assert request.headers["extra-parameters"] == "pass-through"
    assert json.loads(request.body)[name] == 1


def test_stream_options_are_for_streams_alone():
    """OpenAI and vLLM answer 400 to them without `stream`."""
    call = ModelCall({"stream_options": {"include_usage": True}}, messages=HI)
    request = OPENAI.build(call, "https://h.example/v1")
    assert json.loads(request.body) == {"messages": HI}
    assert "extra-parameters" not in request.headers


@pytest.mark.parametrize(
    ("url", "chat", "completion"),
    [
        ("https://h.example", "/v1/chat/completions", "/v1/completions"),
        ("https://h.example/", "/v1/chat/completions", "/v1/completions"),
        ("https://h.example/v1", "/v1/chat/completions", "/v1/completions"),
        ("https://h.example/v1/", "/v1/chat/completions", "/v1/completions"),
        ("https://h.example/models", "/models/chat/completions", "/models/completions"),
        ("https://h.example/chat/completions", "/chat/completions", "/completions"),
        ("https://h.example/completions", "/chat/completions", "/completions"),
        ("https://h.example/v1/completions", "/v1/chat/completions", "/v1/completions"),
        ("https://h.example/v1/chat/completions/", "/v1/chat/completions", "/v1/completions"),
        ("https://h.example/v1/completions?a=1", "/v1/chat/completions?a=1", "/v1/completions?a=1"),
        ("https://h.example?a=1", "/v1/chat/completions?a=1", "/v1/completions?a=1"),
        (
            "https://h.example/models?api-version=2",
            *("/models/chat/completions?api-version=2", "/models/completions?api-version=2"),
        ),
        ("https://h.example/my/own", "/my/own", "/my/own"),
        (
            "https://h.example/chat/completions?next=/completions",
            *("/chat/completions?next=/completions", "/completions?next=/completions"),
        ),
    ],
)
def test_each_api_has_its_path(url, chat, completion):
    assert OPENAI.url(url, "chat") == "https://h.example" + chat
    assert OPENAI.url(url, "completion") == "https://h.example" + completion


def test_a_chat_answer(completion):
    reply = read(completion("Hello!", usage={"prompt_tokens": 1}))
    (choice,) = reply.choices
    assert (choice.text, choice.finish_reason) == ("Hello!", "stop")
    assert (reply.model, reply.id, reply.usage) == ("m", "c1", {"prompt_tokens": 1})


def test_a_completion_answer():
    (choice,) = read({"choices": [{"index": 0, "text": " 4 5", "finish_reason": "length"}]}).choices
    assert (choice.text, choice.finish_reason) == (" 4 5", "length")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(completion, delta, name):
    assert read(completion("so", message={name: "hm"})).choices[0].reasoning == "hm"
    event = OPENAI.parse_event(Event(json.dumps(delta(**{name: "hm"})).encode()))
    assert event.choices[0].reasoning == "hm"


def test_content_may_come_in_parts(completion):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert read(completion(parts)).choices[0].text == "ab"


def test_a_refusal_is_kept(completion):
    assert read(completion(None, message={"refusal": "no"})).choices[0].refusal == "no"


def test_the_last_event_of_a_stream_holds_the_usage():
    event = Event(b'{"choices": [], "usage": {"prompt_tokens": 1}}')
    reply = OPENAI.parse_event(event)
    assert (reply.choices, reply.usage) == ([], {"prompt_tokens": 1})


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        ({"message": "slow down", "code": 429}, errors.RateLimitError),
        ({"message": "slow down", "code": "429"}, errors.RateLimitError),
        ({"message": "slow down", "status": 503}, errors.ServerError),
        ({"message": "slow down"}, errors.ServerError),
        ("slow down", errors.ServerError),
    ],
    ids=str,
)
def test_an_error_inside_a_200_or_a_stream_is_that_error(error, cls):
    with pytest.raises(cls, match="slow down"):
        read({"error": error})
    with pytest.raises(cls, match="slow down"):
        OPENAI.parse_event(Event(json.dumps({"error": error}).encode()))


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [None]},
        {"choices": ["x"]},
        {"choices": [{"message": "x"}]},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": "a", "tool_calls": "x"}}]},
        {"choices": [{"message": {"content": [{"type": "text", "text": 5}]}}]},
        {"choices": {"0": {}}},
    ],
    ids=str,
)
def test_another_shape_is_a_format_error(value):
    with pytest.raises(errors.ResponseFormatError):
        read(value)


def test_a_score_answer_points_to_the_score_contract():
    with pytest.raises(errors.ResponseFormatError, match=r"'output'.*contract='score'"):
        read({"output": "Hello!"})


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        ({"message": "x", "code": 429}, errors.RateLimitError),
        ({"message": "x", "status": "503"}, errors.ServerError),
        ({"message": "x", "status_code": 400}, errors.InvalidRequestError),
        # text-generation-inference, in a stream
        ({"message": "x", "http_status_code": 422}, errors.InvalidRequestError),
        ({"message": "x", "code": "content_filter", "status": 400}, errors.ContentFilterError),
        ({"message": "x", "code": 200}, errors.ServerError),
        ("x", errors.ServerError),
    ],
    ids=str,
)
def test_an_error_inside_a_200_has_the_class_of_its_status(error, cls):
    with pytest.raises(cls) as caught:
        read({"error": error})
    assert type(caught.value) is cls

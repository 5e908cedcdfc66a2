"""What one call may say in langchain-openai's words: taken and sent, or refused by name."""

from __future__ import annotations

import warnings

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from langchain_azureml_oss.endpoint.arguments import ELSEWHERE
from langchain_azureml_oss.errors import ConnectionConfigError

CHAT = "https://a.example/v1/chat/completions"
COMPLETIONS = "https://a.example/v1/completions"
BODY = {"choices": [{"message": {"content": "x"}, "text": "x", "finish_reason": "stop"}]}
WORDS = {
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "logit_bias": {50256: -100},
    "reasoning_effort": "low",
    "service_tier": "default",
    "temperature": 0,
    "top_p": 0.5,
    "seed": 7,
    "stop": ["x"],
    "max_tokens": 5,
    "user": "somebody",
    "prompt_cache_key": "a conversation",
}
WAYS = {
    "invoke": lambda chat, said: chat.invoke("hi", **said),
    "bind": lambda chat, said: chat.bind(**said).invoke("hi"),
    "stream": lambda chat, said: list(chat.stream("hi", **said)),
}


@pytest.fixture
def chat(make_chat):
    return make_chat(
        endpoint_url=CHAT, default_headers={"x-own": "1", "x-both": "1"}, default_query={"own": "1"}
    )


@pytest.mark.parametrize("way", WAYS)
def test_openais_words_are_taken_and_sent(chat, plug, answer, sent, way):
    replay = plug(chat, answer(BODY))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WAYS[way](chat, WORDS)
    body = sent(replay)
    assert {name: body[name] for name in WORDS} == {**WORDS, "logit_bias": {"50256": -100}}


def test_the_bodies_are_langchain_openais(chat, plug, answer, sent):
    """What its own call sends, so that a program which moves here asks the same."""
    theirs = ChatOpenAI(base_url="https://a.example/v1", api_key="x", model="m")
    said = {name: value for name, value in WORDS.items() if name != "logit_bias"}
    replay = plug(chat, answer(BODY))
    chat.invoke("hi", **said, model="m", extra_body={"top_k": 1})
    expected = theirs._get_request_payload("hi", **said, model="m", extra_body={"top_k": 1})
    expected |= expected.pop("extra_body")
    expected["max_tokens"] = expected.pop("max_completion_tokens")
    expected.pop("stream", None)
    assert sent(replay) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        *({"n": 0}, {"top_logprobs": 50}, {"top_logprobs": -1}, {"presence_penalty": 3}),
        *({"frequency_penalty": -3}, {"logit_bias": [1]}, {"logit_bias": {1: "a"}}),
        *({"reasoning_effort": 3}, {"service_tier": 4}, {"seed": "x"}, {"temperature": "hot"}),
        *({"max_tokens": "x"}, {"max_completion_tokens": "x"}, {"stop": 5}, {"top_p": "x"}),
        *({"logprobs": "x"}, {"extra_body": 3}, {"model_kwargs": 3}, {"temperature": -1}),
        *({"extra_headers": 3}, {"extra_headers": {"a": 1}}, {"extra_headers": {"a b": "c"}}),
        *({"extra_headers": {"authorization": "x"}}, {"extra_query": {"a": 1}}, {"extra_query": 3}),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_not_sent(chat, plug, wrong):
    replay = plug(chat)
    with pytest.raises(ConnectionConfigError, match=next(iter(wrong))):
        chat.invoke("hi", **wrong)
    assert replay.requests == []


@pytest.mark.parametrize("name", [*ELSEWHERE, "openai_api_key"])
def test_what_means_something_else_here_is_refused_with_the_way(chat, plug, key, shows, name):
    replay = plug(chat)
    with pytest.raises(ConnectionConfigError, match=rf"^{name} is not an argument.*\.") as caught:
        chat.invoke("hi", **{name: key})
    assert key not in shows(caught.value)
    assert replay.requests == []


@pytest.mark.parametrize("way", WAYS)
def test_headers_and_a_query_are_added_to_the_models_own(chat, plug, answer, sent, way):
    replay = plug(chat, answer(BODY), answer(BODY))
    said = {"extra_headers": {"X-Both": "2", "x-a": "b"}, "extra_query": {"a": "b c"}}
    WAYS[way](chat, said)
    chat.invoke("hi")
    first, second = replay.requests
    assert {k: v for k, v in first.headers.items() if k.startswith("x-")} == {
        "x-own": "1",
        "x-both": "2",
        "x-a": "b",
    }
    assert first.url == f"{CHAT}?own=1&a=b+c"
    assert set(sent(replay, 0)) <= {"messages", "stream", "stream_options"}
    assert (second.url, second.headers["x-both"]) == (f"{CHAT}?own=1", "1")
    assert "x-a" not in second.headers


def test_a_class_as_a_form_is_refused_with_the_way(chat, plug):
    class Joke(BaseModel):
        setup: str

    replay = plug(chat)
    with pytest.raises(ConnectionConfigError, match=r"class goes to with_structured_output\(\)"):
        chat.invoke("hi", response_format=Joke)
    assert replay.requests == []


def test_nothing_extra_is_nothing(chat, plug, answer):
    replay = plug(chat, answer(BODY))
    chat.invoke("hi", extra_headers=None, extra_query=None, extra_body=None)
    assert replay.requests[0].url == f"{CHAT}?own=1"


@pytest.mark.parametrize("place", ["extra_headers", "extra_query"])
def test_a_secret_of_one_call_is_hidden_or_refused(chat, plug, answer, key, shows, place):
    """Traces and caches keep what a call is given."""
    replay = plug(chat, answer(BODY))
    with pytest.raises(ConnectionConfigError, match=rf"{place}.*SecretStr") as caught:
        chat.invoke("hi", **{place: {"api-key": key}})
    assert key not in shows(caught.value)
    assert replay.requests == []
    chat.invoke("hi", **{place: {"api-key": SecretStr(key)}})
    assert key in (
        replay.requests[0].headers.get("api-key", ""),
        replay.requests[0].url[-len(key) :],
    )


def test_a_cache_holds_no_secret_of_a_call(chat, make_llm, plug, answer, key):
    cache = InMemoryCache()
    set_llm_cache(cache)
    try:
        for model in (chat, make_llm(endpoint_url=COMPLETIONS)):
            plug(model, answer(BODY))
            model.invoke("hi", extra_headers={"api-key": SecretStr(key)})
    finally:
        set_llm_cache(None)
    assert len(cache._cache) == 2
    assert key not in repr(cache._cache)

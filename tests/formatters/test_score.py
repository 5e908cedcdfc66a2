"""The /score contracts: what is sent, and every shape that comes back."""

from __future__ import annotations

import json
import time

import pytest

from langchain_azureml_oss import errors
from langchain_azureml_oss.formatters import ModelCall, formatter
from langchain_azureml_oss.wire.http_types import HttpResponse

HI = [{"role": "user", "content": "Say hi."}]
PARAMETERS = {"max_new_tokens": 8}
ALONE = PARAMETERS | {"return_full_text": False}
SCORE_CONTRACTS = ["score", "score-params", "gpt2-2023", "falcon-2023", "dolly-2023"]


def body(name, **call):
    return formatter(name).body(ModelCall(**call))


def read(value, name="score", **call):
    call = ModelCall({}, **(call or {"messages": HI}))
    return formatter(name).parse(HttpResponse(200, {}, json.dumps(value).encode()), call)


def texts(value, name="score", **call):
    reply = read(value, name, **(call or {"prompts": ["1", "2"]}))
    return [choice and choice.text for choice in reply.choices]


def test_a_chat_request():
    assert body("score", messages=HI, parameters={"max_new_tokens": 8, "temperature": 0}) == {
        "input_data": {
            "input_string": [{"role": "user", "content": "Say hi."}],
            "parameters": {"max_new_tokens": 8, "temperature": 0},
        }
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("score", {"input_data": {"input_string": ["1 2 3", "A"], "parameters": ALONE}}),
        ("score-params", {"input_data": ["1 2 3", "A"], "params": PARAMETERS}),
        ("gpt2-2023", {"inputs": {"input_string": ["1 2 3", "A"]}, "parameters": PARAMETERS}),
        ("falcon-2023", {"inputs": ["1 2 3", "A"], "parameters": PARAMETERS}),
        ("dolly-2023", {"input_data": {"input_string": ["1 2 3", "A"]}, "parameters": PARAMETERS}),
    ],
)
def test_a_completion_request(name, expected):
    assert body(name, prompts=["1 2 3", "A"], parameters=PARAMETERS) == expected


def test_parts_become_one_plain_text():
    """Content is a plain string; a list of parts gives `{}`."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    sent = body("score", messages=[{"role": "user", "content": parts}], parameters={})
    assert sent["input_data"]["input_string"] == [{"role": "user", "content": "ab"}]


def test_an_image_is_refused_by_name():
    part = {"type": "image_url", "image_url": {"url": "data:x"}}
    with pytest.raises(errors.UnsupportedInputError, match="image_url"):
        body("score", messages=[{"role": "user", "content": [part]}], parameters={})


@pytest.mark.parametrize("name", SCORE_CONTRACTS)
def test_a_bare_host_gets_the_path(name):
    for url in ("https://h.example", "https://h.example/"):
        assert formatter(name).url(url, "chat") == "https://h.example/score"


# Every score contract accepts every shape of docs/contracts.md: they do not collide.
SHAPES = {
    "numbered": [{"0": "a", "1": "b"}],
    "list": ["a", "b"],
    "generated": [{"generated_text": "a"}, {"generated_text": "b"}],
    "numbered generated": [{"0": {"generated_text": "a"}, "1": {"generated_text": "b"}}],
    "one object each": [{"0": "a"}, {"1": "b"}],
    "output": {"output": ["a", "b"]},
}


@pytest.mark.parametrize("name", [*SCORE_CONTRACTS, "openai"])
@pytest.mark.parametrize(
    "vectors",
    [
        [[0.25, -1]],
        [[0.5, 0.25], [1.5, 0.5]],
        {"0": [0.5]},
        {"predictions": [[0.5, 1.0]]},
        {"data": [{"object": "embedding", "embedding": [0.5]}]},
        [{"text_features": [0.5, 0.25]}],
    ],
    ids=str,
)
def test_vectors_in_the_place_of_text_name_the_class_that_reads_them(name, vectors):
    with pytest.raises(errors.ResponseFormatError, match="AzureMLOSSEmbeddings"):
        texts(vectors, name)


@pytest.mark.parametrize("name", [*SCORE_CONTRACTS, "openai"])
@pytest.mark.parametrize("other", [{}, [], [{}], [[1, 2]], 7, None, {"data": []}], ids=str)
def test_what_is_no_vector_names_no_embedding_model(name, other):
    with pytest.raises(errors.ResponseFormatError) as caught:
        texts(other, name)
    assert "AzureMLOSSEmbeddings" not in str(caught.value)


@pytest.mark.parametrize("name", SCORE_CONTRACTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_contract_reads_every_shape(name, shape):
    assert texts(SHAPES[shape], name) == ["a", "b"]


@pytest.mark.parametrize("name", SCORE_CONTRACTS)
@pytest.mark.parametrize(
    "value",
    [
        [{"0": "a"}],
        ["a"],
        [{"generated_text": "a"}],
        [{"0": {"generated_text": "a"}}],
        {"output": "a"},
        {"output": ["a"]},
        {"message": {"role": "assistant", "content": "a"}},
    ],
    ids=str,
)
def test_every_contract_reads_one_answer(name, value):
    assert texts(value, name, prompts=["1"]) == ["a"]


def test_numbers_are_in_order_whatever_the_object_says():
    value = [{str(n): f"t{n}" for n in (10, 2, 0, 1, 9, 3, 8, 4, 7, 5, 6)}]
    assert texts(value) == [f"t{n}" for n in range(11)]


def test_a_number_that_is_left_out_is_a_lost_prompt():
    assert texts([{"0": "a", "2": "c"}]) == ["a", None, "c"]


def test_a_wild_number_costs_no_memory():
    began = time.monotonic()
    try:
        found = texts([{"0": "a", "3000000": "b"}])
    except errors.ResponseFormatError:
        found = []
    assert len(found) < 100
    assert time.monotonic() - began < 0.2


def test_the_first_prompt_only():
    assert texts({"output": ["a"]}) == ["a"]


def test_later_servers_say_more():
    reply = read(
        {
            "output": "Hello!",
            "message": {"role": "assistant", "content": "Hello!"},
            "finish_reason": "stop",
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
            "model": "m",
            "id": "i",
            "tool_calls": [{"id": "1"}],
            "reasoning_content": "hm",
        }
    )
    (choice,) = reply.choices
    assert (choice.text, choice.finish_reason, choice.reasoning) == ("Hello!", "stop", "hm")
    assert choice.tool_calls == [{"id": "1"}]
    assert (reply.model, reply.id) == ("m", "i")
    assert reply.usage == {"prompt_tokens": 1, "completion_tokens": 2}


# Failures come with status 200.
def test_an_empty_object_is_a_format_error_with_advice():
    with pytest.raises(errors.ResponseFormatError, match=r"\{\}.*logs.*contract="):
        read({})


@pytest.mark.parametrize(
    ("status", "cls", "retryable"),
    [
        (400, errors.InvalidRequestError, False),
        (401, errors.AuthenticationError, False),
        (429, errors.RateLimitError, True),
        (500, errors.ServerError, True),
        (503, errors.ServerError, True),
        (504, errors.RequestTimeoutError, True),
    ],
)
def test_the_inner_status_decides(status, cls, retryable):
    with pytest.raises(cls, match="engine down") as caught:
        read({"output": None, "error": {"status_code": status, "body": "engine down"}})
    assert type(caught.value) is cls
    assert caught.value.is_retryable is retryable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"0": None}], [None]),
        ([None, "b"], [None, "b"]),
        ([{"0": None, "1": "b"}], [None, "b"]),
        ({"output": None}, [None]),
        ({"output": [None, "b"]}, [None, "b"]),
    ],
    ids=str,
)
def test_null_is_a_prompt_that_failed(value, expected):
    assert texts(value) == expected


@pytest.mark.parametrize("value", [{"output": "None"}, ["None"], [{"0": "None"}]], ids=str)
def test_the_word_none_is_passed_on_with_a_warning_in_the_log(value, caplog):
    assert texts(value, prompts=["1"]) == ["None"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("value", [[7], [{"0": 7}], {"output": 7}, [{"a": "b"}]], ids=str)
def test_an_answer_that_is_no_text_is_a_format_error(value):
    with pytest.raises(errors.ResponseFormatError):
        read(value, prompts=["1"])


def test_no_score_contract_streams():
    for name in SCORE_CONTRACTS:
        assert not formatter(name).traits.streams
        request = formatter(name).build(
            ModelCall({}, prompts=["x"], stream=True), "https://h.example/score"
        )
        assert request.stream is False
        assert b"stream" not in request.body


@pytest.mark.parametrize("prompts", [(), ["1"]], ids=["chat", "completion"])
def test_an_answer_in_parts_is_one_answer(prompts):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert texts({"output": parts}, prompts=prompts) == ["ab"]


def test_reasoning_has_two_names():
    for name in ("reasoning_content", "reasoning"):
        (choice,) = read({"output": "so", "message": {"content": "so", name: "hm"}}).choices
        assert choice.reasoning == "hm"


@pytest.mark.parametrize("name", SCORE_CONTRACTS)
@pytest.mark.parametrize("value", [{}, {"predictions": ["private words"]}], ids=str)
def test_a_format_error_names_all_other_contracts(name, value):
    """Which contract was used, what came, and which contract to try."""
    with pytest.raises(errors.ResponseFormatError) as caught:
        formatter(name).parse(HttpResponse(200, {}, json.dumps(value).encode()), ModelCall({}))
    used, advice = str(caught.value).split("Try contract=")
    assert f"contract {name!r}" in used
    assert "private words" not in used
    for other in (*SCORE_CONTRACTS, "openai"):
        assert (repr(other) in advice) == (other != name)


def test_a_format_error_knows_an_answer_of_the_openai_contract():
    with pytest.raises(errors.ResponseFormatError, match="contract='openai'"):
        read({"choices": []})


def test_an_inner_error_with_openais_names_has_its_status_too():
    error = {"code": "content_filter", "message": "filtered", "status": 400}
    with pytest.raises(errors.ContentFilterError, match="400") as caught:
        read({"error": error})
    assert caught.value.status == 400


# -- a score.py that makes texts -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Hello", "Hello"),
        ('{"output": "Hello"}', "Hello"),
        ('[{"0": "Hello"}]', "Hello"),
        ('["Hello"]', "Hello"),
        ('"Hello"', "Hello"),
        # The model's own JSON, which a form asked for.
        ('{"name": "A"}', '{"name": "A"}'),
        ('{"output": "A", "score": 1}', '{"output": "A", "score": 1}'),
        ('{"message": "A"}', '{"message": "A"}'),
        ("[1, 2]", "[1, 2]"),
        ('["a", "b"]', '["a", "b"]'),
        ("{", "{"),
        ("[" * 3000, "[" * 3000),
    ],
)
def test_a_json_text_is_the_answer_or_holds_it(make_chat, make_llm, plug, answer, body, text):
    chat, llm = make_chat(), make_llm()
    plug(chat, answer(body))
    plug(llm, answer(body))
    assert chat.invoke("x").text == llm.invoke("x") == text


@pytest.mark.parametrize(
    "body",
    [
        '[{"0": "a", "1": "b"}]',
        '["a", "b"]',
        '[{"0": "a"}, {"0": "b"}]',
        '[{"generated_text": "a"}, {"generated_text": "b"}]',
    ],
)
def test_a_json_text_may_hold_the_answers_to_several_prompts(make_llm, plug, answer, body):
    llm = make_llm()
    plug(llm, answer(body))
    assert llm.batch(["x", "y"]) == ["a", "b"]


def test_an_error_may_be_encoded_twice(make_chat, plug, answer):
    chat = make_chat(max_retries=0)
    plug(chat, answer('{"output": null, "error": {"status_code": 404, "body": "no model"}}'))
    with pytest.raises(errors.NotFoundError, match="no model"):
        chat.invoke("x")


def test_more_texts_than_conversations_name_the_other_model(make_chat, plug, answer):
    chat = make_chat()
    plug(chat, answer([{"0": "{'role': 'user'", "1": "b", "2": "c", "3": "d"}]))
    with pytest.raises(errors.ResponseFormatError, match="AzureMLOSSLLM"):
        chat.invoke([("system", "a"), ("user", "b"), ("ai", "c"), ("user", "d")])


def test_the_repr_of_the_message_names_it_too(make_chat, plug, answer):
    chat = make_chat()
    plug(chat, answer([{"0": "{'role': 'user', 'content': 'Say hi.'} and so on"}]))
    with pytest.raises(errors.ResponseFormatError, match="AzureMLOSSLLM"):
        chat.invoke("Say hi.")

"""What every formatter gives and takes."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss import ContentFormatter, register_formatter
from langchain_azureml_oss.errors import AzureMLOSSError, ConnectionConfigError, ResponseFormatError
from langchain_azureml_oss.formatters import ModelCall, contract_names, formatter
from langchain_azureml_oss.formatters.base import outline
from langchain_azureml_oss.wire.http_types import HttpResponse
from langchain_azureml_oss.wire.sse import Event

NAMES = ["score", "score-params", "gpt2-2023", "falcon-2023", "dolly-2023", "openai"]
ASKS = {
    "chat": ModelCall({}, messages=[{"role": "user", "content": "hi"}]),
    "completion": ModelCall({}, prompts=["hi"]),
}

KEYS = st.sampled_from(
    [
        *("output", "error", "message", "choices", "content", "text", "tool_calls", "function"),
        *("delta", "usage", "finish_reason", "index", "0", "1", "7", "generated_text", "name"),
        *("reasoning_content", "status_code", "body", "model", "id", "logprobs", "arguments"),
        *("code", "refusal"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 600) | st.sampled_from(["", "a", "None"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def test_the_contracts_have_these_names():
    assert contract_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("api", ASKS)
@given(value=VALUES)
def test_any_json_is_an_answer_or_an_error_of_this_package(name, api, value):
    response = HttpResponse(200, {}, json.dumps(value).encode())
    try:
        reply = formatter(name).parse(response, ASKS[api])
    except AzureMLOSSError:
        return
    for choice in reply.choices:
        assert choice is None or isinstance(choice.text, str)


@given(value=VALUES)
def test_any_event_is_a_delta_or_an_error_of_this_package(value):
    try:
        reply = formatter("openai").parse_event(Event(json.dumps(value).encode()))
    except AzureMLOSSError:
        return
    assert all(isinstance(choice.text, str) for choice in reply.choices)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe", b"Healthy"], ids=repr)
def test_what_is_not_json_is_a_format_error(name, body):
    with pytest.raises(ResponseFormatError, match=name):
        formatter(name).parse(HttpResponse(200, {}, body), ASKS["completion"])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_no_contracts_answer(name):
    with pytest.raises(ResponseFormatError, match=r"HTML page.*endpoint_url"):
        formatter(name).parse(HttpResponse(200, {}, b"\n<html>"), ASKS["chat"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [7, True, [], {"unknown": "private words"}], ids=repr)
def test_another_shape_is_a_format_error_that_names_the_contract(name, value):
    with pytest.raises(ResponseFormatError, match=f"'{name}'") as caught:
        formatter(name).parse(HttpResponse(200, {}, json.dumps(value).encode()), ASKS["completion"])
    assert "private words" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_json(name):
    request = formatter(name).build(ASKS["completion"], "https://h.example/p")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_string_stays(name):
    for api in ("chat", "completion"):
        url = formatter(name).url("https://h.example/some/path?api-version=2&x=%20", api)
        assert url == "https://h.example/some/path?api-version=2&x=%20"


def test_an_outline_holds_keys_and_types_but_no_text():
    assert outline({"a": "secret", "b": [1], "c": None, "d": {"e": {"f": 1}}}) == (
        "{'a': str, 'b': [int] (1 items), 'c': null, 'd': {'e': {…}}}"
    )
    assert outline({"k" * 41: 1, "k" * 40: 2}) == f"{{…: int, '{'k' * 40}': int}}"
    assert outline([]) == "[]"
    assert outline({}) == "{}"


@pytest.fixture(scope="module")
def mine():
    """The example of the class docstring, as it stands there."""
    lines = inspect.getdoc(ContentFormatter).splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    names = {}
    exec(example, names)  # it is this package's own
    return names["MyFormatter"]()


@pytest.mark.parametrize("way", ["content_formatter", "contract"])
def test_a_formatter_of_the_users_own(
    make_chat, make_llm, plug, sent, answer, monkeypatch, mine, way
):
    monkeypatch.setattr("langchain_azureml_oss.formatters.registry._FORMATTERS", {})
    register_formatter(mine)
    given = {"contract": "mine"} if way == "contract" else {"content_formatter": mine}
    chat = make_chat(model_family="FALCON", temperature=0.5, **given)
    replay = plug(chat, answer({"answer": "Hello!"}))
    assert chat.invoke("Say hi.").text == "Hello!"
    prompt = "User: Say hi.\n\nAssistant:"
    assert sent(replay) == {"question": prompt, "temperature": 0.5, "stop": ["\nUser:"]}
    llm = make_llm(model_family="FALCON", **given)
    replay = plug(llm, answer({"answer": "Hello!"}), answer({"answer": "Hi!"}))
    assert llm.batch(["a", "b"]) == ["Hello!", "Hi!"]
    assert sent(replay, 1) == {"question": "b"}


@pytest.mark.parametrize("wrong", ["class", "name", "text"])
def test_what_is_no_formatter_is_not_registered(monkeypatch, mine, wrong):
    monkeypatch.setattr("langchain_azureml_oss.formatters.registry._FORMATTERS", {})
    named_auto = type("Auto", (type(mine),), {"name": "auto"})()
    given = {"class": type(mine), "name": named_auto, "text": "mine"}[wrong]
    with pytest.raises(ConnectionConfigError, match="MyFormatter"):
        register_formatter(given)
    assert contract_names() == []


def test_a_formatter_without_a_name_has_its_classs(make_chat, plug, answer, mine):
    nameless = type("Nameless", (ContentFormatter,), {"body": type(mine).body, "read": None})
    chat = make_chat(content_formatter=nameless(), max_retries=0)
    plug(chat, answer({}))
    assert chat._formatter.name == "Nameless"
    assert type("Child", (type(mine),), {}).name == "mine"


def test_the_users_formatter_wins_over_family_and_contract(make_chat, mine):
    chat = make_chat(model_family="OPENAI", contract="score", content_formatter=mine)
    assert chat._formatter.name == "mine"


def test_an_unknown_formatter_is_a_configuration_error():
    with pytest.raises(ConnectionConfigError, match=r"'gossip'.*score-params"):
        formatter("gossip")

"""The fields both models share: sources and precedence, identity, dumps, pickles, copies."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import threading
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.caches import InMemoryCache
from langchain_core.load import dumpd, dumps, loads
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, ModelFamily
from langchain_azureml_oss.errors import AzureMLOSSError, ConnectionConfigError

HOST = "https://ep.eastus2.inference.ml.azure.com"
URL = f"{HOST}/v1/chat/completions"
OK = {"choices": [{"index": 0, "message": {"content": "Hello!"}, "text": "Hello!"}]}


@pytest.fixture(params=["chat", "llm"])
def make(request, make_chat, make_llm):
    """Either model, at an OpenAI-style URL, so that settings keep their names."""
    factory = make_chat if request.param == "chat" else make_llm
    return lambda **fields: factory(**{"endpoint_url": URL} | fields)


@pytest.fixture
def body_of(plug, sent, answer):
    """The body (or with `headers=True` the headers) that one call sends."""

    def ask(model, *, headers=False, **kwargs):
        bare = getattr(model, "bound", model)
        replay = plug(bare, answer(OK))
        model.invoke("hi", **kwargs)
        return dict(replay.requests[0].headers) if headers else sent(replay)

    return ask


# -- precedence: call > bind > field > model_kwargs > connection > environment --------------------


def test_a_call_wins_over_all(make, body_of):
    model = make(model_kwargs={"temperature": 0.1})
    assert body_of(model)["temperature"] == 0.1
    model = make(model_kwargs={"temperature": 0.1}, temperature=0.2)
    assert body_of(model)["temperature"] == 0.2
    bound = model.bind(temperature=0.3)
    assert body_of(bound)["temperature"] == 0.3
    assert body_of(bound, temperature=0.4)["temperature"] == 0.4
    assert body_of(model)["temperature"] == 0.2


@pytest.mark.parametrize("spelling", ["max_tokens", "max_new_tokens"])
def test_the_precedence_does_not_depend_on_the_spelling(make, body_of, spelling):
    model = make(model_kwargs={"max_new_tokens": 1}, **{spelling: 2})
    assert body_of(model) == body_of(make(max_tokens=2))
    assert body_of(model, **{spelling: 3})["max_tokens"] == 3
    assert "max_new_tokens" not in body_of(model, **{spelling: 3})


def test_none_in_a_call_sends_nothing(make, body_of):
    assert "temperature" not in body_of(make(temperature=0.2), temperature=None)


def test_what_is_not_set_is_not_sent(make, body_of):
    assert body_of(make()).keys() <= {"messages", "prompt"}


@pytest.mark.parametrize("value", [0, 0.0], ids=repr)
def test_zero_is_set(make, body_of, value):
    body = body_of(make(temperature=value, seed=0))
    assert (body["temperature"], body["seed"]) == (0, 0)


def test_stops_of_a_call_take_the_place_of_the_fields(make, body_of):
    model = make(stop=["a"])
    assert body_of(model)["stop"] == ["a"]
    assert body_of(model, stop=["b"])["stop"] == ["b"]
    assert "stop" not in body_of(model, stop=[])
    assert body_of(make(stop_sequences=["a"]))["stop"] == ["a"]


def test_model_kwargs_are_sent_as_they_are(make, body_of):
    given = {"top_k": 5, "nested": {"a": [1, None, "é"]}, "flag": False}
    body = body_of(make(model_kwargs=given))
    assert {key: body[key] for key in given} == given


def test_an_argument_that_is_unknown_lands_in_model_kwargs_with_a_warning(make, body_of):
    with pytest.warns(UserWarning, match="top_q") as caught:
        model = make(top_q=5, model_kwargs={"top_k": 1})
    assert len(caught) == 1
    assert caught[0].filename == __file__ or "conftest" in caught[0].filename
    assert model.model_kwargs == {"top_k": 1, "top_q": 5}
    assert body_of(model)["top_q"] == 5


KEYS = {
    "endpoint_url": (
        "https://arg.example/score",
        "https://con.example/score",
        "https://env.example/score",
    ),
    "model_family": ("LLAMA", "DOLLY", "FALCON"),
    "deployment_name": ("arg", "con", "env"),
    "endpoint_api_key": ("k-arg", "k-con", "k-env"),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
def test_an_argument_wins_over_the_connection_and_that_over_the_environment(monkeypatch, cls, key):
    argument, connection, environment = KEYS[key]
    base = {name: values[0] for name, values in KEYS.items() if name != key}

    def value(**fields):
        found = getattr(cls(**base, **fields), key)
        return getattr(found, "get_secret_value", lambda: found)()

    monkeypatch.setenv(f"AZUREML_{key.upper()}", environment)
    assert value() == environment
    assert value(connection={key: connection}) == connection
    assert value(connection={key: connection}, **{key: argument}) == argument


@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
def test_the_environment_is_enough(monkeypatch, cls):
    for key, values in KEYS.items():
        monkeypatch.setenv(f"AZUREML_{key.upper()}", values[2])
    model = cls()
    assert model.endpoint_url == "https://env.example/score"
    assert model.model_family is ModelFamily.FALCON


@pytest.mark.parametrize("key", ["endpoint_url", "endpoint_api_key", "model_family"])
@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
def test_a_missing_key_is_named(cls, key):
    given = {name: values[0] for name, values in KEYS.items() if name != key}
    with pytest.raises(ConnectionConfigError, match=f"{key}.*AZUREML_{key.upper()}"):
        cls(**given)


def test_a_credential_needs_no_key():
    model = AzureMLOSSChatModel(endpoint_url=URL, model_family="LLAMA", credential=lambda: "t")
    assert model.endpoint_api_key is None


# -- nothing is mutated, calls do not see each other ----------------------------------------------


def test_nothing_of_the_callers_is_changed(make, plug, answer):
    given = {
        "connection": {
            "configs": {"endpoint_url": URL, "model_family": "LLAMA"},
            "secrets": {"endpoint_api_key": "k"},
        },
        "model_kwargs": {"max_new_tokens": 5, "nested": {"a": [1]}, "stop": ["x"]},
        "stop": ["a"],
        "default_headers": {"x-a": "1"},
    }
    before = copy.deepcopy(given)
    model = make(endpoint_url=None, endpoint_api_key=None, model_family=None, **given)
    plug(model, *[answer(OK)] * 3)
    call = {"nested": {"b": [2]}, "logit_bias": {"1": 2}}
    call_before = copy.deepcopy(call)
    fields = model.model_dump()
    model.invoke("hi", stop=["b"], **call)
    list(model.stream("hi", **call)) if isinstance(model, AzureMLOSSChatModel) else None
    assert given == before
    assert call == call_before
    assert model.model_dump() == fields


def test_two_calls_never_see_each_others_arguments(make, plug, answer, sent):
    model = make(model_kwargs={"shared": {"a": 1}})
    replay = plug(model, answer(OK), answer(OK))
    model.invoke("one", temperature=0.9, stop=["s"], top_k=3, model="other")
    model.invoke("two")
    assert sent(replay, 1).keys() <= {"messages", "prompt", "shared"}


def test_calls_of_many_threads_keep_their_arguments(make, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    with make(endpoint_url=f"{server.url}/v1/chat/completions") as model:
        threads = [
            threading.Thread(target=model.invoke, args=(f"n{n}",), kwargs={"seed": n})
            for n in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    bodies = [json.loads(request.body) for request in server.requests]
    asked = {(b.get("prompt") or b["messages"][0]["content"], b["seed"]) for b in bodies}
    assert asked == {(f"n{n}", n) for n in range(12)}


# -- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "", " ", "default", "Default"], ids=repr)
def test_no_deployment_sends_no_header(make, body_of, name):
    """None, blank and `default` send no header."""
    assert "azureml-model-deployment" not in body_of(make(deployment_name=name), headers=True)


@pytest.mark.parametrize("name", [None, "", " ", "default", "Default"], ids=repr)
def test_no_deployment_in_a_call_sends_no_header(make, body_of, name):
    model = make(deployment_name="blue")
    headers = body_of(model, headers=True, deployment_name=name)
    assert "azureml-model-deployment" not in headers


def test_a_blank_deployment_hides_the_environments(make, body_of, monkeypatch):
    monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "env")
    headers = body_of(make(deployment_name="default"), headers=True)
    assert "azureml-model-deployment" not in headers


def test_a_deployment_is_a_header(make, body_of):
    model = make(deployment_name="blue")
    assert body_of(model, headers=True)["azureml-model-deployment"] == "blue"
    bound = model.bind(deployment_name="green")
    assert body_of(bound, headers=True)["azureml-model-deployment"] == "green"
    assert "deployment_name" not in body_of(bound)


@pytest.mark.parametrize("name", ["X-Mine", "x_mine", "Ocp-Apim-Trace"])
def test_default_headers_are_sent_as_they_are(make, body_of, name):
    headers = body_of(make(default_headers={name: "1"}), headers=True)
    assert headers.get(name, headers.get(name.lower())) == "1"


@pytest.mark.parametrize("name", ["Content-Type", "Azureml-Model-Deployment", "Extra-Parameters"])
def test_no_header_is_sent_twice(make, body_of, name):
    model = make(default_headers={name: "x"}, deployment_name="blue", model_kwargs={"top_k": 1})
    names = [header.lower() for header in body_of(model, headers=True)]
    assert names.count(name.lower()) == 1


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_the_authorization_header_cannot_be_replaced(make, name):
    with pytest.raises(ConnectionConfigError, match="Authorization"):
        make(default_headers={name: "Bearer other"})


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_headers_that_say_where_a_body_ends_are_not_the_callers(make, name):
    with pytest.raises(ConnectionConfigError, match=f"cannot hold {name}"):
        make(default_headers={name: "3"})


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\nb"}, {"x\r": "a"}, {"x": "日本"}, {"x y": "a"}, {"": "a"}, {"x:y": "a"}],
    ids=str,
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_header_that_cannot_be_sent_is_an_error_of_this_package(
    make, raw_server, wire, answer, headers, is_async
):
    server = raw_server(wire(answer(OK)))
    url = f"{server.url}/v1/chat/completions"

    async def ask():
        async with make(endpoint_url=url, default_headers=headers, max_retries=0) as model:
            _ = await model.ainvoke("hi") if is_async else model.invoke("hi")

    with pytest.raises(AzureMLOSSError):
        asyncio.run(ask())
    assert server.requests == []


@pytest.mark.parametrize("name", ["a\nb", "日本"], ids=repr)
@pytest.mark.parametrize("place", ["field", "call"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_deployment_that_no_header_carries_is_an_error_of_this_package(
    make, raw_server, wire, answer, name, place, is_async
):
    server = raw_server(wire(answer(OK)))
    field = {"deployment_name": name} if place == "field" else {}
    call = {"deployment_name": name} if place == "call" else {}

    async def ask():
        url = f"{server.url}/v1/chat/completions"
        async with make(endpoint_url=url, max_retries=0, **field) as model:
            _ = await model.ainvoke("hi", **call) if is_async else model.invoke("hi", **call)

    with pytest.raises(AzureMLOSSError):
        asyncio.run(ask())
    assert server.requests == []


@pytest.mark.parametrize("token", ["secret-tok\n", "secret\r\nx: y", "secret-é"], ids=repr)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_token_that_no_header_carries_is_never_shown(
    make, raw_server, wire, answer, shows, token, is_async
):
    server = raw_server(wire(answer(OK)))

    async def ask():
        url = f"{server.url}/v1/chat/completions"
        async with make(endpoint_url=url, credential=lambda: token, max_retries=0) as model:
            _ = await model.ainvoke("hi") if is_async else model.invoke("hi")

    with pytest.raises(AzureMLOSSError) as caught:
        asyncio.run(ask())
    assert "secret" not in shows(caught.value)


# -- time-outs and retries of a call --------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [(None, (10, 180)), (7, (7, 7)), ((1, 2), (1, 2)), ([1, 2], (1, 2))],
    ids=str,
)
def test_a_time_out_is_a_number_or_two(make, timeout, expected):
    from langchain_azureml_oss.endpoint.calls import Ask

    model = make(**({} if timeout is None else {"timeout": timeout}))
    call = model._call(Ask(messages=[HumanMessage("hi")]))
    assert tuple(call.timeouts) == expected


def test_a_call_may_set_its_own_retries(make, plug, answer):
    model = make()
    replay = plug(model, *[answer("busy", 503)] * 9)
    with pytest.raises(AzureMLOSSError):
        model.invoke("hi", max_retries=1)
    assert len(replay.requests) == 2


# -- identity -------------------------------------------------------------------------------------


def test_the_two_models_have_their_own_types(make_chat, make_llm):
    assert make_chat()._llm_type != make_llm()._llm_type


@pytest.mark.parametrize(
    "other",
    [
        {"endpoint_url": "https://b.example/v1/chat/completions"},
        {"deployment_name": "green"},
        {"temperature": 0.9},
        {"model": "m2"},
        {"model_family": "FALCON"},
        {"contract": "score"},
        {"model_kwargs": {"top_k": 5}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_two_models_are_told_apart(make, plug, answer, other):
    """In traces, and by a cache that both of them share."""
    cache = InMemoryCache()
    first = make(deployment_name="blue", cache=cache)
    second = make(**{"deployment_name": "blue", "cache": cache} | other)
    assert first._identifying_params != second._identifying_params
    replays = [plug(model, answer(OK)) for model in (first, first, second)][1:]
    first.invoke("hi")
    first.invoke("hi")
    assert len(replays[0].requests) == 1
    plain = {"output": "Other!"} if "contract" in other else OK
    replay = plug(second, answer(plain))
    second.invoke("hi")
    assert len(replay.requests) == 1


@pytest.mark.parametrize("argument", [{"deployment_name": "green"}, {"temperature": 0.9}])
async def test_a_cache_does_not_mix_calls(make, plug, answer, argument):
    model = make(deployment_name="blue", temperature=0, cache=InMemoryCache())
    replay = plug(model, *[answer(OK)] * 3)
    model.invoke("hi")
    model.invoke("hi", **argument)
    await model.ainvoke("hi", **argument)
    await model.bind(**argument).ainvoke("hi", config={"tags": ["seldom"]})
    assert len(replay.requests) == 2


def test_a_cache_holds_no_key(make, plug, answer, key):
    cache = InMemoryCache()
    model = make(cache=cache)
    plug(model, answer(OK))
    model.invoke("hi")
    assert cache._cache
    assert key not in repr(cache._cache)


@pytest.mark.parametrize(
    ("fields", "call", "name"),
    [
        ({}, {}, "llama"),
        ({"deployment_name": "blue"}, {}, "blue"),
        ({"deployment_name": "blue", "model": "m"}, {}, "m"),
        ({"model_name": "m"}, {}, "m"),
        ({"model": "m"}, {"model": "n"}, "n"),
        ({"deployment_name": "blue"}, {"deployment_name": "green"}, "green"),
    ],
    ids=str,
)
def test_the_name_in_traces(make, fields, call, name):
    params = make(**fields)._get_ls_params(**call)
    assert params["ls_model_name"] == name
    assert params["ls_provider"] == "azureml_oss"


@pytest.mark.parametrize(
    ("fields", "call", "name"),
    [
        ({"model": "m"}, {}, "m"),
        ({"model": "m"}, {"model": "n"}, "n"),
        ({"deployment_name": "blue"}, {}, "blue"),
        ({"deployment_name": "blue"}, {"deployment_name": "green"}, "green"),
    ],
    ids=str,
)
def test_the_name_in_the_metadata_of_an_answer_that_names_none(
    make, plug, answer, fields, call, name
):
    model = make(**fields)
    plug(model, answer(OK))
    ((generation,),) = model.generate(
        ["hi"] if isinstance(model, AzureMLOSSLLM) else [[HumanMessage("hi")]], **call
    ).generations
    message = getattr(generation, "message", None)
    metadata = message.response_metadata if message else generation.generation_info
    assert metadata["model_name"] == name
    assert metadata["model_provider"] == "azureml_oss"


def test_the_settings_of_a_trace(make):
    params = make(temperature=0.4, max_tokens=9)._get_ls_params(stop=["x"])
    assert (params["ls_temperature"], params["ls_max_tokens"]) == (0.4, 9)
    assert params["ls_stop"] == ["x"]
    assert make()._get_ls_params(temperature=0.7)["ls_temperature"] == 0.7


# -- the key is nowhere ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["argument", "alias", "connection", "environment"])
def test_the_key_is_shown_nowhere(make, key, monkeypatch, way):
    given = {"endpoint_api_key": None}
    if way == "argument":
        given = {"endpoint_api_key": key}
    elif way == "alias":
        given = {"api_key": key, "endpoint_api_key": None}
        given.pop("endpoint_api_key")
    elif way == "connection":
        given["connection"] = {
            "endpoint_url": URL,
            "model_family": "LLAMA",
            "endpoint_api_key": key,
        }
    else:
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", key)
    model = make(**given)
    shown = [
        repr(model),
        str(model),
        repr(model.model_dump()),
        model.model_dump_json(),
        repr(model.asdict()),
        repr(model._identifying_params),
        repr(model._get_ls_params()),
        dumps(model),
        repr(dumpd(model.bind(stop=["x"]))),
        repr(vars(model)),
    ]
    assert [text for text in shown if key in text] == []


def test_a_wrong_type_shows_no_key(make, key, shows):
    with pytest.raises(ValueError, match="max_tokens") as caught:
        make(max_tokens="many")
    assert key not in shows(caught.value)


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("way", ["argument", "connection"])
def test_a_dump_is_loaded_again(make, plug, answer, sent, key, way):
    given = {"temperature": 0.4, "deployment_name": "blue", "stop": ["x"], "model": "m"}
    if way == "connection":
        given |= {
            "connection": {"endpoint_api_key": key, "model_family": "DOLLY", "endpoint_url": URL}
        }
        given |= {"endpoint_url": None, "endpoint_api_key": None, "model_family": None}
    model = make(**given)
    text = dumps(model)
    loaded = loads(
        text,
        allowed_objects=[type(model)],
        valid_namespaces=["langchain_azureml_oss"],
        secrets_map={"AZUREML_ENDPOINT_API_KEY": key},
    )
    assert type(loaded) is type(model)
    assert loaded._identifying_params == model._identifying_params
    assert dumps(loaded) == text
    replay = plug(loaded, answer(OK))
    loaded.invoke("hi")
    assert sent(replay)["temperature"] == 0.4
    assert replay.requests[0].headers["authorization"] == f"Bearer {key}"


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda model: model.model_copy(),
    "deep model_copy": lambda model: model.model_copy(deep=True),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_calls_as_the_original(make, raw_server, wire, answer, key, way):
    server = raw_server(wire(answer(OK)))
    url = f"{server.url}/v1/chat/completions"
    with make(endpoint_url=url, temperature=0.4, deployment_name="blue") as model:
        model.invoke("hi")
        with COPIES[way](model) as twin:
            assert twin._identifying_params == model._identifying_params
            twin.invoke("hi")
        model.invoke("hi")
    assert len({request.body for request in server.requests}) == 1
    assert {request.named["authorization"] for request in server.requests} == {f"Bearer {key}"}


def test_a_copy_with_other_settings_sends_those(make, body_of):
    model = make(temperature=0.4)
    twin = model.model_copy(update={"temperature": 0.9})
    assert body_of(twin)["temperature"] == 0.9
    assert body_of(model)["temperature"] == 0.4


def test_a_copy_with_other_fields_begins_anew(make, plug, answer):
    """A cache tells it apart, and what one endpoint refused may be asked of another."""
    model = make(deployment_name="blue", cache=InMemoryCache())
    plug(model, answer(OK))
    model.invoke("hi")
    model._refused.add("tools")
    twin = model.model_copy(update={"deployment_name": "green"})
    replay = plug(twin, answer(OK))
    twin.invoke("hi")
    assert len(replay.requests) == 1
    assert (model._refused, twin._refused) == ({"tools"}, set())


def test_a_copy_with_another_key_sends_that_one(make, plug, answer):
    from pydantic import SecretStr

    model = make()
    twin = model.model_copy(
        update={"endpoint_url": "https://b.example/v1", "endpoint_api_key": SecretStr("other")}
    )
    replay = plug(twin, answer(OK))
    twin.invoke("hi")
    assert replay.requests[0].url.startswith("https://b.example/")
    assert replay.requests[0].headers["authorization"] == "Bearer other"


def test_settings_may_be_configured_at_run_time(make, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    model = make(endpoint_url=f"{server.url}/v1/chat/completions")
    chain = model.configurable_fields(temperature=ConfigurableField(id="t"))
    chain.with_config(configurable={"t": 0.9}).invoke("hi")
    assert json.loads(server.requests[0].body)["temperature"] == 0.9


# -- bad input: nothing is sent -------------------------------------------------------------------


def test_making_a_model_sends_nothing_and_warns_of_nothing(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make()  # the network is blocked


@given(text=st.text())
def test_a_text_is_unchanged_in_an_openai_body(make_chat, make_llm, plug, answer, sent, text):
    for make in (make_chat, make_llm):
        model = make(endpoint_url=URL)
        replay = plug(model, answer(OK))
        model.invoke(text or "x")
        body = sent(replay)
        found = body["prompt"] if "prompt" in body else body["messages"][0]["content"]
        assert found == (text or "x")


@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
@pytest.mark.parametrize("name", ["_generate", "_agenerate"])
def test_the_signatures_that_langchain_asks_for_are_kept_and_true(cls, name):
    function = vars(cls)[name]
    assert inspect.signature(function) is function.__signature__
    code = function.__code__
    said = list(function.__signature__.parameters)
    assert said == [*code.co_varnames[: code.co_argcount], "kwargs"]


@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
def test_all_that_is_missing_is_named_at_once(cls):
    with pytest.raises(ConnectionConfigError) as caught:
        cls()
    for word in (
        "endpoint_url",
        "endpoint_api_key",
        "model_family",
        "MISTRAL",
        "OPENAI is a plain",
    ):
        assert word in str(caught.value)


@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"endpoint_url": "https://ml.azure.com/endpoints/x"}, "page of Azure ML studio"),
        ({"endpoint_api_key": "Bearer abcdefgh"}, "Bearer"),
        ({"endpoint_api_key": "<user-input>"}, "placeholder"),
        (
            {"azure_endpoint": "https://h.example"},
            "azure_endpoint is not.*endpoint_url=",
        ),
    ],
    ids=str,
)
def test_what_was_pasted_from_elsewhere_is_refused_at_once(cls, fields, words):
    known = {"endpoint_url": "https://h.example/score", "endpoint_api_key": "k" * 8}
    with pytest.raises(ConnectionConfigError, match=words):
        cls(**{**known, "model_family": "LLAMA", **fields})


def test_a_misspelt_argument_is_told(make_chat):
    with pytest.warns(UserWarning, match=r"temprature \(did you mean temperature\?\)"):
        make_chat(temprature=1)

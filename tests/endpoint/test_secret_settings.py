"""A key in a URL's path, or among the settings of the model, is shown nowhere."""

from __future__ import annotations

import asyncio
import logging

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps, loads

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection
from langchain_azureml_oss.connections import without_secrets
from langchain_azureml_oss.errors import ConnectionConfigError, InvalidRequestError

OTHER = "8fK2mQ7pXw4Zr9TbN3vYc6LdHs1JgRu5"
PATH = f"https://gateway.example/team/{OTHER}/score"


class Listener(BaseCallbackHandler):
    def __init__(self):
        self.heard = []

    def on_chat_model_start(self, *args, **kwargs):
        self.heard.append(repr((args, kwargs)))

    def on_llm_start(self, *args, **kwargs):
        self.heard.append(repr((args, kwargs)))


SECRET = {
    "a name": {"api_key": "short"},
    "a name in capitals": {"API-Key": "short"},
    "below a name": {"search": {"list": [{"clientSecret": "short"}]}},
    "a password": {"a": {"db_password": "short"}},
    "a token by its value": {"hf_token": OTHER},
    "a header": {"headers": {"Authorization": "Bearer x"}},
}
PLAIN = {
    "eos_token": "</s>",
    "stop_token_ids": [1, 2],
    "prompt_cache_key": "550e8400-e29b-41d4-a716-446655440000",
    "metadata": {"session_id": "550e8400-e29b-41d4-a716-446655440000"},
    "guided_json": {"type": "object", "properties": {"password": {"type": "string"}}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"schema": {"examples": [{"password": "x"}], "required": ["api_key"]}},
    },
    "keywords": ["token", "key"],
    "author": "me",
}


@pytest.mark.parametrize("settings", SECRET.values(), ids=SECRET)
@pytest.mark.parametrize("name", ["model_kwargs", "extra_body"])
def test_a_setting_with_the_name_of_a_secret(make_chat, settings, name):
    with pytest.raises(ConnectionConfigError, match="name of a secret") as told:
        make_chat(**{name: settings})
    assert OTHER not in str(told.value)
    assert "short" not in str(told.value)


@pytest.mark.parametrize("make", ["make_chat", "make_llm"])
@pytest.mark.parametrize("method", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize(
    "given",
    [
        *({"extra_body": settings} for settings in SECRET.values()),
        *({"model_kwargs": {"x": [OTHER]}}, {"x": {"y": OTHER}}, {OTHER: "x"}),
        *({"openai_api_key": OTHER}, {"api_key": OTHER}, {"extra_headers": {"api-key": OTHER}}),
    ],
)
def test_callbacks_do_not_hear_of_a_call_that_holds_a_secret(request, make, method, given):
    listener = Listener()
    fields = {"endpoint_api_key": OTHER, "callbacks": [listener]}
    model = request.getfixturevalue(make)(**fields)
    with pytest.raises(ConnectionConfigError) as told:
        ask(model, method, given)
    assert listener.heard == []
    assert OTHER not in str(told.value)


def ask(model, method, given):
    async def in_a_loop():
        if method == "ainvoke":
            await model.ainvoke("hi", **given)
        else:
            [_ async for _ in model.astream("hi", **given)]

    if method.startswith("a"):
        asyncio.run(in_a_loop())
    elif method == "stream":
        list(model.stream("hi", **given))
    else:
        model.invoke("hi", **given)


def test_the_key_of_the_connection_under_any_name(make_chat, key):
    for settings in ({"user": key}, {"a": [{"b": f"Bearer {key}"}]}, {key: 1.5, key + "x": "y"}):
        with pytest.raises(ConnectionConfigError, match="key of the connection") as told:
            make_chat(model_kwargs=settings)
        assert key not in str(told.value)


def test_what_only_sounds_like_a_secret_is_sent(make_chat, plug, answer, completion, sent):
    chat = make_chat(endpoint_url="https://ep.example/v1/chat/completions", model_kwargs=PLAIN)
    replay = plug(chat, answer(completion()), answer(completion()))
    chat.invoke("hi")
    assert {name: sent(replay)[name] for name in PLAIN} == PLAIN
    chat.invoke("hi", extra_body={"pad_token": "<pad>"})
    assert sent(replay, 1)["pad_token"] == "<pad>"


def test_settings_that_hold_themselves_are_refused(make_chat):
    loop = []
    loop.append(loop)
    with pytest.raises(ConnectionConfigError, match="JSON"):
        make_chat(model_kwargs={"a": loop})
    with pytest.raises(ConnectionConfigError, match="JSON"):
        make_chat().invoke("hi", a=loop)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_a_key_in_the_path_of_a_url(make_chat, plug, answer, monkeypatch, caplog):
    chat = make_chat(endpoint_url=PATH, max_retries=1, backoff=(0, 0))
    said = f"no route {PATH} for {OTHER}"
    replay = plug(chat, answer({"detail": said}, 503), answer({"detail": said}, 400))
    with (
        caplog.at_level(logging.DEBUG, logger="langchain_azureml_oss"),
        pytest.raises(InvalidRequestError) as told,
    ):
        chat.invoke("hi")
    assert [request.url for request in replay.requests] == [PATH] * 2
    assert len(caplog.records) == 1
    params = repr(chat._identifying_params) + repr(chat._get_ls_params())
    shown = [repr(chat), str(chat), dumps(chat), chat._get_llm_string(), params]
    for text in [*shown, str(told.value), repr(vars(told.value)), caplog.text]:
        assert OTHER not in text
    assert "https://gateway.example/team/[redacted]/score" in repr(chat)
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", PATH)
    loaded = loads(
        dumps(chat),
        secrets_from_env=True,
        secrets_map={"AZUREML_ENDPOINT_API_KEY": "key-0123456789"},
        valid_namespaces=["langchain_azureml_oss"],
        allowed_objects=[AzureMLOSSChatModel],
    )
    assert loaded.endpoint_url == PATH


def test_a_path_of_words_is_shown(make_chat):
    url = "https://ep.example/api/v1/service/llama-3-8b-instruct/score"
    chat = make_chat(endpoint_url=url)
    assert url in repr(chat)
    assert url in dumps(chat)


def test_a_key_of_words_in_the_path(make_chat):
    chat = make_chat(endpoint_url="https://ep.example/open-sesame/score", api_key="open-sesame")
    assert "open-sesame" not in repr(chat) + dumps(chat)


def test_a_url_in_a_message():
    assert without_secrets(f"ftp://h.example/{OTHER}/score") == "ftp://h.example/[redacted]/score"
    with pytest.raises(ConnectionConfigError) as told:
        AzureMLOSSChatModel(
            endpoint_url=PATH.replace("https", "ftp"), api_key="key-0123456789", model_family="GPT2"
        )
    assert OTHER not in str(told.value)
    assert OTHER not in repr(CustomConnection({"endpoint_url": PATH}))


@pytest.mark.parametrize("make", ["make_chat", "make_llm"])
@pytest.mark.parametrize(
    "given",
    [
        *({"openai_api_key": OTHER}, {"api_key": "short"}, {"endpoint_api_key": OTHER}),
        *({"extra_headers": {"api-key": OTHER}}, {"extra_body": {"a": [{"password": "short"}]}}),
        *({"my_token": OTHER}, {"x": {"y": OTHER}}),
    ],
)
def test_a_secret_is_not_bound_since_a_binding_shows_its_arguments(request, make, given):
    model = request.getfixturevalue(make)(endpoint_api_key=OTHER)
    ways = [model.bind, *([lambda **more: model.bind_tools([], **more)] * (make == "make_chat"))]
    for bind in ways:
        with pytest.raises(ConnectionConfigError) as told:
            bind(**given)
        assert OTHER not in str(told.value)
        assert "short" not in str(told.value)


def test_what_is_no_secret_is_bound(make_chat, plug, answer, completion, sent):
    chat = make_chat(endpoint_url="https://ep.example/v1/chat/completions")
    replay = plug(chat, answer(completion()))
    chat.bind(extra_body=PLAIN, extra_headers={"x-team": "me"}).bind(seed=7).invoke("hi")
    assert {name: sent(replay)[name] for name in PLAIN} == PLAIN
    assert sent(replay)["seed"] == 7


def test_a_key_in_a_urls_fragment_is_not_shown(make_chat):
    chat = make_chat(endpoint_url=f"https://gateway.example/score#{OTHER}")
    assert OTHER not in repr(chat)
    assert OTHER not in dumps(chat)
    assert "#part-2" in repr(make_chat(endpoint_url="https://gateway.example/score#part-2"))

"""OpenAI's clients over a gateway, which has what the endpoint behind it has not."""

from __future__ import annotations

import json
import logging

import httpx
import openai
import pytest
import requests
from langchain_openai import ChatOpenAI

from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.local import EngineError, LocalEndpoint

CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "Say hi."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
CALL = {"tool_calls": [{"id": "c1", "name": "weather", "args": {"city": "Rome"}}]}
CALL_AS_TEXT = '{"name": "weather", "parameters": {"city": "Rome"}}'


def ask(openai_client, **more):
    return openai_client.chat.completions.create(**{"model": "any", "messages": HI} | more)


def test_a_chat(gateway, client, path):
    with gateway(["Hello!"], path) as endpoint:
        answer = ask(client(endpoint), temperature=0.5, max_completion_tokens=7)
        [choice] = answer.choices
        assert (choice.message.content, choice.finish_reason) == ("Hello!", "stop")
        assert (choice.message.role, answer.model) == ("assistant", "llama")
        sent = endpoint.behind.requests[-1].body
        sent = sent["input_data"]["parameters"] if path == "/score" else sent
        assert sent["temperature"] == 0.5
        assert sent["max_new_tokens" if path == "/score" else "max_tokens"] == 7
        assert endpoint.behind.requests[-1].headers["Authorization"] == "Bearer ***"


def test_a_stream(gateway, client, path):
    with gateway(["Hello over there!"], path) as endpoint:
        asked = ask(client(endpoint), stream=True, stream_options={"include_usage": True})
        *chunks, last = list(asked)
        assert "".join(one.choices[0].delta.content or "" for one in chunks) == "Hello over there!"
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [one.choices[0].finish_reason for one in chunks if one.choices[0].finish_reason] == [
            "stop"
        ]
        assert last.choices == []
        assert (len(chunks) > 1, last.usage is not None) == (path == CHAT, path == CHAT)


def test_usage_comes_along(gateway, client):
    with gateway(path=CHAT) as endpoint:
        answer = ask(client(endpoint))
        assert answer.choices[0].message.content == "echo: Say hi."
        assert answer.usage.model_dump(exclude_none=True) == {
            "prompt_tokens": 2,
            "completion_tokens": 3,
            "total_tokens": 5,
        }
        asked = ask(client(endpoint), n=2, logprobs=True)
        assert [one.message.content for one in asked.choices] == ["echo: Say hi."] * 2
        assert asked.choices[0].logprobs.content[0].token == "echo:"


@pytest.mark.parametrize("stream", [False, True])
def test_tools_also_where_the_endpoint_has_none(gateway, client, path, stream):
    with gateway([CALL_AS_TEXT if path == "/score" else CALL], path) as endpoint:
        asked = ask(client(endpoint), tools=[WEATHER], stream=stream)
        if stream:
            deltas = [one.choices[0] for one in asked if one.choices]
            calls = [call for one in deltas for call in one.delta.tool_calls or ()]
            arguments = "".join(one.function.arguments for one in calls)
            reason = deltas[-1].finish_reason
        else:
            calls = asked.choices[0].message.tool_calls
            arguments, reason = calls[0].function.arguments, asked.choices[0].finish_reason
        assert (calls[0].function.name, json.loads(arguments)) == ("weather", {"city": "Rome"})
        assert (bool(calls[0].id), calls[0].type, reason) == (True, "function", "tool_calls")


def test_the_turn_after_a_tool_was_called(gateway, client, path):
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
    }
    turns = [
        *HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny."},
    ]
    with gateway(["It is sunny."], path) as endpoint:
        answer = ask(client(endpoint), messages=turns, tools=[WEATHER])
        assert answer.choices[0].message.content == "It is sunny."
        assert "Sunny." in json.dumps(endpoint.behind.requests[-1].body)


def test_json_also_where_the_endpoint_has_none(gateway, client):
    with gateway(['Sure: {"city": "Rome"}']) as endpoint:
        answer = ask(client(endpoint), response_format={"type": "json_object"})
        assert json.loads(answer.choices[0].message.content) == {"city": "Rome"}


def test_completions(gateway, client):
    with gateway() as endpoint:
        completions = client(endpoint).completions
        one = completions.create(model="any", prompt="1 2")
        assert [choice.text for choice in one.choices] == [" echo: 1 2"]
        several = completions.create(model="any", prompt=["a", "b"])
        assert [(c.index, c.text) for c in several.choices] == [(0, " echo: a"), (1, " echo: b")]
        chunks = list(completions.create(model="any", prompt="1 2", stream=True))
        assert "".join(chunk.choices[0].text for chunk in chunks) == " echo: 1 2"
        assert chunks[-1].choices[0].finish_reason == "stop"
    with gateway(path="/v1/completions") as endpoint:
        usage = {"include_usage": True}
        *chunks, last = client(endpoint).completions.create(
            model="any", prompt="1 2", stream=True, stream_options=usage, max_tokens=2
        )
        assert "".join(chunk.choices[0].text for chunk in chunks) == " echo: 1"
        assert [c.choices[0].finish_reason for c in chunks[-1:]] == ["length"]
        assert last.usage.completion_tokens == 2


def test_the_model_is_listed(gateway, client):
    with gateway(families="my-model") as endpoint:
        assert [one.id for one in client(endpoint).models.list()] == ["my-model"]


@pytest.fixture
def chat_openai():
    """LangChain's OpenAI model over a gateway; its own way to connect leaves sockets open."""
    with httpx.Client() as http:

        def connect(endpoint):
            url, key = f"{endpoint.url}/v1", endpoint.api_key
            return ChatOpenAI(base_url=url, api_key=key, model="any", http_client=http)

        yield connect


def test_langchain_s_openai_model(gateway, path, chat_openai):
    with gateway(path=path) as endpoint:
        chat = chat_openai(endpoint)
        assert chat.invoke("Say hi.").text == "echo: Say hi."
        assert "".join(chunk.text for chunk in chat.stream("Say hi.")) == "echo: Say hi."


def test_langchain_s_openai_model_with_tools(gateway, chat_openai):
    with gateway([CALL_AS_TEXT, '{"city": "Rome"}']) as endpoint:
        chat = chat_openai(endpoint)
        [call] = chat.bind_tools([WEATHER]).invoke("Weather in Rome?").tool_calls
        assert (call["name"], call["args"]) == ("weather", {"city": "Rome"})
        form = WEATHER["function"]["parameters"] | {"title": "Place"}
        assert chat.with_structured_output(form).invoke("Where?") == {"city": "Rome"}


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("429", 429, openai.RateLimitError),
        ("424-400", 424, openai.APIStatusError),
        ("503", 503, openai.InternalServerError),
        ("reset", 502, openai.InternalServerError),
        ("garbage", 502, openai.InternalServerError),
        ("inner429", 429, openai.RateLimitError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_keep_their_status(gateway, client, fault, status, kind, stream):
    with gateway([], upstream={"faults": {fault: 1}, "retry_after_s": 0}) as endpoint:
        with pytest.raises(kind) as caught:
            ask(client(endpoint), stream=stream)
        error = caught.value
        assert (error.status_code, set(error.body)) == (
            status,
            {"message", "type", "param", "code"},
        )
        assert endpoint.behind.api_key not in str(error)


@pytest.mark.parametrize("stream", [False, True])
def test_a_long_prompt_has_openai_s_code(gateway, client, stream):
    said = "This model's maximum context length is 8 tokens. However, you requested 9 tokens."
    with gateway([EngineError(400, said)], CHAT) as endpoint:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client(endpoint), stream=stream)
        assert caught.value.code == "context_length_exceeded"
        assert caught.value.type == "invalid_request_error"


def test_a_stream_that_breaks_ends_with_an_error(gateway, client):
    with gateway(["one two three four"], CHAT, {"faults": ["stream-error"]}) as endpoint:
        asked = ask(client(endpoint), stream=True)
        with pytest.raises(openai.APIError, match="stream"):
            _ = list(asked)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": [{"role": "gossip", "content": "a"}]},
        {"messages": [{"role": "user", "content": [{"type": "gossip"}]}]},
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": 3}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [3]}]},
        {"messages": [{"role": "user", "content": 3}]},
        {"stream": "yes"},
        {"n": 2, "stream": True},
        {"tools": "weather"},
        {"tools": [3]},
        {"tools": [{}]},
        {"tools": [{"type": "function"}]},
        {"tools": [{"type": "function", "function": {"name": 3}}]},
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": 3}}]},
        {"tool_choice": 3, "tools": [WEATHER]},
        {"tool_choice": "gossip", "tools": [WEATHER]},
        {"tool_choice": {"function": 3}, "tools": [WEATHER]},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": 3}},
        {"response_format": 3},
        {"stop": 3},
        {"max_tokens": "many"},
        {"n": "two", "stream": True},
    ],
)
def test_a_wrong_request_is_400(gateway, fields, caplog, path):
    # At the gateway, or where the endpoint said so.
    with gateway(path=path) as endpoint:
        body = {"messages": HI} | fields
        headers = {"Authorization": f"Bearer {endpoint.api_key}"}
        answer = requests.post(endpoint.url + CHAT, json=body, headers=headers, timeout=30)
        assert answer.status_code in {400, 422}, answer.text
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_settings_of_the_model_are_no_arguments_of_a_request(gateway):
    """Nobody who may ask the gateway can send it, or its key, elsewhere."""
    with gateway(["Hi", "Hi"]) as endpoint, LocalEndpoint("echo") as other:
        for fields in (
            {"endpoint_url": other.scoring_url, "callbacks": [1], "config": {}, "metadata": {}},
            {"deployment_name": "x", "timeout": 0.001, "api_type": "openai"},
        ):
            headers = {"Authorization": f"Bearer {endpoint.api_key}"}
            body = {"messages": HI} | fields
            answer = requests.post(endpoint.url + CHAT, json=body, headers=headers, timeout=30)
            assert answer.json()["choices"][0]["message"]["content"] == "Hi"
        assert other.requests == []


@pytest.mark.parametrize("name", ["endpoint_api_key", "credential"])
def test_a_secret_in_a_body_is_refused(gateway, name):
    """A key belongs into a header; the model is sent what stands in the body."""
    with gateway(["Hi"]) as endpoint:
        headers = {"Authorization": f"Bearer {endpoint.api_key}"}
        body = {"messages": HI, name: "k-4711"}
        answer = requests.post(endpoint.url + CHAT, json=body, headers=headers, timeout=30)
        assert answer.status_code == 400
        assert f"{name} has the name of a secret" in answer.json()["error"]["message"]
        assert "k-4711" not in answer.text
        assert endpoint.behind.requests == []


def test_it_has_a_key_of_its_own(gateway, client):
    with gateway(["Hi"]) as endpoint:
        assert endpoint.api_key != endpoint.behind.api_key
        for key in ("wrong", endpoint.behind.api_key):
            with pytest.raises(openai.AuthenticationError) as caught:
                ask(client(endpoint, api_key=key))
            assert caught.value.code == "invalid_api_key"
        with pytest.raises(openai.NotFoundError) as missing:
            client(endpoint).post("/gossip", cast_to=object)
        assert missing.value.type == "not_found_error"
        assert endpoint.behind.requests == []
        assert endpoint.behind.api_key not in repr(endpoint)
        assert endpoint.host == "127.0.0.1"


def test_prompt_flow_s_url_works_as_well(gateway, client, make_chat, make_llm):
    with gateway(["Hello!", " there"]) as endpoint:
        connection = endpoint.connection()
        assert make_chat(connection=connection).invoke("Hi").text == "Hello!"
        assert make_llm(connection=connection).invoke("Hi") == " there"


def test_a_wrong_connection_is_said_where_the_gateway_is_made():
    with pytest.raises(ConnectionConfigError, match="model_family"):
        LocalEndpoint(upstream={"endpoint_url": "https://a.example.com/score"})


@pytest.mark.model
def test_the_real_model_over_score(client):
    with (
        LocalEndpoint("smollm2") as behind,
        LocalEndpoint(upstream=behind.connection()) as endpoint,
    ):
        asked = ask(client(endpoint), max_tokens=8, temperature=0, stream=True)
        text = "".join(one.choices[0].delta.content or "" for one in asked if one.choices)
        assert text.startswith("Hello")

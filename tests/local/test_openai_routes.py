"""The OpenAI-style routes: answers, streams, extras and refusals."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.local import EngineError, LocalEndpoint

CHATS = ["/chat/completions", "/v1/chat/completions"]
COMPLETIONS = ["/completions", "/v1/completions"]
PASS = {"extra-parameters": "pass-through"}


@pytest.mark.parametrize("path", CHATS)
def test_a_chat(echo, post, chat, path):
    answer = post(echo, path, chat(model="any", max_tokens=3)).json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "echo"
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "echo: one two"},
            "finish_reason": "length",
        }
    ]
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


@pytest.mark.parametrize("path", COMPLETIONS)
def test_a_completion(echo, post, path):
    answer = post(echo, path, {"prompt": "1 2 3", "stop": "3"}).json()
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"] == " echo: 1 2 "
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("path", COMPLETIONS)
def test_several_prompts_are_too_many(echo, post, path):
    answer = post(echo, path, {"prompt": ["1", "2"]})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["loc"] == ["body", "prompt"]


@pytest.mark.parametrize("path", CHATS)
def test_a_streamed_chat(echo, post, chat, events, path):
    *chunks, done = events(post(echo, path, chat(stream=True)))
    assert done == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    texts = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert texts == ["", "echo:", " one", " two", " three", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 5 + ["stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert not any("usage" in chunk for chunk in chunks)


@pytest.mark.parametrize("path", COMPLETIONS)
def test_a_streamed_completion(echo, post, events, path):
    *chunks, done = events(post(echo, path, {"prompt": "1 2", "stream": True}))
    assert done == "[DONE]"
    assert [chunk["choices"][0]["text"] for chunk in chunks] == [" echo:", " 1", " 2", ""]


@pytest.mark.parametrize(
    ("header", "seen"), [("pass-through", True), ("drop", False), (None, False)]
)
def test_usage_in_a_stream_needs_pass_through(echo, post, chat, events, header, seen):
    headers = {"extra-parameters": header} if header else {}
    body = chat(stream=True, stream_options={"include_usage": True})
    *_, last, _ = events(post(echo, "/v1/chat/completions", body, headers))
    assert (last["choices"] == []) == seen
    assert ("usage" in last) == seen


@pytest.mark.parametrize(
    ("header", "strict", "lenient"),
    [
        (None, 400, 200),
        ("error", 400, 200),
        ("drop", 200, 200),
        ("pass-through", 200, 200),
        ("banana", 400, 200),
    ],
)
def test_extra_parameters(post, chat, header, strict, lenient):
    seen = []

    def script(body):
        seen.append("top_k" in body)
        return "ok"

    headers = {"extra-parameters": header} if header else {}
    with LocalEndpoint("scripted", script=script) as endpoint:
        for path, status in zip(CHATS, (strict, lenient), strict=True):
            answer = post(endpoint, path, chat(top_k=2), headers)
            assert answer.status_code == status
            if status == 400:
                assert set(answer.json()) == {"detail"}
    # What comes through at all comes through on both.
    assert set(seen) == {header == "pass-through"}


def test_extras_are_named(echo, post, chat):
    answer = post(echo, "/chat/completions", chat(top_k=2, n=1))
    assert "['n', 'top_k'] are not allowed" in answer.json()["detail"]


def test_extras_reach_the_engine(echo, post, chat):
    answer = post(echo, "/v1/chat/completions", chat("hi", n=2, logprobs=True), PASS).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    tokens = [one["token"] for one in answer["choices"][1]["logprobs"]["content"]]
    assert tokens == ["echo:", " hi"]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "no role"}]}, "messages"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"response_format": {"type": "yaml"}}, "response_format"),
        ({"response_format": "json"}, "response_format"),
    ],
)
def test_validation(echo, post, chat, fields, where):
    answer = post(echo, "/v1/chat/completions", chat() | fields)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["status"] == 422
    assert error["details"][0]["loc"] == ["body", where]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fields", [{"n": "text"}, {"n": 0}, {"n": -1}, {"n": True}, {"n": 10**9}, {"stop": [3]}]
)
@pytest.mark.parametrize(("path", "field"), [("chat/completions", "messages"), ("completions", "")])
def test_settings_that_the_engine_cannot_use_are_refused(
    echo, post, chat, fields, stream, path, field
):
    body = chat() if field else {"prompt": "hi"}
    answer = post(echo, f"/v1/{path}", body | fields | {"stream": stream}, PASS)
    assert answer.status_code == 400
    (name,) = fields
    assert answer.json()["error"]["message"].startswith(name)


def test_null_is_a_field_that_was_not_sent(echo, post, chat):
    body = chat(temperature=None, max_tokens=None, top_k=None, stop=None)
    assert post(echo, "/chat/completions", body).status_code == 200


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b"\xff"])
def test_bodies_that_are_no_objects(echo, post, raw):
    assert post(echo, "/v1/chat/completions", raw).status_code == 422


def test_json_schema_can_be_refused(post, chat):
    body = chat(response_format={"type": "json_schema", "json_schema": {}})
    for json_schema, status in [(True, 200), (False, 422)]:
        with LocalEndpoint("echo", json_schema=json_schema) as endpoint:
            assert post(endpoint, "/v1/chat/completions", body).status_code == status
            plain = chat(response_format={"type": "json_object"})
            assert post(endpoint, "/v1/chat/completions", plain).status_code == 200


@pytest.mark.parametrize("fields", [{"tools": []}, {"tool_choice": "auto"}])
def test_tools_can_be_refused(post, chat, fields):
    with LocalEndpoint("echo", refuse_tools=True) as endpoint:
        answer = post(endpoint, "/v1/chat/completions", chat(**fields))
        assert answer.status_code == 400
        assert answer.json() == {"detail": "Tools and tool_choice are not supported."}
        assert post(endpoint, "/v1/chat/completions", chat()).status_code == 200


def test_stream_options_can_be_refused(post, chat):
    with LocalEndpoint("echo", refuse_stream_options=True) as endpoint:
        body = chat(stream=True, stream_options={"include_usage": True})
        assert post(endpoint, "/v1/chat/completions", body, PASS).status_code == 400


def test_stream_can_be_ignored(post, chat):
    with LocalEndpoint("echo", ignore_stream=True) as endpoint:
        answer = post(endpoint, "/v1/chat/completions", chat(stream=True))
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["choices"][0]["message"]["content"] == "echo: one two three"


@pytest.mark.parametrize(
    ("task", "chats", "completes"),
    [("any", 200, 200), ("chat", 200, 400), ("completion", 400, 200)],
)
def test_models_of_one_task(post, chat, task, chats, completes):
    with LocalEndpoint("echo", task=task) as endpoint:
        assert post(endpoint, "/v1/chat/completions", chat()).status_code == chats
        answer = post(endpoint, "/v1/completions", {"prompt": "x"})
    assert answer.status_code == completes
    if task == "chat":
        message = answer.json()["error"]["message"]
        assert message == "task_type chat-completion not available with text generation API."


@pytest.mark.parametrize("stream", [False, True])
def test_the_engines_own_error_travels_as_text(post, chat, stream):
    said = {"error": {"message": "too long", "type": "exceed_context_size_error"}}
    with LocalEndpoint("scripted", script=[EngineError(400, said)]) as endpoint:
        answer = post(endpoint, "/v1/chat/completions", chat(stream=stream))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["status"] == 400
    assert "exceed_context_size_error" in error["message"]
    assert isinstance(error["message"], str)

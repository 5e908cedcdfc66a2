"""Real answers once, then without network or key."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM
from langchain_azureml_oss.errors import InvalidRequestError, RateLimitError
from langchain_azureml_oss.local import EngineError, LocalEndpoint

CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "Say hi."}]


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "cassette.jsonl"


def exchanges(tape):
    return [json.loads(line) for line in tape.read_text().splitlines()][1:]


def model(endpoint, path=CHAT, cls=AzureMLOSSChatModel, **fields):
    return cls(connection=endpoint.connection(path=path), max_retries=0, **fields)


def asked(chat):
    """Everything that an application asks of a model, whole and streamed, sync and async."""

    async def pieces():
        return [chunk.text async for chunk in chat.astream("Streamed.")]

    return [
        chat.invoke("Say hi.").text,
        [chunk.text for chunk in chat.stream("Streamed.")],
        asyncio.run(chat.ainvoke("Say ho.")).text,
        asyncio.run(pieces()),
        [call["args"] for call in chat.invoke("Call.").tool_calls],
    ]


def test_what_was_recorded_is_replayed(gateway, tape):
    script = [
        "Hi!",
        "one two three",
        "Ho!",
        "four five",
        {"tool_calls": [{"name": "f", "args": {}}]},
    ]
    with gateway(script, CHAT, record=tape) as endpoint:
        recorded = asked(model(endpoint))
        assert len(endpoint.behind.requests) == 5
    assert recorded[1] == ["one", " two", " three", ""]
    # No upstream any more, and no key of it.
    with LocalEndpoint(replay=tape) as endpoint:
        assert asked(model(endpoint)) == recorded
        assert model(endpoint).invoke("Say hi.").usage_metadata["output_tokens"] == 1
        assert model(endpoint).invoke("Say hi.").response_metadata["model_name"] == "llama"


def test_score_and_completions(gateway, tape):
    def ask(endpoint):
        llm = model(endpoint, "/score", AzureMLOSSLLM)
        streamed = model(endpoint, "/v1/completions", AzureMLOSSLLM)
        return [
            model(endpoint, "/score", max_tokens=5).invoke("Say hi.").text,
            llm.batch(["a", "b"]),
            list(streamed.stream("c d")),
        ]

    with gateway(record=tape) as endpoint:
        recorded = ask(endpoint)
    assert recorded[:2] == ["echo: Say hi.", [" echo: a", " echo: b"]]
    with LocalEndpoint(replay=tape) as endpoint:
        assert ask(endpoint) == recorded


def test_the_same_request_gets_its_answers_in_turn(gateway, tape):
    with gateway(["first", "second"], record=tape) as endpoint:
        chat = model(endpoint, "/score")
        assert [chat.invoke("Hi").text for _ in range(2)] == ["first", "second"]
    with LocalEndpoint(replay=tape) as endpoint:
        chat = model(endpoint, "/score")
        assert [chat.invoke("Hi").text for _ in range(3)] == ["first", "second", "second"]


@pytest.mark.parametrize("path", [CHAT, "/score"])
def test_errors_are_replayed_too(gateway, tape, path):
    behind = {"faults": {"429": 1}, "retry_after_s": 0}
    with gateway([], CHAT, behind, record=tape) as endpoint, pytest.raises(RateLimitError):
        model(endpoint, path).invoke("Hi")
    with LocalEndpoint(replay=tape) as endpoint, pytest.raises(RateLimitError) as caught:
        model(endpoint, path).invoke("Hi")
    assert caught.value.status == 429


def test_a_broken_stream_breaks_again(gateway, tape, client):
    def heard(endpoint):
        texts = []

        def listen():
            create = client(endpoint).chat.completions.create
            for one in create(model="any", messages=HI, stream=True):
                texts.extend(choice.delta.content for choice in one.choices)

        with pytest.raises(openai.APIError, match="stream"):
            listen()
        return texts

    with gateway(["one two three"], CHAT, {"faults": ["stream-error"]}, record=tape) as endpoint:
        recorded = heard(endpoint)
    assert "one" in recorded
    with LocalEndpoint(replay=tape) as endpoint:
        assert heard(endpoint) == recorded


def test_faults_come_on_top_of_a_tape(gateway, tape):
    with gateway(["Hi!"], CHAT, record=tape) as endpoint:
        model(endpoint).invoke("Hi")
    with LocalEndpoint(replay=tape, faults=["503"], retry_after_s=0) as endpoint:
        chat = AzureMLOSSChatModel(connection=endpoint.connection(path=CHAT))
        assert chat.invoke("Hi").text == "Hi!"
        assert [one.status for one in endpoint.requests] == [503, 200]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": HI, "temperature": 0.5}, "temperature: on the tape 0.25, asked 0.5"),
        ({"messages": HI}, "temperature: only on the tape, 0.25"),
        (
            {"messages": HI, "temperature": 0.25, "seed": 7},
            "seed: only asked, 7",
        ),
        (
            {"messages": [{"role": "user", "content": "Say ho."}], "temperature": 0.25},
            'messages[0].content: on the tape "Say hi.", asked "Say ho."',
        ),
        (
            {"messages": [{"role": "user", "content": "x" * 9999}], "temperature": 0.25},
            'messages[0].content: on the tape "Say hi.", asked "xxxx',
        ),
        ({f"field{n}": n for n in range(99)} | {"messages": HI}, "and 95 more"),
    ],
)
def test_what_is_not_on_the_tape_says_what_differs(gateway, tape, post, change, words):
    with gateway(record=tape) as endpoint:
        post(endpoint, CHAT, {"messages": [{"role": "user", "content": "Else?"}]})
        post(endpoint, CHAT, {"messages": HI, "temperature": 0.25})
    with LocalEndpoint(replay=tape) as endpoint:
        refused = post(endpoint, CHAT, change)
        assert refused.status_code == 400
        message = refused.json()["error"]["message"]
        assert message.startswith("This chat request is not on the tape cassette.jsonl.")
        assert "The nearest, request 2, differs:" in message
        assert words in message
        assert len(message) < 1000


def test_a_long_text_is_shown_where_it_differs(gateway, tape, post):
    def ask(end):
        return {"messages": [{"role": "user", "content": "same " * 200 + end}]}

    with gateway(record=tape) as endpoint:
        post(endpoint, CHAT, ask("old"))
    with LocalEndpoint(replay=tape) as endpoint:
        message = post(endpoint, CHAT, ask("new")).json()["error"]["message"]
    assert 'same old", asked …' in message
    assert message.endswith('same new"')


def test_the_difference_reaches_the_application(gateway, tape):
    with gateway(record=tape) as endpoint:
        model(endpoint, "/score").invoke("Say hi.")
    with LocalEndpoint(replay=tape) as endpoint:
        for path in (CHAT, "/score"):
            with pytest.raises(InvalidRequestError, match=r"asked .{,9}Say ho"):
                model(endpoint, path, max_tokens=16).invoke("Say ho.")
        with pytest.raises(InvalidRequestError, match="no request of this kind"):
            model(endpoint, "/score", AzureMLOSSLLM).invoke("Say hi.")


def test_a_stream_that_nobody_heard_to_its_end_is_not_on_the_tape(gateway, tape, client):
    with gateway(["one two three four"], CHAT, {"token_delay_s": 0.05}, record=tape) as endpoint:
        chat = client(endpoint).chat.completions
        with chat.create(model="any", messages=HI, stream=True) as stream:
            next(iter(stream))
    assert exchanges(tape) == []


def test_no_key_is_on_the_tape(gateway, tape, client):
    """Not in headers, texts, streams cut anywhere, calls' arguments or errors that echo it."""
    keys = []

    def telling(body):
        key = keys[0]
        return [
            key,
            {"reasoning_content": f"my {key}", "content": " ".join(key[:9])},
            {"tool_calls": [{"name": "f", "args": {"a": f"Bearer {key}"}}]},
            EngineError(400, {"error": {"message": f"wrong key {key[:12]}"}}),
        ][int(body["messages"][-1]["content"].split()[0])]

    def ask(create, number, stream):
        content = f"{number} {keys[0]} {keys[1]}"
        messages = [{"role": "user", "content": content}]
        answer = create(model="any", messages=messages, stream=stream)
        return list(answer) if stream else answer

    with gateway(telling, CHAT, record=tape) as endpoint:
        keys += [endpoint.behind.api_key, endpoint.api_key]
        create = client(endpoint).chat.completions.create
        for stream in (False, True):
            for number in (0, 1, 2):
                ask(create, number, stream)
            with pytest.raises(openai.BadRequestError) as caught:
                ask(create, 3, stream)
            assert keys[0][:12] not in str(caught.value)
    assert len(exchanges(tape)) == 8
    text = tape.read_text()
    assert text.count("[redacted]") > 16
    assert "uthorization" not in text
    assert [key for key in keys if key[:8] in text] == []
    streamed = next(one for one in exchanges(tape) if one["request"]["stream"])
    joined = "".join(
        choice["delta"].get("content") or ""
        for piece in streamed["answer"]
        for choice in piece["choices"]
    )
    assert joined == "[redacted]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not enough values"),
        ("{}", "'tape'"),
        ("[]", "list indices"),
        ("{", "Expecting"),
        ('{"tape": 2, "model": "m"}', "2"),
        ('{"tape": 1, "model": "m"}\n3', "must be a mapping"),
        ('{"tape": 1, "model": "m"}\n{"gossip": 3}', "gossip"),
        ("[" * 100_000, "recursion"),
        (b"\xff\xfe", "codec"),
    ],
)
def test_what_is_no_tape_is_said(tape, content, words):
    tape.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=f"cassette.jsonl is no tape.*{words}"):
        LocalEndpoint(replay=tape)


def test_wrong_options_are_said(tape):
    with pytest.raises(FileNotFoundError, match="no such file; record= makes one"):
        LocalEndpoint(replay=tape)
    with pytest.raises(ValueError, match="record= needs upstream="):
        LocalEndpoint("echo", record=tape)
    with pytest.raises(ValueError, match="replay= answers alone"):
        LocalEndpoint(replay=tape, record=tape)
    with pytest.raises(ValueError, match="replay= answers alone"):
        LocalEndpoint(replay=tape, upstream={})
    with pytest.raises(OSError, match="gossip"):
        LocalEndpoint(
            upstream={
                "endpoint_url": "https://a.example.com/score",
                "endpoint_api_key": "k" * 9,
                "model_family": "LLAMA",
            },
            record=tape.parent / "gossip" / "a.jsonl",
        )

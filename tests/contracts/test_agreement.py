"""Sync and async, whole and streamed: no text, setting or conversation makes a difference."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from functools import reduce
from operator import add

import pytest
from exchanges import ORDER, summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_azureml_oss import ModelFamily
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.local import LocalEndpoint
from langchain_azureml_oss.local.engines.base import EngineError

LIGHT = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
EVERY = pytest.mark.parametrize("contract", ORDER)

WORDS = [
    *("a", "b ", "\n", "\nUser:", "### End", "</think>", "<think>", "{}", "%s", '"', "\\n", "é🙂"),
    *("\u2028", "\r\n", " ", "None", "[TOOL_CALLS]", '{"name": "add", "arguments": {"a": 1}}'),
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)
BLOCKS = st.lists(
    TEXT
    | TEXT.map(lambda text: {"type": "text", "text": text})
    | st.just({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
    max_size=3,
)
NAMES = st.none() | st.sampled_from(["Ann", "Bob"])
CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
CONTENT = TEXT | BLOCKS
MESSAGES = st.lists(
    st.builds(HumanMessage, CONTENT, name=NAMES)
    | st.builds(SystemMessage, CONTENT)
    | st.builds(AIMessage, CONTENT, tool_calls=st.sampled_from([[], [CALL]]))
    | st.builds(ToolMessage, TEXT, tool_call_id=st.just("c1"))
    | st.builds(ChatMessage, TEXT, role=st.sampled_from(["user", "human", "critic", "assistant"]))
    | st.builds(FunctionMessage, TEXT, name=st.just("f")),
    max_size=5,
)
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
STOPS = st.lists(st.sampled_from(["\n", "b", "User:", "🙂", "a\n"]), max_size=2)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.5, 1, None]),
        "max_tokens": st.integers(1, 30),
        "top_p": st.sampled_from([0.5, 1.0]),
        "seed": st.integers(0, 2**70),
        "stop": STOPS,
        "top_k": st.integers(1, 9),
        "return_full_text": st.booleans(),
        "response_format": st.sampled_from([{"type": "json_object"}, {"type": "text"}]),
        "tools": st.just([TOOL]),
        "tool_choice": st.sampled_from(["auto", "none"]),
        "model": st.just("m"),
        # The same settings by other names, and what a caller may say in more than one way.
        "model_name": st.just("m2"),
        "max_new_tokens": st.integers(1, 30),
        "stop_sequences": STOPS,
        "logprobs": st.booleans(),
        "stream_options": st.just({"include_usage": True}),
        "model_kwargs": st.sampled_from(
            [{"top_k": 3}, {"stream": True}, {"stop": "a"}, {"max_tokens": 4, "seed": None}]
        ),
    },
)
FAMILIES = st.sampled_from([member.value for member in ModelFamily])


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def words():
    """What the scripted engine says next; a test writes it."""
    return {"reply": ""}


@pytest.fixture(scope="module")
def endpoints(words):
    """(Contract, engine) -> a running endpoint, and the path of the contract."""
    with contextlib.ExitStack() as stack:
        running = {}

        def of(contract, engine="echo"):
            speaks = contract if contract.endswith("2023") else "score"
            if (speaks, engine) not in running:
                script = {"script": lambda _: words["reply"]} if engine == "scripted" else {}
                made = LocalEndpoint(
                    engine, contract=speaks, extended=True, keep_requests=10**6, **script
                )
                running[speaks, engine] = stack.enter_context(made)
            path = "/v1/chat/completions" if contract == "openai" else "/score"
            return running[speaks, engine], path

        yield of


@contextlib.contextmanager
def model(make, endpoints, runner, contract, family, engine="echo", **fields):
    endpoint, path = endpoints(contract, engine)
    connection = endpoint.connection(family, path)
    made = make(connection=connection, contract=contract, max_retries=0, **fields)
    try:
        yield endpoint, made
    finally:
        runner.run(made.aclose())


async def collected(stream):
    return [item async for item in stream]


def outcome(call, endpoint):
    """What comes of a call: its answer or its error, its warnings, and what was sent for it."""
    before = len(endpoint.requests)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except AzureMLOSSError as error:
            result = (type(error).__name__, str(error))
    sent = [(r.path, r.headers.get("extra-parameters"), r.body) for r in endpoint.requests[before:]]
    return result, sorted(str(one.message) for one in caught), sent


def said(message):
    """What an answer says; request ids and made-up ids of calls differ from call to call."""
    known = summary(message)
    known.pop("request_id", None)
    calls = [(call["name"], call["args"]) for call in known.pop("tool_calls", [])]
    return known | {"tool_calls": calls}


def chat_outcomes(chat, endpoint, runner, messages, kwargs):
    """By entry point."""

    def fold(chunks):
        return said(reduce(add, chunks))

    calls = {
        "invoke": lambda: said(chat.invoke(messages, **kwargs)),
        "ainvoke": lambda: said(runner.run(chat.ainvoke(messages, **kwargs))),
        "stream": lambda: fold(list(chat.stream(messages, **kwargs))),
        "astream": lambda: fold(runner.run(collected(chat.astream(messages, **kwargs)))),
    }
    return {name: outcome(call, endpoint) for name, call in calls.items()}


def without_stream(sent):
    """The requests as they would be without a stream."""
    plain = []
    for path, header, body in sent:
        fields = {k: v for k, v in body.items() if k not in {"stream", "stream_options"}}
        extra = header if {"top_k", "return_full_text"} & fields.keys() else None
        plain.append((path, extra, fields))
    return plain


# docs/contracts.md: what the server knows; anything else is an extra.
KNOWN = (
    {"messages", "prompt", "model", "frequency_penalty", "presence_penalty", "seed", "temperature"}
    | {"top_p", "max_tokens", "stop", "stream", "response_format", "tools", "tool_choice"}
)  # fmt: skip


def header_is_right(contract, sent):
    """`extra-parameters: pass-through` exactly when there is an extra field."""
    for _, header, body in sent:
        has_extra = contract == "openai" and not body.keys() <= KNOWN
        assert header == ("pass-through" if has_extra else None)


def agree(found):
    assert found["ainvoke"] == found["invoke"]
    assert found["astream"] == found["stream"]
    answer, notes, sent = found["invoke"]
    streamed, stream_notes, stream_sent = found["stream"]
    assert streamed == answer
    assert stream_notes == notes
    assert without_stream(stream_sent) == without_stream(sent)


@EVERY
@given(family=FAMILIES, messages=MESSAGES, kwargs=PARAMETERS)
@LIGHT
def test_chats_agree(make_chat, endpoints, runner, contract, family, messages, kwargs):
    with model(make_chat, endpoints, runner, contract, family) as (endpoint, chat):
        found = chat_outcomes(chat, endpoint, runner, messages, kwargs)
    agree(found)
    for _, _, sent in found.values():
        header_is_right(contract, sent)


REPLIES = st.fixed_dictionaries(
    {"content": TEXT},
    optional={
        "reasoning_content": TEXT,
        "tool_calls": st.just([{"id": "c1", "name": "add", "args": {"a": 1}}]),
        "finish_reason": st.sampled_from(["stop", "length", "content_filter"]),
    },
)
ERRORS = st.builds(
    EngineError,
    st.sampled_from([400, 422, 429, 500, 503]),
    st.sampled_from(["no", {"message": "no"}, {"error": {"message": "maximum context length"}}]),
)


@EVERY
@given(family=FAMILIES, reply=REPLIES | ERRORS, stops=STOPS)
@LIGHT
def test_answers_of_every_kind_agree(
    make_chat, endpoints, runner, words, contract, family, reply, stops
):
    words["reply"] = reply
    with model(make_chat, endpoints, runner, contract, family, "scripted") as (endpoint, chat):
        agree(chat_outcomes(chat, endpoint, runner, "Say it.", {"stop": stops}))


@EVERY
@given(prompts=st.lists(TEXT, min_size=1, max_size=4), kwargs=PARAMETERS)
@LIGHT
def test_completions_agree(make_llm, endpoints, runner, contract, prompts, kwargs):
    kwargs = {k: v for k, v in kwargs.items() if k not in {"tools", "tool_choice"}}

    def texts(result):
        return [[one.text for one in generations] for generations in result.generations]

    def streamed():
        return [["".join(llm.stream(prompt, **kwargs))] for prompt in prompts]

    async def astreamed():
        streams = [llm.astream(prompt, **kwargs) for prompt in prompts]
        return [["".join(await collected(stream))] for stream in streams]

    with model(make_llm, endpoints, runner, contract, "GPT2") as (endpoint, llm):
        whole = outcome(lambda: texts(llm.generate(prompts, **kwargs)), endpoint)
        again = outcome(lambda: texts(runner.run(llm.agenerate(prompts, **kwargs))), endpoint)
        chunks = outcome(streamed, endpoint)
        achunks = outcome(lambda: runner.run(astreamed()), endpoint)
    in_order = lambda found: (*found[:2], sorted(found[2], key=json.dumps))  # noqa: E731
    assert in_order(again) == in_order(whole)
    assert achunks == chunks
    assert chunks[0] == whole[0]


CUTS = st.lists(st.integers(0, 900), max_size=8)


@pytest.fixture
def recorded(answer, events, delta, cut, chat_body):
    """The answers of a contract that say a text: whole, in pieces, and streamed in pieces."""

    def make(contract, family, text, text_cuts, byte_cuts):
        if contract.name != "openai":
            body = chat_body(contract, text)
            return answer(body), answer(body, cuts=byte_cuts), answer(body, cuts=byte_cuts)
        choice, event = {"message": {"content": text}}, delta
        if family in {"DOLLY", "GPT2", "FALCON"}:
            choice, event = {"text": text}, lambda piece: {"choices": [{"text": piece}]}
        body = {"choices": [{"finish_reason": "stop", **choice}]}
        last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
        pieces = map(event, cut(text, text_cuts))
        return answer(body), answer(body, cuts=byte_cuts), events(*pieces, last, cuts=byte_cuts)

    return make


@given(family=FAMILIES, text=TEXT, stops=STOPS, cuts=st.tuples(CUTS, CUTS))
@LIGHT
def test_borders_make_no_difference(make_chat, plug, recorded, contract, family, text, stops, cuts):
    """Wherever the pieces of a stream or of a body end, in both worlds."""
    chat = make_chat(endpoint_url=contract.url, contract=contract.name, model_family=family)
    body, in_pieces, stream = recorded(contract, family, text, *cuts)
    plug(chat, body, in_pieces, stream, stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = chat.invoke("Hi", stop=stops)
        again = asyncio.run(chat.ainvoke("Hi", stop=stops))
        folded = reduce(add, chat.stream("Hi", stop=stops))
        afolded = reduce(add, asyncio.run(collected(chat.astream("Hi", stop=stops))))
    # The events name a model, and the body of this test does not.
    expected = summary(whole) | {"model_name": ""}
    for other in (again, folded, afolded):
        assert summary(other) | {"model_name": ""} == expected
    assert not any(stop in whole.text for stop in stops)


def test_a_difference_is_found():
    one = ({"text": "a"}, [], [("/x", None, {"a": 1})])
    found = dict.fromkeys(("invoke", "ainvoke", "stream", "astream"), one)
    agree(found)
    for name in found:
        with pytest.raises(AssertionError):
            agree(found | {name: ({"text": "b"}, [], one[2])})

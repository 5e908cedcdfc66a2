"""AzureMLOSSChatModel: its entry points agree with each other, for every contract."""

from __future__ import annotations

import asyncio
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_azureml_oss.errors import AzureMLOSSError, UnsupportedInputError

HOST = "https://ep.eastus2.inference.ml.azure.com"
CHAT_URL = f"{HOST}/v1/chat/completions"
TALK = [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello"), HumanMessage("Bye")]
DETAILS = {"x-ms-request-id": "r1", "azureml-model-deployment": "blue"}


def fold(chunks):
    whole, *others = chunks
    for chunk in others:
        whole += chunk
    return whole


# -- sync and async send the same bytes and find the same answer ----------------------------------


async def collect(stream):
    return [item async for item in stream]


ENTRIES = {
    "invoke": lambda model: model.invoke(TALK, stop=["END"]),
    "stream": lambda model: fold(list(model.stream(TALK, stop=["END"]))),
    "batch": lambda model: model.batch([TALK], stop=["END"]),
    "generate": lambda model: model.generate([TALK], stop=["END"]),
}
ASYNC_ENTRIES = {
    "invoke": lambda model: model.ainvoke(TALK, stop=["END"]),
    "stream": lambda model: collect(model.astream(TALK, stop=["END"])),
    "batch": lambda model: model.abatch([TALK], stop=["END"]),
    "generate": lambda model: model.agenerate([TALK], stop=["END"]),
}


def plain(result):
    """A result without what LangChain numbers at random."""
    if isinstance(result, AzureMLOSSError):
        return type(result), str(result), vars(result)
    if isinstance(result, list):
        return [plain(item) for item in result]
    if hasattr(result, "generations"):
        return [[plain(g.message) for g in row] for row in result.generations]
    return result.model_dump(exclude={"id"})


def both_ways(make, server, entry):
    """The results of a sync and of an async call, and the requests of each."""
    with make() as model:
        try:
            sync = ENTRIES[entry](model)
        except AzureMLOSSError as error:
            sync = error

    async def ask():
        async with make() as model:
            try:
                found = await ASYNC_ENTRIES[entry](model)
            except AzureMLOSSError as error:
                return error
            return fold(found) if entry == "stream" else found

    first = len(server.requests)
    other = asyncio.run(ask())
    return sync, other, server.requests[:first], server.requests[first:]


def as_sent(request):
    skipped = {"host", "content-length", "accept", "connection"}
    headers = {name: value for name, value in request.named.items() if name not in skipped}
    return request.line, headers, request.body


OUTCOMES = {
    "answer": lambda answer, body: answer(body, **DETAILS),
    "empty object": lambda answer, body: answer({}, **DETAILS),
    "no json": lambda answer, body: answer(b"<html>oops", **DETAILS),
    "400": lambda answer, body: answer({"detail": "bad"}, 400, **DETAILS),
    "401": lambda answer, body: answer("no", 401, **DETAILS),
    "424": lambda answer, body: answer(
        "no", 424, **DETAILS, **{"ms-azureml-model-error-statuscode": "400"}
    ),
    "503": lambda answer, body: answer("busy", 503, **DETAILS),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_sync_and_async_agree(
    make_chat, raw_server, wire, answer, chat_body, contract, entry, outcome
):
    recorded = OUTCOMES[outcome](answer, chat_body(contract, "Hello! END never"))
    server = raw_server(wire(recorded))
    path = "/v1/chat/completions" if contract.name == "openai" else "/score"

    def make():
        return make_chat(
            endpoint_url=server.url + path,
            contract=contract.name,
            deployment_name="blue",
            max_tokens=8,
            max_retries=0,
            default_headers={"x-mine": "1"},
        )

    sync, other, sync_requests, async_requests = both_ways(make, server, entry)
    assert plain(sync) == plain(other)
    assert isinstance(sync, AzureMLOSSError) == (outcome != "answer")
    assert [as_sent(r) for r in sync_requests] == [as_sent(r) for r in async_requests]
    assert len(sync_requests) == 1


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("done", [True, False], ids=["done", "cut"])
def test_sync_and_async_agree_on_streams(make_chat, raw_server, wire, events, delta, entry, done):
    stream = events(
        delta("Hel"), delta("lo!", "stop" if done else None), done=done, cuts=[40, 90], **DETAILS
    )
    server = raw_server(wire(stream))

    def make():
        return make_chat(
            endpoint_url=f"{server.url}/v1/chat/completions",
            streaming=True,
            max_retries=0,
        )

    sync, other, sync_requests, async_requests = both_ways(make, server, entry)
    assert plain(sync) == plain(other)
    assert isinstance(sync, AzureMLOSSError) != done
    assert [as_sent(r) for r in sync_requests] == [as_sent(r) for r in async_requests]


def test_a_batch_keeps_the_order(make_chat, raw_server, wire, answer):
    server = raw_server(*[wire(answer({"output": f"n{n}"})) for n in range(6)])
    with make_chat(endpoint_url=f"{server.url}/score") as chat:
        found = chat.batch([f"q{n}" for n in range(6)], config={"max_concurrency": 1})
    assert [message.text for message in found] == [f"n{n}" for n in range(6)]
    asked = [
        json.loads(r.body)["input_data"]["input_string"][0]["content"] for r in server.requests
    ]
    assert asked == [f"q{n}" for n in range(6)]


# -- what is sent ---------------------------------------------------------------------------------


def test_a_conversation_is_sent_as_it_is(make_chat, plug, sent, answer):
    chat = make_chat(model_kwargs={"temperature": 0.4}, max_tokens=8)
    replay = plug(chat, answer({"output": "Ok"}))
    chat.invoke(TALK)
    assert sent(replay) == {
        "input_data": {
            "input_string": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Bye"},
            ],
            "parameters": {"temperature": 0.4, "max_new_tokens": 8},
        }
    }


@given(text=st.text())
def test_any_text_reaches_every_contract_unchanged(
    contracts, chat_body, make_chat, plug, sent, answer, text
):
    for contract in contracts:
        chat = make_chat(endpoint_url=contract.url, contract=contract.name)
        replay = plug(chat, answer(chat_body(contract, "Ok")))
        chat.invoke([HumanMessage(text)])
        body = sent(replay)
        if contract.name == "score":
            assert body["input_data"]["input_string"][0]["content"] == text
        elif contract.name == "openai":
            assert body["messages"][0]["content"] == text
        else:
            (prompt,) = contract.prompts(body)
            assert text in prompt


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\u2028", '"\\', "😀" * 3, "\r\n"], ids=ascii)
def test_odd_characters_reach_the_body(make_chat, plug, sent, answer, text):
    chat = make_chat()
    replay = plug(chat, answer({"output": "Ok"}))
    chat.invoke([HumanMessage(text)])
    assert sent(replay)["input_data"]["input_string"][0]["content"] == text


@given(text=st.text())
def test_any_answer_comes_back_unchanged(make_chat, plug, answer, text):
    for url, body in (
        (f"{HOST}/score", {"output": text}),
        (CHAT_URL, {"choices": [{"message": {"content": text}}]}),
    ):
        chat = make_chat(endpoint_url=url)
        plug(chat, answer(body))
        assert chat.invoke("x").content == text


def test_a_completion_family_gets_one_prompt(make_chat, plug, sent, answer):
    chat = make_chat(model_family="FALCON")
    prompt = "Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:"
    replay = plug(chat, answer([f"{prompt} See you.\nUser: And"]))
    assert chat.invoke(TALK).text == "See you."
    assert sent(replay)["input_data"]["input_string"] == [prompt]


def test_a_chat_url_gets_turns_from_a_completion_family(make_chat, plug, sent, answer, completion):
    """A template went to a URL that nobody gave."""
    chat = make_chat(endpoint_url=CHAT_URL, model_family="GPT2")
    replay = plug(chat, answer(completion()))
    chat.invoke("Hi")
    assert replay.requests[0].url == CHAT_URL
    assert sent(replay)["messages"] == [{"role": "user", "content": "Hi"}]


def test_a_completion_family_goes_to_the_completion_path(make_chat, plug, sent, answer):
    chat = make_chat(endpoint_url=f"{HOST}/v1", model_family="GPT2")
    replay = plug(chat, answer({"choices": [{"text": "Hello"}]}))
    chat.invoke("Hi")
    assert replay.requests[0].url == f"{HOST}/v1/completions"
    assert "Hi" in sent(replay)["prompt"]


# -- what comes back ------------------------------------------------------------------------------


def test_an_answer_carries_what_is_known_about_it(make_chat, plug, answer, completion):
    chat = make_chat(endpoint_url=CHAT_URL)
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    plug(chat, answer(completion("Hello!", usage=usage), **DETAILS))
    message = chat.invoke("Hi")
    assert message.usage_metadata == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert message.response_metadata == {
        "model_name": "m",
        "model_provider": "azureml_oss",
        "finish_reason": "stop",
        "normalized_finish_reason": "stop",
        "deployment": "blue",
        "request_id": "r1",
        "token_usage": usage,
    }


def test_logprobs_are_kept(make_chat, plug, answer, completion):
    chat = make_chat(endpoint_url=CHAT_URL)
    body = completion("Hello!")
    body["choices"][0]["logprobs"] = {"content": [{"token": "Hello!", "logprob": -0.1}]}
    plug(chat, answer(body))
    metadata = chat.invoke("Hi", logprobs=True).response_metadata
    assert metadata["logprobs"] == body["choices"][0]["logprobs"]


def test_a_score_answer_has_metadata_too(make_chat, plug, answer):
    chat = make_chat()
    plug(chat, answer({"output": "Hello!"}, **DETAILS))
    metadata = chat.invoke("Hi").response_metadata
    assert (metadata["deployment"], metadata["request_id"]) == ("blue", "r1")
    assert metadata["model_name"] == "llama"


def test_several_answers_are_several_generations(make_chat, plug, answer, completion):
    chat = make_chat(endpoint_url=CHAT_URL)
    body = completion("one", usage={"prompt_tokens": 1, "completion_tokens": 2})
    body["choices"].append({"index": 1, "message": {"content": "two"}, "finish_reason": "stop"})
    plug(chat, answer(body))
    (generations,) = chat.generate([[HumanMessage("Hi")]], n=2).generations
    assert [generation.text for generation in generations] == ["one", "two"]
    assert [g.message.usage_metadata is not None for g in generations] == [True, False]


class Tokens(BaseCallbackHandler):
    def __init__(self):
        self.texts = []

    def on_llm_new_token(self, token, **_):
        self.texts.append(token)


class AsyncTokens(AsyncCallbackHandler):
    def __init__(self):
        self.texts = []

    async def on_llm_new_token(self, token, **_):
        self.texts.append(token)


@pytest.mark.parametrize("is_streaming", [True, False])
async def test_callbacks_see_each_token_once(
    make_chat, plug, events, delta, answer, completion, is_streaming
):
    chat = make_chat(endpoint_url=CHAT_URL, streaming=is_streaming)
    stream = events(delta("a"), delta("b", "stop"))
    plug(chat, *[stream if is_streaming else answer(completion("ab"))] * 2)
    sync, other = Tokens(), AsyncTokens()
    assert chat.invoke("Hi", config={"callbacks": [sync]}).text == "ab"
    assert (await chat.ainvoke("Hi", config={"callbacks": [other]})).text == "ab"
    expected = ["a", "b"] if is_streaming else []
    assert [text for text in sync.texts if text] == expected
    assert [text for text in other.texts if text] == expected


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_in_a_stream_is_asked_for(make_chat, plug, sent, events, delta, wanted):
    chat = make_chat(endpoint_url=CHAT_URL, stream_usage=wanted)
    replay = plug(chat, events(delta("a", "stop")))
    list(chat.stream("Hi"))
    body = sent(replay)
    assert body["stream"] is True
    assert body.get("stream_options") == ({"include_usage": True} if wanted else None)
    assert ("extra-parameters" in replay.requests[0].headers) == wanted


# -- bad input ------------------------------------------------------------------------------------

BAD = {
    "no messages": ([], "at least one"),
    "no role": ([RemoveMessage(id="1")], "RemoveMessage"),
    "unknown block": ([HumanMessage([{"type": "hologram"}])], "hologram.*image_url.*text"),
    "image": (
        [HumanMessage([{"type": "image_url", "image_url": "https://x"}])],
        "image_url.*openai",
    ),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("entry", ["invoke", "stream"])
def test_bad_input_is_named_and_nothing_is_sent(make_chat, plug, what, is_async, entry):
    messages, words = BAD[what]
    chat = make_chat()
    replay = plug(chat)

    async def ask():
        return await {
            ("invoke", True): lambda: chat.ainvoke(messages),
            ("stream", True): lambda: collect(chat.astream(messages)),
            ("invoke", False): lambda: asyncio.to_thread(chat.invoke, messages),
            ("stream", False): lambda: asyncio.to_thread(list, chat.stream(messages)),
        }[entry, is_async]()

    with pytest.raises(UnsupportedInputError, match=words) as caught:
        asyncio.run(ask())
    assert isinstance(caught.value, ValueError)
    assert replay.requests == []


def test_an_unsupported_setting_is_dropped_with_one_warning(make_chat, plug, sent, answer):
    chat = make_chat(contract="gpt2-2023", seed=7, temperature=0.5)
    replay = plug(chat, answer(["Ok"]))
    with pytest.warns(UserWarning, match="seed") as caught:
        chat.invoke("Hi")
    assert len(caught) == 1
    assert sent(replay)["parameters"] == {"temperature": 0.5}


def test_an_error_travels_to_another_process(make_chat, plug, answer):
    chat = make_chat()
    plug(chat, answer("no", 404))
    with pytest.raises(AzureMLOSSError) as caught:
        chat.invoke("Hi")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_structured_output_is_there(make_chat, plug, answer, completion):
    """One of the entry points that users type."""
    chat = make_chat(endpoint_url=CHAT_URL, model_family="OPENAI")
    schema = {
        "title": "answer",
        "description": "The answer.",
        "type": "object",
        "properties": {"value": {"type": "integer"}},
        "required": ["value"],
    }
    for method, message in (
        ("json_schema", {"content": '{"value": 3}'}),
        ("json_mode", {"content": '{"value": 3}'}),
        (
            "function_calling",
            {
                "tool_calls": [
                    {"id": "1", "function": {"name": "answer", "arguments": '{"value": 3}'}}
                ]
            },
        ),
    ):
        plug(chat, answer(completion(None, message=message)))
        assert chat.with_structured_output(schema, method=method).invoke("1 + 2?") == {"value": 3}


@pytest.mark.parametrize("message", [("wizard", "hi"), {"role": "wizard", "content": "hi"}])
def test_an_unknown_role_is_named_with_those_there_are(make_chat, plug, message):
    """A ChatMessage may have any role; a misspelt one in a tuple or a dict is a mistake."""
    chat = make_chat()
    replay = plug(chat)
    with pytest.raises(ValueError, match=r"wizard.*'user'.*'assistant'.*'system'"):
        chat.invoke([message])
    assert replay.requests == []


# -- refusals, reasoning and calls of earlier turns ------------------------------------------------


@pytest.mark.parametrize("version", [None, "v1"])
def test_a_streamed_refusal_is_streamed_and_whole_at_the_end(
    make_chat, plug, events, delta, version
):
    chat = make_chat(endpoint_url=CHAT_URL, output_version=version)
    parts = delta(refusal="I "), delta(refusal="won't."), delta(finish_reason="stop")
    plug(chat, events(delta(role="assistant"), *parts))
    chunks = list(chat.stream("x"))
    said = [chunk.additional_kwargs["refusal"] for chunk in chunks if chunk.additional_kwargs]
    assert said == ["I ", "won't."]
    whole = fold(chunks)
    assert whole.additional_kwargs["refusal"] == "I won't."
    (block,) = whole.content
    refusal = block if version is None else block.get("value", block)
    assert refusal["refusal"] == "I won't."


CALL = {"name": "f", "args": {}, "id": "abcDEF123", "type": "tool_call"}
THOUGHT = AIMessage("", tool_calls=[CALL], additional_kwargs={"reasoning_content": "hm"})
RESULT = ToolMessage("1", tool_call_id=CALL["id"])


@pytest.mark.parametrize(
    ("family", "later", "expected"),
    [
        ("DEEPSEEK", [], ["hm"]),
        ("QWEN", [], ["hm"]),
        ("QWEN", [AIMessage("1"), HumanMessage("And?")], []),
        ("KIMI", [], ["hm"]),
        ("KIMI", [AIMessage("1"), HumanMessage("And?")], []),
        ("LLAMA", [], []),
    ],
)
def test_reasoning_goes_back_inside_a_loop_of_tools_alone(
    make_chat, plug, sent, answer, completion, family, later, expected
):
    chat = make_chat(endpoint_url=CHAT_URL, model_family=family)
    replay = plug(chat, answer(completion("ok")))
    chat.invoke([HumanMessage("x"), THOUGHT, RESULT, *later])
    turns = sent(replay)["messages"]
    assert [t["reasoning_content"] for t in turns if "reasoning_content" in t] == expected
    assert THOUGHT.additional_kwargs == {"reasoning_content": "hm"}


@pytest.mark.parametrize(
    ("later", "expected"), [([], ["hm"]), ([AIMessage("1"), HumanMessage("And?")], [])]
)
def test_reasoning_goes_back_under_the_name_that_the_family_has_for_it(
    make_chat, plug, sent, answer, completion, later, expected
):
    chat = make_chat(endpoint_url=CHAT_URL, model_family="GPT_OSS")
    replay = plug(chat, answer(completion("ok")))
    chat.invoke([HumanMessage("x"), THOUGHT, RESULT, *later])
    turns = sent(replay)["messages"]
    assert [turn["reasoning"] for turn in turns if "reasoning" in turn] == expected
    assert not any("reasoning_content" in turn for turn in turns)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            422,
            {"detail": [{"loc": ["body", "messages", 1, "tool_calls"], "msg": "Extra inputs"}]},
        ),
        (400, {"detail": "messages[1].tool_calls is not supported"}),
        (400, {"error": {"message": "Unknown field: tool_calls"}}),
    ],
)
def test_calls_of_the_history_that_a_server_refuses_become_text(
    make_chat, plug, answer, completion, status, body
):
    chat = make_chat(endpoint_url=CHAT_URL, max_retries=0)
    replay = plug(chat, answer(body, status), answer(completion("ok")))
    assert chat.invoke([HumanMessage("x"), THOUGHT, RESULT]).text == "ok"
    first, second = (json.loads(request.body)["messages"] for request in replay.requests)
    assert "tool_calls" in first[1]
    assert "tool" not in {turn["role"] for turn in second}
    assert not any("tool_calls" in turn for turn in second)


def test_a_wrong_id_in_the_history_is_no_refusal_of_calls(make_chat, plug, answer):
    chat = make_chat(endpoint_url=CHAT_URL, max_retries=0)
    said = "An assistant message with 'tool_calls' must be followed by tool messages."
    replay = plug(chat, answer({"detail": said}, 400))
    with pytest.raises(AzureMLOSSError, match="must be followed"):
        chat.invoke([HumanMessage("x"), THOUGHT, RESULT])
    assert len(replay.requests) == 1


@pytest.mark.parametrize("family", ["FALCON", "GPT2", "DOLLY"])
def test_a_chat_deployment_at_score_says_what_to_set(make_chat, plug, answer, family):
    chat = make_chat(model_family=family)
    plug(chat, answer({}))
    with pytest.raises(AzureMLOSSError, match='model_family="OPENAI"'):
        chat.invoke("x")

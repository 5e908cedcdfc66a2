"""Texts on their way: role marks, echoes, stop strings, blocks, lost prompts and extra fields."""

from __future__ import annotations

import asyncio
import warnings

import pytest
from exchanges import ORDER, ask
from hypothesis import given, settings
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
from langchain_azureml_oss.errors import InvalidRequestError, UnsupportedInputError
from langchain_azureml_oss.local import LocalEndpoint
from langchain_azureml_oss.role_prompts import parse_role_prompt

WORLDS = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
SCORE = [name for name in ORDER if name != "openai"]
HOST = "https://ep.eastus2.inference.ml.azure.com"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

# -- prompt flow's role-marked prompts -------------------------------------------------------------

MARKED = """\
# System:
You are terse.

# User:
## name:
Ann
## content:
What does this do?
```text
user:
not a turn
# assistant:
neither is this
```

# assistant:
## tool_calls:
[{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}]

# tool:
## tool_call_id:
c1
## content:
{"sum": 2}

# user:
~~~
system:
```
user:
~~~
    user:
And now?
"""
TURNS = [
    SystemMessage("You are terse."),
    HumanMessage(
        "What does this do?\n```text\nuser:\nnot a turn\n# assistant:\nneither is this\n```",
        name="Ann",
    ),
    AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1"}]),
    ToolMessage('{"sum": 2}', tool_call_id="c1"),
    HumanMessage("~~~\nsystem:\n```\nuser:\n~~~\n    user:\nAnd now?"),
]
WIRE = [
    {"role": "system", "content": TURNS[0].content},
    {"role": "user", "content": TURNS[1].content, "name": "Ann"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
        ],
    },
    {"role": "tool", "content": '{"sum": 2}', "tool_call_id": "c1"},
    {"role": "user", "content": TURNS[4].content},
]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_prompt_with_every_kind_of_turn(end):
    found = parse_role_prompt(MARKED.replace("\n", end))
    assert [type(message) for message in found] == [type(message) for message in TURNS]
    for message, turn in zip(found, TURNS, strict=True):
        assert message.content == turn.content.replace("\n", end)
        for name in ("name", "tool_calls", "tool_call_id"):
            assert getattr(message, name, None) == getattr(turn, name, None)


@WORLDS
def test_it_is_sent_turn_by_turn(make_llm, plug, sent, answer, completion, is_async):
    llm = make_llm(endpoint_url=f"{HOST}/v1/chat/completions", model_family="OPENAI", api="chat")
    replay = plug(llm, answer(completion("Hello")))
    assert ask(llm, is_async=is_async, prompts=[MARKED]) == [["Hello"]]
    assert sent(replay) == {"messages": WIRE}


@WORLDS
def test_and_to_a_completion_family_as_one_prompt(make_llm, plug, sent, answer, is_async):
    llm = make_llm(model_family="FALCON", contract="falcon-2023", api="chat")
    prompt = "Be brief.\n\nUser: Hi\n\nAssistant:"
    replay = plug(llm, answer([{"generated_text": f"{prompt} Hello\nUser: no"}]))
    marked = "system:\nBe brief.\nuser:\nHi"
    assert ask(llm, is_async=is_async, prompts=[marked]) == [["Hello"]]
    assert sent(replay) == {"inputs": [prompt], "parameters": {}}


def test_an_unclosed_fence_holds_all_that_follows():
    (message,) = parse_role_prompt("user:\n```\nassistant:\nx")
    assert message.content == "```\nassistant:\nx"


@given(
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant"]), st.sampled_from(["", "# ", "#", "## "])),
        min_size=1,
        max_size=5,
    )
)
def test_a_mark_in_a_fence_is_text_whatever_it_is(marks):
    fenced = "```\n" + "".join(f"{hashes}{role}:\n" for role, hashes in marks) + "```"
    (message,) = parse_role_prompt(f"user:\n{fenced}\n")
    assert message.content == fenced


# -- echoes and stop strings -----------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORE)
@pytest.mark.parametrize("full", [None, False, True])
@given(prompt=TEXT.filter(bool), said=TEXT)
@settings(max_examples=20)
def test_the_echo_is_the_prompts_and_no_more(
    make_llm, plug, answer, contracts, name, full, prompt, said
):
    """A server echoes unless it was told not to; what it was asked to echo stays."""
    shape = next(contract.texts for contract in contracts if contract.name == name)
    parameters = {} if full is None else {"return_full_text": full}
    llm = make_llm(contract=name, model_kwargs=parameters)
    told = full is False or (full is None and name == "score")
    comes = said if told else prompt + said
    plug(llm, answer(shape([comes])), answer(shape([comes])))
    expected = prompt + said if full else said
    assert llm.invoke(prompt) == expected
    assert asyncio.run(llm.ainvoke(prompt)) == expected


STOPS = st.lists(st.text("ab#\n", min_size=1, max_size=3), min_size=1, max_size=3)


@pytest.mark.parametrize("name", ORDER)
@given(text=st.text("ab#\n", max_size=20), stops=STOPS)
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore:The contract .* has no 'stop'")
def test_no_stop_string_ever_comes_back(make_llm, plug, answer, contracts, name, text, stops):
    (contract,) = (one for one in contracts if one.name == name)
    llm = make_llm(endpoint_url=contract.url, contract=name)
    plug(llm, *[answer(contract.texts([text]))] * 3)
    whole = llm.invoke("x", stop=stops)
    assert text.startswith(whole)
    assert not any(stop in whole for stop in stops)
    assert whole == text or any(stop in text for stop in stops)
    assert asyncio.run(llm.ainvoke("x", stop=stops)) == whole
    assert "".join(llm.stream("x", stop=stops)) == whole


@WORLDS
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_stop_strings_hold_across_the_pieces_of_a_stream(
    make_chat, plug, events, delta, is_async, size
):
    chat = make_chat(endpoint_url=f"{HOST}/v1/chat/completions")
    text = "One\nUse\nUser\nUser: two"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    plug(chat, events(*map(delta, pieces), delta(finish_reason="stop")))
    message = ask(chat, is_async=is_async, stream=True, messages="Hi", stop=["\nUser:", "END"])
    assert message.text == "One\nUse\nUser"


@WORLDS
def test_a_live_endpoint_that_ignores_stop(make_chat, is_async):
    """The scripted engine says what it was told to, stop strings and all."""
    with LocalEndpoint("scripted", script=lambda _: "One two three\nUser: four") as endpoint:
        for path in ("/score", "/v1/chat/completions"):
            chat = make_chat(connection=endpoint.connection("LLAMA", path))
            for stream in (False, True):
                message = ask(
                    chat, is_async=is_async, stream=stream, messages="Hi", stop=["\nUser:", "three"]
                )
                assert message.text == "One two "
                assert message.response_metadata["finish_reason"] == "stop"
            if not is_async:
                chat.close()


# -- content blocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORE)
@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
        {"type": "audio", "base64": "aGk=", "mime_type": "audio/wav"},
    ],
    ids=lambda block: block["type"],
)
@WORLDS
def test_a_block_that_a_contract_cannot_carry_is_named(make_chat, plug, name, block, is_async):
    chat = make_chat(contract=name)
    replay = plug(chat)
    kind = {"image": "image_url", "audio": "input_audio"}.get(block["type"], block["type"])
    with pytest.raises(UnsupportedInputError, match=kind) as caught:
        ask(chat, is_async=is_async, messages=[HumanMessage(["Look:", block])])
    assert name in str(caught.value)
    assert replay.requests == []


@pytest.mark.parametrize("name", ORDER)
def test_a_list_of_text_blocks_reaches_every_contract(
    make_chat, plug, answer, chat_body, contracts, name
):
    (contract,) = (one for one in contracts if one.name == name)
    chat = make_chat(endpoint_url=contract.url, contract=name)
    replay = plug(chat, answer(chat_body(contract, "ok")))
    chat.invoke([HumanMessage(["One ", {"type": "text", "text": "two"}])])
    assert b"One two" in replay.requests[0].body


# -- several prompts, one request ------------------------------------------------------------------


@WORLDS
@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_a_live_server_that_answers_the_first_prompt_only(make_llm, batch_size, is_async):
    """It costs requests once; then the model object asks this endpoint one at a time."""
    prompts = [f"p{n}" for n in range(7)]
    with LocalEndpoint("echo", first_prompt_only=True, completion_shape="extended") as endpoint:
        llm = make_llm(connection=endpoint.connection("GPT2"), batch_size=batch_size, max_tokens=9)
        other = make_llm(connection=endpoint.connection("GPT2"), batch_size=batch_size)

        def requests(model):
            before = len(endpoint.requests)
            texts = ask(model, is_async=is_async, prompts=prompts)
            assert texts == [[f" echo: {prompt}"] for prompt in prompts]
            return [r.body["input_data"]["input_string"] for r in endpoint.requests[before:]]

        first = requests(llm)
        # One answer to each request, so one request for each prompt in the end.
        assert len(first) == len(prompts)
        assert len(first[0]) == min(batch_size, len(prompts))
        assert sum(len(asked) > 1 for asked in first) == (
            len(prompts) // batch_size if batch_size == 3 else batch_size == 20
        )
        assert sorted(requests(llm)) == [[prompt] for prompt in prompts]
        # Another object has not seen it.
        assert len(requests(other)[0]) == len(first[0])
        llm.close()
        other.close()


@WORLDS
def test_a_live_server_that_takes_several(make_llm, is_async):
    prompts = [f"p{n}" for n in range(7)]
    with LocalEndpoint("echo") as endpoint:
        llm = make_llm(connection=endpoint.connection("GPT2"), batch_size=3)
        texts = ask(llm, is_async=is_async, prompts=prompts)
        assert texts == [[f" echo: {prompt}"] for prompt in prompts]
        asked = [r.body["input_data"]["input_string"] for r in endpoint.requests]
        assert sorted(asked) == [prompts[:3], prompts[3:6], prompts[6:]]
        llm.close()


@pytest.mark.parametrize("streaming", [False, True])
def test_completions_go_out_together_in_async(make_llm, streaming):
    """Each answer takes half a second; seven of them one after the other would take 3.5."""
    prompts = [f"p{n}" for n in range(7)]
    most = 0
    waiting = 0

    async def slowly(body):
        nonlocal most, waiting
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0.2)
        waiting -= 1
        return f" {body['prompt']}!"

    with LocalEndpoint("scripted", script=slowly) as endpoint:
        connection = endpoint.connection("GPT2", "/v1/completions")
        llm = make_llm(connection=connection, streaming=streaming)
        texts = ask(llm, is_async=True, prompts=prompts)
        assert texts == [[f" {prompt}!"] for prompt in prompts]
        assert most == len(prompts) == len(endpoint.requests)


# -- extra fields ----------------------------------------------------------------------------------

PATHS = pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])


@PATHS
@WORLDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "extra", [{}, {"top_k": 5}, {"n": 1}, {"max_completion_tokens": 9}], ids=str
)
def test_a_live_server_takes_extra_fields(make_chat, path, is_async, stream, extra):
    with LocalEndpoint("echo") as endpoint:
        chat = make_chat(
            connection=endpoint.connection("LLAMA", path), model_kwargs=extra, stream_usage=False
        )
        assert ask(chat, is_async=is_async, stream=stream, messages="Hi").text == "echo: Hi"
        (request,) = endpoint.requests
        assert request.headers.get("extra-parameters") == ("pass-through" if extra else None)
        chat.close()


@PATHS
@WORLDS
def test_a_live_stream_brings_the_usage(make_chat, path, is_async):
    with LocalEndpoint("echo") as endpoint:
        chat = make_chat(connection=endpoint.connection("LLAMA", path))
        message = ask(chat, is_async=is_async, stream=True, messages="Hi there")
        assert message.usage_metadata == {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
        (request,) = endpoint.requests
        assert request.headers["extra-parameters"] == "pass-through"
        chat.close()


@PATHS
@WORLDS
@pytest.mark.parametrize("front_door", [False, True], ids=["400", "424"])
def test_a_live_server_that_refuses_stream_options(make_chat, path, is_async, front_door):
    """Once with, once without, and never with it again."""
    with LocalEndpoint("echo", refuse_stream_options=True, front_door=front_door) as endpoint:
        chat = make_chat(connection=endpoint.connection("LLAMA", path), max_retries=0)
        for _ in range(2):
            message = ask(chat, is_async=is_async, stream=True, messages="Hi")
            assert message.text == "echo: Hi"
        assert ["stream_options" in request.body for request in endpoint.requests] == [
            *(True, False, False)
        ]
        assert [request.headers.get("extra-parameters") for request in endpoint.requests] == [
            *("pass-through", None, None)
        ]
        chat.close()


@WORLDS
def test_another_refusal_is_no_reason_to_leave_it_out(make_chat, plug, answer, is_async):
    chat = make_chat(endpoint_url=f"{HOST}/v1/chat/completions")
    replay = plug(chat, answer({"detail": "top_p must be in (0, 1]"}, 400))
    with pytest.raises(InvalidRequestError, match="top_p"):
        ask(chat, is_async=is_async, stream=True, messages="Hi")
    assert len(replay.requests) == 1


# -- nothing is lost -------------------------------------------------------------------------------

TURN = st.sampled_from(
    [
        HumanMessage,
        SystemMessage,
        AIMessage,
        lambda text: HumanMessage([text, {"type": "text", "text": "."}], name="Ann"),
        lambda text: AIMessage(text, tool_calls=[{"name": "f", "args": {"a": text}, "id": "c"}]),
        lambda text: AIMessage("", tool_calls=[{"name": "f", "args": {"a": text}, "id": "c"}]),
        lambda text: ToolMessage(text, tool_call_id="c"),
        lambda text: FunctionMessage(text, name="f"),
        lambda text: ChatMessage(text, role="critic"),
        lambda text: ChatMessage([text], role="Human"),
    ]
)


@pytest.mark.parametrize("name", ORDER)
@given(family=st.sampled_from(list(ModelFamily)), turns=st.lists(TURN, min_size=1, max_size=6))
@settings(max_examples=60)
def test_every_word_of_a_conversation_is_sent(
    make_chat, plug, answer, chat_body, contracts, name, family, turns
):
    (contract,) = (one for one in contracts if one.name == name)
    chat = make_chat(endpoint_url=contract.url, contract=name, model_family=family)
    body = chat_body(contract, "ok") if family.row.chat else contract.texts(["ok"])
    replay = plug(chat, answer(body))
    words = [f"word{place}" for place in range(len(turns))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chat.invoke([make(word) for make, word in zip(turns, words, strict=True)])
    sent = replay.requests[0].body.decode()
    for word in words:
        assert word in sent

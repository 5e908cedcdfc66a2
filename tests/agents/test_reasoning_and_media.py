"""Reasoning, images, sounds, usage and the newer ways to stream, on the local endpoint."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from agents.competent_model import written
from agents.conftest import V1
from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.local import LocalEndpoint

PICTURE = {"type": "image", "base64": "QUJD", "mime_type": "image/png"}
SOUND = {"type": "audio", "base64": "QUJD", "mime_type": "audio/wav"}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
COUNTED = {
    "input_tokens": 5,
    "output_tokens": 7,
    "total_tokens": 12,
    "input_token_details": {"cache_read": 2},
    "output_token_details": {"reasoning": 3},
}


@tool
def draw() -> str:
    """Draw a picture."""
    return ""


DRAWING = {"name": "draw", "args": {}}


def kinds(message):
    return [(b["type"], b.get("reasoning") or b.get("text")) for b in message.content_blocks]


@pytest.mark.parametrize("output_version", [None, "v1"])
@pytest.mark.parametrize(
    ("family", "reply"),
    [
        ("LLAMA", {"reasoning_content": "Hm, two.", "content": "It is 2."}),
        ("QWEN", "<think>\nHm, two.</think>\n\nIt is 2."),
        ("DEEPSEEK", "<think>Hm, two.</think>It is 2."),
    ],
    ids=["field", "QWEN", "DEEPSEEK"],
)
async def test_reasoning_is_a_block_of_its_own(serve, ask, family, reply, output_version):
    fields = {"output_version": output_version} if output_version else {}
    running = serve(lambda body: reply, family, **fields)
    message = await ask(running.chat, "1 + 1?")
    assert message.text == "It is 2."
    assert kinds(message) == [("reasoning", "Hm, two."), ("text", "It is 2.")]
    running.chat.invoke([HumanMessage("1 + 1?"), message, HumanMessage("Sure?")])
    turn = running.endpoint.requests[-1].body["messages"][1]
    assert "Hm" not in str(turn)
    assert "It is 2." in str(turn)


@pytest.mark.parametrize("output_version", [None, "v1"])
@pytest.mark.parametrize("tool_calling", ["native", "prompted"])
async def test_reasoning_text_and_calls_are_blocks_apart(serve, ask, tool_calling, output_version):
    if tool_calling == "native":
        calls = [DRAWING] * 2
        reply = {"reasoning_content": "Hm.", "content": "Let me draw.", "tool_calls": calls}
    else:
        reply = "<think>Hm.</think>Let me draw.\n" + written("hermes", [DRAWING] * 2)
    fields = {"output_version": output_version} if output_version else {}
    running = serve(lambda body: reply, "QWEN", tool_calling=tool_calling, **fields)
    message = await ask(running.chat.bind_tools([draw]), "Draw twice.")
    assert [block["type"] for block in message.content_blocks] == [
        *("reasoning", "text"),
        *("tool_call", "tool_call"),
    ]
    assert message.text == "Let me draw."
    assert [call["name"] for call in message.tool_calls] == ["draw", "draw"]


def test_reasoning_at_score(serve):
    running = serve(lambda body: "<think>Hm.</think>Two.", "QWEN", path="/score")
    assert kinds(running.chat.invoke("1 + 1?")) == [("reasoning", "Hm."), ("text", "Two.")]


def test_a_call_after_reasoning(serve, added):
    thought = 'I could write {"name": "draw", "arguments": {}}.'
    call = '<tool_call>{"name": "draw", "arguments": {}}</tool_call>'
    text = f"<think>{thought}</think>{call}"
    running = serve(lambda body: text, "QWEN", tool_calling="prompted")
    bound = running.chat.bind_tools([draw])
    for message in (bound.invoke("Draw."), added(list(bound.stream("Draw.")))):
        assert [call["name"] for call in message.tool_calls] == ["draw"]
        assert message.content_blocks[0]["type"] == "reasoning"


def test_images_and_sounds_go_in_at_the_openai_contract(serve):
    running = serve()
    running.chat.invoke([HumanMessage([{"type": "text", "text": "See."}, PICTURE, SOUND])])
    text, picture, sound = running.endpoint.requests[-1].body["messages"][0]["content"]
    assert text == {"type": "text", "text": "See."}
    assert picture["image_url"]["url"] == "data:image/png;base64,QUJD"
    assert sound["input_audio"] == {"data": "QUJD", "format": "wav"}


@pytest.mark.parametrize("tool_calling", ["native", "prompted"])
def test_a_picture_in_a_tool_message(serve, tool_calling):
    running = serve(tool_calling=tool_calling)
    call = {"name": "draw", "args": {}, "id": "1"}
    result = ToolMessage([PICTURE], tool_call_id="1")
    running.chat.bind_tools([draw]).invoke(
        [HumanMessage("Hi"), AIMessage("", tool_calls=[call]), result]
    )
    last = running.endpoint.requests[-1].body["messages"][-1]
    assert last["role"] == ("tool" if tool_calling == "native" else "user")
    assert [part["type"] for part in last["content"]][-1] == "image_url"


@pytest.mark.parametrize(("block", "name"), [(PICTURE, "image_url"), (SOUND, "input_audio")])
@pytest.mark.parametrize("kind", [HumanMessage, lambda c: ToolMessage(c, tool_call_id="1")])
def test_score_refuses_them_by_name(serve, block, name, kind):
    running = serve(path="/score")
    with pytest.raises(UnsupportedInputError, match=name):
        running.chat.invoke([kind([block])])
    assert running.endpoint.requests == []


async def test_usage_is_counted_once(serve, ask):
    reply = {"content": "Two of them.", "usage": USAGE}
    message = await ask(serve(lambda body: reply).chat, "1 + 1?")
    assert message.usage_metadata == COUNTED


def test_usage_is_in_the_last_chunk_or_nowhere(serve):
    reply = {"content": "Two of them.", "usage": USAGE}
    chat = serve(lambda body: reply).chat
    *others, last = chat.stream("1 + 1?")
    assert last.usage_metadata == COUNTED
    assert not any(chunk.usage_metadata for chunk in others)
    assert not any(chunk.usage_metadata for chunk in chat.stream("?", stream_usage=False))


@pytest.fixture
def echo():
    from langchain_azureml_oss import AzureMLOSSChatModel

    with LocalEndpoint("echo") as endpoint:
        yield AzureMLOSSChatModel(connection=endpoint.connection("OPENAI", V1))


def test_several_answers_whose_usage_is_counted_once(echo):
    (answers,) = echo.generate([[HumanMessage("one two")]], n=3).generations
    assert [one.text for one in answers] == ["echo: one two"] * 3
    assert [bool(one.message.usage_metadata) for one in answers] == [True, False, False]


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs(echo, added, stream):
    asked = {"logprobs": True, "top_logprobs": 1}
    message = added(list(echo.stream("one", **asked))) if stream else echo.invoke("one", **asked)
    tokens = message.response_metadata["logprobs"]["content"]
    assert [one["token"] for one in tokens] == ["echo:", " one"]


async def test_stream_events_v2(echo):
    events = [event async for event in echo.astream_events("one two", version="v2")]
    pieces = [e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream"]
    assert "".join(pieces) == "echo: one two"
    assert events[-1]["data"]["output"].text == "echo: one two"


def test_stream_events_v3_has_reasoning_and_calls_as_blocks(serve):
    reply = {
        "reasoning_content": "Hm.",
        "content": "Let me draw.",
        "tool_calls": [{"name": "draw", "args": {}}],
    }
    bound = serve(lambda body: reply).chat.bind_tools([draw])
    stream = bound.stream_events("Draw.", version="v3")
    assert list(stream)
    assert [block["type"] for block in stream.output.content_blocks] == [
        *("reasoning", "text"),
        "tool_call",
    ]


def test_token_counts_need_no_download(echo):
    assert echo.get_num_tokens("one two three four") > 0
    counting = echo.model_copy(update={"custom_get_token_ids": lambda text: text.split()})
    assert counting.get_num_tokens("one two three") == 3

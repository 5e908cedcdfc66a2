"""LangChain messages and content blocks -> wire messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_azureml_oss.errors import InvalidRequestError, UnsupportedInputError
from langchain_azureml_oss.families.templates import plain_text
from langchain_azureml_oss.messages import to_wire

PIXEL = "iVBORw0KGgo="
DATA_URL = f"data:image/png;base64,{PIXEL}"


def content(block, cls=HumanMessage):
    (wire,) = to_wire([cls([block])])
    return wire["content"]


@pytest.mark.parametrize(
    ("message", "role"),
    [
        (HumanMessage("x"), "user"),
        (AIMessage("x"), "assistant"),
        (SystemMessage("x"), "system"),
        (ToolMessage("x", tool_call_id="1"), "tool"),
        (FunctionMessage("x", name="f"), "function"),
        (ChatMessage("x", role="critic"), "critic"),
        (ChatMessage("x", role="human"), "user"),
        (ChatMessage("x", role="ai"), "assistant"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_message_has_its_role(message, role):
    assert to_wire([message])[0]["role"] == role


@given(st.text())
def test_a_text_is_kept_as_it_is(text):
    assert to_wire([HumanMessage(text)]) == [{"role": "user", "content": text}]
    blocks = HumanMessage([{"type": "text", "text": text}, text])
    assert plain_text(to_wire([blocks])[0], "score") == text + text


def test_names_and_ids_are_kept():
    assert to_wire([HumanMessage("x", name="ann"), ToolMessage("y", tool_call_id="7")]) == [
        {"role": "user", "content": "x", "name": "ann"},
        {"role": "tool", "content": "y", "tool_call_id": "7"},
    ]


def test_no_messages_are_refused():
    with pytest.raises(UnsupportedInputError, match="at least one"):
        to_wire([])


def test_a_message_without_a_role_is_refused():
    with pytest.raises(UnsupportedInputError, match="RemoveMessage"):
        to_wire([RemoveMessage(id="1")])


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": DATA_URL}},
        {"type": "image_url", "image_url": DATA_URL},
        {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
        {"type": "image", "source_type": "base64", "data": PIXEL, "mime_type": "image/png"},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
        },
    ],
    ids=["openai", "short", "langchain", "langchain v0", "anthropic"],
)
def test_images_of_every_spelling_are_one_part(block):
    assert content(block) == [{"type": "image_url", "image_url": {"url": DATA_URL}}]


def test_an_image_at_a_url_is_a_part():
    (part,) = content({"type": "image", "url": "https://x.example/a.png"})
    assert part["image_url"]["url"] == "https://x.example/a.png"


def test_a_sound_is_a_part():
    (part,) = content({"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"})
    assert part == {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "hologram", "url": "x"},
        {"type": "video", "url": "https://x.example/a.mp4"},
        {"type": "image", "file_id": None},
        {"type": "image_url"},
        {"type": "text"},
        {"type": "image", "source": {"type": "base64"}},
        {"type": "tool_use", "id": "1", "name": "f", "input": {}},
        {"no": "type"},
    ],
    ids=str,
)
def test_a_block_that_cannot_be_sent_is_refused_by_name(block):
    with pytest.raises(UnsupportedInputError) as caught:
        content(block)
    assert repr(block.get("type")) in str(caught.value)
    assert isinstance(caught.value, InvalidRequestError)
    assert isinstance(caught.value, ValueError)


def test_a_refusal_says_what_is_known():
    with pytest.raises(UnsupportedInputError, match=r"'hologram'.*image_url.*text"):
        content({"type": "hologram"})


def test_a_text_only_contract_refuses_an_image_by_name():
    (wire,) = to_wire([HumanMessage([{"type": "image_url", "image_url": DATA_URL}])])
    with pytest.raises(UnsupportedInputError, match=r"'score'.*'image_url'.*openai"):
        plain_text(wire, "The contract 'score'")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {}},
    ],
    ids=lambda block: block["type"],
)
def test_an_answers_reasoning_and_calls_are_no_text(block):
    answer = AIMessage([block, {"type": "text", "text": "so"}])
    assert to_wire([answer])[0]["content"] == [{"type": "text", "text": "so"}]
    assert to_wire([AIMessage([block])])[0]["content"] == ""


def test_nothing_of_the_callers_is_changed():
    block = {"type": "image", "base64": PIXEL, "mime_type": "image/png", "extras": {"a": 1}}
    message = HumanMessage([block, {"type": "text", "text": "x"}])
    before = message.model_copy(deep=True)
    to_wire([message])
    assert message == before


@pytest.mark.parametrize(
    ("said", "role"),
    [("Human", "user"), ("AI", "assistant"), ("USER", "user"), ("System", "system")]
    + [(role, role) for role in ("critic", "Critic", "developer", "function")],
)
def test_a_chat_message_has_any_role_in_any_case(said, role):
    (wire,) = to_wire([ChatMessage("x", role=said)])
    assert wire == {"role": role, "content": "x"}

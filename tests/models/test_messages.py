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
from langchain_azureml_oss.tools.fragments import new_call_id

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
        {"type": "video", "file_id": "x"},
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
    assert to_wire([answer])[0]["content"] == "so"
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


def test_texts_alone_are_one_text():
    blocks = [{"type": "text", "text": "a"}, "b"]
    assert content(blocks[0]) == "a"
    assert to_wire([HumanMessage(blocks)])[0]["content"] == "ab"


CALL = {"name": "f", "args": {"x": 1}, "id": "c1"}
BROKEN = {"name": "f", "args": '{"path": "/a', "id": "c2", "error": "It was cut off."}


def test_each_call_of_the_past_has_valid_json_and_an_answer():
    asked = AIMessage("", tool_calls=[CALL], invalid_tool_calls=[BROKEN])
    turns = to_wire([HumanMessage("Hi"), asked, HumanMessage("And?")])
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "tool", "user"]
    assert [c["function"]["arguments"] for c in turns[1]["tool_calls"]] == ['{"x":1}', "{}"]
    assert [turn["tool_call_id"] for turn in turns[2:4]] == ["c1", "c2"]
    assert turns[3]["content"] == ('This call was not run. It was cut off. It was: {"path": "/a')


def test_an_answer_that_there_is_stays_alone():
    asked = AIMessage("", tool_calls=[CALL, {**CALL, "id": "c3"}])
    turns = to_wire(
        [asked, ToolMessage("1", tool_call_id="c3"), ToolMessage("2", tool_call_id="c1")]
    )
    assert [turn["content"] for turn in turns] == ["", "1", "2"]
    assert [turn["role"] for turn in to_wire([asked])] == ["assistant", "tool", "tool"]


def test_a_call_without_an_id_has_one_that_its_answer_has_too():
    turn, answer = to_wire([AIMessage("", invalid_tool_calls=[{**BROKEN, "id": None}])])
    assert turn["tool_calls"][0]["id"] == answer["tool_call_id"] != ""


def test_a_video_is_a_part():
    url = {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}
    assert content({"type": "video", "url": "https://x.example/a.mp4"}) == [url]
    (part,) = content({"type": "video", "base64": "QQ==", "mime_type": "video/mp4"})
    assert part["video_url"]["url"] == "data:video/mp4;base64,QQ=="


def test_a_file_is_a_part():
    block = {"type": "file", "base64": "QQ==", "mime_type": "application/pdf", "filename": "a.pdf"}
    (part,) = content(block)
    assert part["file"]["file_data"] == "data:application/pdf;base64,QQ=="


def test_an_answer_of_another_provider_is_carried_as_far_as_it_can_be():
    said = {"type": "text", "text": "So."}
    own = {"type": "non_standard", "value": {"signature": "s"}}
    with pytest.warns(UserWarning, match="'non_standard' block of an earlier answer") as caught:
        assert to_wire([AIMessage([said, own])])[0]["content"] == "So."
    assert len(caught) == 1


@pytest.mark.parametrize(
    "message",
    [
        AIMessage([{"type": "refusal", "refusal": "I won't."}]),
        AIMessage("", additional_kwargs={"refusal": "I won't."}),
    ],
    ids=["block", "kwargs"],
)
def test_an_earlier_refusal_is_the_text_of_its_turn(message):
    assert to_wire([message])[0]["content"] == "I won't."


def test_citations_of_another_provider_are_left_out_with_one_warning():
    cited = {"type": "text", "text": "So.", "annotations": [{"type": "url_citation", "url": "u"}]}
    quoted = {"type": "text", "text": "So.", "citations": [{"cited_text": "x"}]}
    with pytest.warns(UserWarning, match="Citations") as warned:
        turns = to_wire([AIMessage([cited, quoted]), AIMessage([cited]), HumanMessage("x")])
    assert len(warned) == 1
    assert [turn["content"] for turn in turns] == ["So.So.", "So.", "x"]


def test_no_citation_is_no_warning(recwarn):
    to_wire([AIMessage([{"type": "text", "text": "So.", "annotations": []}])])
    assert list(recwarn) == []


def test_ids_of_this_package_are_those_that_every_template_takes():
    call = {"name": "f", "args": {}, "id": None}
    asked, answered = to_wire([AIMessage("", tool_calls=[call])])
    for call_id in (asked["tool_calls"][0]["id"], answered["tool_call_id"], new_call_id()):
        assert len(call_id) == 9
        assert call_id.isalnum()

"""Tools as servers take them, and the calls that come back."""

from __future__ import annotations

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_azureml_oss.errors import AzureMLOSSError, UnsupportedInputError


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def mul(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


class Answer(BaseModel):
    """The answer."""

    value: int


SCHEMA = {
    "name": "plain",
    "description": "A schema.",
    "parameters": {"type": "object", "properties": {"x": {"type": "string"}}},
}


def wire_call(name="add", arguments='{"a": 1, "b": 2}', call_id="call_1", **more):
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function, **more}


@pytest.fixture
def chat(make_chat):
    return make_chat(base_url="https://h.example/v1/chat/completions", model_family="OPENAI")


@pytest.fixture
def ask(chat, plug, sent, answer, completion):
    """Binds, asks, and returns the body that was sent."""

    def call(tools=(add,), **kwargs):
        replay = plug(chat, answer(completion()))
        chat.bind_tools(list(tools), **kwargs).invoke("1 + 2?")
        return sent(replay)

    return call


def test_tools_of_every_kind_become_openais(ask):
    sent_tools = ask([add, Answer, SCHEMA])["tools"]
    assert [item["type"] for item in sent_tools] == ["function"] * 3
    functions = [item["function"] for item in sent_tools]
    assert [function["name"] for function in functions] == ["add", "Answer", "plain"]
    assert functions[0]["description"] == "Add two numbers."
    assert functions[0]["parameters"]["required"] == ["a", "b"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("none", "none"),
        (False, "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("mul", {"type": "function", "function": {"name": "mul"}}),
        (
            {"type": "function", "function": {"name": "mul"}},
            {"type": "function", "function": {"name": "mul"}},
        ),
        ({"type": "function", "name": "mul"}, {"type": "function", "function": {"name": "mul"}}),
        ({"type": "tool", "name": "mul"}, {"type": "function", "function": {"name": "mul"}}),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
        # A server's own.
        ({"type": "allowed_tools", "mode": "auto"}, {"type": "allowed_tools", "mode": "auto"}),
    ],
    ids=str,
)
def test_tool_choice_in_every_spelling(ask, choice, expected):
    assert ask([add, mul], tool_choice=choice)["tool_choice"] == expected


def test_no_tool_choice_is_not_sent(ask):
    assert "tool_choice" not in ask()


@pytest.mark.parametrize("choice", ["sub", {"type": "function", "function": {"name": "sub"}}])
def test_a_choice_that_is_no_tool_names_what_is(chat, choice):
    with pytest.raises(ValueError, match=r"'sub'.*add, mul"):
        chat.bind_tools([add, mul], tool_choice=choice)


@pytest.mark.parametrize("choice", [add, 1, object()], ids=["tool", "number", "object"])
def test_a_choice_that_is_nothing_of_the_kind(chat, choice):
    with pytest.raises(ValueError, match=r"none of auto, none, any, required, add"):
        chat.bind_tools([add], tool_choice=choice)


def test_no_tools_are_not_sent(ask, chat):
    """Servers answer 400 to an empty list, and to a choice between no tools."""
    body = ask([], tool_choice="auto", parallel_tool_calls=False)
    assert body.keys() == {"messages"}
    with pytest.raises(ValueError, match="'any' is none of auto, none"):
        chat.bind_tools([], tool_choice="any")


def test_tools_of_one_call_are_taken_in_every_form_too(chat, plug, sent, answer, completion):
    replay = plug(chat, answer(completion()))
    chat.invoke("1 + 2?", tools=[add, Answer], tool_choice="any")
    body = sent(replay)
    assert [item["function"]["name"] for item in body["tools"]] == ["add", "Answer"]
    assert body["tool_choice"] == "required"


def test_the_choice_of_a_call_wins(chat, plug, sent, answer, completion):
    replay = plug(chat, answer(completion()))
    chat.bind_tools([add], tool_choice="none").invoke("1 + 2?", tool_choice=True)
    assert sent(replay)["tool_choice"] == "required"


def test_a_tool_that_the_server_runs_goes_there_as_it_is(chat, ask):
    search = {"type": "web_search_preview"}
    assert ask([add, search])["tools"][1] == search
    prompted = chat.model_copy(update={"tool_calling": "prompted"}).bind_tools([search])
    with pytest.raises(UnsupportedInputError, match="web_search_preview"):
        prompted.invoke("News?")


def test_an_extra_field_reaches_the_model(chat, plug, answer, completion):
    replay = plug(chat, answer(completion()))
    chat.bind_tools([add], parallel_tool_calls=False).invoke("1 + 2?")
    assert json.loads(replay.requests[0].body)["parallel_tool_calls"] is False
    assert replay.requests[0].headers["extra-parameters"] == "pass-through"


def test_calls_of_an_answer_are_read(chat, plug, answer, completion):
    plug(chat, answer(completion(None, "tool_calls", message={"tool_calls": [wire_call()]})))
    message = chat.invoke("1 + 2?")
    assert message.tool_calls == [
        {"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1", "type": "tool_call"}
    ]
    assert message.content == ""
    assert message.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("call_id", [None, ""], ids=repr)
def test_a_call_without_an_id_gets_one(chat, plug, answer, completion, call_id):
    calls = [wire_call(call_id=call_id), wire_call(call_id=call_id)]
    plug(chat, answer(completion(None, message={"tool_calls": calls})))
    first, second = chat.invoke("1 + 2?").tool_calls
    assert first["id"]
    assert second["id"]
    assert first["id"] != second["id"]


@pytest.mark.parametrize("arguments", ["", None, "{}"], ids=repr)
def test_a_call_without_arguments_is_a_call(chat, plug, answer, completion, arguments):
    calls = [wire_call(arguments=arguments)]
    plug(chat, answer(completion(None, message={"tool_calls": calls})))
    message = chat.invoke("now?")
    assert [call["args"] for call in message.tool_calls] == [{}]


@pytest.mark.parametrize("arguments", ['{"a": ', "[1, 2]", '"text"', "1"])
def test_arguments_that_are_no_object_make_an_invalid_call(
    chat, plug, answer, completion, arguments
):
    calls = [wire_call(arguments=arguments), wire_call(call_id="call_2")]
    plug(chat, answer(completion(None, message={"tool_calls": calls})))
    message = chat.invoke("1 + 2?")
    assert [call["id"] for call in message.tool_calls] == ["call_2"]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["args"], invalid["id"], invalid["name"]) == (arguments, "call_1", "add")
    assert invalid["error"]


def test_arguments_that_are_an_object_already_are_taken_or_refused(chat, plug, answer, completion):
    """Some servers forget to write the arguments as text."""
    calls = [wire_call(arguments={"a": 1, "b": 2})]
    plug(chat, answer(completion(None, message={"tool_calls": calls})))
    try:
        message = chat.invoke("1 + 2?")
    except AzureMLOSSError:
        return
    assert message.tool_calls[0]["args"] == {"a": 1, "b": 2} or message.invalid_tool_calls


def test_calls_of_a_stream_are_put_together(chat, plug, events, delta):
    plug(
        chat,
        events(
            delta(tool_calls=[wire_call(arguments="", index=0)]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a": 1,'}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ' "b": 2}'}}]),
            delta(tool_calls=[wire_call("mul", '{"a": 3, "b": 4}', "call_2", index=1)]),
            delta(finish_reason="tool_calls"),
        ),
    )
    chunks = list(chat.stream("1 + 2?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [(call["name"], call["args"], call["id"]) for call in whole.tool_calls] == [
        ("add", {"a": 1, "b": 2}, "call_1"),
        ("mul", {"a": 3, "b": 4}, "call_2"),
    ]
    assert whole.response_metadata["finish_reason"] == "tool_calls"


def test_the_conversation_goes_on_with_the_results(chat, plug, sent, answer, completion):
    replay = plug(chat, answer(completion()))
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1"}
    bad = {"name": "add", "args": '{"a":', "id": "call_2", "error": "cut"}
    chat.invoke(
        [
            HumanMessage("1 + 2?"),
            AIMessage("", tool_calls=[call], invalid_tool_calls=[bad]),
            ToolMessage("3", tool_call_id="call_1"),
        ]
    )
    _, turn, result, not_run = sent(replay)["messages"]
    assert [
        (c["id"], c["function"]["name"], c["function"]["arguments"]) for c in turn["tool_calls"]
    ] == [("call_1", "add", '{"a":1,"b":2}'), ("call_2", "add", "{}")]
    assert result == {"role": "tool", "content": "3", "tool_call_id": "call_1"}
    assert not_run["tool_call_id"] == "call_2"
    assert not_run["content"] == 'This call was not run. cut It was: {"a":'


def test_score_answers_may_hold_calls(make_chat, plug, answer):
    chat = make_chat()
    plug(chat, answer({"output": "", "tool_calls": [wire_call()], "finish_reason": "tool_calls"}))
    assert chat.invoke("1 + 2?").tool_calls[0]["args"] == {"a": 1, "b": 2}


def test_tool_calling_is_a_field_of_the_chat_model(make_chat):
    """`tool_calling` (chat only), one of auto, native and prompted."""
    for value in ("auto", "native", "prompted"):
        assert make_chat(tool_calling=value).tool_calling == value
    assert make_chat().tool_calling == "auto"


def test_a_server_that_refuses_tools_is_asked_in_words(chat, plug, answer, completion):
    """`tool_calling="auto"` falls back to prompted when the server refuses tools."""
    refusal = {"detail": "Tools and tool_choice are not supported."}
    replay = plug(
        chat, answer(refusal, 400), answer(completion("It is 3.")), answer(completion("Yes."))
    )
    asked = chat.bind_tools([add])
    assert asked.invoke("1 + 2?").text == "It is 3."
    asked.invoke("Sure?")
    bodies = [json.loads(request.body) for request in replay.requests]
    assert ["tools" in body for body in bodies] == [True, False, False]
    assert "Add two numbers." in json.dumps(bodies[1]["messages"])

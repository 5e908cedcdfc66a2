"""Tools on the local endpoint: every dialect, native and prompted, streamed and not."""

from __future__ import annotations

import logging
import warnings

import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from pydantic import BaseModel
from typing_extensions import TypedDict

from agents.competent_model import written
from agents.conftest import FAMILIES
from langchain_azureml_oss.errors import InvalidRequestError
from langchain_azureml_oss.local import EngineError


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def mul(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def add_function(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class AddClass(BaseModel):
    """Add two numbers."""

    a: int
    b: int


class AddDict(TypedDict):
    """Add two numbers."""

    a: int
    b: int


ADD_SCHEMA = {
    "title": "add_schema",
    "description": "Add two numbers.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
with warnings.catch_warnings(category=LangChainBetaWarning, action="ignore"):
    ADD_RUNNABLE = RunnableLambda(lambda x: x["a"] + x["b"]).as_tool(
        name="add_runnable", description="Add two numbers.", arg_types={"a": int, "b": int}
    )
BOTH = [
    {"name": "add", "args": {"a": 1, "b": 2}},
    {"name": "mul", "args": {"a": 3, "b": 4}},
]


def plain(calls):
    return [{"name": call["name"], "args": call["args"]} for call in calls]


async def test_a_call_in_every_dialect_in_every_way(serve_way, dialect, ask):
    running = serve_way(family=FAMILIES[dialect])
    message = await ask(running.chat.bind_tools([add, mul]), "What is add of 1 and 2?")
    assert plain(message.tool_calls) == BOTH[:1]
    assert message.tool_calls[0]["id"]
    assert message.text == ""
    assert message.response_metadata["finish_reason"] == "tool_calls"


async def test_two_calls_and_words_before_them(serve_way, way, dialect, ask):
    if way in {"native", "later score"}:
        reply = {"content": "Let me see.", "tool_calls": BOTH}
    else:
        reply = f"Let me see.\n{written(dialect, BOTH)}"
    running = serve_way(lambda body: reply, FAMILIES[dialect])
    message = await ask(running.chat.bind_tools([add, mul]), "Do both.")
    assert plain(message.tool_calls) == BOTH
    assert len({call["id"] for call in message.tool_calls}) == 2
    assert message.text == "Let me see."


def test_chunks_of_calls_have_the_right_indexes(serve_way, way, dialect):
    reply = {"tool_calls": BOTH} if way in {"native", "later score"} else written(dialect, BOTH)
    running = serve_way(lambda body: reply, FAMILIES[dialect])
    stream = list(running.chat.bind_tools([add, mul]).stream("Do both."))
    fragments = [fragment for chunk in stream for fragment in chunk.tool_call_chunks]
    assert [one["name"] for one in fragments if one["name"]] == ["add", "mul"]
    assert sorted({one["index"] for one in fragments}) == [0, 1]
    assert all(bool(one["id"]) == bool(one["name"]) for one in fragments)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (add_function, "add_function"),
        (add, "add"),
        (AddClass, "AddClass"),
        (AddDict, "AddDict"),
        (ADD_SCHEMA, "add_schema"),
        (ADD_RUNNABLE, "add_runnable"),
    ],
    ids=["function", "tool", "pydantic", "TypedDict", "JSON schema", "runnable"],
)
def test_tools_of_every_kind(serve_way, given, name):
    message = serve_way().chat.bind_tools([given]).invoke(f"Call {name} with 1 and 2.")
    assert plain(message.tool_calls) == [{"name": name, "args": {"a": 1, "b": 2}}]


MUL = {"type": "function", "function": {"name": "mul"}}


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (None, []),
        ("auto", []),
        ("none", []),
        (False, []),
        ("any", ["add"]),
        ("required", ["add"]),
        (True, ["add"]),
        ("mul", ["mul"]),
        (MUL, ["mul"]),
    ],
    ids=str,
)
def test_the_choice_is_honoured(serve_way, choice, names):
    message = serve_way().chat.bind_tools([add, mul], tool_choice=choice).invoke("Hello!")
    assert [call["name"] for call in message.tool_calls] == names


def test_native_sends_strict_and_parallel(serve):
    running = serve()
    bound = running.chat.bind_tools([add], strict=True, parallel_tool_calls=False)
    bound.invoke("Hello!")
    body = running.endpoint.requests[-1].body
    assert body["tools"][0]["function"]["strict"] is True
    assert body["parallel_tool_calls"] is False


def test_prompted_shows_the_conversation_in_the_dialect(serve, dialect):
    running = serve(family=FAMILIES[dialect], tool_calling="prompted")
    first = HumanMessage("What is add of 1 and 2?")
    bound = running.chat.bind_tools([add])
    call = bound.invoke([first])
    answer = bound.invoke([first, call, add.invoke(call.tool_calls[0])])
    assert answer.text == "The answer is 3."
    body = running.endpoint.requests[-1].body
    assert "tools" not in body
    assert {message["role"] for message in body["messages"]} <= {"system", "user", "assistant"}
    assert not any("tool_calls" in message for message in body["messages"])


def test_native_sends_calls_and_results_as_they_are(serve):
    running = serve()
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
    running.chat.bind_tools([add]).invoke(
        [HumanMessage("Hi"), AIMessage("", tool_calls=[call]), ToolMessage("3", tool_call_id="c1")]
    )
    _, turn, result = running.endpoint.requests[-1].body["messages"]
    assert turn["tool_calls"][0]["id"] == result["tool_call_id"] == "c1"
    assert result["role"] == "tool"


# -- falling back ----------------------------------------------------------------------------------

VLLM = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


def refusing(status, body):
    """A model on a server that refuses `tools` in these words."""
    refused = EngineError(status, body)

    def script(request):
        return refused if "tools" in request else written("llama", BOTH[:1])

    return script


REFUSALS = pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, "Tools and tool_choice are not supported."),
        (400, {"object": "error", "message": VLLM, "code": 400}),
        (422, {"detail": [{"loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}]}),
    ],
    ids=["catalog", "vllm", "422"],
)


@REFUSALS
async def test_a_refusal_switches_once_with_a_log_line(serve, ask, caplog, status, body):
    running = serve(refusing(status, body))
    bound = running.chat.bind_tools([add])
    with caplog.at_level(logging.WARNING, "langchain_azureml_oss"):
        for _ in range(2):
            assert plain((await ask(bound, "What is 1 + 2?")).tool_calls) == BOTH[:1]
    assert ["tools" in one.body for one in running.endpoint.requests] == [True, False, False]
    [said] = [r.message for r in caplog.records if "refuses tools" in r.message]
    assert said == "The endpoint refuses tools; this package shows them to the model as text."


@REFUSALS
async def test_native_never_falls_back(serve, ask, status, body):
    running = serve(refusing(status, body), tool_calling="native")
    with pytest.raises(InvalidRequestError):
        await ask(running.chat.bind_tools([add]), "What is 1 + 2?")
    assert len(running.endpoint.requests) == 1


def test_prompted_never_sends_tools(serve):
    running = serve(tool_calling="prompted")
    running.chat.bind_tools([add]).invoke("What is add of 1 and 2?")
    assert ["tools" in one.body for one in running.endpoint.requests] == [False]


async def test_native_at_score_sends_tools_inside_parameters(serve, ask):
    """Later /score servers take them there."""
    running = serve(
        path="/score", tool_calling="native", options={"extended": True}, max_tokens=256
    )
    message = await ask(running.chat.bind_tools([add], tool_choice="any"), "What is 1 and 2?")
    assert plain(message.tool_calls) == BOTH[:1]
    parameters = running.endpoint.requests[-1].body["input_data"]["parameters"]
    assert parameters["tools"][0]["function"]["name"] == "add"
    assert parameters["tool_choice"] == "required"


def test_native_at_todays_score_gets_an_answer_without_tools(serve):
    """The server drops what it does not know, so nothing says that it takes no tools."""
    running = serve(path="/score", tool_calling="native", max_tokens=256)
    message = running.chat.bind_tools([add]).invoke("What is add of 1 and 2?")
    assert (message.tool_calls, message.text) == ([], "You said: What is add of 1 and 2?")


# -- calls that do not fit -------------------------------------------------------------------------


@tool
def fill(x: int, on: bool, y: float = 1) -> str:
    """Fill it."""
    return f"{x!r} {on!r} {y!r}"


async def test_arguments_are_taken_as_the_tool_takes_them(serve, dialect, ask):
    """A number as text, and null for what has a default."""
    said = written(dialect, [{"name": "fill", "args": {"x": "3", "on": "true", "y": None}}])
    running = serve(lambda body: said, FAMILIES[dialect], tool_calling="prompted")
    message = await ask(running.chat.bind_tools([fill]), "Fill it.")
    (call,) = message.tool_calls
    assert fill.invoke(call).content == "3 True 1"


def test_a_misfit_is_a_call_whose_tool_says_why(serve, dialect, added):
    """As it is where a server reads the calls."""
    wrong = written(dialect, [{"name": "add", "args": {"a": "one"}}])
    running = serve(lambda body: wrong, FAMILIES[dialect], tool_calling="prompted")
    bound = running.chat.bind_tools([add])
    for message in (bound.invoke("1 + 2?"), added(list(bound.stream("1 + 2?")))):
        assert message.invalid_tool_calls == []
        assert plain(message.tool_calls) == [{"name": "add", "args": {"a": "one"}}]


@pytest.mark.parametrize("choice", ["any", "add"])
async def test_a_missing_call_is_asked_for_again(serve, dialect, ask, choice):
    answers = iter(["I would rather not.", written(dialect, BOTH[:1])])
    running = serve(
        lambda body: next(answers), FAMILIES[dialect], tool_calling="prompted", stream_usage=False
    )
    message = await ask(running.chat.bind_tools([add], tool_choice=choice), "1 + 2?")
    assert plain(message.tool_calls) == BOTH[:1]
    first, second = (one.body["messages"] for one in running.endpoint.requests)
    assert second[: len(first)] == first
    turn, complaint = second[len(first) :]
    assert turn == {"role": "assistant", "content": "I would rather not."}
    assert "it holds no call of add" in complaint["content"]


def test_a_misfit_is_shown_to_the_model_when_a_call_is_a_must(serve):
    wrong = {"name": "add", "args": {"a": 1}}
    answers = iter([written("llama", [wrong]), written("llama", BOTH[:1])])
    running = serve(lambda body: next(answers), tool_calling="prompted")
    message = running.chat.bind_tools([add], tool_choice="any").invoke("1 + 2?")
    assert plain(message.tool_calls) == BOTH[:1]
    assert "arguments.b is missing" in running.endpoint.requests[-1].body["messages"][-1]["content"]


def test_it_is_asked_only_once_more(serve):
    running = serve(lambda body: "No.", tool_calling="prompted")
    message = running.chat.bind_tools([add], tool_choice="any").invoke("1 + 2?")
    assert (message.text, message.tool_calls) == ("No.", [])
    assert len(running.endpoint.requests) == 2


def test_decoding_is_constrained_where_the_server_takes_a_schema(serve):
    running = serve(tool_calling="prompted")
    running.chat.bind_tools([add, mul], tool_choice="mul").invoke("Hello!")
    form = running.endpoint.requests[-1].body["response_format"]
    assert form["json_schema"]["schema"]["properties"]["name"] == {"const": "mul"}


def test_where_it_takes_no_schema_any_json_is_what_a_call_must_be(serve):
    running = serve(options={"refuse_tools": True, "json_schema": False})
    bound = running.chat.bind_tools([add], tool_choice="any")
    for _ in range(2):
        assert bound.invoke("What is 1 + 2?").tool_calls
    assert ["response_format" in one.body for one in running.endpoint.requests] == [
        *(False, True),  # refused with tools; refused with a schema
        *(True, True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'In JSON that is {"name": "add", "parameters": {"a": 1, "b": 2}}, more or less.',
        'A list of people:\n{"name": "Ada", "born": 1815}',
        "```python\nadd(1, 2)\n```",
    ],
)
async def test_json_that_is_mentioned_stays_text(serve, ask, text):
    running = serve(lambda body: text, tool_calling="prompted")
    message = await ask(running.chat.bind_tools([add]), "How would you say it?")
    assert (message.text, message.tool_calls) == (text, [])


def test_words_are_streamed_while_they_cannot_become_a_call(serve):
    text = "It is three, since one and two make three."
    running = serve(lambda body: text, tool_calling="prompted")
    chunks = [chunk.text for chunk in running.chat.bind_tools([add]).stream("1 + 2?")]
    assert [chunk for chunk in chunks if chunk] == [
        word if place == 0 else f" {word}" for place, word in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a": 1, "b"',
        '{"a": 1, "b": 2',
        '{"a": "one',
        '{"a": "x\\',
        '{"a": [1',
        "{",
        "one",
        '{"a": 1}]',
    ],
)
async def test_a_native_call_with_broken_arguments_is_invalid(serve, ask, arguments):
    """Also in a stream, where langchain-core would complete them, and half a call would be run."""
    good = {"name": "add", "args": {"a": 1, "b": 2}}
    broken = {"tool_calls": [{"name": "add", "args": arguments}, good]}
    message = await ask(serve(lambda body: broken).chat.bind_tools([add]), "1 + 2?")
    assert plain(message.tool_calls) == [good]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["name"], invalid["args"]) == ("add", arguments)
    assert "JSON" in invalid["error"]

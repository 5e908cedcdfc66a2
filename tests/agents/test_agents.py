"""Agents of langchain and LangGraph: native, on a server that refuses tools, and at /score."""

from __future__ import annotations

import logging
from typing import Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel

from agents.competent_model import competent, written
from agents.conftest import FAMILIES
from langchain_azureml_oss.errors import RateLimitError

QUESTION = "First add 2 and 3, then multiply that by 4."


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


class Total(BaseModel):
    """The total."""

    value: int


def steps(messages):
    """The calls and results of a conversation."""
    calls = [
        (call["name"], call["args"]) for m in messages for call in getattr(m, "tool_calls", ())
    ]
    return calls, [m.content for m in messages if isinstance(m, ToolMessage)]


BOTH_STEPS = ([("add", {"a": 2, "b": 3}), ("multiply", {"a": 5, "b": 4})], ["5", "20"])


def ask(text=QUESTION):
    return {"messages": [{"role": "user", "content": text}]}


async def test_two_tools_and_an_answer(serve_way, dialect):
    agent = create_agent(serve_way(family=FAMILIES[dialect]).chat, [add, multiply])
    for state in (agent.invoke(ask()), await agent.ainvoke(ask())):
        assert steps(state["messages"]) == BOTH_STEPS
        assert state["messages"][-1].text == "The answer is 20."


def test_the_refusal_is_met_once(serve, caplog):
    running = serve(options={"refuse_tools": True})
    agent = create_agent(running.chat, [add, multiply])
    with caplog.at_level(logging.WARNING, "langchain_azureml_oss"):
        for _ in range(2):
            assert agent.invoke(ask())["messages"][-1].text == "The answer is 20."
    assert [one.status for one in running.endpoint.requests] == [400] + [200] * 6
    assert len([r for r in caplog.records if "refuses tools" in r.message]) == 1


def test_the_tokens_of_an_agent_are_streamed(serve_way, way, dialect):
    agent = create_agent(serve_way(family=FAMILIES[dialect]).chat, [add, multiply])
    for _ in range(2):  # where a model may think, its first answer shows how it does
        texts = [
            message.text
            for message, _ in agent.stream(ask(), stream_mode="messages")
            if message.type == "AIMessageChunk"
        ]
        assert "".join(texts) == "The answer is 20."
    if "score" not in way:
        assert len([text for text in texts if text]) > 1


async def test_the_steps_of_an_agent_are_events(serve_way):
    agent = create_agent(serve_way().chat, [add, multiply])
    events = [event async for event in agent.astream_events(ask(), version="v2")]
    assert [e["name"] for e in events if e["event"] == "on_tool_end"] == ["add", "multiply"]
    assert len([e for e in events if e["event"] == "on_chat_model_end"]) == 3


@pytest.mark.parametrize("tools", [(), (add, multiply)], ids=["no tools", "two tools"])
@pytest.mark.parametrize(
    "form", [Total, ToolStrategy(Total), ProviderStrategy(Total)], ids=["auto", "tool", "provider"]
)
async def test_an_answer_in_the_form_of_a_schema(serve_way, dialect, form, tools):
    """The tools are called first, also where tools and form are both asked for in words."""
    agent = create_agent(
        serve_way(family=FAMILIES[dialect]).chat, list(tools), response_format=form
    )
    question = ask(f"{QUESTION} Give the Total." if tools else "Give the Total of 7.")
    for state in (agent.invoke(question), await agent.ainvoke(question)):
        assert isinstance(state["structured_response"], Total)
        called = [name for name, _ in steps(state["messages"])[0]]
        assert called[: len(tools)] == [one.name for one in tools]


@pytest.mark.parametrize("json_schema", [True, False])
def test_a_form_that_the_agent_misses_is_asked_for_again(serve, json_schema):
    """Microsoft's server takes neither tools nor a schema."""
    call = written("llama", [{"name": "add", "args": {"a": 2, "b": 3}}])
    answers = iter([call, "It is five.", '{"value": 5}'])
    running = serve(
        lambda body: next(answers),
        options={"refuse_tools": True, "json_schema": json_schema},
        tool_calling="prompted",
    )
    agent = create_agent(running.chat, [add], response_format=ProviderStrategy(Total))
    state = agent.invoke(ask("2 + 3?"))
    assert state["structured_response"] == Total(value=5)
    complaint = running.endpoint.requests[-1].body["messages"][-1]["content"]
    assert "no JSON object" in complaint


# -- LangGraph -------------------------------------------------------------------------------------


@pytest.fixture
def graph():
    """The classic loop, with a memory."""

    def build(chat, tools=(add, multiply)):
        bound = chat.bind_tools(list(tools))

        def think(state: MessagesState):
            return {"messages": [bound.invoke(state["messages"])]}

        builder = StateGraph(MessagesState)
        builder.add_node("think", think)
        builder.add_node("tools", ToolNode(list(tools)))
        builder.add_edge(START, "think")
        builder.add_conditional_edges("think", tools_condition)
        builder.add_edge("tools", "think")
        return builder.compile(checkpointer=InMemorySaver())

    return build


def test_a_graph_with_a_memory(serve_way, dialect, graph):
    running = serve_way(family=FAMILIES[dialect])
    compiled = graph(running.chat)
    thread = {"configurable": {"thread_id": "1"}}
    first = compiled.invoke(ask(), thread)["messages"]
    assert steps(first) == BOTH_STEPS
    second = compiled.invoke(ask("And now add 6 and 7."), thread)["messages"]
    assert second[: len(first)] == first
    assert second[-1].text == "The answer is 13."
    other = compiled.invoke(ask("And now add 6 and 7."), {"configurable": {"thread_id": "2"}})
    assert len(other["messages"]) == 4


def test_the_model_is_shown_what_was_wrong_with_its_call(serve, graph):
    """A call that does not fit its tool's schema is answered, and the loop goes on."""
    wrong = written("llama", [{"name": "add", "args": {"a": 2}}])
    right = written("llama", [{"name": "add", "args": {"a": 2, "b": 3}}])
    answers = iter([wrong, right, "It is 5."])
    running = serve(lambda body: next(answers), tool_calling="prompted")
    bound = running.chat.bind_tools([add], tool_choice="any")
    assert bound.invoke("2 + 3?").tool_calls[0]["args"] == {"a": 2, "b": 3}
    complaint = running.endpoint.requests[-1].body["messages"][-1]["content"]
    assert "arguments.b is missing" in complaint


class Unit(BaseModel):
    """Choose the unit."""

    unit: Literal["cm", "inch"]


@tool(args_schema=Unit)
def measure(unit: str) -> str:
    """Measure."""
    return f"5 {unit}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tool_calling", ["native", "prompted"])
@pytest.mark.parametrize(
    ("wrong", "reason"), [({"unit": "mile"}, "mile"), ({"unti": "cm"}, "unit")], ids=str
)
def test_the_tool_tells_the_model_what_is_wrong(
    serve, dialect, stream, tool_calling, wrong, reason
):
    """Alike where the server reads the calls, and where this package does."""
    calls = [[{"name": "measure", "args": args}] for args in (wrong, {"unit": "cm"})]
    if tool_calling == "native":
        answers = iter([*({"tool_calls": call} for call in calls), "It is 5."])
    else:
        answers = iter([*(written(dialect, call) for call in calls), "It is 5."])
    running = serve(lambda body: next(answers), FAMILIES[dialect], tool_calling=tool_calling)
    agent = create_agent(running.chat, [measure])
    if stream:
        (*_, (_, state)) = agent.stream(ask("How long?"), stream_mode=["messages", "values"])
    else:
        state = agent.invoke(ask("How long?"))
    said, result = steps(state["messages"])[1]
    assert reason in said
    assert result == "5 cm"
    assert state["messages"][-1].text == "It is 5."
    assert reason in str(running.endpoint.requests[1].body["messages"][-1]["content"])


# -- middleware ------------------------------------------------------------------------------------


def test_the_retry_middleware_knows_what_to_try_again(serve_way):
    running = serve_way()
    retry = ModelRetryMiddleware(max_retries=1, retry_on=(ModelRateLimitError,), initial_delay=0)
    agent = create_agent(running.chat, [add, multiply], middleware=[retry])
    running.endpoint.fail_next("429")
    assert agent.invoke(ask())["messages"][-1].text == "The answer is 20."
    assert running.endpoint.requests[0].status == 429


def test_the_retry_middleware_gives_up_with_this_packages_error(serve_way):
    running = serve_way()
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, on_failure="error")
    agent = create_agent(running.chat, [add], middleware=[retry])
    running.endpoint.fail_next("429", times=2)
    with pytest.raises(RateLimitError):
        agent.invoke(ask())
    assert [one.status for one in running.endpoint.requests] == [429, 429]


async def test_the_fallback_middleware_goes_to_the_other_endpoint(serve_way, serve):
    running, other = serve_way(), serve(options={"refuse_tools": True})
    agent = create_agent(
        running.chat, [add, multiply], middleware=[ModelFallbackMiddleware(other.chat)]
    )
    running.endpoint.fail_next("503", times=50)
    for state in (agent.invoke(ask()), await agent.ainvoke(ask())):
        assert steps(state["messages"]) == BOTH_STEPS
        assert state["messages"][-1].text == "The answer is 20."
    assert {one.status for one in running.endpoint.requests} == {503}


def test_the_scripted_model_itself_is_no_fake_success():
    """It knows nothing of tools that nobody has shown it."""
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    assert competent(body)["content"] == f"You said: {QUESTION}"

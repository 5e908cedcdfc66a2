"""Servers that take tools and do not read the calls, and calls of tools that there are not."""

from __future__ import annotations

import json
import logging

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from agents.competent_model import competent, written
from agents.conftest import FAMILIES
from langchain_azureml_oss import AzureMLOSSLLM

ADD = {"name": "add", "args": {"a": 2, "b": 3}}
PLAIN = json.dumps({"name": "add", "arguments": {"a": 2, "b": 3}})
FORMS = {
    "hermes": ("QWEN", written("hermes", [ADD])),
    "mistral": ("MISTRAL", written("mistral", [ADD])),
    "llama": ("LLAMA", written("llama", [ADD])),
    "json": ("GEMMA", PLAIN),
    "fenced": ("PHI", f"```json\n{PLAIN}\n```"),
    "python tag": ("LLAMA", f"<|python_tag|>{PLAIN}<|eom_id|>"),
    "mistral with a name": ("MISTRAL", '[TOOL_CALLS]add[ARGS]{"a": 2, "b": 3}'),
    "after thoughts": ("QWEN", f"<think>Hm.</think>\n{written('hermes', [ADD])}"),
}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def wipe(path: str = "/") -> str:
    """Wipe a disk."""
    raise AssertionError(path)


@pytest.fixture(params=FORMS)
def left(request, serve):
    """A model whose server takes tools, and leaves the call in the text."""
    family, text = FORMS[request.param]
    return serve(lambda body: {"content": text, "tool_calls": []}, family, tool_calling="native")


async def test_a_call_that_the_server_leaves_in_the_text(left, ask, caplog):
    with caplog.at_level(logging.WARNING, "langchain_azureml_oss"):
        for _ in range(2):
            message = await ask(left.chat.bind_tools([add]), "2 + 3?")
            assert [(c["name"], c["args"]) for c in message.tool_calls] == [("add", ADD["args"])]
            assert message.text.strip() == ""
            assert message.response_metadata["finish_reason"] == "tool_calls"
    assert "tools" in left.endpoint.requests[-1].body
    (record,) = caplog.records
    assert "leaves the model's calls in the text" in record.message


def test_an_agent_on_a_server_that_reads_no_calls(serve, dialect):
    def script(body):
        if body["messages"][-1]["role"] == "tool" or "5" in str(body["messages"][-1]):
            return "It is 5."
        return written(dialect, [ADD])

    agent = create_agent(serve(script, FAMILIES[dialect]).chat, [add])
    messages = agent.invoke({"messages": [("user", "2 + 3?")]})["messages"]
    assert [m.content for m in messages if isinstance(m, ToolMessage)] == ["5"]
    assert messages[-1].text == "It is 5."


@pytest.mark.parametrize(
    "text",
    [
        f"For example:\n{PLAIN}",
        f"Write `{PLAIN}`.",
        '{"name": "multiply", "parameters": {"a": 2}}',
        '<|python_tag|>{"name": "multiply", "parameters": {"a": 2}}',
        json.dumps({"name": "wipe", "parameters": wipe.tool_call_schema.model_json_schema()}),
    ],
)
async def test_what_is_quoted_described_or_unknown_stays_text(serve, ask, text, caplog):
    running = serve(lambda body: text)
    message = await ask(running.chat.bind_tools([add, wipe]), "What?")
    assert (message.text, message.tool_calls, message.invalid_tool_calls) == (text, [], [])
    assert not [r for r in caplog.records if "in the text" in r.message]


async def test_text_beside_calls_that_the_server_read_is_left_alone(serve, ask):
    text = f"Let me see.\n{PLAIN}"
    running = serve(lambda body: {"content": text, "tool_calls": [ADD]})
    message = await ask(running.chat.bind_tools([add]), "2 + 3?")
    assert message.text == text
    assert len(message.tool_calls) == 1


async def test_a_choice_of_none_reads_nothing(serve, ask):
    running = serve(lambda body: PLAIN)
    message = await ask(running.chat.bind_tools([add], tool_choice="none"), "2 + 3?")
    assert (message.text, message.tool_calls) == (PLAIN, [])


def test_what_is_no_function_is_no_trouble(serve):
    tools = [{"type": "search"}, {"function": {}}, {"function": "x"}, "y"]
    running = serve(lambda body: PLAIN, model_kwargs={"tools": tools})
    assert running.chat.invoke("2 + 3?").text == PLAIN


def test_the_text_of_a_completion_is_left_alone(serve):
    running = serve(lambda body: PLAIN)
    connection = running.endpoint.connection("LLAMA", "/v1/chat/completions")
    llm = AzureMLOSSLLM(connection=connection, api="chat")
    tools = running.chat.bind_tools([add]).kwargs["tools"]
    assert llm.invoke("user:\n2 + 3?", tools=tools) == PLAIN


def test_a_form_asked_for_by_a_function_is_found_in_the_text(serve):
    form = {"title": "Sum", "type": "object", "properties": {"a": {"type": "integer"}}}
    running = serve(lambda body: '{"name": "Sum", "parameters": {"a": 2}}')
    model = running.chat.with_structured_output(form, method="function_calling")
    assert model.invoke("2?") == {"a": 2}


# -- Tools that there are not ----------------------------------------------------------------------


@pytest.fixture(params=["invoke", "stream"])
def run(request):
    """Runs an agent, in one of two ways, and returns its messages."""

    def go(agent):
        question = {"messages": [("user", "2 * 3?")]}
        if request.param == "invoke":
            return agent.invoke(question)["messages"]
        *_, state = agent.stream(question, stream_mode="values")
        return state["messages"]

    return go


def test_a_tool_that_there_is_not_is_told_to_the_model(serve_way, way, dialect, run):
    """By ToolNode, whoever has read the call."""
    call = {"name": "multiply", "args": {"a": 2, "b": 3}}

    def script(body):
        if "not a valid tool" in json.dumps(body["messages"][-1]):
            return "I can't multiply."
        if way in {"native", "later score"}:
            return {"tool_calls": [call]}
        return written(dialect, [call])

    messages = run(create_agent(serve_way(script, FAMILIES[dialect]).chat, [add]))
    (told,) = [m for m in messages if isinstance(m, ToolMessage)]
    assert told.content == "Error: multiply is not a valid tool, try one of [add]."
    assert told.status == "error"
    assert messages[-1].text == "I can't multiply."


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ada Lovelace", "parameters": {"born": 1815}}',
        '{"name": "Ada", "parameters": {"born": 1815}, "city": "London"}',
        '{"name": "Ada", "arguments": {"born": 1815}}',  # LLAMA writes `parameters`
        '{"name": "Ada", "parameters": "born in 1815"}',
        '{"name": "Ada"}',
        'It is called so:\n{"name": "multiply", "parameters": {}} and so on',
        'For example:\n{"name": "multiply", "parameters": {}}',
        '{"name": "multiply", "parameters": {"a": {"type": "integer"}}}',
        '{"name": "multiply", "parameters": {}}\n{"name": "Ada"}',
    ],
)
async def test_json_with_a_name_that_is_no_call_stays_text(serve, ask, text):
    running = serve(lambda body: text, tool_calling="prompted")
    message = await ask(running.chat.bind_tools([add]), "Who?")
    assert (message.text, message.tool_calls, message.invalid_tool_calls) == (text, [], [])


def test_a_form_with_a_name_is_no_call_of_an_unknown_tool(serve):
    form = {
        "title": "Call",
        "type": "object",
        "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
    }
    text = '{"name": "multiply", "parameters": {"a": 2}}'
    running = serve(lambda body: text, tool_calling="prompted")
    schema = {"type": "json_schema", "json_schema": {"name": "call", "schema": form}}
    message = running.chat.bind_tools([add], response_format=schema).invoke("Which?")
    assert json.loads(message.text) == json.loads(text)


def test_competent_models_are_read_by_servers_that_can(serve, caplog):
    agent = create_agent(serve(competent).chat, [add])
    agent.invoke({"messages": [("user", "add 2 and 3.")]})
    assert not caplog.records

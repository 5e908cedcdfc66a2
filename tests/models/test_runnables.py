"""The models among LangChain's runnables: fallbacks, agents with a form, types at run time."""

from __future__ import annotations

import importlib
import inspect
import typing
from types import SimpleNamespace

import pytest
from agents.competent_model import competent
from agents.conftest import V1
from langchain.agents import create_agent, middleware
from langchain_core.exceptions import ModelError
from langchain_core.tools import tool
from pydantic import BaseModel

import langchain_azureml_oss
from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.local import LocalEndpoint


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Total(BaseModel):
    """The total."""

    value: int


@pytest.fixture
def pair():
    """Two models on endpoints of their own."""
    endpoints = [LocalEndpoint("scripted", script=competent).start() for _ in range(2)]
    chats = [
        AzureMLOSSChatModel(connection=one.connection("LLAMA", V1), max_retries=0)
        for one in endpoints
    ]
    yield SimpleNamespace(endpoints=endpoints, chat=chats[0].with_fallbacks(chats[1:]))
    for endpoint in endpoints:
        endpoint.stop()


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_with_fallbacks_is_bound_with_them(pair, fails):
    if fails:
        pair.endpoints[0].fail_next("503", times=9)
    message = pair.chat.bind_tools([add]).invoke("What is add of 1 and 2?")
    assert message.tool_calls[0]["args"] == {"a": 1, "b": 2}
    assert pair.chat.with_structured_output(Total).invoke("Give the Total of 7.") == Total(value=7)
    assert [one.status for one in pair.endpoints[1].requests] == [200] * 2 * fails


@pytest.mark.parametrize("fails", [False, True])
def test_an_agent_over_a_model_with_fallbacks(pair, fails):
    if fails:
        pair.endpoints[0].fail_next("503", times=9)
    agent = create_agent(pair.chat, [add])
    state = agent.invoke({"messages": [("user", "First add 2 and 3.")]})
    assert [m.text for m in state["messages"] if m.type == "tool"] == ["5"]


def test_an_agent_asks_for_no_form_beside_its_tools():
    """A server that constrains decoding to the form could call no tool any more."""
    with LocalEndpoint("scripted", script=competent) as endpoint:
        chat = AzureMLOSSChatModel(connection=endpoint.connection("LLAMA", V1))
        agent = create_agent(chat, [add], response_format=Total)
        question = "First add 2 and 3. Give the Total."
        state = agent.invoke({"messages": [("user", question)]})
        assert isinstance(state["structured_response"], Total)
        assert next(m.text for m in state["messages"] if m.type == "tool") == "5"
        assert all("response_format" not in one.body for one in endpoint.requests)


@pytest.mark.skipif(not hasattr(middleware, "ModelRefusalMiddleware"), reason="older LangChain")
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_langchains_middleware_sees_a_refusal(
    make_chat, plug, answer, events, completion, delta, version, streaming
):
    url = f"https://h.example{V1}"
    chat = make_chat(endpoint_url=url, output_version=version, streaming=streaming)
    whole = answer(completion(message={"content": None, "refusal": "I won't."}))
    pieces = events(delta(refusal="I won't."), delta(finish_reason="stop"))
    plug(chat, pieces if streaming else whole)
    agent = create_agent(chat, [add], middleware=[middleware.ModelRefusalMiddleware()])
    with pytest.raises(ModelError, match="I won't"):
        agent.invoke({"messages": [("user", "A joke.")]})


ROOMS = (
    *("", ".batch", ".compat", ".connections", ".connections.workspace", ".errors", ".families"),
    *(".formatters", ".local", ".promptflow"),
)


def _public():
    """Every public function and method, by its name."""
    for name in ROOMS:
        module = importlib.import_module(langchain_azureml_oss.__name__ + name)
        for public in list(module.__all__):
            found = getattr(module, public)
            if inspect.isclass(found):
                for part in list(vars(found)):
                    method = inspect.getattr_static(found, part)
                    function = getattr(method, "__func__", method)
                    if not part.startswith("_") and inspect.isfunction(function):
                        yield pytest.param(function, id=f"{public}.{part}")
            elif inspect.isfunction(found):
                yield pytest.param(found, id=public)


@pytest.mark.parametrize("function", list(_public()))
def test_types_are_known_at_run_time(function):
    """langchain-core looks at what a method returns, to bind all of a model's fallbacks."""
    typing.get_type_hints(function)

"""The ways to an agent: tools sent to the server, refused by it, unknown to /score, or in it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agents.competent_model import competent
from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.local import LocalEndpoint

V1 = "/v1/chat/completions"
WAYS = {
    "native": {"path": V1},
    "refused": {"path": V1, "refuse_tools": True},
    "score": {"path": "/score"},
    "later score": {"path": "/score", "extended": True, "tool_calling": "native"},
}
FAMILIES = {"llama": "LLAMA", "hermes": "QWEN", "mistral": "MISTRAL", "json": "GEMMA"}


@pytest.fixture
def serve():
    """Starts an endpoint on a script, and gives it with a chat model of it."""
    running = []

    def start(script=competent, family="LLAMA", path=V1, options=None, **fields):
        endpoint = LocalEndpoint("scripted", script=script, **(options or {})).start()
        running.append(endpoint)
        fields = {"max_retries": 0} | fields
        chat = AzureMLOSSChatModel(connection=endpoint.connection(family, path), **fields)
        return SimpleNamespace(endpoint=endpoint, chat=chat)

    yield start
    for endpoint in running:
        endpoint.stop()


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture(params=FAMILIES)
def dialect(request):
    return request.param


@pytest.fixture
def serve_way(serve, way):
    """An endpoint of one of the ways."""
    options = dict(WAYS[way])
    path = options.pop("path")
    tools = options.pop("tool_calling", "auto")

    def start(script=competent, family="LLAMA", **fields):
        fields = {"tool_calling": tools, "max_tokens": 256} | fields
        return serve(script, family, path, options, **fields)

    return start


def added(chunks):
    """The message that a stream's chunks add up to."""
    first, *others = chunks
    for chunk in others:
        first += chunk
    return first


@pytest.fixture(name="added", scope="session")
def added_fixture():
    return added


@pytest.fixture(params=["invoke", "stream", "ainvoke", "astream"])
def ask(request, added):
    """Asks a model, in one of the four ways, and returns the whole message."""

    async def call(model, question):
        match request.param:
            case "invoke":
                return model.invoke(question)
            case "stream":
                return added(list(model.stream(question)))
            case "ainvoke":
                return await model.ainvoke(question)
            case _:
                return added([chunk async for chunk in model.astream(question)])

    return call

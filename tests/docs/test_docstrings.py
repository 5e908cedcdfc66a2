"""The examples in the models' docstrings run."""

from __future__ import annotations

import inspect
import re

import documents
import pytest

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSEmbeddings, AzureMLOSSLLM
from langchain_azureml_oss.local import LocalEndpoint

FIRST = ("Setup", "Key init args", "Instantiate")
SECTIONS = {
    AzureMLOSSChatModel: [
        *(*FIRST, "Invoke", "Stream", "Async", "Tool calling"),
        *("Structured output", "JSON mode", "Image input", "Token usage", "Logprobs"),
        *("Response metadata", "Contracts and families", "Model kwargs"),
    ],
    AzureMLOSSLLM: [
        *(*FIRST, "Invoke", "Stream", "Async", "Several prompts", "Role marks"),
        *("Token usage", "Logprobs", "Response metadata", "Model kwargs"),
    ],
    AzureMLOSSEmbeddings: [
        *(*FIRST, "Embed a text", "Embed texts", "Async", "Search"),
        *("Dimensions", "Contracts", "MLflow models", "Model kwargs"),
    ],
}
NOT_CODE = {"Setup", "Key init args"}


@pytest.mark.parametrize("cls", SECTIONS)
def test_the_sections_are_those_of_langchains_reference(cls):
    found = re.findall(r"(?m)^([A-Z][\w ]+):$", inspect.getdoc(cls))
    assert found == [*SECTIONS[cls], "Raises"]


@pytest.fixture
def run(monkeypatch):
    """Runs a class's examples in their order, and returns their names and the endpoint."""

    def run(cls):
        blocks = documents.blocks(re.sub(r"(?m)^    ", "", inspect.getdoc(cls)))
        namespace = {"__name__": "docstring"}
        with LocalEndpoint("echo", deployments={"blue": 100}) as endpoint:
            for block in blocks:
                text = documents.with_endpoint(block.text, endpoint)
                if block.language == "python":
                    exec(compile(text, "docstring", "exec"), namespace)
                for name, value in documents.exports(text) if block.language == "bash" else ():
                    monkeypatch.setenv(name, value)
        # Each section but the first two shows one piece of code.
        assert [block.language for block in blocks] == [
            "bash",
            *("python" for name in SECTIONS[cls] if name not in NOT_CODE),
        ]
        return namespace, endpoint

    return run


@pytest.mark.filterwarnings("ignore:.*refuses:UserWarning")
def test_the_examples_of_the_chat_model_run(run):
    names, endpoint = run(AzureMLOSSChatModel)
    assert any("weather" in str(request.body.get("tools")) for request in endpoint.requests)
    assert names["usage"]["total_tokens"] > 0
    assert names["metadata"]["deployment"] == "blue"
    assert endpoint.requests[-1].body["top_k"] == 5


def test_the_examples_of_the_completion_model_run(run):
    names, endpoint = run(AzureMLOSSLLM)
    bodies = [request.body for request in endpoint.requests]
    assert names["texts"] == [" echo: One, two,", " echo: Red, green,"]
    assert "What is CI?" in names["text"]
    assert names["usage"]["total_tokens"] > 0
    assert names["info"]["deployment"] == "blue"
    assert bodies[-1]["top_k"] == 5


def test_the_examples_of_the_embedding_model_run(run):
    names, endpoint = run(AzureMLOSSEmbeddings)
    assert len(names["vectors"]) == 2
    assert [document.page_content for document in names["found"]] == ["CI builds each change."]
    assert endpoint.requests[-1].body["input_type"] == "query"

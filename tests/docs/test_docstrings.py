"""The examples in the models' docstrings run."""

from __future__ import annotations

import inspect
import re

import documents
import pytest

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.local import LocalEndpoint

SECTIONS = [
    *("Setup", "Key init args", "Instantiate", "Invoke", "Stream", "Async", "Tool calling"),
    *("Structured output", "JSON mode", "Image input", "Token usage", "Logprobs"),
    *("Response metadata", "Contracts and families", "Model kwargs"),
]
DOC = inspect.getdoc(AzureMLOSSChatModel)


def test_the_sections_are_those_of_langchains_reference():
    found = re.findall(r"(?m)^([A-Z][\w ]+):$", DOC)
    assert found == [*SECTIONS, "Raises"]


@pytest.mark.filterwarnings("ignore:.*refuses:UserWarning")
def test_the_examples_run_in_their_order():
    text = re.sub(r"(?m)^    ", "", DOC)
    namespace = {"__name__": "docstring"}
    with LocalEndpoint("echo", deployments={"blue": 100}) as endpoint:
        python = [block for block in documents.blocks(text) if block.language == "python"]
        for block in python:
            exec(
                compile(documents.with_endpoint(block.text, endpoint), "docstring", "exec"),
                namespace,
            )
    assert len(python) == 13
    assert any("weather" in str(request.body.get("tools")) for request in endpoint.requests)
    assert namespace["usage"]["total_tokens"] > 0
    assert namespace["metadata"]["deployment"] == "blue"
    assert endpoint.requests[-1].body["top_k"] == 5

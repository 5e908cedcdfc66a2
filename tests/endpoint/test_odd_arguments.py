"""Whatever stands in an argument of a call: it is answered, or an error of the docs comes out."""

from __future__ import annotations

import math

import pytest
import requests_mock

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM
from langchain_azureml_oss.endpoint.call_options import OPTIONS, fixed_fields
from langchain_azureml_oss.endpoint.model_settings import SETTINGS
from langchain_azureml_oss.errors import AzureMLOSSError, ConnectionConfigError

HOST = "https://ep.example"
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
LOOP = []
LOOP.append(LOOP)


def tool(parameters):
    return [{"type": "function", "function": {"name": "add", "parameters": parameters}}]


def form(schema):
    return {"type": "json_schema", "json_schema": schema}


ODD = [
    *("text", "", "\ud800", b"x", 0, -1, 10**400, 1.5, math.nan, True, None, object(), int, {1, 2}),
    *([], [1], ["x"], [None], [{}], ("a", "b", "c"), LOOP, {}, {"a": 1}, {1: 2}, {"type": 1}),
    *({"type": "function"}, {"function": "x"}, {"function": {"name": 1}}, [{"function": "x"}]),
    *(tool("x"), tool({"type": "object", "properties": [1]}), tool({"$ref": "#/x"})),
    *(form("x"), form({"schema": "x"}), form({"schema": {"type": [1], "properties": [1]}})),
]
NAMES = sorted(
    {
        *(OPTIONS + SETTINGS),
        *fixed_fields(AzureMLOSSChatModel),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "model_kwargs"),
        *("extra_body", "headers", "stream", "stream_options", "stop_sequences", "max_new_tokens"),
        *("chat_template_kwargs", "a_setting_of_the_server"),
    }
)


@pytest.fixture(scope="module")
def models():
    fields = {"endpoint_api_key": "k", "model_family": "LLAMA", "max_retries": 0}
    chat = {"choices": [{"message": {"role": "assistant", "content": "hi"}}]}
    with requests_mock.Mocker() as mock:
        mock.post(f"{HOST}/v1/chat/completions", json=chat)
        mock.post(f"{HOST}/score", json={"output": "hi"})
        yield [
            AzureMLOSSChatModel(endpoint_url=f"{HOST}/v1/chat/completions", **fields),
            AzureMLOSSChatModel(endpoint_url=f"{HOST}/score", **fields),
            AzureMLOSSLLM(endpoint_url=f"{HOST}/score", **fields),
        ]


def of_the_docs(error, name):
    """Errors that docs/errors.md lists beside this package's own."""
    said = str(error)
    about_tools = said.startswith(("tools is ", "tool_choice ", "Unsupported function"))
    return isinstance(error, AzureMLOSSError) or (type(error) is ValueError and about_tools)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_no_other_error_comes_out(models, name):
    others = {}
    for value in ODD:
        for more in ({}, {"tool_choice": "any"} if name == "tools" else {"tools": [TOOL]}):
            for model in models[: 2 if more else 3]:  # the last one takes no tools
                try:
                    model.invoke("hi", **{**more, name: value})
                except Exception as error:  # noqa: BLE001
                    if not of_the_docs(error, name):
                        others[repr(error)[:200]] = repr(value)[:50]
    assert others == {}


@pytest.mark.parametrize("value", ["text", {"type": 1}, form("x"), [1]])
def test_the_form_of_an_answer_says_what_it_must_be(models, value):
    with pytest.raises(ConnectionConfigError, match="response_format of a call is a mapping"):
        models[0].invoke("hi", response_format=value)


@pytest.mark.parametrize("name", ["token_counting", "endpoint_url", "tool_calling"])
def test_fields_that_are_fixed_are_no_settings(models, name):
    with pytest.raises(ConnectionConfigError, match=f"{name}: fixed"):
        models[0].invoke("hi", **{name: "server"})

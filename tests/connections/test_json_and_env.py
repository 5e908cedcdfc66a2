"""Prompt flow's connections.json and .env as sources of a connection."""

from __future__ import annotations

import json

import pytest

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection
from langchain_azureml_oss.errors import ConnectionConfigError

URL = "https://ep.eastus2.inference.ml.azure.com/score"
ENTRY = {
    "type": "CustomConnection",
    "module": "promptflow.connections",
    "value": {
        "endpoint_url": URL,
        "model_family": "LLAMA",
        "endpoint_api_key": "sk-1",
        "extra": "x",
    },
    "secret_keys": ["endpoint_api_key", "extra"],
}


@pytest.fixture
def write(tmp_path):
    def put(name, text):
        (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
        return tmp_path / name

    return put


def check(connection):
    assert (connection.endpoint_url, connection.model_family) == (URL, "LLAMA")
    assert connection.endpoint_api_key.get_secret_value() == "sk-1"
    assert "sk-1" not in repr(connection)
    AzureMLOSSChatModel(connection=connection)


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_connection_of_a_connections_json(write, name):
    connection = CustomConnection.from_file(write("connections.json", {"mine": ENTRY}), name)
    check(connection)
    assert connection.name == "mine"
    assert set(connection.secrets) == {"endpoint_api_key", "extra"}


def test_a_secret_of_the_environment(write, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    value = {**ENTRY["value"], "endpoint_api_key": "${env:THE_KEY}"}
    check(CustomConnection.from_file(write("c.json", {"mine": {**ENTRY, "value": value}})))


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ({"mine": ENTRY, "other": ENTRY}, None, r"'mine', 'other'; say which by name="),
        ({"mine": ENTRY}, "mime", r"Did you mean 'mine'\?"),
        ({"gpt": {**ENTRY, "type": "AzureOpenAIConnection"}}, None, "AzureOpenAIConnection"),
        ({"mine": {**ENTRY, "value": [1]}}, None, "value"),
        ({"mine": {**ENTRY, "secret_keys": 3}}, None, "secret_keys"),
        ({"mine": 3}, None, "secret_keys"),
        ([ENTRY], None, "secret_keys"),
        ("{", None, "not JSON"),
        ("[" * 10**5, None, "not JSON"),
        ({}, None, "connections none"),
    ],
)
def test_a_wrong_connections_json_is_refused_in_words(write, content, name, words):
    with pytest.raises(ConnectionConfigError, match=words) as caught:
        CustomConnection.from_file(write("connections.json", content), name)
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        f"endpoint_url={URL}\nmodel_family=LLAMA\nendpoint_api_key=sk-1\n",
        f"# mine\nexport AZUREML_ENDPOINT_URL='{URL}'\nAZUREML_MODEL_FAMILY=LLAMA\n\
AZUREML_ENDPOINT_API_KEY='sk-1'\nOTHER=x\n",
    ],
    ids=["prompt flow", "environment"],
)
@pytest.mark.parametrize("name", [".env", "my.env"])
def test_a_connection_of_a_dot_env(write, lines, name):
    check(CustomConnection.from_file(write(name, lines)))


def test_yaml_is_read_too(write):
    configs = f"configs: {{endpoint_url: {URL}, model_family: LLAMA}}"
    text = f"{configs}\nsecrets: {{endpoint_api_key: sk-1}}"
    check(CustomConnection.from_file(write("c.yaml", text)))


@pytest.mark.parametrize("name", ["no.json", "no.env", "no.yaml"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(ConnectionConfigError, match="There is no connection file"):
        CustomConnection.from_file(tmp_path / name)

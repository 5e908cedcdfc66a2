"""The script of an Azure ML batch deployment, called as the service calls it."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from langchain_azureml_oss import errors
from langchain_azureml_oss.batch.machines import azureml_script
from langchain_azureml_oss.local import LocalEndpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def endpoint(monkeypatch):
    with LocalEndpoint("echo", retry_after_s=0.0) as running:
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", running.url + "/v1")
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", running.api_key)
        monkeypatch.setenv("AZUREML_MODEL_FAMILY", "LLAMA")
        yield running


def lines(found):
    return [json.loads(line) for line in found]


def test_files(endpoint, monkeypatch, tmp_path):
    monkeypatch.setenv(azureml_script.OPTIONS, '{"system": "Be brief.", "max_tokens": 9}')
    (tmp_path / "a.jsonl").write_text('{"prompt": "one"}\n{"question": "none"}\n')
    (tmp_path / "b.txt").write_text("two\n")
    azureml_script.init()
    for _ in range(2):  # the service calls it again and again
        found = lines(azureml_script.run([str(path) for path in tmp_path.iterdir()]))
        by_file = sorted(found, key=lambda one: (one["file"], one["row"]))
        assert [one.get("text") for one in by_file] == ["echo: one", None, "echo: two"]
        assert by_file[1]["error"]["type"] == "UnsupportedInputError"
        assert by_file[1]["error"]["message"].startswith("Row 2 has no text")
    assert endpoint.requests[0].body["max_tokens"] == 9
    assert endpoint.requests[0].body["messages"][0]["role"] == "system"


def test_a_data_frame(endpoint, monkeypatch):
    class Frame:  # pandas is the service's, and this is all of it that is used
        def to_dict(self, orient):
            assert orient == "records"
            return [{"town": "Oslo", "n": 1}, {"town": "Bergen", "n": math.nan}]

    monkeypatch.setenv(azureml_script.OPTIONS, '{"template": "{{ town }}?", "api": "completion"}')
    azureml_script.init()
    endpoint.fail_next("429")
    found = lines(azureml_script.run(Frame()))
    assert [one["text"] for one in found] == [" echo: Oslo?", " echo: Bergen?"]
    assert found[1]["input"] == {"town": "Bergen", "n": None}


def test_a_wrong_key_fails_the_mini_batch(endpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "not-the-key")
    (tmp_path / "b.txt").write_text("two\n")
    azureml_script.init()
    with pytest.raises(errors.AuthenticationError):
        azureml_script.run([str(tmp_path / "b.txt")])


@pytest.mark.parametrize(
    ("options", "said"),
    [("{", "is not JSON"), ("[]", "is not a JSON object"), ('{"api": "gossip"}', "api is one of")],
)
def test_options_that_are_none(endpoint, monkeypatch, options, said):
    monkeypatch.setenv(azureml_script.OPTIONS, options)
    with pytest.raises(errors.ConnectionConfigError, match=said):
        azureml_script.init()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colum": "q"}, r"there is no colum \(did you mean column\?\)\. It takes api, system, "),
        ({"dedupe": True, "max_tokens": 9}, "dedupe is not for a deployment, but for `azureml-oss"),
        ({"budget_tokens": 9, "sample": 2}, "budget_tokens is not for .*; sample is not for "),
        ({"top_k": 5}, "there is no top_k.* arguments of AzureMLOSSChatModel; .* model_kwargs"),
        ({"schema": "answer.json"}, "schema is a JSON schema, an object"),
        ({"schema": {"type": "object"}, "api": "completion"}, "schema is for a chat model"),
        ({"system": "Be brief.", "api": "embeddings"}, "has no system message"),
    ],
)
def test_options_that_cannot_apply(endpoint, monkeypatch, options, said):
    monkeypatch.setenv(azureml_script.OPTIONS, json.dumps(options))
    with pytest.raises(errors.ConnectionConfigError, match=f"^{azureml_script.OPTIONS}: .*{said}"):
        azureml_script.init()


def test_settings_of_the_model(endpoint, monkeypatch, tmp_path):
    options = {"max_new_tokens": 9, "model_kwargs": {"top_k": 5}, "temperature": 0}
    monkeypatch.setenv(azureml_script.OPTIONS, json.dumps(options))
    (tmp_path / "a.txt").write_text("one\n")
    azureml_script.init()
    azureml_script.run([str(tmp_path / "a.txt")])
    body = endpoint.requests[0].body
    assert (body["max_tokens"], body["top_k"], body["temperature"]) == (9, 5, 0)


def test_a_schema(monkeypatch, tmp_path):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    monkeypatch.setenv(azureml_script.OPTIONS, json.dumps({"schema": schema}))
    (tmp_path / "a.txt").write_text("one\n")
    with LocalEndpoint("scripted", script=lambda _: '{"n": 7}') as endpoint:
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", endpoint.url + "/v1")
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", endpoint.api_key)
        monkeypatch.setenv("AZUREML_MODEL_FAMILY", "LLAMA")
        azureml_script.init()
        (found,) = lines(azureml_script.run([str(tmp_path / "a.txt")]))
    assert found["answer"] == {"n": 7}
    assert "response_format" in endpoint.requests[0].body


def test_embeddings(endpoint, monkeypatch, tmp_path):
    monkeypatch.setenv(azureml_script.OPTIONS, '{"api": "embeddings", "dimensions": 4}')
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    azureml_script.init()
    found = lines(azureml_script.run([str(tmp_path / "a.txt")]))
    assert [len(one["vector"]) for one in found] == [4, 4]


def test_the_docs_list_the_options():
    text = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    _, _, section = text.partition("## As an Azure ML batch deployment")
    listed = [
        name
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)  # the first column
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(listed) == sorted(azureml_script._OWN)


def test_the_deployment_of_the_docs(endpoint, monkeypatch, tmp_path):
    """Its script is found, Azure ML's required keys are there, and its variables make a model."""
    text = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    conda, deployment = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    assert {"name", "endpoint_name", "type", "model", "compute"} <= deployment.keys()
    assert deployment["settings"]["retry_settings"]["timeout"] > 30  # too short for a file
    assert "langchain-azureml-oss[batch]" in conda["dependencies"][-1]["pip"]
    script = deployment["code_configuration"]["scoring_script"]
    (copy,) = re.findall(r"```sh\n(mkdir -p code\n.*?)```", text, re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", copy], cwd=tmp_path, env={"PATH": path}, check=True)
    folder = tmp_path / deployment["code_configuration"]["code"]
    assert (folder / script).read_bytes() == Path(azureml_script.__file__).read_bytes()
    assert (tmp_path / deployment["model"]["path"]).exists()
    assert f"`{Path(azureml_script.__file__).relative_to(ROOT).as_posix()}`" in text
    variables = deployment["settings"]["environment_variables"]
    for name in variables.keys() - {"AZUREML_ENDPOINT_URL"}:
        monkeypatch.setenv(name, variables[name])
    (tmp_path / "a.jsonl").write_text('{"prompt": "one"}\n')
    azureml_script.init()
    (found,) = lines(azureml_script.run([str(tmp_path / "a.jsonl")]))
    assert found["text"] == "echo: one"
    assert endpoint.requests[0].body["max_tokens"] == 64

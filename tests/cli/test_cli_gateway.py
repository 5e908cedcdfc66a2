"""`azureml-oss serve --connection`, `--record` and `--replay`."""

from __future__ import annotations

import json
import shlex
import signal

import openai
import pytest

from langchain_azureml_oss.local import LocalEndpoint

TIMEOUT_S = 60


@pytest.fixture
def connection_file(tmp_path):
    """A prompt flow connection to a running endpoint; its key is in the file alone."""
    with LocalEndpoint("echo") as behind:
        path = tmp_path / "connection.yaml"
        path.write_text(
            json.dumps(
                {
                    "type": "custom",
                    "name": "behind",
                    "configs": {"endpoint_url": behind.scoring_url, "model_family": "LLAMA"},
                    "secrets": {"endpoint_api_key": behind.api_key},
                }
            )
        )
        yield str(path), behind


def answer(base_url, key):
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
        messages = [{"role": "user", "content": "hi"}]
        asked = client.chat.completions.create(model="any", messages=messages)
        return asked.choices[0].message.content


def ended(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, "Traceback" in err) == (0, False)
    return out + err


def test_lines_for_openai_clients(start, connection_file):
    path, behind = connection_file
    # The environment's key is that of an endpoint, and opens no gateway.
    process = start("serve", "--connection", path, AZUREML_ENDPOINT_API_KEY="k-4711-0815")
    lines = [process.stdout.readline() for _ in range(2)]
    found = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    assert answer(found["OPENAI_BASE_URL"], found["OPENAI_API_KEY"]) == "echo: hi"
    assert found["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
    for key in (behind.api_key, "k-4711-0815"):
        with pytest.raises(openai.AuthenticationError):
            answer(found["OPENAI_BASE_URL"], key)
    shown = "".join(lines) + ended(process)
    assert behind.api_key not in shown
    assert "OpenAI clients" in shown
    assert f"Starting a gateway to {path}" in shown


def test_record_then_replay(start, connection_file, tmp_path):
    path, behind = connection_file
    tape = str(tmp_path / "cassette.jsonl")
    key = "k-4711-0815"
    for options in (("--connection", path, "--record", tape), ("--replay", tape)):
        process = start("serve", "--json", *options, AZUREML_GATEWAY_API_KEY=key)
        found = json.loads(process.stdout.readline())
        assert found["api_key"] is None
        assert answer(found["base_url"], key) == "echo: hi"
        assert key not in ended(process)
    assert len(behind.requests) == 1


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--record", "a.jsonl"), 2, "--record needs --connection"),
        (("--replay", "a.jsonl", "--connection", "b"), 2, "leave out --connection"),
        (("--replay", "gossip.jsonl"), 2, "gossip.jsonl"),
        (("--connection", "gossip.yaml"), 2, "gossip.yaml"),
    ],
)
def test_wrong_options(run, options, status, said):
    result = run("serve", *options)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr

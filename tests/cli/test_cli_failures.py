"""What goes wrong: one message on standard error, the right exit status, never a key."""

from __future__ import annotations

import json
import re
import socket

import pytest

KEYS = ("endpoint_url", "endpoint_api_key", "model_family")
VARIABLES = ("AZUREML_ENDPOINT_URL", "AZUREML_ENDPOINT_API_KEY", "AZUREML_MODEL_FAMILY")
WRONG_KEY = "wrong-key-4711"


def assert_one_message(result, status):
    assert result.exit_code == status
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.stderr


@pytest.fixture
def dead_url():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it meanwhile
        yield f"http://127.0.0.1:{free.getsockname()[1]}/score"


def test_a_wrong_key(run, configured, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", WRONG_KEY)
    result = run("chat", "hi")
    assert_one_message(result, 1)
    assert "401" in result.stderr
    assert re.search(r"\(request id [0-9a-f-]{36}\)", result.stderr)
    assert WRONG_KEY not in result.stderr


def test_a_wrong_key_in_json(run, configured, monkeypatch, error_of):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", WRONG_KEY)
    result = run("chat", "hi", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    error = error_of(result)
    assert error.pop("message").startswith("401 ")
    assert re.fullmatch(r"[0-9a-f-]{36}", error.pop("request_id"))
    assert error == {
        "type": "AuthenticationError",
        "status": 401,
        "deployment": None,
        "is_retryable": False,
    }
    assert WRONG_KEY not in result.stderr


def test_a_wrong_path(run, configured):
    result = run("chat", "hi", "--url", f"{configured.url}/nothing/here", "--contract", "openai")
    assert_one_message(result, 1)
    assert "404" in result.stderr


def test_a_wrong_deployment(run, configured):
    result = run("chat", "hi", "--deployment", "purple")
    assert_one_message(result, 1)
    assert "purple" in result.stderr


def test_nobody_there(run, configured, dead_url, error_of):
    result = run("chat", "hi", "--url", dead_url, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert error_of(result)["type"] == "EndpointConnectionError"
    assert len(json.loads(result.stderr)["notes"]) == 3


def test_no_configuration(run):
    result = run("chat", "hi")
    assert_one_message(result, 2)
    for name in (*KEYS, *VARIABLES):
        assert name in result.stderr
    assert "endpoint_url, endpoint_api_key and model_family are missing" in result.stderr


def test_half_a_configuration(run, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", WRONG_KEY)
    result = run("chat", "hi", "--family", "LLAMA")
    assert_one_message(result, 2)
    assert result.stderr.startswith("Error: endpoint_url is missing")
    states = {key: result.stderr.split(f"{key} ")[-1].split()[0] for key in KEYS}
    assert states == {
        "endpoint_url": "missing",
        "endpoint_api_key": "found",
        "model_family": "found",
    }
    assert WRONG_KEY not in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--family", "LAMMA"), "LAMMA"),
        (("--contract", "corba"), "corba"),
        (("--url", "ftp://host/score"), "ftp://host/score"),
        (("--url", "http://example.com/score"), "http://"),
        (("--connection", "absent.yaml"), "absent.yaml"),
    ],
)
def test_a_wrong_configuration(run, configured, error_of, options, said):
    result = run("chat", "hi", *options)
    assert_one_message(result, 2)
    assert said in result.stderr
    assert error_of(run("chat", "hi", "--json", *options))["type"] == "ConnectionConfigError"
    assert not configured.requests


@pytest.mark.parametrize(
    "arguments",
    [
        ("chat", "hi", "--nope"),
        ("chat", "hi", "--max-tokens", "0"),
        ("chat", "hi", "--temperature", "warm"),
        ("chat", "hi", "--local", "--url", "https://host/score"),
        ("chat", "hi", "--local", "--connection", "connection/mine"),
        ("chat", ""),
        ("nope",),
    ],
)
def test_wrong_usage(run, configured, error_of, arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr
    in_json = run(*arguments, "--json")
    assert (in_json.exit_code, in_json.stdout) == (2, "")
    error = error_of(in_json)
    assert error["type"] == "UsageError"
    assert error["message"] in result.stderr.replace("\n", " ")


def test_a_key_is_no_option(run, configured):
    for name in ("--key", "--api-key", "--endpoint-api-key"):
        assert run("chat", "hi", name, "k").exit_code == 2


@pytest.mark.parametrize("fault", ["stream-cut", "stream-error"])
def test_a_stream_that_breaks(run, configured, error_of, fault):
    configured.fail_next(fault)
    result = run("chat", "one two three four")
    assert result.exit_code == 1
    # What had come is not lost, and ends its line.
    assert result.stdout.startswith("echo:")
    assert result.stdout.endswith("\n")
    assert result.stdout != "echo: one two three four\n"
    assert [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    configured.fail_next(fault)
    broken = run("chat", "one two three four", "--json")
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert error_of(broken)["type"] == "StreamInterruptedError"
    assert error_of(broken)["text"] == result.stdout.rstrip("\n")

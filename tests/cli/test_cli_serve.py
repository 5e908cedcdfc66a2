"""`azureml-oss serve`: started, called, stopped."""

from __future__ import annotations

import json
import shlex
import signal
import socket

import pytest
import requests

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection

TIMEOUT_S = 60


@pytest.fixture
def serving(start):
    """Starts `azureml-oss serve` with the `echo` model."""

    def call(*arguments, **environment):
        return start("serve", "--model", "echo", *arguments, **environment)

    return call


def ended(process, signal_number):
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_lines_to_paste(serving, monkeypatch, signal_number):
    process = serving()
    lines = [process.stdout.readline() for _ in range(3)]
    for line in lines:
        word, assignment = shlex.split(line)
        assert word == "export"
        monkeypatch.setenv(*assignment.split("=", 1))
    connection = CustomConnection.from_env()
    with AzureMLOSSChatModel(connection=connection) as chat:
        pieces = [piece.text for piece in chat.stream("one two") if piece.text]
    assert pieces == ["echo:", " one", " two"]
    status, rest, err = ended(process, signal_number)
    assert (status, rest) == (0, "")
    assert "Traceback" not in err
    assert err.endswith("Stopped.\n")


def test_the_users_own_key_is_not_shown(serving):
    key = "k-4711-0815"
    process = serving(AZUREML_ENDPOINT_API_KEY=key)
    lines = [process.stdout.readline() for _ in range(2)]
    url = shlex.split(lines[0])[1].split("=", 1)[1]
    body = {"messages": [{"role": "user", "content": "hi"}]}
    call = {"json": body, "timeout": TIMEOUT_S}
    path = f"{url}/chat/completions"
    right = requests.post(path, headers={"Authorization": f"Bearer {key}"}, **call)
    wrong = requests.post(path, headers={"Authorization": "Bearer x"}, **call)
    status, rest, err = ended(process, signal.SIGTERM)
    assert (right.status_code, wrong.status_code, status) == (200, 401, 0)
    assert key not in "".join(lines) + rest + err


def test_json_and_options(serving):
    shares = ("--deployment", "blue=90", "--deployment", "green=10")
    options = ("--faults", "429=1", "--refuse-tools", "--front-door", "--seed", "1")
    process = serving("--json", *shares, *options)
    found = json.loads(process.stdout.readline())
    answer = requests.post(
        found["endpoint_url"] + "/chat/completions",
        headers={"Authorization": f"Bearer {found['endpoint_api_key']}"},
        json={"messages": [{"role": "user", "content": "hi"}]},
        timeout=TIMEOUT_S,
    )
    status, rest, err = ended(process, signal.SIGTERM)
    assert answer.status_code == 429
    assert found["deployments"] == {"blue": 90, "green": 10}
    assert found["model_family"] == "LLAMA"
    assert (status, rest, err) == (0, "", "")


def test_an_older_contract(serving):
    process = serving("--contract", "falcon-2023", "--json")
    found = json.loads(process.stdout.readline())
    with AzureMLOSSChatModel(
        connection={name: found[name] for name in found if name != "deployments"},
        contract="falcon-2023",
    ) as chat:
        assert "hi" in chat.invoke("hi").text
    assert found["endpoint_url"].endswith("/score")
    assert found["model_family"] == "FALCON"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--faults", "flood=1"), "flood"),
        (("--contract", "corba"), "corba"),
        (("--task", "sing"), "sing"),
        (("--model", "gpt-9"), "gpt-9"),
        (("--deployment", "blue=much"), "blue=much"),
        (("--deployment", "=5"), "=5"),
        (("--deployment", "blue=1", "--deployment", "blue=2"), "blue=2"),
        (("--port", "70000"), "--port"),
    ],
)
def test_wrong_options(run, options, said):
    result = run("serve", "--model", "echo", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_port_that_is_taken(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", "--model", "echo", "--port", port)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--port" in result.stderr

"""`azureml-oss chat --local`: nothing but this machine is needed."""

from __future__ import annotations

import json

import pytest


def test_a_local_model(run):
    result = run("chat", "--local", "--model", "echo", "one two")
    assert (result.exit_code, result.stdout) == (0, "echo: one two\n")
    first, last = result.stderr.splitlines()
    assert first.startswith("A local endpoint with echo listens at http://127.0.0.1:")
    assert last.startswith("blue answered in ")
    assert "first words" in last


def test_the_environment_is_about_another_endpoint(run, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://elsewhere.invalid/score")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "k-4711")
    monkeypatch.setenv("AZUREML_MODEL_FAMILY", "DOLLY")
    monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "purple")
    result = run("chat", "--local", "--model", "echo", "hi", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["deployment"] == "blue"


def test_another_deployment(run):
    result = run("chat", "--local", "--model", "echo", "hi", "--deployment", "green")
    assert "green answered in " in result.stderr


@pytest.mark.parametrize(
    ("contract", "family"),
    [("score", "LLAMA"), ("openai", "LLAMA"), ("falcon-2023", "FALCON"), ("gpt2-2023", "GPT2")],
)
def test_another_contract(run, contract, family):
    arguments = ("--contract", contract, "--family", family)
    result = run("chat", "--local", "--model", "echo", "hi", *arguments)
    assert result.exit_code == 0, result.stderr
    assert "hi" in result.stdout


def test_an_unknown_model(run, error_of):
    result = run("chat", "--local", "--model", "gpt-9", "hi", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "gpt-9" in error_of(result)["message"]


@pytest.mark.model
def test_a_real_model(command):
    done = command("chat", "--local", "What is the capital of France?")
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("blue answered in ")

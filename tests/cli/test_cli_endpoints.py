"""The table of a workspace's endpoints: azure-ai-ml for real, against Azure on this machine."""

from __future__ import annotations

import io
import json

import fake_azure
import pytest
from fake_azure.fixtures import (  # noqa: F401 - pytest finds them here
    azure_on_this_machine,
    self_made_certificate,
)
from rich.console import Console

from langchain_azureml_oss import ModelFamily
from langchain_azureml_oss.cli import endpoints as command
from langchain_azureml_oss.connections import workspace as discovery
from langchain_azureml_oss.errors import AuthenticationError

REGISTRY = "azureml://registries/azureml-meta/models/"
LLAMA, MISTRAL = (
    f"{REGISTRY}Meta-Llama-3-8B-Instruct/versions/18",
    f"{REGISTRY}Mistral-7B/versions/1",
)
OPTIONS = (
    *("--subscription", fake_azure.SUBSCRIPTION),
    *("--resource-group", fake_azure.GROUP),
    *("--workspace", fake_azure.WORKSPACE),
)


@pytest.fixture
def workspace(fake, monkeypatch):
    """A workspace with an endpoint of each kind, one of them broken."""
    monkeypatch.setattr(
        "azure.identity.DefaultAzureCredential", lambda: fake_azure.Credential(fake)
    )
    fake.add_online("split", {"blue": (90, LLAMA), "green": (10, MISTRAL)})
    fake.add_online("aks", {"one": (100, MISTRAL)}, compute="/the/cluster")
    fake.add_online("broken", {"blue": (100, LLAMA)})
    fake.add_online("empty", {}, provisioningState="Creating", scoringUri=None)
    fake.add_serverless("maas", LLAMA)
    denied = 403, fake_azure.refusal("AuthorizationFailed", "May not read deployments.")
    fake.refusals["/onlineEndpoints/broken/deployments"] = denied
    return fake


def rows(result):
    """Name -> the cells of its line."""
    head, *lines = result.stdout.splitlines()
    starts = [head.index(name) for name in (*command._COLUMNS, "Problem") if name in head]
    ends = [*starts[1:], None]
    return {
        line.split()[0]: [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        for line in lines
    }


def test_the_table(run, workspace):
    result = run("endpoints", *OPTIONS)
    assert (result.exit_code, result.stderr) == (0, "")
    found = rows(result)
    assert found["split"] == [
        *("split", "managed", "Succeeded", "LLAMA", "blue 90 %, green 10 %", "blue"),
        *("https://split.eastus2.inference.ml.azure.com/score", ""),
    ]
    assert found["aks"][1:4] == ["kubernetes", "Succeeded", "MISTRAL"]
    assert found["empty"][1:7] == ["managed", "Creating", "-", "-", "-", "-"]
    assert found["maas"][1] == "serverless"
    # One broken endpoint hides nothing, and says what is wrong in its own line.
    assert list(found) == ["aks", "broken", "empty", "maas", "split"]
    assert "May not read deployments" in found["broken"][7]
    assert found["broken"][4] == "blue 100 %"
    assert not any(path.endswith("listKeys") for path in workspace.paths())


def test_json(run, workspace):
    result = run("endpoints", *OPTIONS, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = {one["name"]: one for one in json.loads(result.stdout)["endpoints"]}
    assert found["split"]["family"] == "LLAMA"
    assert found["split"]["default_deployment"] == "blue"
    assert [one["traffic"] for one in found["split"]["deployments"]] == [90, 10]
    assert found["split"]["error"] is None
    assert "May not read deployments" in found["broken"]["error"]


def test_the_environment_says_which_workspace(run, workspace, monkeypatch):
    for name, value in fake_azure.WORKSPACE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert "split" in rows(run("endpoints"))


def test_it_is_not_said_which_workspace(run, error_of):
    result = run("endpoints", "--workspace", "mine")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--subscription (or AZUREML_ARM_SUBSCRIPTION)" in result.stderr
    assert "--resource-group (or AZUREML_ARM_RESOURCEGROUP)" in result.stderr
    assert "--workspace" not in result.stderr
    assert "--subscription" in error_of(run("endpoints", "--json"))["message"]


def test_what_azure_refuses(run, workspace, error_of):
    denied = 403, fake_azure.refusal("AuthorizationFailed", "The client has no authorization.")
    workspace.refusals["/onlineEndpoints"] = denied
    result = run("endpoints", *OPTIONS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no authorization" in result.stderr
    assert error_of(run("endpoints", *OPTIONS, "--json"))["type"] == "PermissionDeniedError"


def test_nobody_is_signed_in(run, monkeypatch):
    def refuse(**_):
        raise AuthenticationError("Azure did not give a token. Sign in (`az login`).")

    monkeypatch.setattr(discovery, "list_endpoints", refuse)
    result = run("endpoints", *OPTIONS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "az login" in result.stderr


@pytest.fixture
def listed(monkeypatch):
    """Makes the workspace have these endpoints, and returns what was asked for."""

    def put(*found):
        asked = []
        monkeypatch.setattr(
            discovery, "list_endpoints", lambda **where: asked.append(where) or list(found)
        )
        return asked

    return put


def test_an_empty_workspace(run, listed):
    asked = listed()
    result = run("endpoints", *OPTIONS)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "has no endpoints" in result.stderr
    assert asked == [
        {
            "subscription_id": fake_azure.SUBSCRIPTION,
            "resource_group": fake_azure.GROUP,
            "workspace_name": fake_azure.WORKSPACE,
        }
    ]
    assert json.loads(run("endpoints", *OPTIONS, "--json").stdout) == {"endpoints": []}


def test_without_a_problem_there_is_no_column_of_problems(run, listed):
    listed(discovery.Endpoint("ep", "managed", family=ModelFamily.LLAMA))
    result = run("endpoints", *OPTIONS)
    assert "Problem" not in result.stdout
    assert len(result.stdout.splitlines()) == 2


def test_an_answer_gives_no_orders_to_the_terminal(run, listed):
    listed(discovery.Endpoint("ep", "managed", error="a\x1b]0;mine\x07b\nc"))
    result = run("endpoints", *OPTIONS)
    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 2


BROKEN = "PermissionDeniedError: Azure did not give the deployments of endpoint 'two'."


@pytest.mark.parametrize("width", [40, 80, 120, 300])
def test_what_is_copied_stays_whole_at_any_width(width):
    """A terminal breaks lines itself; what it is given there has names and URLs in one piece."""
    deployments = (discovery.Deployment("blue", 90), discovery.Deployment("green", 10))
    url = "https://a-name-of-some-length.eastus2.inference.ml.azure.com/score"
    found = [
        discovery.Endpoint("a-name-of-some-length", "managed", url, deployments=deployments),
        discovery.Endpoint("two", "kubernetes", provisioning_state="Failed", error=BROKEN),
    ]
    console = Console(width=width, file=io.StringIO())
    command.show(found, console)
    lines = console.file.getvalue().splitlines()
    for text in ("a-name-of-some-length  ", url, "blue 90 %, green 10 %", BROKEN, "Failed"):
        assert sum(text in line for line in lines) == 1
    is_table = len(lines) == 3
    assert is_table == (width == 300)
    if not is_table:
        assert all(len(line) <= width for line in lines if url not in line and BROKEN not in line)

"""What prompt flow's editors offer: local connections, and a workspace's, on this machine."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import fake_azure
import pytest
from fake_azure.fixtures import azure_on_this_machine, self_made_certificate  # noqa: F401
from promptflow._core.tools_manager import collect_package_tools, retrieve_tool_func_result
from promptflow._utils.tool_utils import ToolFuncCallScenario

from langchain_azureml_oss.promptflow.lists import list_deployment_names, list_endpoint_names

LLAMA = "azureml://registries/azureml-meta/models/Llama-2-7b-chat/versions/18"
TRIAD = {
    "subscription_id": fake_azure.SUBSCRIPTION,
    "resource_group_name": fake_azure.GROUP,
    "workspace_name": fake_azure.WORKSPACE,
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def workspace(fake, monkeypatch):
    credential = fake_azure.Credential(fake)
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: credential)
    fake.add_online("my-ep", {"blue": (90, LLAMA), "green": (10, LLAMA)})
    fake.add_serverless("my-llama", LLAMA)
    fake.add_connection("stored", {"model_family": "LLAMA", "endpoint_url": "u"}, {"k": "sk-1"})
    fake.add_connection("other", {"a": "b"}, {"k": "sk-1"})


def values(entries):
    return [entry["value"] for entry in entries]


@pytest.mark.usefixtures("mine")
def test_without_a_workspace_there_are_the_local_connections(caplog):
    with caplog.at_level(logging.INFO):
        assert values(list_endpoint_names()) == ["localConnection/mine"]
    assert "the workspace's endpoints" in caplog.text


@pytest.mark.parametrize("endpoint_name", [None, "", "onlineEndpoint/", "onlineEndpoint/my-ep"])
def test_without_a_workspace_there_are_no_deployments(endpoint_name):
    assert list_deployment_names(endpoint_name) == []


def test_nothing_at_all_is_an_empty_list(monkeypatch, caplog):
    def broken():
        raise OSError("disk")

    monkeypatch.setattr("langchain_azureml_oss.connections.stored_names", broken)
    assert list_endpoint_names() == []
    assert "local connections. OSError" in caplog.text


@pytest.mark.usefixtures("workspace", "mine")
def test_the_lists_of_a_workspace_as_prompt_flow_asks_for_them():
    ((_, tool),) = [
        item for item in collect_package_tools().items() if "langchain_azureml_oss" in item[0]
    ]
    before = set(Path(tempfile.gettempdir()).iterdir())
    scenario = ToolFuncCallScenario.DYNAMIC_LIST
    path = tool["inputs"]["endpoint_name"]["dynamic_list"]["func_path"]
    found = retrieve_tool_func_result(scenario, path, {}, TRIAD)
    assert (
        values(found)
        == values(list_endpoint_names(**TRIAD))
        == [
            "localConnection/mine",
            "connection/stored",
            "onlineEndpoint/my-ep",
            "serverlessEndpoint/my-llama",
        ]
    )
    (argument,) = tool["inputs"]["deployment_name"]["dynamic_list"]["func_kwargs"]
    assert argument["reference"].strip("${}").split(".")[1] in tool["inputs"]
    chosen = {argument["name"]: "onlineEndpoint/my-ep"}
    assert values(list_deployment_names(**chosen, **TRIAD)) == ["default", "blue", "green"]
    assert list_deployment_names("serverlessEndpoint/my-llama", **TRIAD) == []
    assert list_deployment_names("onlineEndpoint/gone", **TRIAD) == []
    names = {path.name for path in set(Path(tempfile.gettempdir()).iterdir()) - before}
    assert "pf_connection_names" not in names

"""Flows whose `endpoint_name` is something of an Azure ML workspace."""

from __future__ import annotations

import re

import fake_azure
import flows
import pytest
from fake_azure.fixtures import azure_on_this_machine, self_made_certificate  # noqa: F401
from promptflow.exceptions import UserErrorException

from langchain_azureml_oss.local import LocalEndpoint

LLAMA2 = "azureml://registries/azureml-meta/models/Llama-2-7b-chat/versions/18"
PHI = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/1"
KEY = "key-of-my-ep"  # of either kind of endpoint
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def deployed():
    with LocalEndpoint("echo", api_key=KEY, deployments={"blue": 100, "green": 0}) as running:
        yield running


@pytest.fixture(autouse=True)
def workspace(fake, deployed, monkeypatch):
    """A workspace that has the endpoint in three ways."""
    credential = fake_azure.Credential(fake)
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: credential)
    for name, value in fake_azure.WORKSPACE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    models = {"blue": (100, LLAMA2), "green": (0, PHI)}
    fake.add_online("my-ep", models, scoringUri=deployed.scoring_url)
    fake.add_serverless("my-ep", LLAMA2, inferenceEndpoint={"uri": deployed.url, "headers": {}})
    configs = {"model_family": "LLAMA", "endpoint_url": deployed.scoring_url}
    fake.add_connection("stored", configs, {"endpoint_api_key": KEY})


def ask(flow, endpoint_name, deployment="default", api="chat"):
    dag = flows.LATER.replace("localConnection/mine", endpoint_name)
    dag = dag.replace("deployment_name: default", f"deployment_name: {deployment}")
    return flow(dag.replace("api: chat", f"api: {api}"), chat=flows.CHAT)(question="What is CI?")


@pytest.mark.parametrize("deployment", ["default", '""', "blue", "green"])
@pytest.mark.parametrize("kind", ["onlineEndpoint", "ONLINEENDPOINT"])
def test_an_online_endpoint(flow, deployed, kind, deployment):
    assert ask(flow, f"{kind}/my-ep", deployment)["answer"].endswith("What is CI?")
    request = deployed.requests[-1]
    asked = deployment if deployment in {"blue", "green"} else None
    assert request.headers.get("azureml-model-deployment") == asked
    assert request.path == "/score"
    # The family is that of the deployment's model: Llama 2's template has no system turn.
    roles = [turn["role"] for turn in request.body["input_data"]["input_string"]]
    assert roles == (["system", "user"] if deployment == "green" else ["user"])


@pytest.mark.parametrize("api", ["chat", "completion"])
@pytest.mark.parametrize("kind", ["serverlessEndpoint", "serverlessendpoint"])
def test_a_serverless_endpoint(flow, deployed, kind, api):
    assert "What is CI?" in ask(flow, f"{kind}/my-ep", api=api)["answer"]
    paths = {"chat": "/v1/chat/completions", "completion": "/v1/completions"}
    assert deployed.requests[-1].path == paths[api]


@pytest.mark.parametrize("kind", ["connection", "Connection"])
def test_a_connection_of_the_workspace(flow, kind):
    assert ask(flow, f"{kind}/stored") == {"answer": "echo: What is CI?"}


@pytest.mark.parametrize(
    ("endpoint_name", "deployment", "words"),
    [
        ("onlineEndpoint/gone", "default", "gone"),
        ("onlineEndpoint/my-ep", "pink", "pink"),
        ("serverlessEndpoint/gone", "default", "gone"),
        ("connection/gone", "default", "gone"),
        ("rocket/my-ep", "default", "rocket"),
        ("my-ep", "default", "onlineEndpoint/"),
    ],
)
def test_what_is_not_there_is_an_error_of_the_flow(flow, endpoint_name, deployment, words):
    with pytest.raises(UserErrorException, match=re.escape(words)) as caught:
        ask(flow, endpoint_name, deployment)
    assert KEY not in str(caught.value)


def test_nobody_signed_in_is_an_error_of_the_flow(flow, monkeypatch):
    from azure.core.exceptions import ClientAuthenticationError

    class Nobody:
        def get_token(self, *_, **__):
            raise ClientAuthenticationError("Please run 'az login'.")

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Nobody)
    with pytest.raises(UserErrorException, match="az login"):
        ask(flow, "onlineEndpoint/my-ep")

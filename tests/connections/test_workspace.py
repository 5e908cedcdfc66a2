"""Endpoints and connections of a workspace: azure-ai-ml for real, against Azure on this machine."""

from __future__ import annotations

import dataclasses
import json
import logging
import pickle
import sys
import warnings

import fake_azure
import pytest
from fake_azure.fixtures import (  # noqa: F401 - pytest finds them here
    azure_on_this_machine,
    self_made_certificate,
)
from pydantic import SecretStr

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection, ModelFamily
from langchain_azureml_oss.connections import workspace as discovery
from langchain_azureml_oss.errors import (
    AuthenticationError,
    ConnectionConfigError,
    PermissionDeniedError,
)

with warnings.catch_warnings():
    # azure-ai-ml's marshmallow warns of itself while it is imported.
    warnings.simplefilter("ignore")
    import azure.ai.ml
    import azure.identity

REGISTRY = "azureml://registries/azureml-meta/models/"
LLAMA, MISTRAL = (
    f"{REGISTRY}Meta-Llama-3-8B-Instruct/versions/18",
    f"{REGISTRY}Mistral-7B/versions/1",
)
OWN = f"azureml:{fake_azure.ROOT}/models/my-own/versions/1"
NAMES = {
    "subscription_id": fake_azure.SUBSCRIPTION,
    "resource_group": fake_azure.GROUP,
    "workspace_name": fake_azure.WORKSPACE,
}


@pytest.fixture
def credential(fake):
    return fake_azure.Credential(fake)


@pytest.fixture
def workspace(monkeypatch):
    for name, value in fake_azure.WORKSPACE_VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def default_credential(credential, monkeypatch):
    """What a selector signs in with; DefaultAzureCredential itself would look for the cloud."""
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: credential)
    return credential


def key_of(connection):
    return connection.endpoint_api_key and connection.endpoint_api_key.get_secret_value()


# --- Names of models ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "family"),
    [
        (LLAMA, "LLAMA"),
        (f"{REGISTRY}Meta-Llama-3-8B-Instruct", "LLAMA"),
        (f"{REGISTRY}Llama-2-7b-chat/versions/18", "LLAMA2"),
        (f"{REGISTRY}tiiuae-falcon-7b/versions/2", "FALCON"),
        (f"{REGISTRY}databricks-dolly-v2-12b/versions/4", "DOLLY"),
        (f"{REGISTRY}gpt2/versions/9", "GPT2"),
        (f"{REGISTRY}mistralai-Mixtral-8x7B-Instruct-v01/versions/1", "MISTRAL"),
        (f"{REGISTRY}Mixtral-8x7B/versions/1", "MISTRAL"),
        (f"{REGISTRY}Phi-3-mini-4k-instruct/versions/1", "PHI"),
        (f"{REGISTRY}microsoft-phi-2/versions/1", "PHI"),
        (f"{REGISTRY}qwen-2-7b/versions/1", "QWEN"),
        (f"{REGISTRY}google-gemma-2b/versions/1", "GEMMA"),
        (f"{REGISTRY}DeepSeek-R1/versions/1", "DEEPSEEK"),
        (f"{fake_azure.ROOT}/models/llama-of-mine/versions/3", "LLAMA"),
        ("azureml:mistral-tuned:4", "OPENAI"),
        (OWN, "OPENAI"),
        (f"{REGISTRY}not-a-llama/versions/1", "OPENAI"),
        (None, "OPENAI"),
        ("models", "OPENAI"),
    ],
)
def test_a_models_name_tells_its_family(model, family, caplog):
    assert discovery.family_of(model) is ModelFamily(family)
    assert bool(caplog.records) == (family == "OPENAI")
    assert family != "OPENAI" or repr(model) in caplog.text


# --- Listing --------------------------------------------------------------------------------------


def test_everything_is_listed_page_by_page(fake, credential, workspace, capfd):
    blue_green = {"green": (10, MISTRAL), "blue": (90, LLAMA), "idle": (0, OWN)}
    fake.add_online("split", blue_green, "AADToken")
    fake.add_online("even", {"b": (50, LLAMA), "a": (50, MISTRAL)}, "AMLToken")
    fake.add_online("aks", {"one": (100, LLAMA)}, compute="azureml:k8s")
    fake.add_online("empty", {}, provisioningState="Creating", scoringUri=None)
    fake.add_online("last", {"x": (100, OWN)})
    fake.add_serverless("maas", f"{REGISTRY}Meta-Llama-3-8B-Instruct")
    found = discovery.list_endpoints(credential=credential)
    rows = {
        item.name: (item.kind, item.auth_mode, item.default_deployment, item.family)
        for item in found
    }
    assert [item.error for item in found] == [None] * 6
    assert rows == {
        "aks": ("kubernetes", "key", "one", "LLAMA"),
        "empty": ("managed", "key", None, None),
        "even": ("managed", "aml_token", "a", "MISTRAL"),
        "last": ("managed", "key", "x", "OPENAI"),
        "maas": ("serverless", "key", None, "LLAMA"),
        "split": ("managed", "aad_token", "blue", "LLAMA"),
    }
    assert [item.name for item in found] == sorted(rows)
    assert [item.error for item in found] == [None] * 6
    by_name = {item.name: item for item in found}
    assert by_name["split"].deployments == (
        discovery.Deployment("blue", 90, LLAMA, ModelFamily.LLAMA, "Succeeded"),
        discovery.Deployment("green", 10, MISTRAL, ModelFamily.MISTRAL, "Succeeded"),
        discovery.Deployment("idle", 0, OWN, ModelFamily.OPENAI, "Succeeded"),
    )
    assert by_name["split"].scoring_url == "https://split.eastus2.inference.ml.azure.com/score"
    assert (by_name["empty"].scoring_url, by_name["empty"].provisioning_state) == (None, "Creating")
    assert by_name["maas"].provisioning_state == "Succeeded"
    assert by_name["maas"].scoring_url == "https://maas.eastus2.models.ai.azure.com"
    assert len(fake.paths("/onlineEndpoints")) == 3
    assert "experimental" not in capfd.readouterr().err


def test_a_listing_is_plain_data_and_fetches_no_key(fake, credential):
    fake.add_online("ep", {"blue": (100, LLAMA)})
    fake.add_serverless("maas", LLAMA)
    found = discovery.list_endpoints(**NAMES, credential=credential)
    assert json.loads(json.dumps([dataclasses.asdict(item) for item in found]))[0]["family"]
    assert [path for path in fake.paths() if "listKeys" in path or "token" in path] == []


def test_a_broken_endpoint_does_not_hide_the_others(fake, credential, workspace):
    fake.add_online("broken", {"blue": (100, LLAMA)})
    fake.add_online("odd", {"blue": (100, LLAMA)})
    fake.add_online("sound", {"blue": (100, LLAMA)})
    denied = 403, fake_azure.refusal("AuthorizationFailed", "May not read deployments.")
    fake.refusals["/onlineEndpoints/broken/deployments"] = denied
    fake.deployments["odd"]["blue"]["endpointComputeType"] = "Quantum"
    broken, odd, sound = discovery.list_endpoints(credential=credential)
    assert "May not read deployments" in broken.error
    assert broken.deployments == (discovery.Deployment("blue", 100),)
    assert (broken.default_deployment, broken.family) == ("blue", None)
    assert "Quantum" in odd.error
    assert (sound.error, sound.family) == (None, ModelFamily.LLAMA)


def test_a_region_without_serverless_endpoints_has_the_others(fake, credential, workspace, caplog):
    fake.add_online("ep", {"blue": (100, LLAMA)})
    fake.refusals["/serverlessEndpoints"] = 400, fake_azure.refusal("NoRegion", "Not in moonbase.")
    assert [item.name for item in discovery.list_endpoints(credential=credential)] == ["ep"]
    assert "Not in moonbase" in caplog.text


def test_what_azure_refuses_is_said(fake, credential, workspace, monkeypatch):
    denied = 403, fake_azure.refusal("AuthorizationFailed", "The client has no authorization.")
    fake.refusals["/onlineEndpoints"] = denied
    with pytest.raises(PermissionDeniedError, match=r"my-workspace.*no authorization.*role"):
        discovery.list_endpoints(credential=credential)


def test_a_token_that_azure_does_not_take_is_said(fake, credential, workspace, shows):
    class Stranger(fake_azure.Credential):
        def get_token(self, *scopes, **_):
            return super().get_token(*scopes)._replace(token="stolen-token")

    with pytest.raises(AuthenticationError, match="az login") as caught:
        discovery.list_endpoints(credential=Stranger(fake))
    assert "stolen-token" not in shows(caught.value)


def test_a_credential_that_gives_nothing_is_said(fake, workspace):
    from azure.identity import CredentialUnavailableError

    class Unavailable:
        def get_token(self, *scopes, **_):
            raise CredentialUnavailableError("Nobody is signed in.")

    with pytest.raises(AuthenticationError, match=r"Nobody is signed in.*az login"):
        discovery.list_endpoints(credential=Unavailable())


class AsyncCredential:
    async def get_token(self, *scopes, **_):
        raise AssertionError


@pytest.mark.parametrize("credential", [lambda: "token", AsyncCredential()])
def test_a_credential_that_azure_ai_ml_cannot_use_is_refused(credential, workspace):
    with pytest.raises(ConnectionConfigError, match=r"credential is \w+; .*sync.*get_token"):
        discovery.list_endpoints(credential=credential)


# --- Which workspace ------------------------------------------------------------------------------


def test_what_is_missing_of_the_workspace_is_all_named(monkeypatch):
    monkeypatch.setenv("AZUREML_ARM_RESOURCEGROUP", "group")
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.from_workspace("ep", subscription_id="")
    message = str(caught.value)
    for name in ("subscription_id", "AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_WORKSPACE_NAME"):
        assert name in message
    assert "AZUREML_ARM_RESOURCEGROUP" not in message


def test_an_argument_wins_over_the_environment(workspace):
    found = discovery.Workspace.of(workspace_name="other")
    assert found == discovery.Workspace(fake_azure.SUBSCRIPTION, fake_azure.GROUP, "other")


def test_a_workspace_that_is_not_there_is_said(fake, credential):
    with pytest.raises(ConnectionConfigError, match=r"'gone'.*workspace was not found"):
        CustomConnection.from_workspace(
            "ep", **NAMES | {"workspace_name": "gone"}, credential=credential
        )


def test_without_the_extra_the_pip_line_is_said(monkeypatch, workspace, credential):
    monkeypatch.setitem(sys.modules, "azure.ai.ml", None)
    with pytest.raises(ConnectionConfigError, match=r'pip install "langchain-azureml-oss\[azure\]'):
        discovery.list_endpoints(credential=credential)
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(ConnectionConfigError, match=r'pip install "langchain-azureml-oss\[azure\]'):
        CustomConnection.of("onlineEndpoint/ep")


# --- Connections from endpoints -------------------------------------------------------------------


def test_an_endpoint_with_a_key(fake, credential, workspace):
    fake.add_online("ep", {"green": (10, MISTRAL), "blue": (90, LLAMA)})
    connection = CustomConnection.from_workspace("ep", credential=credential)
    assert connection.endpoint_url == "https://ep.eastus2.inference.ml.azure.com/score"
    assert connection.model_family is ModelFamily.LLAMA
    assert (key_of(connection), connection.credential) == ("key-of-ep", None)
    assert connection.get("deployment_name") is None  # the traffic rules go on deciding
    assert "key-of-ep" not in repr(connection)
    chat = AzureMLOSSChatModel(connection=connection)
    assert (chat.deployment_name, chat.model_family) == (None, ModelFamily.LLAMA)


def test_a_deployment_is_taken_with_its_own_family(fake, credential):
    fake.add_online("ep", {"green": (10, MISTRAL), "blue": (90, LLAMA)})
    connection = CustomConnection.from_workspace("ep", "green", **NAMES, credential=credential)
    assert connection.get("deployment_name") == "green"
    assert connection.model_family is ModelFamily.MISTRAL


def test_without_traffic_the_first_deployment_is_named(fake, credential, workspace):
    fake.add_online("ep", {"b": (0, LLAMA), "a": (0, MISTRAL)})
    connection = CustomConnection.from_workspace("ep", credential=credential)
    assert connection.get("deployment_name") == "a"


@pytest.mark.parametrize("kind", ["managed", "serverless"])
def test_entra_id_in_the_place_of_a_key(fake, credential, workspace, kind):
    if kind == "managed":
        fake.add_online("ep", {"blue": (100, LLAMA)}, "AADToken")
    else:
        fake.add_serverless("ep", LLAMA, "AAD")
    connection = CustomConnection.from_workspace("ep", credential=credential)
    assert connection.credential is credential
    assert connection.endpoint_api_key is None
    assert fake.paths("listKeys") == []
    assert repr(connection).endswith("credential=Credential)")


def test_tokens_of_azure_ml_are_asked_for_again(fake, credential, workspace):
    fake.add_online("ep", {"blue": (100, LLAMA)}, "AMLToken")
    fake.aml_token_life = 0
    connection = CustomConnection.from_workspace("ep", credential=credential)
    assert (connection.endpoint_api_key, fake.paths("/token")) == (None, [])
    chat = AzureMLOSSChatModel(connection=connection)
    assert chat._authorizer.secret() == "aml-token-1-of-ep"
    fake.aml_token_life = 3600
    assert [chat._authorizer.secret() for _ in range(3)] == ["aml-token-2-of-ep"] * 3
    assert chat._authorizer.secret(rejected=SecretStr("aml-token-2-of-ep")) == "aml-token-3-of-ep"
    assert len(fake.paths("/token")) == 3


def test_a_token_source_survives_pickling(fake, workspace):
    source = discovery.EndpointToken("ep", discovery.Workspace.of(), "as it was given")
    assert vars(pickle.loads(pickle.dumps(source))) == vars(source)


def test_a_serverless_endpoint(fake, credential, workspace):
    fake.add_serverless("maas", f"{REGISTRY}Meta-Llama-3-8B-Instruct")
    connection = CustomConnection.from_workspace("maas", credential=credential)
    assert connection.endpoint_url == "https://maas.eastus2.models.ai.azure.com"
    assert (key_of(connection), connection.model_family) == ("key-of-maas", ModelFamily.LLAMA)


def test_an_unknown_endpoint_names_those_there_are(fake, credential, workspace):
    fake.add_online("my-llama", {"blue": (100, LLAMA)})
    fake.add_serverless("maas", LLAMA)
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.from_workspace("my-lama", credential=credential)
    assert "maas, my-llama. Did you mean 'my-llama'?" in str(caught.value)
    assert "'my-workspace'" in str(caught.value)


def test_an_unknown_deployment_names_those_there_are(fake, credential, workspace):
    fake.add_online("ep", {"blue": (100, LLAMA), "green": (0, LLAMA)})
    with pytest.raises(ConnectionConfigError, match=r"'ep'.*'gren'.*blue, green\..*'green'\?"):
        CustomConnection.from_workspace("ep", "gren", credential=credential)


def test_an_endpoint_that_is_not_ready_is_said(fake, credential, workspace):
    fake.add_online("ep", {}, provisioningState="Creating", scoringUri=None)
    with pytest.raises(ConnectionConfigError, match=r"'ep' has no scoring URL.*Creating"):
        CustomConnection.from_workspace("ep", credential=credential)


def test_keys_that_may_not_be_read_are_said(fake, credential, workspace):
    fake.add_online("ep", {"blue": (100, LLAMA)})
    denied = 403, fake_azure.refusal("AuthorizationFailed", "No listKeys for you")
    fake.refusals["/onlineEndpoints/ep/listKeys"] = denied
    with pytest.raises(
        PermissionDeniedError, match=r"keys of endpoint 'ep'.*No listKeys for you\. The id"
    ):
        CustomConnection.from_workspace("ep", credential=credential)


def test_nothing_is_written_to_the_disk(fake, credential, workspace, tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE", "TMPDIR", "AZURE_CONFIG_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    fake.add_online("ep", {"blue": (100, LLAMA)})
    fake.add_connection("mine", {"model_family": "LLAMA"}, {"endpoint_api_key": "key-of-mine"})
    assert key_of(CustomConnection.from_workspace("ep", credential=credential)) == "key-of-ep"
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: credential)
    assert key_of(CustomConnection.of("connection/mine")) == "key-of-mine"
    discovery.list_endpoints(credential=credential)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if b"key-of-" in path.read_bytes()] == []


def test_a_family_that_could_not_be_read_is_asked_for(fake, credential, workspace):
    fake.add_online("ep", {})
    connection = CustomConnection.from_workspace("ep", credential=credential)
    with pytest.raises(ConnectionConfigError, match=r"model_family.*'ep' \(onlineEndpoint/ep\)"):
        AzureMLOSSChatModel(connection=connection)


# --- Selectors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "url", "deployment"),
    [
        ("onlineEndpoint/same", "https://same.eastus2.inference.ml.azure.com/score", None),
        ("onlineEndpoint/same/b", "https://same.eastus2.inference.ml.azure.com/score", "b"),
        ("serverlessEndpoint/same", "https://same.eastus2.models.ai.azure.com", None),
    ],
)
def test_a_selector_names_an_endpoint(
    fake, default_credential, workspace, selector, url, deployment
):
    fake.add_online("same", {"a": (100, LLAMA), "b": (0, LLAMA)})
    fake.add_serverless("same", LLAMA)
    chat = AzureMLOSSChatModel(connection=selector)
    assert (chat.endpoint_url, chat.deployment_name) == (url, deployment)
    assert chat.endpoint_api_key.get_secret_value() == "key-of-same"


def test_a_selectors_kind_is_kept_to(fake, default_credential, workspace):
    fake.add_serverless("maas", LLAMA)
    fake.add_online("ep", {"a": (100, LLAMA)})
    with pytest.raises(ConnectionConfigError, match=r"'maas'; it has ep\."):
        CustomConnection.of("onlineEndpoint/maas")
    with pytest.raises(ConnectionConfigError, match=r"'ep'; it has maas\."):
        CustomConnection.of("serverlessEndpoint/ep")


@pytest.mark.parametrize(
    ("selector", "nearest"),
    [
        ("gossip", None),
        ("onlineEndpoint", "onlineEndpoint/NAME"),
        ("onlineEndpoint/", "onlineEndpoint/NAME"),
        ("onlinendpoint/ep", "onlineEndpoint/NAME"),
        ("onlineEndpoint/ep/a/b", "onlineEndpoint/NAME"),
        ("connections/x", "connection/NAME"),
        ("serverlessEndpoint/a/b", "serverlessEndpoint/NAME"),
        ("local/x", "localConnection/NAME"),
        ("https://ep.example/score", None),
        ("", None),
    ],
)
def test_what_is_no_selector_names_the_forms_and_the_nearest(selector, nearest):
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.of(selector)
    message = str(caught.value)
    for form in ("connection/NAME", "localConnection/NAME", "serverlessEndpoint/NAME"):
        assert form in message
    assert "onlineEndpoint/NAME[/DEPLOYMENT]" in message
    assert (f"Did you mean {nearest}" in message) if nearest else ("Did you mean" not in message)


URL = "https://ep.eastus2.inference.ml.azure.com/score"


def test_a_connection_of_the_workspace(fake, default_credential, workspace):
    marks = {"azureml.flow.connection_type": "Custom", "azureml.flow.module": "promptflow"}
    fake.add_connection(
        "mine",
        {"endpoint_url": URL, "model_family": "FALCON", **marks},
        {"endpoint_api_key": "sk-1"},
    )
    connection = CustomConnection.of("connection/mine")
    assert connection.configs == {"endpoint_url": URL, "model_family": "FALCON"}
    assert key_of(connection) == "sk-1"
    chat = AzureMLOSSChatModel(connection="connection/mine")
    assert chat.model_family is ModelFamily.FALCON
    assert default_credential.scopes[0] == (f"{fake.url}/.default",)


@pytest.mark.parametrize("category", ["AzureOpenAI", "OpenAI in custom keys"])
def test_a_connection_of_another_type_is_refused(fake, default_credential, workspace, category):
    if category == "AzureOpenAI":
        fake.add_connection("gpt", {}, {}, category)
    else:
        fake.add_connection("gpt", {"azureml.flow.connection_type": "OpenAI"}, {"api_key": "sk-1"})
    with pytest.raises(ConnectionConfigError, match=r"'gpt' is of type '(Azure)?OpenAI'.*custom"):
        CustomConnection.of("connection/gpt")


def test_an_unknown_connection_names_those_there_are(fake, default_credential, workspace):
    for name in ("first", "second", "third"):
        fake.add_connection(name, {"endpoint_url": URL}, {"endpoint_api_key": "sk-1"})
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.of("connection/secnd")
    assert "first, second, third. Did you mean 'second'?" in str(caught.value)
    assert "sk-1" not in str(caught.value)


def test_a_wrong_key_of_a_workspaces_connection_is_said(fake, default_credential, workspace):
    fake.add_connection("mine", {"endpoint_uri": URL, "model_family": "LLAMA"}, {"key": "sk-1"})
    with pytest.raises(ConnectionConfigError) as caught:
        AzureMLOSSChatModel(connection="connection/mine")
    message = str(caught.value)
    assert "(connection/mine)" in message
    assert "has endpoint_uri, model_family, key" in message
    assert "'endpoint_url' where it says 'endpoint_uri'" in message
    assert "sk-1" not in message


def test_keys_are_in_no_log(fake, credential, workspace, caplog):
    fake.add_online("ep", {"blue": (100, LLAMA)})
    with caplog.at_level(logging.DEBUG):
        CustomConnection.from_workspace("ep", credential=credential)
    assert "key-of-ep" not in caplog.text
    assert "arm-token" not in caplog.text


def test_azure_ai_ml_is_the_real_one():
    assert azure.ai.ml.MLClient.__module__ == "azure.ai.ml._ml_client"

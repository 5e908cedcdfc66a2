"""Prompt flow's local store, for real, in a home directory of its own."""

from __future__ import annotations

import os
import sys
import warnings

import pytest

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, CustomConnection, ModelFamily
from langchain_azureml_oss.errors import ConnectionConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies warn of themselves while imported
    import keyring
    import keyring.backends.fail
    import promptflow.client
    import promptflow.connections
    import promptflow.entities

URL = "https://ep.eastus2.inference.ml.azure.com/score"
CONFIGS = {"endpoint_url": URL, "model_family": "LLAMA"}
SECRETS = {"endpoint_api_key": "sk-1"}


class Memory(keyring.backend.KeyringBackend):
    """A keyring without a desktop."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    before = keyring.get_keyring()
    found = Memory()
    keyring.set_keyring(found)
    # Prompt flow keeps the key that it read first for as long as the process lives.
    place = "promptflow._sdk._utilities.general_utils.ENCRYPTION_KEY_IN_KEY_RING"
    monkeypatch.setattr(place, None)
    yield found
    keyring.set_keyring(before)


@pytest.fixture
def store():
    """Prompt flow's own operations, emptied again afterwards."""
    connections = promptflow.client.PFClient(connection_provider="local").connections
    yield connections
    for connection in connections.list(all_results=True):
        connections.delete(connection.name)


@pytest.fixture
def kept(store):
    store.create_or_update(
        promptflow.entities.CustomConnection(name="mine", configs=CONFIGS, secrets=SECRETS)
    )
    return store


def key_of(connection):
    return connection.endpoint_api_key.get_secret_value()


def test_a_connection_of_the_store_comes_decrypted(kept):
    connection = CustomConnection.from_promptflow("mine")
    assert (connection.endpoint_url, connection.model_family) == (URL, ModelFamily.LLAMA)
    assert (key_of(connection), connection.name) == ("sk-1", "mine")


@pytest.mark.parametrize("model", [AzureMLOSSChatModel, AzureMLOSSLLM])
def test_a_selector_names_it(kept, model):
    made = model(connection="localConnection/mine")
    assert made.endpoint_url == URL
    assert made.endpoint_api_key.get_secret_value() == "sk-1"


def test_the_store_is_the_local_one_whatever_is_configured(kept, monkeypatch, tmp_path):
    (tmp_path / "pf.yaml").write_text("connection:\n  provider: azureml://subscriptions/x\n")
    monkeypatch.chdir(tmp_path)
    assert key_of(CustomConnection.from_promptflow("mine")) == "sk-1"
    assert "PF_CONNECTION_PROVIDER" not in os.environ


# Prompt flow's loader uses what marshmallow has announced to take away.
@pytest.mark.filterwarnings("ignore:The `context` parameter is deprecated:DeprecationWarning")
def test_a_file_that_prompt_flow_wrote_into_its_store(store, tmp_path, monkeypatch):
    """The same file, once through prompt flow's loader and its store, once through ours."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "$schema: https://azuremlschemas.azureedge.net/promptflow/latest/"
        "CustomConnection.schema.json\nname: from_file\ntype: custom\n"
        f"configs:\n  endpoint_url: {URL}\n  model_family: LLAMA\n"
        "secrets:\n  endpoint_api_key: sk-of-file\n"
    )
    from promptflow._sdk._load_functions import load_connection  # what `pf connection create` calls

    store.create_or_update(load_connection(file))
    assert CustomConnection.from_promptflow("from_file") == CustomConnection.from_yaml(file)


def test_a_name_that_is_not_there_gets_those_that_are(kept, store):
    store.create_or_update(
        promptflow.entities.CustomConnection(name="other", configs=CONFIGS, secrets=SECRETS)
    )
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.of("localConnection/mime")
    assert "'mime'; it has mine, other. Did you mean 'mine'?" in str(caught.value)
    assert "sk-1" not in str(caught.value)


def test_an_empty_store_says_so(store):
    with pytest.raises(ConnectionConfigError, match=r"'mine'; it has none at all\..*pf connection"):
        CustomConnection.from_promptflow("mine")


def test_a_connection_of_another_type_is_refused(store):
    store.create_or_update(promptflow.entities.OpenAIConnection(name="gpt", api_key="sk-1"))
    with pytest.raises(ConnectionConfigError, match=r"'gpt' is of type 'OpenAI'.*custom") as caught:
        CustomConnection.from_promptflow("gpt")
    assert "sk-1" not in str(caught.value)


def test_a_wrong_key_names_the_store_and_the_nearest(store):
    configs = {"endpoint_uri": URL, "model_family": "LLAMA"}
    store.create_or_update(
        promptflow.entities.CustomConnection(name="typo", configs=configs, secrets=SECRETS)
    )
    with pytest.raises(ConnectionConfigError) as caught:
        AzureMLOSSChatModel(connection="localConnection/typo")
    message = str(caught.value)
    assert "the connection 'typo' (localConnection/typo)" in message
    assert "'endpoint_url' where it says 'endpoint_uri'" in message


def test_a_lost_keyring_is_said(kept, memory):
    memory.kept.clear()
    sys.modules["promptflow._sdk._utilities.general_utils"].ENCRYPTION_KEY_IN_KEY_RING = None
    with pytest.raises(ConnectionConfigError, match=r"'mine' from its local store.*ncryption key"):
        CustomConnection.from_promptflow("mine")
    keyring.set_keyring(keyring.backends.fail.Keyring())
    with pytest.raises(ConnectionConfigError, match=r"'mine' from its local store.*keyring"):
        CustomConnection.from_promptflow("mine")


def test_without_the_extra_the_pip_line_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "promptflow.client", None)
    with pytest.raises(ConnectionConfigError, match=r'pip install "langchain-azureml-oss\[promptf'):
        CustomConnection.from_promptflow("mine")


@pytest.mark.parametrize("package", ["entities", "connections"])
def test_prompt_flows_own_object_works_as_it_is(package):
    own = getattr(promptflow, package).CustomConnection(
        name="own", configs=CONFIGS, secrets=SECRETS
    )
    chat = AzureMLOSSChatModel(connection=own)
    assert (chat.endpoint_url, chat.endpoint_api_key.get_secret_value()) == (URL, "sk-1")
    assert (own.configs, own.secrets) == (CONFIGS, SECRETS)


def test_a_strongly_typed_connection_works_as_it_is():
    class Endpoint(promptflow.connections.CustomStrongTypeConnection):
        endpoint_api_key: str
        endpoint_url: str
        model_family: str

    chat = AzureMLOSSChatModel(connection=Endpoint(configs=CONFIGS, secrets=SECRETS))
    assert (chat.endpoint_url, chat.endpoint_api_key.get_secret_value()) == (URL, "sk-1")


def test_an_object_from_the_store_works_as_it_is(kept):
    assert key_of(CustomConnection.of(kept.get("mine", with_secrets=True))) == "sk-1"


def test_a_masked_object_is_refused_in_words(kept):
    masked = kept.get("mine", with_secrets=False)
    assert set(masked.secrets.values()) == {"******"}
    with pytest.raises(ConnectionConfigError, match=r"endpoint_api_key.*'mine'.*masked.*secrets"):
        AzureMLOSSChatModel(connection=masked)


def test_an_object_of_another_type_is_refused():
    own = promptflow.connections.OpenAIConnection(name="gpt", api_key="sk-1")
    with pytest.raises(ConnectionConfigError, match=r"'gpt' is of type 'OpenAI'.*custom"):
        AzureMLOSSChatModel(connection=own)

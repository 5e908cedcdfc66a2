"""Where to call, and with whose key; the rules for URLs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from langchain_azureml_oss import CustomConnection, ModelFamily
from langchain_azureml_oss.connections.urls import check_url, without_secrets
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.families import profile
from langchain_azureml_oss.formatters import contract_for

URL = "https://ep.eastus2.inference.ml.azure.com/score"
CONFIGS = {"endpoint_url": URL, "model_family": "LLaMa"}
SECRETS = {"endpoint_api_key": "sk-1"}


def keys(connection):
    return (
        connection.endpoint_url,
        connection.endpoint_api_key.get_secret_value(),
        connection.model_family,
    )


@pytest.mark.parametrize(
    "given",
    [
        CustomConnection(CONFIGS, SECRETS),
        CustomConnection(CONFIGS, {"endpoint_api_key": SecretStr("sk-1")}),
        {"configs": CONFIGS, "secrets": SECRETS},
        {**CONFIGS, **SECRETS},
        {"type": "custom", "name": "c", "configs": CONFIGS, "secrets": SECRETS},
        SimpleNamespace(configs=CONFIGS, secrets=SECRETS),
    ],
    ids=["ours", "SecretStr", "nested", "flat", "prompt flow's file", "object"],
)
def test_a_connection_has_many_forms(given, make_chat):
    assert keys(CustomConnection.of(given)) == (URL, "sk-1", ModelFamily.LLAMA)
    chat = make_chat(connection=given)
    assert chat.endpoint_url == URL
    assert chat.model_family is ModelFamily.LLAMA
    assert chat.endpoint_api_key == SecretStr("sk-1")


def test_nothing_of_the_callers_is_changed():
    given = {"configs": dict(CONFIGS) | SECRETS, "secrets": {}}
    CustomConnection.of(given)
    assert given == {"configs": dict(CONFIGS) | SECRETS, "secrets": {}}


def test_what_is_no_connection_is_refused():
    with pytest.raises(ConnectionConfigError, match=r"int.*CustomConnection.*mapping"):
        CustomConnection.of(7)


def test_a_key_among_the_configs_is_found_and_not_shown():
    connection = CustomConnection(CONFIGS | SECRETS)
    assert keys(connection)[1] == "sk-1"
    assert "sk-1" not in repr(connection) + str(connection) + repr(vars(connection))


def test_nothing_is_checked_for_completeness():
    empty = CustomConnection()
    assert (empty.endpoint_url, empty.endpoint_api_key, empty.model_family) == (None, None, None)


def test_the_environment_is_a_connection(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", URL)
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "sk-1")
    monkeypatch.setenv("AZUREML_MODEL_FAMILY", "gpt-2")
    assert keys(CustomConnection.from_env()) == (URL, "sk-1", ModelFamily.GPT2)


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", URL)
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "sk-1")
    monkeypatch.setenv("AZUREML_MODEL_FAMILY", "GPT2")
    return monkeypatch


@pytest.mark.parametrize("key", ["endpoint_url", "endpoint_api_key", "model_family"])
def test_a_variable_that_is_missing_is_named(environment, key):
    variable = f"AZUREML_{key.upper()}"
    for value in (None, ""):
        environment.delenv(variable) if value is None else environment.setenv(variable, value)
        with pytest.raises(ConnectionConfigError, match=rf"^{key} missing.* {variable}, not set"):
            CustomConnection.from_env()


def test_all_variables_that_are_missing_are_named_at_once():
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.from_env()
    for variable in ("AZUREML_ENDPOINT_URL", "AZUREML_ENDPOINT_API_KEY", "AZUREML_MODEL_FAMILY"):
        assert variable in str(caught.value)


def test_a_credential_takes_the_place_of_the_keys_variable(environment, make_chat):
    environment.delenv("AZUREML_ENDPOINT_API_KEY")
    with pytest.raises(ConnectionConfigError, match=r"from_env\(credential="):
        CustomConnection.from_env()
    connection = CustomConnection.from_env(credential=lambda: "token-1")
    chat = make_chat(connection=connection, endpoint_api_key=None)
    assert chat._authorizer.secret() == "token-1"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AZUREML_MODEL_FAMILY", "CLAUDE", r"model_family 'CLAUDE'.*LLAMA"),
        ("AZUREML_ENDPOINT_URL", "ftp://host/score", r"endpoint_url ftp://host/score.*https://"),
    ],
)
def test_a_wrong_value_of_a_variable_is_said_at_once(environment, variable, value, words):
    environment.setenv(variable, value)
    with pytest.raises(ConnectionConfigError, match=words):
        CustomConnection.from_env()


def test_a_file_is_a_connection(tmp_path, monkeypatch):
    """`from_yaml(path)`, prompt flow's connection file, `${env:NAME}` included."""
    file = tmp_path / "connection.yaml"
    file.write_text(
        "$schema: https://azuremlschemas.azureedge.net/promptflow/latest/CustomConnection.json\n"
        "name: my_connection\ntype: custom\n"
        f"configs:\n  endpoint_url: {URL}\n  model_family: LLAMA\n"
        'secrets:\n  endpoint_api_key: "${env:MY_KEY}"\n'
    )
    monkeypatch.setenv("MY_KEY", "sk-1")
    connection = CustomConnection.from_yaml(file)
    assert keys(connection) == (URL, "sk-1", ModelFamily.LLAMA)
    assert connection.name == "my_connection"


@pytest.mark.parametrize("loader", ["from_promptflow", "from_workspace"])
def test_the_loaders_of_the_interface_are_there(loader):
    assert callable(getattr(CustomConnection, loader))


@pytest.mark.parametrize(
    "selector",
    [
        "connection/my_connection",
        "localConnection/my_connection",
        "onlineEndpoint/ep",
        "serverlessEndpoint/ep",
    ],
)
def test_a_selector_string_is_understood(make_chat, selector):
    """Here there is no store and no workspace: the error is about those, not about the string."""
    with pytest.raises(ConnectionConfigError) as caught:
        make_chat(connection=selector)
    assert "is str" not in str(caught.value)


def test_a_string_that_is_no_selector_names_those_that_are(make_chat):
    with pytest.raises(ConnectionConfigError, match=r"gossip.*onlineEndpoint/"):
        make_chat(connection="gossip")


@pytest.mark.parametrize("key", ["endpoint_url", "endpoint_api_key", "model_family"])
def test_a_missing_key_is_named_with_the_places_where_it_was_looked_for(make_chat, key):
    given = {**CONFIGS, **SECRETS}
    given.pop(key)
    with pytest.raises(ConnectionConfigError) as caught:
        make_chat(connection=given)
    message = str(caught.value)
    assert message.startswith(f"{key} is missing")
    for place in (f"argument {key}=", "connection", f"AZUREML_{key.upper()}"):
        assert place in message


def test_a_key_with_a_typing_error_is_suggested(make_chat):
    with pytest.raises(ConnectionConfigError, match=r"'endpoint_url'.*'endpoint_uri'"):
        make_chat(connection={"endpoint_uri": URL, "model_family": "LLAMA", **SECRETS})


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        *(("endpoint_url", w) for w in ("endpoint", "url", "URL", "ENDPOINT_URL", "endpointUrl")),
        *(("endpoint_url", w) for w in ("base_url", "scoring_uri")),
        *(("endpoint_api_key", w) for w in ("key", "api_key", "apiKey", "endpoint_key")),
        *(("model_family", w) for w in ("family", "model", "modelFamily", "Model_Family")),
    ],
)
def test_the_nearest_key_is_suggested(make_chat, key, wrong):
    given = CONFIGS | SECRETS
    given[wrong] = given.pop(key)
    with pytest.raises(ConnectionConfigError, match=f"{key!r} where it says {wrong!r}"):
        make_chat(connection=given)


def test_a_key_without_a_value_is_said_to_be_empty(make_chat):
    with pytest.raises(
        ConnectionConfigError,
        match=r"model_family is missing.*family \(empty\).*Known families are: LLAMA",
    ):
        make_chat(connection=CONFIGS | SECRETS | {"model_family": ""})


def test_an_error_never_shows_a_value_of_the_connection(make_chat, shows):
    with pytest.raises(ConnectionConfigError) as caught:
        make_chat(connection={"endpoint_url": URL, "api_key": "sk-1", "model_family": "LLAMA"})
    assert "sk-1" not in shows(caught.value)


def test_an_unknown_family_names_those_that_are_known(make_chat):
    with pytest.raises(ConnectionConfigError, match=r"model_family 'CLAUDE'.*LLAMA.*FALCON"):
        make_chat(connection=CONFIGS | SECRETS | {"model_family": "CLAUDE"})


@pytest.mark.parametrize("source", ["argument", "connection", "environment"])
def test_an_unknown_family_is_an_error_wherever_it_stands(make_chat, monkeypatch, source):
    given = {"endpoint_url": URL, "endpoint_api_key": "sk-1", "model_family": None}
    if source == "argument":
        given["model_family"] = "CLAUDE"
    elif source == "connection":
        given["connection"] = {"model_family": "CLAUDE"}
    else:
        monkeypatch.setenv("AZUREML_MODEL_FAMILY", "CLAUDE")
    with pytest.raises(ConnectionConfigError, match=r"model_family.*'CLAUDE'"):
        make_chat(**given)


@pytest.mark.parametrize("key", ["endpoint_url", "model_family"])
def test_a_value_that_is_no_text_is_refused_by_name(make_chat, key):
    with pytest.raises(ConnectionConfigError, match=key):
        make_chat(connection={**CONFIGS, **SECRETS, key: 7})


@pytest.mark.parametrize(
    ("configs", "secrets", "what"),
    [
        ("text", {}, "configs"),
        ([1], {}, "configs"),
        ({}, "sk-1", "secrets"),
        ({}, ["sk-1"], "secrets"),
        ({}, {"endpoint_api_key": 4711}, "endpoint_api_key"),
        ({}, {"endpoint_api_key": b"sk-1"}, "endpoint_api_key"),
        ({"endpoint_api_key": ["sk-1"]}, {}, "endpoint_api_key"),
    ],
)
@pytest.mark.parametrize("form", [CustomConnection, SimpleNamespace, dict])
def test_a_part_of_the_wrong_type_is_refused_by_name(form, configs, secrets, what):
    with pytest.raises(ConnectionConfigError, match=rf"^{what} of the connection.* must be") as got:
        CustomConnection.of(form(configs=configs, secrets=secrets))
    assert "sk-1" not in str(got.value)


def test_a_key_that_is_none_is_no_key(make_chat):
    """As when a variable is read that is not set: it is not the text `None`."""
    with pytest.raises(ConnectionConfigError, match="endpoint_api_key is missing"):
        make_chat(connection={**CONFIGS, "endpoint_api_key": None})


def test_what_has_an_unknown_name_may_be_a_secret():
    shown = repr(CustomConnection.of({"endpoint_api_ky": "sk-1", **CONFIGS}))
    assert "endpoint_api_ky" in shown
    assert "sk-1" not in shown
    assert URL in shown


@pytest.mark.parametrize(
    "url",
    [
        "sk-7Hq2vR9tLwX4",  # key and URL were exchanged
        "https://me:sk-7Hq2vR9tLwX4@ep.example:port/score",
        "ftp://me:sk-7Hq2vR9tLwX4@ep.example/score?code=sk-7Hq2vR9tLwX4",
        "https://ep example/score?code=sk-7Hq2vR9tLwX4",
        "https://ep.example:port/score#sk-7Hq2vR9tLwX4",
        "https://[sk-7Hq2vR9tLwX4",
        "sk-7Hq2vR9tLwX4://",
    ],
)
def test_a_bad_url_is_shown_without_what_may_be_secret(make_chat, url, shows):
    with pytest.raises(ConnectionConfigError, match="endpoint_url") as caught:
        make_chat(endpoint_url=url)
    assert "sk-7Hq2vR9tLwX4" not in shows(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ep.example:8443/score?code=x#y", "https://ep.example:8443/score"),
        ("https://me:pw@ep.example/score", "https://ep.example/score"),
        ("ep.example/score", "ep.example/score"),
        ("u:pw@ep.example/score?key=1", "ep.example/score"),
        ("eyJ0eXAi.eyJhdWQi.abc1-_", "(not shown)"),
        ("", "(not shown)"),
    ],
)
def test_what_of_a_url_is_shown(url, shown):
    assert without_secrets(url) == shown


@pytest.mark.parametrize("inside", [" ", "\n", "\t", "\\"], ids=repr)
def test_white_space_inside_of_a_url_is_refused(make_chat, inside):
    with pytest.raises(ConnectionConfigError, match=r"endpoint_url .*white space"):
        make_chat(endpoint_url=f"https://ep.exa{inside}mple/score")


@pytest.mark.parametrize(
    "url",
    [
        "ep.eastus2.inference.ml.azure.com/score",
        "/score",
        "ftp://ep.example/score",
        "https://",
        "https:///score",
        "https://ep.example:port/score",
        "https://[::1/score",
        "not a url",
    ],
)
def test_a_bad_url_is_refused_by_name(make_chat, url):
    with pytest.raises(ConnectionConfigError, match="endpoint_url") as caught:
        make_chat(endpoint_url=url)
    assert "http" in str(caught.value)


def test_a_url_with_a_password_is_refused_without_showing_it(make_chat):
    with pytest.raises(ConnectionConfigError, match="endpoint_url") as caught:
        make_chat(endpoint_url="https://user:hunter2@ep.example/score")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["ep.example", "10.0.0.1", "localhost.example", "0.0.0.0", "[2001:db8::1]"]
)
def test_plain_http_to_another_machine_is_refused(make_chat, host):
    with pytest.raises(ConnectionConfigError, match=r"http://.*https://"):
        make_chat(endpoint_url=f"http://{host}/score")
    assert make_chat(endpoint_url=f"http://{host}/score", allow_http=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5001", "127.8.9.1", "[::1]:80"])
def test_plain_http_to_this_machine_is_allowed(host):
    assert check_url(f"http://{host}/score").scheme == "http"


@pytest.mark.parametrize("blank", [" ", "\n", "\t"], ids=repr)
def test_blanks_around_a_url_are_no_part_of_it(make_chat, plug, answer, blank):
    """As they come from a file or a variable: the URL is cleaned, or refused by name."""
    try:
        chat = make_chat(endpoint_url=f"{blank}{URL}{blank}")
    except ConnectionConfigError as error:
        assert "endpoint_url" in str(error)  # noqa: PT017
        return
    replay = plug(chat, answer({"output": "x"}))
    chat.invoke("hi")
    assert replay.requests[0].url == URL


AZURE = "inference.ml.azure.com"


@pytest.mark.parametrize(
    ("url", "family", "contract"),
    [
        *(
            (f"https://e.{AZURE}/score", name, "score")
            for name in ("LLAMA", "DOLLY", "GPT2", "FALCON", "OPENAI")
        ),
        (f"https://e.{AZURE}/score?x=1", "LLAMA", "score"),
        (f"https://e.{AZURE}/score/", "LLAMA", "score"),
        (f"https://e.{AZURE}/v1/chat/completions", "LLAMA", "openai"),
        (f"https://e.{AZURE}/chat/completions", "GPT2", "openai"),
        (f"https://e.{AZURE}/v1/completions?api-version=1", "LLAMA", "openai"),
        (f"https://e.{AZURE}/v1", "LLAMA", "openai"),
        ("https://m.eastus2.models.ai.azure.com", "LLAMA", "openai"),
        ("https://m.eastus2.models.ai.azure.com/", "LLAMA", "openai"),
        ("https://m.eastus2.inference.ai.azure.com", "LLAMA", "openai"),
        ("https://m.eastus2.serverless.ml.azure.com", "LLAMA", "openai"),
        ("https://r.services.ai.azure.com/models", "LLAMA", "openai"),
        ("https://proxy.example/my/own/path", "LLAMA", "score"),
        ("https://proxy.example/my/own/path", "OPENAI", "openai"),
    ],
)
def test_the_path_and_the_family_pick_the_contract(url, family, contract):
    assert contract_for(url, profile(ModelFamily(family))).name == contract


def test_a_contract_that_is_named_wins_over_the_path(make_chat):
    assert make_chat(contract="falcon-2023")._formatter.name == "falcon-2023"


def test_an_unknown_contract_names_those_that_are_known(make_chat):
    with pytest.raises(ConnectionConfigError) as caught:
        make_chat(contract="grpc")
    for name in ("'grpc'", "auto", "score", "score-params", "gpt2-2023", "openai"):
        assert name in str(caught.value)

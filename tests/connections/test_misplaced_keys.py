"""A key that got into the place of a name, a path or a URL's query is repeated nowhere."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from langchain_core.load import dumps, loads

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection
from langchain_azureml_oss.connections import promptflow_store, without_secret_query
from langchain_azureml_oss.connections.files import check_type
from langchain_azureml_oss.errors import ConnectionConfigError, is_like_a_key, quoted
from langchain_azureml_oss.transports.settings import HttpSettings, tls_context

AZURES = "8fK2mQ7pXw4Zr9TbN3vYc6LdHs1JgRu5"
URL = "https://ep.example/score"


@pytest.mark.parametrize(
    "text",
    [
        *(AZURES, "sk-7Hq2vR9tLwX4bN8m", "eyJ0eXAi.eyJhdWQi.abc", "0123456789abcdef0123"),
        *("550e8400-e29b-41d4-a716-446655440000", f"/home/{AZURES}", f"/etc/{AZURES}.pem"),
        "AbCdEfGh1jKlMn0pQrStUvWx+/==",
        "llama-" + "11-" * 40 + "2024+",  # words that can be cut in many ways
    ],
)
def test_what_is_like_a_key(text):
    assert is_like_a_key(text)
    assert text not in quoted(text)


@pytest.mark.parametrize(
    "text",
    [
        *("llama-3-70b-instruct-2", "blue", "Meta-Llama-3-8B-Instruct", "/etc/ssl/ca-2024.pem"),
        *("/tmp/pytest-of-me/pytest-12/test_a_name0/connection.yaml", "rollout-20241106-blue"),
        "AZUREML_ENDPOINT_API_KEY_2",
    ],
)
def test_names_and_paths_are_shown(text):
    assert quoted(text) == repr(text)


def stored(monkeypatch, *, get=lambda name: None):
    client = SimpleNamespace(
        get=lambda name, **_: get(name), list=lambda **_: [SimpleNamespace(name=AZURES)]
    )
    monkeypatch.setattr(promptflow_store, "_connections", lambda: client)


def broken(name):
    raise RuntimeError(f"no row {name}")


@pytest.mark.parametrize("get", [lambda name: None, broken], ids=["unknown", "broken"])
def test_a_name_of_prompt_flows_store(monkeypatch, get):
    stored(monkeypatch, get=get)
    with pytest.raises(ConnectionConfigError, match="not shown") as caught:
        CustomConnection.of(f"localConnection/{AZURES}")
    assert AZURES not in str(caught.value)


@pytest.mark.parametrize("ending", ["", ".yaml", ".json", ".env"])
@pytest.mark.parametrize("there", [False, True])
def test_a_files_path(tmp_path, ending, there):
    file = tmp_path / f"{AZURES}{ending}"
    if there:
        file.write_text("[1]" if ending != ".env" else "endpoint_api_key=<no-change>")
    with pytest.raises(ConnectionConfigError) as caught:
        CustomConnection.from_file(file)
    assert AZURES not in str(caught.value)


def test_a_connections_name_and_source():
    connection = CustomConnection(
        {"endpoint_url": f"{URL}?code={AZURES}&api-version=2024-05-01", "deployment_name": AZURES},
        name=AZURES,
        source=f"localConnection/{AZURES}",
    )
    assert AZURES not in repr(connection) + connection.described
    assert "api-version=2024-05-01" in repr(connection)
    with pytest.raises(ConnectionConfigError) as caught:
        check_type({"type": "openai", "name": AZURES})
    assert AZURES not in str(caught.value)


@pytest.mark.parametrize(
    "field", ["deployment_name", "model", "credential_scope", "ca_bundle", "client_cert"]
)
@pytest.mark.parametrize("key", [AZURES, "sk-7Hq2vR9tLwX4bN8m"])
def test_a_models_names_and_paths(make_chat, field, key):
    model = make_chat(**{field: key})
    dumped = dumps(model)
    assert key not in repr(model) + str(model) + dumped
    assert json.loads(dumped)["kwargs"][field] == {
        "lc": 1,
        "type": "secret",
        "id": [f"AZUREML_{field.upper()}"],
    }


@pytest.mark.parametrize("key", [AZURES, "sk-7Hq2vR9tLwX4bN8m"])
def test_a_key_among_the_tokens_is_not_repeated(make_chat, shows, key):
    with pytest.raises(ConnectionConfigError, match="number 2 of them is none") as caught:
        make_chat(logit_bias={"50256": "-1", key: key})
    assert key not in shows(caught.value)


def test_names_and_paths_of_a_model_are_dumped(make_chat):
    model = make_chat(deployment_name="llama-3-70b-2", ca_bundle="/etc/ssl/ca-2024.pem")
    assert "'llama-3-70b-2'" in repr(model)
    assert "/etc/ssl/ca-2024.pem" in dumps(model)


def test_no_deployment_has_so_long_a_name(make_chat):
    with pytest.raises(ConnectionConfigError, match="deployment_name") as caught:
        make_chat(deployment_name=AZURES * 2)
    assert AZURES not in str(caught.value)


@pytest.mark.parametrize("field", ["ca_bundle", "client_cert"])
@pytest.mark.parametrize("more", ["", "\0"])
def test_files_of_certificates(field, more):
    for value in (AZURES + more, *([("cert.pem", AZURES + more)] * (field == "client_cert"))):
        with pytest.raises(ConnectionConfigError, match=field) as caught:
            tls_context(HttpSettings(**{field: value}))
        assert AZURES not in str(caught.value)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_a_urls_query(make_chat, raw_server, wire, answer, key):
    server = raw_server(wire(answer({"output": "Hello!"})))
    query = f"api-version=2024-05-01&code=a%2Bb%20c&x={AZURES}&plain=1"
    with make_chat(endpoint_url=f"{server.url}/score?{query}") as model:
        shown = repr(model) + dumps(model)
        model.invoke("hi")
        again = loads(
            dumps(model),
            valid_namespaces=["langchain_azureml_oss"],
            allowed_objects=[AzureMLOSSChatModel],
            secrets_map={"AZUREML_ENDPOINT_API_KEY": key},
        )
    query = f"api-version=2024-05-01&plain=1&code=a%2Bb+c&x={AZURES}"
    assert server.requests[0].line.split()[1] == f"/score?{query}"
    assert AZURES not in shown
    assert "a%2Bb" not in shown
    assert again.endpoint_url == f"{server.url}/score?api-version=2024-05-01&plain=1"


def test_a_query_goes_with_a_copy_and_its_parameters_win_over_others(make_chat):
    model = make_chat(endpoint_url=f"{URL}?sig=from-url", default_query={"b": "2", "sig": "mine"})
    assert model._url == f"{URL}?b=2&sig=from-url"
    copied = model.model_copy(update={"endpoint_url": f"{URL}?token=other"})
    assert copied.endpoint_url == URL
    assert "token" not in model.default_query


@pytest.mark.parametrize("url", [None, URL, f"{URL}?", f"{URL}?a=1&b", f"{URL}?api-version=1"])
def test_other_urls_stay_as_they_are(url):
    assert without_secret_query(url) == (url, {})

"""Flows of prompt flow, run for real against the local endpoint, with a store of their own."""

from __future__ import annotations

import warnings

import pytest

from langchain_azureml_oss.local import LocalEndpoint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies warn of themselves while imported
    import keyring
    import keyrings.alt.file
    import promptflow._sdk.entities._flows._flow_context_resolver
    import promptflow.client
    import promptflow.entities


@pytest.fixture(scope="session")
def endpoint():
    with LocalEndpoint("echo", deployments={"blue": 100, "green": 0}) as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """No traces, nothing told to anybody, a home and a keyring of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("PF_DISABLE_TRACING", "true")
    place = "promptflow._sdk._utilities.general_utils.ENCRYPTION_KEY_IN_KEY_RING"
    monkeypatch.setattr(place, None)
    before = keyring.get_keyring()
    keyring.set_keyring(keyrings.alt.file.PlaintextKeyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def store(endpoint):
    """Puts connections into prompt flow's local store."""
    connections = promptflow.client.PFClient(connection_provider="local").connections
    names = []

    def put(name, endpoint_url, **configs):
        names.append(name)
        connections.create_or_update(
            promptflow.entities.CustomConnection(
                name=name,
                configs={"endpoint_url": endpoint_url, "model_family": "LLAMA", **configs},
                secrets={"endpoint_api_key": endpoint.api_key},
            )
        )
        return name

    yield put
    for name in names:
        connections.delete(name)


@pytest.fixture
def mine(endpoint, store):
    """The connection `mine` in prompt flow's local store."""
    return store("mine", endpoint.scoring_url)


@pytest.fixture
def flow(tmp_path):
    """Writes a flow's files, and returns it, ready to be called."""
    # Prompt flow keeps flows by what their YAML says, whatever their templates say.
    resolver = promptflow._sdk.entities._flows._flow_context_resolver.FlowContextResolver
    resolver.resolve.cache_clear()

    def write(dag, **templates):
        folder = tmp_path / "flow"
        folder.mkdir(exist_ok=True)
        (folder / "flow.dag.yaml").write_text(dag)
        for name, text in templates.items():
            (folder / f"{name}.jinja2").write_text(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return promptflow.client.load_flow(folder)

    return write


@pytest.fixture
def body(endpoint):
    """What the endpoint was asked last."""
    return lambda: endpoint.requests[-1].body["input_data"]

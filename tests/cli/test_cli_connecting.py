"""`--connection`: a file, or a selector that the package understands."""

from __future__ import annotations

import pytest

from langchain_azureml_oss import CustomConnection
from langchain_azureml_oss.cli.connecting import EndpointChoice


@pytest.fixture
def loaded(monkeypatch, echo):
    """The paths that were loaded as a connection's YAML file; each is one to `echo`."""
    paths = []

    def load(path):
        paths.append(path)
        return echo.connection("LLAMA")

    monkeypatch.setattr(CustomConnection, "from_yaml", load, raising=False)
    return paths


@pytest.mark.parametrize("name", ["mine.yaml", "mine.YML", "mine"])
def test_a_file(run, loaded, tmp_path, name):
    path = tmp_path / name
    path.touch()
    result = run("chat", "hi", "--connection", str(path))
    assert (result.exit_code, result.stdout) == (0, "echo: hi\n")
    assert loaded == [path]


def test_a_selector_is_handed_on(loaded):
    fields = EndpointChoice(connection="onlineEndpoint/mine", deployment="blue").fields()
    assert fields["connection"] == "onlineEndpoint/mine"
    assert fields["deployment_name"] == "blue"
    assert loaded == []


def test_a_file_that_cannot_be_read(run, monkeypatch, tmp_path):
    def read(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "mine.yaml"
    path.touch()
    monkeypatch.setattr(type(path), "read_text", read)
    result = run("chat", "hi", "--connection", str(path))
    assert result.exit_code == 2
    assert "mine.yaml' cannot be read: Permission denied" in result.stderr

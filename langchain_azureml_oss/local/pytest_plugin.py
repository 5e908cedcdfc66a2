"""Fixtures for the tests of an application: a local endpoint, and a chat model on it.

pytest finds them by itself; `-p no:azureml_oss` leaves them out. Nothing but pytest is imported
before a test asks for one.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
    from langchain_azureml_oss.local import LocalEndpoint


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known, also under `--strict-markers`."""
    config.addinivalue_line(
        "markers",
        "azureml(**options): options of the LocalEndpoint behind azureml_endpoint, such as"
        ' faults=["429", "reset"] or script=["Hello!"].',
    )


@pytest.fixture(scope="session")
def azureml_options() -> dict[str, Any]:
    """Options of all endpoints; a conftest.py that has its own changes the model for a suite."""
    return {}


@pytest.fixture
def azureml_endpoint(
    request: pytest.FixtureRequest, azureml_options: dict[str, Any]
) -> Iterator[LocalEndpoint]:
    """A local endpoint of this test alone; `echo` answers unless options say otherwise."""
    options = dict(azureml_options)
    # From the module's marker to the test's own, which has the last word.
    for marker in reversed(list(request.node.iter_markers("azureml"))):
        if marker.args:
            pytest.fail(f"@pytest.mark.azureml takes keywords alone, not {marker.args!r}.")
        options |= marker.kwargs
    yield from _running(options)


@pytest.fixture(scope="session")
def azureml_session_endpoint(azureml_options: dict[str, Any]) -> Iterator[LocalEndpoint]:
    """One local endpoint for all tests; it knows no marker."""
    yield from _running(azureml_options)


@pytest.fixture
def azureml_chat_model(azureml_endpoint: LocalEndpoint) -> AzureMLOSSChatModel:
    """A chat model on `azureml_endpoint`, which streams."""
    from langchain_azureml_oss.chat_models import AzureMLOSSChatModel  # noqa: PLC0415 -- heavy

    return AzureMLOSSChatModel(connection=azureml_endpoint.connection(path="/v1/chat/completions"))


def _running(options: dict[str, Any]) -> Iterator[LocalEndpoint]:
    from langchain_azureml_oss.connections import nearest  # noqa: PLC0415 -- heavy
    from langchain_azureml_oss.local import LocalEndpoint  # noqa: PLC0415 -- heavy

    names = [option.name for option in fields(LocalEndpoint)]
    for wrong in options.keys() - set(names):
        near = nearest(wrong, names)
        hint = f" Did you mean {near!r}?" if near else ""
        pytest.fail(f"LocalEndpoint has no option {wrong!r}.{hint}")
    known = {"model": "scripted" if options.get("script") is not None else "echo"}
    # Without a wait that a server asks for: tests of retries take no second.
    with LocalEndpoint(**(known | {"retry_after_s": 0} | options)) as endpoint:
        yield endpoint

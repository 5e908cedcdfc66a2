"""The local endpoint, and what both generations of the classes are given to reach it."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.local import LocalEndpoint


@pytest.fixture(scope="session")
def endpoint():
    with LocalEndpoint("echo", deployments={"blue": 100, "green": 0}) as running:
        yield running


@pytest.fixture
def where(endpoint):
    return {"endpoint_url": endpoint.scoring_url, "endpoint_api_key": endpoint.api_key}

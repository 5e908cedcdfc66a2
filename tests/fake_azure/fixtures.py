"""Azure on this machine, for the tests that import these fixtures."""

from __future__ import annotations

import pytest

import fake_azure


@pytest.fixture(name="certificate", scope="module")
def self_made_certificate(tmp_path_factory):
    return fake_azure.write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(name="fake")
def azure_on_this_machine(certificate, monkeypatch):
    running = fake_azure.FakeAzure(*certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.certificate)
    monkeypatch.setenv("AZUREML_DEV_URL_MFE", running.url)  # azure-ai-ml's own variable
    yield running
    running.close()

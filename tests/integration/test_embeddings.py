"""The standard suite of embeddings, on words that are counted and on a real model."""

from __future__ import annotations

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests

from integration.endpoints import endpoint
from langchain_azureml_oss import AzureMLOSSEmbeddings


class _OnEndpoint(EmbeddingsIntegrationTests):
    engine = "echo"
    path = "/v1/embeddings"
    options: dict = {}  # noqa: RUF012 - of each suite

    @property
    def embeddings_class(self):
        return AzureMLOSSEmbeddings

    @property
    def embedding_model_params(self):
        running = endpoint(self.engine, **self.options)
        return {"endpoint_url": running.url + self.path, "endpoint_api_key": running.api_key}

    @pytest.fixture
    def model(self):
        with AzureMLOSSEmbeddings(**self.embedding_model_params) as made:
            yield made


class TestEcho(_OnEndpoint):
    pass


class TestScore(_OnEndpoint):
    path = "/score"
    options = {"task": "embeddings"}  # noqa: RUF012


@pytest.mark.model
class TestRealModel(_OnEndpoint):
    engine = "smollm2"

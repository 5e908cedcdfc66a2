"""LangChain's standard tests of a chat model."""

from __future__ import annotations

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_azureml_oss import AzureMLOSSChatModel

URL = "https://ep.eastus2.inference.ml.azure.com/score"

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


class TestChatModel(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return AzureMLOSSChatModel

    @property
    def chat_model_params(self):
        return {"endpoint_url": URL, "endpoint_api_key": "sk-test", "model_family": "LLAMA"}

    @property
    def init_from_env_params(self):
        return (
            {
                "AZUREML_ENDPOINT_URL": URL,
                "AZUREML_ENDPOINT_API_KEY": "sk-test",
                "AZUREML_MODEL_FAMILY": "LLAMA",
            },
            {},
            {"endpoint_url": URL, "endpoint_api_key": "sk-test"},
        )

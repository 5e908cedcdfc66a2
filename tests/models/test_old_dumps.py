"""What version 0.1.0 dumped can be loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.load import loads

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM

DUMPS = json.loads((Path(__file__).parent / "dumps_0_1_0.json").read_text())


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize(("name", "cls"), [("chat", AzureMLOSSChatModel), ("llm", AzureMLOSSLLM)])
def test_a_dump_of_before_the_modules_moved_is_loaded(name, cls):
    model = loads(
        json.dumps(DUMPS[name]),
        secrets_map={"AZUREML_ENDPOINT_API_KEY": "test-key-0123456789"},
        valid_namespaces=["langchain_azureml_oss"],
        allowed_objects="all",
    )
    assert type(model) is cls
    assert model.endpoint_api_key.get_secret_value() == "test-key-0123456789"
    dumped = DUMPS[name]["kwargs"]
    for field in ("endpoint_url", "model_family", "max_retries"):
        assert getattr(model, field) == dumped[field]

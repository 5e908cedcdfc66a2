"""init_chat_model, once it was told of this package."""

from __future__ import annotations

import subprocess
import sys

import pytest
from langchain.chat_models import base, init_chat_model

import langchain_azureml_oss
from langchain_azureml_oss import AzureMLOSSChatModel

KEYS = {"endpoint_url": "https://a.example/v1", "api_key": "k" * 32, "model_family": "LLAMA"}


@pytest.fixture
def providers(monkeypatch):
    others = {k: v for k, v in base._BUILTIN_PROVIDERS.items() if k != "azureml_oss"}
    monkeypatch.setattr(base, "_BUILTIN_PROVIDERS", others)
    base._get_chat_model_creator.cache_clear()
    yield base._BUILTIN_PROVIDERS
    base._get_chat_model_creator.cache_clear()


def test_a_model_is_made_by_name(providers):
    with pytest.raises(ValueError, match="azureml_oss"):
        init_chat_model("azureml_oss:llama", **KEYS)
    langchain_azureml_oss.register()
    langchain_azureml_oss.register()
    model = init_chat_model("azureml_oss:llama", temperature=0.4, **KEYS)
    assert type(model) is AzureMLOSSChatModel
    assert (model.model, model.temperature) == ("llama", 0.4)


def test_a_table_that_is_elsewhere_is_said(monkeypatch):
    monkeypatch.delattr(base, "_BUILTIN_PROVIDERS")
    with pytest.raises(RuntimeError, match="AzureMLOSSChatModel"):
        langchain_azureml_oss.register()


def test_nothing_is_registered_by_an_import():
    code = (
        "from langchain_azureml_oss import AzureMLOSSChatModel, register\n"
        "from langchain.chat_models import base\n"
        "print('azureml_oss' in base._BUILTIN_PROVIDERS)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.strip() == "False"

"""LangChain models for open models on Azure Machine Learning online endpoints."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_azureml_oss._moved import MOVED, keep_old_paths
from langchain_azureml_oss._version import __version__

if TYPE_CHECKING:
    from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
    from langchain_azureml_oss.connections import CustomConnection
    from langchain_azureml_oss.embeddings import AzureMLOSSEmbeddings
    from langchain_azureml_oss.endpoint import register
    from langchain_azureml_oss.families import FamilyProfile, ModelFamily
    from langchain_azureml_oss.formatters import ContentFormatter, register_formatter
    from langchain_azureml_oss.llms import AzureMLOSSLLM
    from langchain_azureml_oss.role_prompts import escape_roles, messages_from_prompt

# Imported at first use, so that importing the package is cheap.
_MODULES = {
    "AzureMLOSSChatModel": "chat_models",
    "AzureMLOSSEmbeddings": "embeddings",
    "AzureMLOSSLLM": "llms",
    "ContentFormatter": "formatters",
    "CustomConnection": "connections",
    "FamilyProfile": "families",
    "ModelFamily": "families",
    "escape_roles": "role_prompts",
    "messages_from_prompt": "role_prompts",
    "register": "endpoint",
    "register_formatter": "formatters",
}

__all__ = [
    "AzureMLOSSChatModel",
    "AzureMLOSSEmbeddings",
    "AzureMLOSSLLM",
    "ContentFormatter",
    "CustomConnection",
    "FamilyProfile",
    "ModelFamily",
    "__version__",
    "escape_roles",
    "messages_from_prompt",
    "register",
    "register_formatter",
]


keep_old_paths()


def __getattr__(name: str) -> Any:
    if name in MOVED:
        return import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)

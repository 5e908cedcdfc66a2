"""langchain-community's names for Azure ML endpoints, over this package's models.

`formatters.py` has its content formatters, `adapting.py` the adapter for those that people wrote
themselves, `models.py` its two classes. Imports any room below. Public: the names of
`langchain_community` in its modules `llms.azureml_endpoint` and `chat_models.azureml_endpoint`.
"""

from langchain_azureml_oss.compat.formatters import (
    AzureMLEndpointApiType,
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
    CustomOpenAIContentFormatter,
    DollyContentFormatter,
    GPT2ContentFormatter,
    HFContentFormatter,
    LlamaChatContentFormatter,
    LlamaContentFormatter,
    MistralChatContentFormatter,
    OSSContentFormatter,
)
from langchain_azureml_oss.compat.models import AzureMLChatOnlineEndpoint, AzureMLOnlineEndpoint

__all__ = [
    "AzureMLChatOnlineEndpoint",
    "AzureMLEndpointApiType",
    "AzureMLOnlineEndpoint",
    "ContentFormatterBase",
    "CustomOpenAIChatContentFormatter",
    "CustomOpenAIContentFormatter",
    "DollyContentFormatter",
    "GPT2ContentFormatter",
    "HFContentFormatter",
    "LlamaChatContentFormatter",
    "LlamaContentFormatter",
    "MistralChatContentFormatter",
    "OSSContentFormatter",
]

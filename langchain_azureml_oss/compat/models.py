"""langchain-community's two classes for Azure ML endpoints, over this package's models."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.messages import AIMessage

from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.compat.adapting import AdaptedFormatter
from langchain_azureml_oss.compat.formatters import AzureMLEndpointApiType, meaning
from langchain_azureml_oss.endpoint import loadable
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.formatters import ContentFormatter
from langchain_azureml_oss.llms import AzureMLOSSLLM


@loadable
class AzureMLOnlineEndpoint(AzureMLOSSLLM):
    """langchain-community's completion model; AzureMLOSSLLM is the new one.

    Raises:
        ConnectionConfigError: an argument makes no sense; see AzureMLOSSLLM too.
    """

    def __init__(self, **arguments: Any) -> None:
        new, line = translated(arguments, "AzureMLOSSLLM")
        warnings.warn(line, DeprecationWarning, stacklevel=2)
        super().__init__(**new)

    def __call__(
        self,
        prompt: Any,
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **options: Any,
    ) -> str:
        """Return what `invoke` returns: models could be called before LangChain 1.0."""
        return self.invoke(prompt, {"callbacks": callbacks}, stop=stop, **options)


@loadable
class AzureMLChatOnlineEndpoint(AzureMLOSSChatModel):
    """langchain-community's chat model; AzureMLOSSChatModel is the new one.

    Raises:
        ConnectionConfigError: an argument makes no sense; see AzureMLOSSChatModel too.
    """

    def __init__(self, **arguments: Any) -> None:
        new, line = translated(arguments, "AzureMLOSSChatModel")
        warnings.warn(line, DeprecationWarning, stacklevel=2)
        super().__init__(**new)

    def __call__(
        self,
        messages: Any,
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **options: Any,
    ) -> AIMessage:
        """Return what `invoke` returns: models could be called before LangChain 1.0."""
        return self.invoke(messages, {"callbacks": callbacks}, stop=stop, **options)


def translated(arguments: Mapping[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """Return the arguments of the new class, and a sentence that shows how they are written.

    Args:
        arguments: Those of the old class, or of the new one.
        name: The new class.
    """
    # The old classes' own defaults were None, `model_kwargs=None` among them.
    new = {key: value for key, value in arguments.items() if value is not None}
    new.pop("http_client", None)  # the old class made its own, whatever was given
    api_type = _api_type(new.pop("endpoint_api_type", None))
    given = _made(new.pop("content_formatter", None))
    shown = {key: "..." for key in new if key in {"endpoint_url", "endpoint_api_key"}}
    known = meaning(given)
    if known is not None:
        contract = known.contract
        if api_type is AzureMLEndpointApiType.serverless:
            contract = known.serverless or ""
        _check(given, api_type, is_supported=bool(contract))
        _check_url(new.get("endpoint_url"), api_type)
        new.setdefault("contract", contract)
        new.setdefault("model_family", known.model_family)
    elif isinstance(given, ContentFormatter):
        new["content_formatter"] = given
    elif given is not None:
        _check_methods(given)
        supported = getattr(given, "supported_api_types", None) or [
            AzureMLEndpointApiType.dedicated
        ]
        _check(given, api_type, is_supported=api_type in supported)
        new["content_formatter"] = AdaptedFormatter(given, api_type)
        shown["content_formatter"] = "a langchain_azureml_oss.ContentFormatter"
    new.setdefault("model_family", "OPENAI")
    if new.get("timeout") is None and os.environ.get("AZUREML_TIMEOUT"):
        new["timeout"] = os.environ["AZUREML_TIMEOUT"]
    shown |= {key: repr(str(new[key])) for key in ("model_family", "contract") if key in new}
    shown |= {key: "..." for key in new if key not in {*shown, "content_formatter"}}
    written = ", ".join(f"{key}={value}" for key, value in shown.items())
    line = f"langchain-community's class is kept for old code; the new line is {name}({written})."
    return new, line


def _api_type(given: Any) -> AzureMLEndpointApiType:
    value = given or os.environ.get("AZUREML_ENDPOINT_API_TYPE") or "dedicated"
    try:
        found = AzureMLEndpointApiType(getattr(value, "value", value))
    except ValueError:
        names = ", ".join(AzureMLEndpointApiType.__members__)
        raise ConnectionConfigError(f"endpoint_api_type must be one of {names}.") from None
    is_old = found is AzureMLEndpointApiType.realtime
    return AzureMLEndpointApiType.dedicated if is_old else found


def _check_url(url: Any, api_type: AzureMLEndpointApiType) -> None:
    """Refuse what the old class refused too: a URL of the other type of endpoint."""
    path = str(url or "").partition("?")[0].rstrip("/")
    if api_type is AzureMLEndpointApiType.dedicated and path.endswith("/completions"):
        msg = (
            "endpoint_api_type is dedicated, which /score is for, and endpoint_url ends with"
            ' /completions. Pass endpoint_api_type="serverless", or the URL with /score.'
        )
        raise ConnectionConfigError(msg)


def _made(given: Any) -> Any:
    """Return a formatter; LangChain's own page for the chat model gives its class."""
    if not isinstance(given, type):
        return given
    try:
        return given()
    except Exception as error:
        msg = f"content_formatter is the class {given.__name__}; give an object of it."
        raise ConnectionConfigError(msg) from error


def _check_methods(given: Any) -> None:
    methods = ("format_request_payload", "format_response_payload")
    if not all(callable(getattr(given, name, None)) for name in methods):
        msg = (
            f"content_formatter is {type(given).__name__}; it must be an object such as"
            f" CustomOpenAIChatContentFormatter(), with the methods {' and '.join(methods)}."
        )
        raise ConnectionConfigError(msg)


def _check(given: Any, api_type: AzureMLEndpointApiType, *, is_supported: bool) -> None:
    if not is_supported:
        msg = (
            f"The content formatter {type(given).__name__} does not speak to {api_type.value}"
            " endpoints. CustomOpenAIContentFormatter and CustomOpenAIChatContentFormatter do."
        )
        raise ConnectionConfigError(msg)

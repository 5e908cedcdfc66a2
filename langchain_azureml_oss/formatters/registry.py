"""Which contracts there are: one formatter each, found by name, or by the endpoint's URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from langchain_azureml_oss.errors import ConnectionConfigError, quoted
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters.base import ContentFormatter
from langchain_azureml_oss.formatters.openai import OpenAIFormatter
from langchain_azureml_oss.formatters.score import ScoreFormatter, ScoreParamsFormatter
from langchain_azureml_oss.formatters.score_legacy import (
    DollyFormatter2023,
    FalconFormatter2023,
    GPT2Formatter2023,
)

_FORMATTERS: dict[str, ContentFormatter] = {
    made.name: made
    for made in (
        ScoreFormatter(),
        ScoreParamsFormatter(),
        GPT2Formatter2023(),
        FalconFormatter2023(),
        DollyFormatter2023(),
        OpenAIFormatter(),
    )
}


def contract_names() -> list[str]:
    """Return the names that `contract=` takes, besides `auto`."""
    return list(_FORMATTERS)


def register_formatter(formatter: ContentFormatter) -> None:
    """Make a formatter of your own known under its `name`, for `contract="that name"`.

    Raises:
        ConnectionConfigError: it is no formatter, or named `auto`, which means something else.
    """
    if not isinstance(formatter, ContentFormatter) or formatter.name == "auto":
        msg = (
            f"register_formatter takes a ContentFormatter, such as MyFormatter(), with a name other"
            f" than 'auto'; not {formatter!r}."
        )
        raise ConnectionConfigError(msg)
    _FORMATTERS[formatter.name] = formatter


def formatter(name: str) -> ContentFormatter:
    """Return the formatter of a contract.

    Raises:
        ConnectionConfigError: no contract has this name.
    """
    try:
        return _FORMATTERS[name]
    except KeyError:
        msg = f"Unknown contract {quoted(name)}; known are: auto, {', '.join(_FORMATTERS)}."
        raise ConnectionConfigError(msg) from None


_OPENAI_PATHS = ("/completions", "/embeddings", "/embed", "/v1")
_OPENAI_HOSTS = (".models.ai.azure.com", ".inference.ai.azure.com", ".serverless.ml.azure.com")


def contract_for(url: str, row: FamilyProfile) -> ContentFormatter:
    """Return the contract that `contract="auto"` means: the URL's path decides, then the family.

    Source: the hosts and paths in docs/contracts.md.
    """
    host, path = urlsplit(url).hostname or "", urlsplit(url).path.rstrip("/")
    if path.endswith("/score"):
        return formatter("score")
    if path in {"", "/v1", "/models"} or path.endswith(_OPENAI_PATHS):
        return formatter("openai")
    return formatter("openai" if host.endswith(_OPENAI_HOSTS) else row.contract)

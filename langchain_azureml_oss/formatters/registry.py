"""Which contracts there are: one formatter each, found by name."""

from __future__ import annotations

from langchain_azureml_oss.errors import ConnectionConfigError, quoted
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

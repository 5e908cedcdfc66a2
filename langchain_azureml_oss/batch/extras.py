"""Packages that not everyone needs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langchain_azureml_oss.errors import UnsupportedInputError


def needed(name: str, purpose: str, extra: str = "batch") -> Any:
    """Import a package of an extra.

    Raises:
        UnsupportedInputError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError:
        package = name.partition(".")[0]
        msg = (
            f"{purpose[0].upper()}{purpose[1:]} need {package}, which is not installed:"
            f' pip install "langchain-azureml-oss[{extra}]"'
        )
        raise UnsupportedInputError(msg) from None

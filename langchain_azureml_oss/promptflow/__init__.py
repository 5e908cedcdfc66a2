"""Prompt flow's tool for open models: in its flows, and as a function for any Python code.

`asking.py` has the function, `rendering.py` makes messages of a template, `package_tools.py` is
what prompt flow's editors show, `tool.py` what its flows run, `tool_traces.py` what its traces are
told, `lists.py` what they choose from.
Imports any room below. Public: `open_source_llm`, `list_package_tools`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_azureml_oss.promptflow.package_tools import list_package_tools

if TYPE_CHECKING:
    from langchain_azureml_oss.promptflow.asking import open_source_llm

__all__ = ["list_package_tools", "open_source_llm"]


def __getattr__(name: str) -> Any:
    if name != "open_source_llm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Prompt flow asks every package for its tools, and waits for the answer.
    from langchain_azureml_oss.promptflow.asking import open_source_llm  # noqa: PLC0415

    return open_source_llm

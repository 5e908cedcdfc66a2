"""What prompt flow is told about the tool, before anything of it is imported.

Source: promptflow-tools 1.6, yamls/open_model_llm.yaml, and open_source_llm.yaml of the versions
before 1.0; https://microsoft.github.io/promptflow/how-to-guides/develop-a-tool/.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

TOOL = "langchain_azureml_oss.promptflow.tool.open_source_llm"
"""The tool's id."""

DEFAULTS = {"temperature": 1.0, "max_new_tokens": 500, "top_p": 1.0}
"""Settings of the tool's later generation, where a flow says nothing."""

_LISTS = "langchain_azureml_oss.promptflow.lists"

_TOOL: dict[str, Any] = {
    "name": "Open Source LLM (LangChain)",
    "description": "Ask an open model on an Azure ML endpoint, by its Chat or Completion API.",
    "type": "custom_llm",
    "module": "langchain_azureml_oss.promptflow.tool",
    "function": "open_source_llm",
    # Where promptflow-tools is not installed, flows that name its tools get this one.
    "deprecated_tools": [
        "promptflow.tools.open_source_llm.OpenSourceLLM.call",
        "promptflow.tools.open_model_llm.OpenModelLLM.call",
    ],
    "inputs": {
        "endpoint_name": {
            "type": ["string"],
            "default": "",
            "dynamic_list": {"func_path": f"{_LISTS}.list_endpoint_names"},
            "allow_manual_entry": True,
            "is_multi_select": False,
        },
        "connection": {"type": ["CustomConnection"]},
        "deployment_name": {
            "type": ["string"],
            "default": "",
            "dynamic_list": {
                "func_path": f"{_LISTS}.list_deployment_names",
                "func_kwargs": [
                    {
                        "name": "endpoint_name",
                        "type": ["string"],
                        "optional": True,
                        "reference": "${inputs.endpoint_name}",
                    }
                ],
            },
            "allow_manual_entry": True,
            "is_multi_select": False,
        },
        "api": {"type": ["string"], "enum": ["chat", "completion"]},
        "temperature": {"type": ["double"], "default": DEFAULTS["temperature"]},
        "max_new_tokens": {"type": ["int"], "default": DEFAULTS["max_new_tokens"]},
        "top_p": {"type": ["double"], "default": DEFAULTS["top_p"], "advanced": True},
        "model_kwargs": {"type": ["object"], "default": "{}", "advanced": True},
    },
}


def list_package_tools() -> dict[str, dict[str, Any]]:
    """Return the tools of this package, by id, as prompt flow wants to know them."""
    return {TOOL: deepcopy(_TOOL)}  # prompt flow writes into what it gets

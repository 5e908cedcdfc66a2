"""Tools and calls: on the wire, in JSON, in the text of an answer, and shown to a model as text.

`wire.py` is for servers that take tools. The others are for those that do not: `prompting.py` and
`prompted_json.py` ask for calls and forms in words, `calls_in_text.py` and `calls_in_json.py` find
them in the answer, `schemas.py` checks them. Imports `wire`, `errors` and `families`. Internal.
"""

from langchain_azureml_oss.tools.calls_in_text import ToolCallScanner
from langchain_azureml_oss.tools.prompted_json import FORMATS, PromptedJson, response_format
from langchain_azureml_oss.tools.prompting import (
    PromptedTools,
    with_instructions,
    without_tool_role,
)
from langchain_azureml_oss.tools.schemas import misfit
from langchain_azureml_oss.tools.wire import (
    TOOL_SETTINGS,
    StreamedArguments,
    read_tool_call_chunks,
    read_tool_calls,
    wire_tool_settings,
)

__all__ = [
    "FORMATS",
    "TOOL_SETTINGS",
    "PromptedJson",
    "PromptedTools",
    "StreamedArguments",
    "ToolCallScanner",
    "misfit",
    "read_tool_call_chunks",
    "read_tool_calls",
    "response_format",
    "wire_tool_settings",
    "with_instructions",
    "without_tool_role",
]

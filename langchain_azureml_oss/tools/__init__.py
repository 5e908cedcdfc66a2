"""Tools and calls: on the wire, in JSON, in the text of an answer, and shown to a model as text.

`wire.py` is for servers that take tools; `fragments.py` puts streamed calls together, `calls.py`
judges them, `chunks.py` adds them up. The others are for servers that take no tools, or do not read
the calls: `prompting.py` and `prompted_json.py` ask for calls and for JSON in words, with what
`added_turns.py` adds, `blank_forms.py` shows schemas as forms, `calls_in_text.py` and
`calls_in_json.py` find the calls in the answer, by the words of `lead_up.py` and `around_calls.py`,
with what `candidate.py` keeps, `schemas.py` checks them, and `unfilled.py` tells what was only
copied. Imports `wire`, `errors` and `families`. Internal.
"""

from langchain_azureml_oss.tools.calls import read_tool_call_chunks, read_tool_calls
from langchain_azureml_oss.tools.calls_in_json import UnknownNames
from langchain_azureml_oss.tools.calls_in_text import ToolCallScanner
from langchain_azureml_oss.tools.chunks import AnswerChunk
from langchain_azureml_oss.tools.fragments import StreamedCalls, new_call_id
from langchain_azureml_oss.tools.prompted_json import (
    FORMATS,
    Method,
    PromptedJson,
    json_in,
    response_format,
)
from langchain_azureml_oss.tools.prompting import PromptedTools, without_tool_role
from langchain_azureml_oss.tools.schemas import fitted, misfit, without_nulls
from langchain_azureml_oss.tools.unfilled import unfilled
from langchain_azureml_oss.tools.wire import (
    TOOL_SETTINGS,
    answer_function,
    is_typeddict,
    wire_tool_settings,
)

__all__ = [
    "FORMATS",
    "TOOL_SETTINGS",
    "AnswerChunk",
    "Method",
    "PromptedJson",
    "PromptedTools",
    "StreamedCalls",
    "ToolCallScanner",
    "UnknownNames",
    "answer_function",
    "fitted",
    "is_typeddict",
    "json_in",
    "misfit",
    "new_call_id",
    "read_tool_call_chunks",
    "read_tool_calls",
    "response_format",
    "unfilled",
    "wire_tool_settings",
    "without_nulls",
    "without_tool_role",
]

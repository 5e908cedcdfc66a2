"""Which feature of a request a server refuses, told from its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.errors.tree import (
    AzureMLOSSError,
    InvalidRequestError,
    ModelContainerError,
    ServerError,
)

# Microsoft's catalog server; vLLM without its flags; llama.cpp without --jinja; text-generation-
# inference; a 422 that names the field.
_WORDINGS: Mapping[str, re.Pattern[str]] = {
    "stream_options": re.compile(r"stream_options"),
    "tools": re.compile(
        r"tools and tool_choice are not supported|enable-auto-tool-choice|tool-call-parser"
        r"|tools param requires|(?:does not|doesn't) support (?:tools|tool|function)"
        r"|tools? (?:are|is|calling is|use is) not (?:supported|enabled)"
        r"|\[?['\"]tools['\"]\]? are not allowed|['\"]body['\"], ?['\"]tool",
        re.IGNORECASE,
    ),
    # In the history, though no tools are sent along.
    "tool_calls": re.compile(
        r"tool_calls?\b.{0,80}(?:extra|not (?:permitted|allowed|supported)|unexpected|unknown)"
        r"|(?:extra|unexpected|unknown).{0,80}tool_calls?\b",
        re.IGNORECASE | re.DOTALL,
    ),
    "response_format": re.compile(r"response_format|json_schema|json_object|guided", re.IGNORECASE),
}


def refused_feature(error: AzureMLOSSError, sent: Mapping[str, Any]) -> str | None:
    """Return the feature that the server refuses: a field, or the kind of a `response_format`.

    Args:
        error: What the server answered.
        sent: The fields that were sent.
    """
    if not isinstance(error, InvalidRequestError | ModelContainerError | ServerError):
        return None
    body = error.body or ""
    for field, wording in _WORDINGS.items():
        said = wording.search(body) or (error.status == 422 and field in body)
        if field in sent and said and field == "tool_calls":
            return "tools"
        if field in sent and said:
            return str(sent[field]["type"]) if field == "response_format" else field
    return None

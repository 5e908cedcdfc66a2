"""The wordings that are counted against one another: the package's own, and an earlier one.

The earlier one shows the raw JSON schemas in the system message, asks there for a call that is a
must, and constrains such a call where a server takes schemas, and not where it takes objects only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from langchain_azureml_oss.families import DIALECTS
from langchain_azureml_oss.tools import PromptedJson, PromptedTools
from langchain_azureml_oss.wire import WireMessage, encode_json

MUST = {
    "": "When no function is needed, or when the results that you need are there, answer in plain"
    " words, without any JSON.",
    "any": "Your next answer must be a function call.",
    "name": "Your next answer must be a call of the function {}.",
}
TOOLS = {
    "json": "You can call these functions, given as JSON schemas:\n{}\n\n"
    'To call one, answer with nothing but JSON: {"name": function name, "arguments": {argument'
    " name: value}}. To call several, write one such object on each line.",
}
"""Of the other dialects, the words are still the same: those that their models were trained on."""
JSON = {
    "schema": "Answer with one JSON object that fits this schema, and nothing else:\n{}",
    "any": "Answer with one JSON object, and nothing else.",
}
Messages = Sequence[WireMessage]


def in_system(messages: Messages, text: str) -> list[WireMessage]:
    """Return the conversation with a text behind its system message."""
    if messages and messages[0]["role"] == "system":
        text, messages = f"{messages[0]['content']}\n\n{text}", messages[1:]
    return [{"role": "system", "content": text}, *messages]


def tools_before(
    tools: PromptedTools,
    messages: Messages,
    answer: PromptedJson | None = None,  # noqa: ARG001 - no task has tools and a form
) -> list[WireMessage]:
    """Return the conversation as tools were shown."""
    dialect = DIALECTS[tools.dialect]
    separator = ", " if dialect.as_list else "\n"
    schemas = separator.join(encode_json(tool).decode() for tool in tools.tools)
    shown = TOOLS.get(tools.dialect, dialect.tools).replace("{}", schemas, 1)
    must = MUST.get(tools.must_call, MUST["name"]).replace("{}", tools.must_call)
    return in_system(messages, f"{shown}\n{must}")


def json_before(form: PromptedJson, messages: Messages) -> list[WireMessage]:
    """Return the conversation as a form of the answer was shown."""
    if form.schema is None:
        return in_system(messages, JSON["any"])
    return in_system(messages, JSON["schema"].replace("{}", encode_json(form.schema).decode()))


_format_now = PromptedTools.response_format


def format_before(
    tools: PromptedTools, answer: PromptedJson | None = None, refused: Collection[str] = ()
) -> dict[str, Any] | None:
    """Return how a call that is a must was constrained."""
    return None if "json_schema" in refused else _format_now(tools, answer, refused)


WORDINGS: Mapping[str, Sequence[tuple[type, str, Callable[..., Any]]]] = {
    "now": (),
    "before": (
        (PromptedTools, "shown", tools_before),
        (PromptedTools, "response_format", format_before),
        (PromptedJson, "shown", json_before),
    ),
}


@contextmanager
def wording(name: str) -> Iterator[None]:
    """Ask in the words of that name."""
    with ExitStack() as stack:
        for owner, method, replacement in WORDINGS[name]:
            stack.enter_context(mock.patch.object(owner, method, replacement))
        yield

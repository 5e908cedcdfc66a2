"""Tools without the server's help: schemas, calls and results become text of the conversation."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.utils.json_schema import dereference_refs

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.families import (
    DIALECTS,
    ToolDialect,
    harmless,
    in_marks,
    plain_text,
    read_arguments,
    show_calls,
    show_result,
    show_tools,
)
from langchain_azureml_oss.tools.added_turns import (
    EXAMPLE,
    after_examples,
    with_instructions,
    with_request,
)
from langchain_azureml_oss.tools.blank_forms import blank_form
from langchain_azureml_oss.tools.calls_in_json import UnknownNames
from langchain_azureml_oss.tools.calls_in_text import ToolCallScanner
from langchain_azureml_oss.tools.prompted_json import PromptedJson
from langchain_azureml_oss.tools.schemas import misfit, without_nulls
from langchain_azureml_oss.tools.unfilled import shows_a_copy, unfilled
from langchain_azureml_oss.wire import WireMessage, encode_json


@dataclass(frozen=True, slots=True)
class PromptedTools:
    """The tools of one call, for a server that does not take them, or does not read the calls."""

    tools: Sequence[Mapping[str, Any]]
    """In OpenAI's form."""
    dialect: str
    must_call: str = ""
    """Empty; `any`; or the name of the function that must be called."""
    one_only: bool = False
    """Whether an answer may hold one call only."""
    is_constrained: bool = False
    """Whether the server lets the model write nothing but what fits the schemas."""
    schemas: dict[str, Mapping[str, Any]] = field(init=False)
    """Name -> schema of the arguments."""

    def __post_init__(self) -> None:
        functions = [tool["function"] for tool in self.tools]
        schemas = {f["name"]: f.get("parameters") or {} for f in functions}
        object.__setattr__(self, "schemas", schemas)

    @classmethod
    def of(
        cls,
        tools: Sequence[Mapping[str, Any]],
        tool_choice: Any,
        dialect: str,
        *,
        one_only: bool = False,
    ) -> PromptedTools | None:
        """Return the tools to show, given OpenAI's `tool_choice`; None where none may be called.

        Raises:
            UnsupportedInputError: one of them is no function.
        """
        if not tools or tool_choice == "none":
            return None
        for tool in tools:
            if "function" not in tool:
                msg = (
                    f"A tool of type {tool.get('type')!r} is run by the server, and this one takes"
                    " no tools: only functions can be shown to the model as text."
                )
                raise UnsupportedInputError(msg)
        must_call = "any" if tool_choice == "required" else ""
        if isinstance(tool_choice, Mapping):
            function = tool_choice.get("function")
            must_call = function.get("name", "") if isinstance(function, Mapping) else ""
        return cls(tools, dialect, must_call, one_only)

    @classmethod
    def sent(
        cls, tools: Sequence[Mapping[str, Any]], tool_choice: Any, dialect: str
    ) -> PromptedTools | None:
        """Return the functions that a server is sent, whose calls it may leave in the text."""
        functions = [tool for tool in tools if _is_function(tool)]  # it runs the others itself
        return cls(functions, dialect) if functions and tool_choice != "none" else None

    def shown(
        self, messages: Sequence[WireMessage], answer: PromptedJson | None = None
    ) -> list[WireMessage]:
        """Return the conversation in which the model is told what it may call, and what it must.

        Args:
            messages: The conversation.
            answer: The form of an answer without a call.

        A call that is a must is shown as a form behind an example; but a model that is kept to the
        schema copies the blanks of a form into it, and does better with the schema alone.
        """
        if not self.must_call or self.is_constrained:
            return with_instructions(messages, self.instructions(answer))
        function = EXAMPLE.function
        named = "any" if self.must_call == "any" else function["name"]
        example = PromptedTools([{"type": "function", "function": function}], self.dialect, named)
        dialect = DIALECTS[self.dialect]
        call = json.dumps({"name": function["name"], dialect.arguments: EXAMPLE.arguments})
        told = with_request(messages, self.request)
        called = [self.schemas[name] for name in self._allowed if name in self.schemas]
        if function["name"] in self.schemas or not all(map(shows_a_copy, called)):
            return told  # a copy of the example would be a call
        asked = f"{EXAMPLE.question}\n\n{example.request}"
        return after_examples(told, (asked, in_marks(dialect, [call])))

    def instructions(self, answer: PromptedJson | None = None) -> str:
        """Return what the system message says; `answer` is the form of an answer without a call."""
        form = {} if answer is None else {"answer": answer.form}
        if self.must_call:
            form = {"answer": ""}
        tools = [tool for tool in self.tools if tool["function"]["name"] in self._allowed]
        text = show_tools(DIALECTS[self.dialect], tools, **form)
        text += f"\nYour next answer must be {self._wanted}." if self.must_call else ""
        return text + _ONE_ONLY if self.one_only else text

    @property
    def request(self) -> str:
        """What the model is told behind the user's last words, where a call is a must.

        It takes the place of the schemas: what is listed twice makes small models repeat the list.
        """
        dialect, calls, notes = DIALECTS[self.dialect], [], []
        for tool in self.tools:
            name, said = tool["function"]["name"], tool["function"].get("description")
            if name not in self._allowed:
                continue
            form, about = blank_form(self.schemas[name])
            calls += [in_marks(dialect, [f'{{"name": "{name}", "{dialect.arguments}": {form}}}'])]
            notes += [f"{name}: {said}"] * bool(said) + about
        text = f"Answer with nothing but {self._wanted} like this: {' or '.join(calls)}"
        return "\n".join([text, *notes]) + (_ONE_ONLY if self.one_only else "")

    @property
    def _wanted(self) -> str:
        return "a function call" if self.must_call == "any" else f"a call of {self.must_call}"

    @property
    def _allowed(self) -> Collection[str]:
        """Names of the functions that may be called now."""
        return self.schemas if self.must_call in {"", "any"} else [self.must_call]

    def disarmed(self, messages: Sequence[WireMessage]) -> list[WireMessage]:
        """Return the conversation with marks in users' texts and tools' results made harmless.

        What they hold is shown to the model, and must not pass for its own calls, or for a turn.
        """
        dialect = DIALECTS[self.dialect]
        return [
            {**message, "content": _harmless(dialect, message["content"])}
            if message["role"] in {"user", "tool", "function"}
            else message
            for message in messages
        ]

    def scanner(self, unknown: UnknownNames = "own form") -> ToolCallScanner:
        """Return what finds the calls in the text of an answer.

        Args:
            unknown: Where a call counts whose name is no tool's.
        """
        return ToolCallScanner(self.schemas, DIALECTS[self.dialect], unknown)

    def as_called(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return a call as its tool will be run: small models write null for what they leave out.

        What does not fit stays, since the tool itself says what is wrong, as it does for a call
        that a server read.
        """
        schema = self.schemas.get(call["function"]["name"])
        arguments = read_arguments(call["function"]["arguments"])
        if schema is None or not isinstance(arguments, dict):
            return call
        kept = without_nulls(arguments, schema)
        if len(kept) == len(arguments):
            return call
        return {**call, "function": {**call["function"], "arguments": encode_json(kept).decode()}}

    def missing(self, calls: Sequence[Mapping[str, Any]]) -> str | None:
        """Return what is wrong with an answer without the call that was asked for, in words."""
        if not self.must_call:
            return None
        allowed = self._allowed
        reasons = [self._misfit(call) for call in calls if call["function"]["name"] in allowed]
        if None in reasons:
            return None
        return "; ".join(filter(None, reasons)) or f"it holds no call of {' or '.join(allowed)}"

    def _misfit(self, call: Mapping[str, Any]) -> str | None:
        arguments = read_arguments(call["function"]["arguments"]) or {}
        if not isinstance(arguments, dict):
            return "the arguments are not a JSON object"
        schema = self.schemas[call["function"]["name"]]
        return misfit(arguments, schema) or unfilled(arguments, schema)

    def written(self, calls: Sequence[Mapping[str, Any]]) -> str:
        """Return calls as the model would write them."""
        return show_calls(DIALECTS[self.dialect], calls)

    def response_format(
        self, answer: PromptedJson | None = None, refused: Collection[str] = ()
    ) -> dict[str, Any] | None:
        """Return the `response_format` that lets a server decode nothing but what was asked for.

        Args:
            answer: The form of an answer without a call.
            refused: `json_schema` and `json_object`, as far as the server does not take them.

        Returns:
            None where the model may answer in words, or the server constrains nothing.
        """
        form = answer.schema if answer else None
        if not (self.must_call or form):
            return None
        if "json_schema" in refused:
            return None if "json_object" in refused else {"type": "json_object"}
        key = DIALECTS[self.dialect].arguments
        options = [
            {
                "type": "object",
                "properties": {
                    "name": {"const": name},
                    key: dereference_refs(dict(self.schemas[name])),
                },
                "required": ["name", key],
            }
            for name in self._allowed
            if name in self.schemas
        ]
        if form:
            options.append(dereference_refs(dict(form)))
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}


def _is_function(tool: Any) -> bool:
    """Whether a tool is a whole function; what a caller writes into `model_kwargs` may be none."""
    function = tool.get("function") if isinstance(tool, Mapping) else None
    return (
        isinstance(function, Mapping)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("parameters") or {}, Mapping)
    )


def _harmless(dialect: ToolDialect, content: Any) -> Any:
    if isinstance(content, str):
        return harmless(dialect, content)
    return [
        {**part, "text": harmless(dialect, part["text"])} if part.get("type") == "text" else part
        for part in content
    ]


_ONE_ONLY = "\nCall one function at a time."


def without_tool_role(messages: Sequence[WireMessage], dialect_name: str) -> list[WireMessage]:
    """Return the conversation with earlier calls and results as text of its turns."""
    dialect = DIALECTS[dialect_name]
    names: dict[str, str] = {}
    told: list[WireMessage] = []
    for message in messages:
        calls = message.get("tool_calls", [])
        names |= {call["id"]: call["function"]["name"] for call in calls}
        if message["role"] == "tool":
            told.append(_result_turn(message, names, dialect_name))
        elif calls:
            text = plain_text(message, "A turn with tool calls as text")
            written = "\n".join(part for part in (text, show_calls(dialect, calls)) if part)
            told.append({"role": message["role"], "content": written})
        else:
            told.append(message)
    return told


def _result_turn(message: WireMessage, names: Mapping[str, str], dialect_name: str) -> WireMessage:
    name = message.get("name") or names.get(message.get("tool_call_id", "")) or "function"
    content = message["content"]
    if isinstance(content, str):
        return {"role": "user", "content": show_result(DIALECTS[dialect_name], name, content)}
    texts = "".join(part["text"] for part in content if part["type"] == "text")
    others = [part for part in content if part["type"] != "text"]
    shown = show_result(DIALECTS[dialect_name], name, texts)
    parts = [{"type": "text", "text": shown}, *others] if others else shown
    return {"role": "user", "content": parts}

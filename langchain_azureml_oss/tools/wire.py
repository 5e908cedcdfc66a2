"""LangChain's tools and tool choices -> the wire's; tool calls of the wire -> LangChain's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_azureml_oss.wire import ValueEnd, decode_json, encode_json

TOOL_SETTINGS = ("tools", "tool_choice", "parallel_tool_calls")


class StreamedArguments:
    """Keeps the arguments of a stream's calls, to know at its end which of them were cut off.

    langchain-core completes what is missing, so that half a call would be run.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def feed(self, raw: Sequence[Mapping[str, Any]]) -> None:
        """Take the fragments that one event brings."""
        for place, item in enumerate(raw):
            index = _index(item, place)
            self._texts[index] = self._texts.get(index, "") + (_function(item)[1] or "")

    def spoilers(self) -> list[dict[str, Any]]:
        """Return fragments that nobody can complete, for the calls that are not JSON."""
        fragments = []
        for index, text in self._texts.items():
            value = ValueEnd()
            value.feed(text)
            try:
                decode_json(text.encode("utf-8", "surrogatepass") or b"{}")
            except ValueError:
                escaped = (len(text) - len(text.rstrip("\\"))) % 2
                string_end = "\\" * escaped + '"' if value.in_string else ""
                # One more than there are lists to close: the last one closes nothing.
                wrong_end = string_end + "]" * (text.count("[") + 1)
                fragments.append({"index": index, "function": {"arguments": wrong_end}})
        return fragments


def read_tool_calls(
    raw: Sequence[Mapping[str, Any]],
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls of a whole answer, and those whose arguments are not a JSON object.

    Args:
        raw: OpenAI's `tool_calls`; an id is made where one is missing. An `error` in a call makes
            it invalid, for that reason.
    """
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for item in raw:
        name, arguments = _function(item)
        function = {"name": name, "arguments": arguments}
        call = {"id": _text(item.get("id")) or _new_id(), "function": function}
        if item.get("error"):
            invalid.append(make_invalid_tool_call(call, item["error"]))
            continue
        try:
            parsed: Any = parse_tool_call(call)
        except (OutputParserException, TypeError) as error:
            invalid.append(make_invalid_tool_call(call, str(error)))
            continue
        if isinstance(parsed["args"], dict):
            calls.append(parsed)
        else:
            reason = f"The arguments are {type(parsed['args']).__name__}, not a JSON object."
            invalid.append(make_invalid_tool_call(call, reason))
    return calls, invalid


def read_tool_call_chunks(raw: Sequence[Mapping[str, Any]]) -> list[ToolCallChunk]:
    """Return the fragments of calls that one event of a stream brings."""
    chunks = []
    for place, item in enumerate(raw):
        name, arguments = _function(item)
        if item.get("error"):
            # Chunks carry no error. A JSON text is no object, so the call stays invalid when the
            # chunks are added up, and says why.
            arguments = encode_json(f"{arguments} ({item['error']})").decode()
        chunks.append(
            tool_call_chunk(
                name=name,
                args=arguments,
                # The first fragment of a call names its function, and only that one has the id.
                id=_text(item.get("id")) or (_new_id() if name else None),
                index=_index(item, place),
            )
        )
    return chunks


def wire_tool_settings(
    settings: Mapping[str, Any], *, strict: bool | None = None
) -> dict[str, Any]:
    """Return settings of a call with `tools` and `tool_choice` in OpenAI's form.

    Where there are no tools, nothing about them is sent: servers refuse an empty list.

    Args:
        settings: `tools` of every kind that LangChain takes, `tool_choice` in any of its spellings,
            and others, which stay.
        strict: Whether arguments must fit the schema.

    Raises:
        ValueError: `tool_choice` names a tool that is not among `tools`.
    """
    if "tools" not in settings:
        return dict(settings)
    tools = [convert_to_openai_tool(tool, strict=strict) for tool in settings["tools"] or ()]
    chosen = wire_tool_choice(settings.get("tool_choice"), [_tool_name(tool) for tool in tools])
    others = {name: value for name, value in settings.items() if name not in TOOL_SETTINGS}
    if not tools:
        return others
    about = {
        "tools": tools,
        "tool_choice": chosen,
        "parallel_tool_calls": settings.get("parallel_tool_calls"),
    }
    return others | {name: value for name, value in about.items() if value is not None}


def wire_tool_choice(choice: Any, names: Sequence[str]) -> Any:
    """Return OpenAI's form of a tool choice in any of LangChain's spellings.

    Args:
        choice: See `AzureMLOSSChatModel.bind_tools`.
        names: The tools that there are.

    Raises:
        ValueError: the choice names another tool, or asks for a call though there is no tool.
    """
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        if name is None and choice.get("type") not in _CHOICES:
            return choice  # a server's own
        choice = name or choice["type"]
    if choice is None:
        return None
    if isinstance(choice, str) and choice in names:
        return {"type": "function", "function": {"name": choice}}
    found = _CHOICES.get(choice) if isinstance(choice, str | bool) else None
    if found is None or (found == "required" and not names):
        allowed = ["auto", "none", *(["any", "required", *names] if names else ())]
        msg = f"tool_choice {choice!r} is none of {', '.join(allowed)}."
        raise ValueError(msg)
    return found


_CHOICES: Mapping[str | bool, str] = {
    "auto": "auto",
    "none": "none",
    False: "none",
    "any": "required",
    "required": "required",
    True: "required",
}


def _tool_name(tool: Mapping[str, Any]) -> str:
    """Return the name of a function; of a tool that the server itself runs, its name or type."""
    return str(tool.get("function", tool).get("name") or tool.get("type"))


def _function(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return name and arguments; some servers write the arguments' object instead of its text."""
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = encode_json(arguments).decode()
    return _text(function.get("name")), arguments


def _index(call: Mapping[str, Any], place: int) -> int:
    index = call.get("index")
    return index if isinstance(index, int) else place


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _new_id() -> str:
    return f"call_{uuid4().hex[:24]}"

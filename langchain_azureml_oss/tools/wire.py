"""LangChain's tools, tool choices and schemas of answers -> the wire's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_azureml_oss.errors import quoted

TOOL_SETTINGS = ("tools", "tool_choice", "parallel_tool_calls")


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
        ValueError: `tool_choice` names a tool that is not among `tools`, or these are none.
    """
    if "tools" not in settings:
        return dict(settings)
    given = settings["tools"] or ()
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        msg = f"tools is {type(given).__name__}; it must be a list of functions, tools or schemas."
        raise ValueError(msg)  # noqa: TRY004 - as for what is no tool inside of it
    tools = [convert_to_openai_tool(tool, strict=strict) for tool in given]
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
        msg = f"tool_choice {quoted(choice)} is none of {', '.join(allowed)}."
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


_UNNAMED = "Answer"
"""What a schema is called that has no name."""


def answer_function(schema: dict[str, Any] | type, *, strict: bool | None) -> dict[str, Any]:
    """Return the function of OpenAI's form whose arguments are the answer.

    Args:
        schema: As the user gave it; a dict may also be OpenAI's `response_format`, or the
            `json_schema` in it, and a JSON schema may go without a title.
        strict: Whether the server must keep to the schema.
    """
    if isinstance(schema, dict):
        form = schema.get("json_schema", schema)
        if isinstance(form.get("schema"), dict):
            schema = {"title": form.get("name", _UNNAMED), **form["schema"]}
            strict = form.get("strict") if strict is None else strict
        elif "properties" in schema and not {"title", "name"} & schema.keys():
            schema = {"title": _UNNAMED, **schema}
    function: dict[str, Any] = convert_to_openai_tool(schema, strict=strict)["function"]
    if is_typeddict(schema):
        function = {**function, "parameters": _with_nulls(function["parameters"], schema)}
    return {"parameters": {"type": "object", "properties": {}}, **function}


def _with_nulls(parameters: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """Return the schema of a TypedDict with null where it may be: langchain-core leaves it out."""
    properties = dict(parameters.get("properties", {}))
    for name, hint in get_type_hints(schema).items():
        if name in properties and type(None) in get_args(hint):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
    return {**parameters, "properties": properties}


def is_typeddict(schema: Any) -> bool:
    """Whether it is a TypedDict, of Python or of typing_extensions."""
    return isinstance(schema, type) and hasattr(schema, "__required_keys__")

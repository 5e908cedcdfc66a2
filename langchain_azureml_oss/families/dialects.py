"""How families write tools, calls and results as text, for servers that refuse the `tools` field.

Each dialect is data. Sources: the chat templates in the models' tokenizer_config.json, and the
prompt formats on the models' cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_azureml_oss.wire import decode_json, encode_json


class ToolDialect(NamedTuple):
    """One way to write tools; `{}` stands for what is filled in."""

    tools: str
    """Shows the schemas, and says how to call."""
    call: str
    """Wraps the calls of one turn."""
    result: str
    """Wraps the result of one call."""
    arguments: str = "arguments"
    """The key of a call's arguments."""
    as_list: bool = False
    """Whether several calls are one JSON list; otherwise each is wrapped on its own."""


DIALECTS: Mapping[str, ToolDialect] = {
    "json": ToolDialect(
        tools="You can call these functions, given as JSON schemas:\n{}\n\n"
        'To call one, answer with nothing but JSON: {"name": function name, "arguments": {argument'
        " name: value}}. To call several, write one such object on each line.",
        call="{}",
        result="The function {name} returned:\n{}",
    ),
    # meta-llama/Llama-3.1-8B-Instruct, chat_template: "Given the following functions, please
    # respond with a JSON for a function call ...", with the key `parameters`.
    "llama": ToolDialect(
        tools="Given the following functions, please respond with a JSON for a function call with"
        " its proper arguments that best answers the given prompt.\n\nRespond in the format"
        ' {"name": function name, "parameters": dictionary of argument name and its value}. Do not'
        " use variables.\n\n{}",
        call="{}",
        result="The function {name} returned:\n{}",
        arguments="parameters",
    ),
    # Qwen/Qwen3-8B and NousResearch/Hermes-3, chat_template: <tools>, <tool_call>, <tool_response>.
    "hermes": ToolDialect(
        tools="# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou"
        " are provided with function signatures within <tools></tools> XML tags:\n<tools>\n{}\n"
        "</tools>\n\nFor each function call, return a json object with function name and arguments"
        " within <tool_call></tool_call> XML tags:\n<tool_call>\n"
        '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
        call="<tool_call>\n{}\n</tool_call>",
        result="<tool_response>\n{}\n</tool_response>",
    ),
    # mistralai/Mistral-7B-Instruct-v0.3, chat_template: [AVAILABLE_TOOLS], [TOOL_CALLS],
    # [TOOL_RESULTS].
    "mistral": ToolDialect(
        tools="[AVAILABLE_TOOLS] [{}] [/AVAILABLE_TOOLS]\n\nTo call functions, answer with nothing"
        ' but [TOOL_CALLS] [{"name": function name, "arguments": {argument name: value}}].',
        call="[TOOL_CALLS] {}",
        result='[TOOL_RESULTS] {"name": "{name}", "content": {json}} [/TOOL_RESULTS]',
        as_list=True,
    ),
}


def show_tools(
    dialect: ToolDialect,
    tools: Sequence[Mapping[str, Any]],
    must_call: str = "",
    answer: str = "in plain words, without any JSON.",
) -> str:
    """Return the instructions that tell a model which functions there are.

    Args:
        dialect: How the family writes them.
        tools: OpenAI's tools.
        must_call: Empty; `any`; or the name of the function that must be called.
        answer: How to answer where no call is a must and none is needed.
    """
    separator = ", " if dialect.as_list else "\n"
    schemas = separator.join(encode_json(tool).decode() for tool in tools)
    text = dialect.tools.replace("{}", schemas, 1)
    if must_call == "any":
        return f"{text}\nYour next answer must be a function call."
    if must_call:
        return f"{text}\nYour next answer must be a call of the function {must_call}."
    return (
        f"{text}\nWhen no function is needed, or when the results that you need are there,"
        f" answer {answer}"
    )


def show_calls(dialect: ToolDialect, calls: Sequence[Mapping[str, Any]]) -> str:
    """Return earlier calls, in OpenAI's form, as the model would have written them."""
    written = [
        encode_json(
            {
                "name": call["function"]["name"],
                dialect.arguments: read_arguments(call["function"]["arguments"]),
            }
        ).decode()
        for call in calls
    ]
    if dialect.as_list:
        written = [f"[{', '.join(written)}]"]
    return "\n".join(dialect.call.replace("{}", text) for text in written)


def show_result(dialect: ToolDialect, name: str, text: str) -> str:
    """Return the result of a call of the function `name`."""
    before, filled, after = dialect.result.partition("{}" if "{}" in dialect.result else "{json}")
    value = text if filled == "{}" else encode_json(text).decode()
    # The name is filled in around the value, whose own braces stay as they are.
    return before.replace("{name}", name) + value + after.replace("{name}", name)


def read_arguments(text: str) -> Any:
    """Return the value of a call's arguments; the text itself where it is not JSON."""
    try:
        return decode_json(text.encode())
    except ValueError:
        return text

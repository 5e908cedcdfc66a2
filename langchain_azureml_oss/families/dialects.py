"""How families write tools, calls and results as text, for servers that refuse the `tools` field.

Each dialect is data. Sources: the chat templates in the models' tokenizer_config.json, and the
prompt formats on the models' cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from langchain_azureml_oss.wire import decode_json, encode_json


class CallMark(NamedTuple):
    """What a model writes in front of a call."""

    opening: str
    closing: str = ""
    """What stands behind the call; empty where nothing does."""
    name: Literal["", "may", "must"] = ""
    """Whether the function's name stands between the mark and the JSON, which then holds only the
    arguments."""
    name_ends: tuple[str, ...] = ()
    """What may stand, or must, behind that name."""


END_MARKS = (
    "</s>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<|eos|>",
    "<eos>",
    "<｜end▁of▁sentence｜>",  # noqa: RUF001 - as DeepSeek writes it
)
"""What servers leave at the end of an answer when they do not hide a model's special tokens."""


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
    marks: tuple[CallMark, ...] = ()
    """What begins a call, besides JSON alone, which does so in every dialect."""
    special: tuple[str, ...] = ()
    """Other marks by which the chat template tells who speaks: no user's text may forge them."""


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
        # The same model card: built-in tools behind <|python_tag|>, custom ones as <function=…>.
        marks=(
            CallMark("<|python_tag|>"),
            CallMark("<function=", "</function>", name="must", name_ends=(">",)),
        ),
        special=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
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
        marks=(CallMark("<tool_call>", "</tool_call>"),),
        special=("<tools>", "</tools>", "<tool_response>", "</tool_response>", "<|im_start|>"),
    ),
    # mistralai/Mistral-7B-Instruct-v0.3, chat_template: [AVAILABLE_TOOLS], [TOOL_CALLS],
    # [TOOL_RESULTS].
    "mistral": ToolDialect(
        tools="[AVAILABLE_TOOLS] [{}] [/AVAILABLE_TOOLS]\n\nTo call functions, answer with nothing"
        ' but [TOOL_CALLS] [{"name": function name, "arguments": {argument name: value}}].',
        call="[TOOL_CALLS] {}",
        result='[TOOL_RESULTS] {"name": "{name}", "content": {json}} [/TOOL_RESULTS]',
        as_list=True,
        # Later versions write [TOOL_CALLS]name{...} and [TOOL_CALLS]name[ARGS]{...}.
        marks=(CallMark("[TOOL_CALLS]", name="may", name_ends=("[ARGS]",)),),
        special=(
            *("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
            *("[INST]", "[/INST]", "<s>"),
        ),
    ),
}


def show_tools(
    dialect: ToolDialect,
    tools: Sequence[Mapping[str, Any]],
    answer: str = "in plain words, without any JSON.",
) -> str:
    """Return the instructions that tell a model which functions there are.

    Args:
        dialect: How the family writes them.
        tools: OpenAI's tools.
        answer: How to answer where no call is needed; empty where one is a must.
    """
    separator = ", " if dialect.as_list else "\n"
    schemas = separator.join(encode_json(tool).decode() for tool in tools)
    text = dialect.tools.replace("{}", schemas, 1)
    if not answer:
        return text
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
    return in_marks(dialect, written)


def in_marks(dialect: ToolDialect, written: Sequence[str]) -> str:
    """Return calls, each as JSON, with the family's marks around them."""
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
        return decode_json(text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return text


def harmless(dialect: ToolDialect, text: str) -> str:
    """Return somebody's text with the dialect's marks shown, but no longer marks.

    A space behind the first character is enough: tokenizers and this package's own scanner know a
    mark by all its characters.
    """
    calls = (word for mark in dialect.marks for word in (mark.opening, mark.closing))
    for word in filter(None, (*calls, *dialect.special, *END_MARKS)):
        text = text.replace(word, f"{word[0]} {word[1:]}")
    return text

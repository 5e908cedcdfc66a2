"""Tool calls in the text of an answer: every dialect, any chunking, and nothing but calls."""

from __future__ import annotations

import json

import pytest
from agents.competent_model import written
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langchain_azureml_oss.families.dialects import DIALECTS as DIALECTS_TABLE
from langchain_azureml_oss.families.dialects import END_MARKS
from langchain_azureml_oss.tools.calls_in_text import ToolCallScanner

TWO = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
NOTHING = {"type": "object", "properties": {}}
TOOLS = {"add": TWO, "mul": TWO, "info": NOTHING}
ADD = {"name": "add", "args": {"a": 1, "b": 2}}
MUL = {"name": "mul", "args": {"a": 3, "b": 4}}
DIALECTS = ("llama", "hermes", "mistral", "json")
PLAIN_ADD = '{"name": "add", "arguments": {"a": 1, "b": 2}}'


EVERY = DIALECTS_TABLE["json"]._replace(
    marks=tuple(mark for dialect in DIALECTS_TABLE.values() for mark in dialect.marks)
)
"""A dialect that has the marks of all, to see each of them in every place."""


def scanned(*pieces, dialect=EVERY, tools=TOOLS, unknown="marked"):
    """The text and the calls (name, arguments) of an answer that comes in these pieces."""
    scanner = ToolCallScanner(tools, dialect, unknown)
    said = "".join(scanner.feed(piece) for piece in pieces)
    rest, calls = scanner.flush()
    functions = [call["function"] for call in calls]
    return said + rest, [(call["name"], read(call["arguments"])) for call in functions]


def read(arguments):
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("calls", [[ADD], [ADD, MUL]], ids=["one", "two"])
@pytest.mark.parametrize("prose", ["", "Let me see."], ids=["alone", "after prose"])
def test_calls_of_every_dialect(dialect, calls, prose):
    text, found = scanned(
        f"{prose}\n{written(dialect, calls)}" if prose else written(dialect, calls)
    )
    assert text == prose
    assert found == [(call["name"], call["args"]) for call in calls]


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{PLAIN_ADD}\n```",
        f"```\n{PLAIN_ADD}\n```",
        f"```json\n{PLAIN_ADD}",
        "{'name': 'add', 'arguments': {'a': 1, 'b': 2}}",
        '{"name": "add", "arguments": {"a": 1, "b": 2,},}',
        '{"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}',
        '{"name": "add", "parameters": {"a": 1, "b": 2}}',
        '{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}',
        '{"type": "function", "name": "add", "parameters": {"a": 1, "b": 2}}',
        f'{{"tool_calls": [{PLAIN_ADD}]}}',
        f"[{PLAIN_ADD}]",
        f"  {PLAIN_ADD}  ",
        f"<|python_tag|>{PLAIN_ADD}",
        f"<tool_call>{PLAIN_ADD}</tool_call>",
        f"<tool_call>\n{PLAIN_ADD}\n",
        '<function=add>{"a": 1, "b": 2}</function>',
        '[TOOL_CALLS]add{"a": 1, "b": 2}',
        '[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}',
        f"[TOOL_CALLS] [{PLAIN_ADD}]</s>",
        '{"name": "add", "args": {"a": 1, "b": 2}}',
        '{"arguments": {"a": 1, "b": 2}, "name": "add"}',
        f"{PLAIN_ADD}}}",
        f"<tool_call>{PLAIN_ADD}}}</tool_call>",
        f" [TOOL_CALLS] [{PLAIN_ADD}]",
        f"```json {PLAIN_ADD} ```",
        f"```tool_code\n{PLAIN_ADD}\n```",
    ],
)
def test_the_ways_in_which_small_models_write_a_call(text):
    said, found = scanned(text)
    assert found == [("add", {"a": 1, "b": 2})]
    assert said.strip() in {"", "</s>"}


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (f"Calling: {PLAIN_ADD}", "Calling:"),
        (f"Sure! {PLAIN_ADD}\n", "Sure!"),
        (f"I will add. <tool_call>{PLAIN_ADD}</tool_call>", "I will add."),
        (f"Here it is:\n\n```json\n{PLAIN_ADD}\n```\n", "Here it is:"),
        (f"I open example.com:\n{PLAIN_ADD}", "I open example.com:"),
        (f"I look at [this](x) and {{that}}.\n{PLAIN_ADD}", "I look at [this](x) and {that}."),
        (f"```python\nadd(1, 2)\n```\n{PLAIN_ADD}", "```python\nadd(1, 2)\n```"),
    ],
)
def test_words_that_lead_up_to_a_call_are_kept(text, prose):
    assert scanned(text) == (prose, [("add", {"a": 1, "b": 2})])


@pytest.mark.parametrize("end", END_MARKS)
@pytest.mark.parametrize(
    "call", [PLAIN_ADD, f"<tool_call>{PLAIN_ADD}</tool_call>", f"```json\n{PLAIN_ADD}\n```"]
)
def test_end_marks_behind_a_call_are_no_text(call, end):
    assert scanned(f"{call}{end}\n") == ("", [("add", {"a": 1, "b": 2})])


@pytest.mark.parametrize(
    "text",
    [
        f"`{PLAIN_ADD}`",
        f"``{PLAIN_ADD}``\n",
        f"- {PLAIN_ADD}",
        f"* {PLAIN_ADD}\n",
        f"1. {PLAIN_ADD}",
        f"```\n<tool_call>\n{PLAIN_ADD}\n</tool_call>\n```",
        f"{PLAIN_ADD}</tool_call>",
        f"<tool_call>\n<tool_call>\n{PLAIN_ADD}\n</tool_call>",
    ],
)
def test_more_ways_in_which_an_answer_is_a_call(text):
    assert scanned(text) == ("", [("add", {"a": 1, "b": 2})])


@pytest.mark.parametrize(
    "item", ["- {}\n- {}", "1. {}\n2. {}", "{}\n- {}", "```\n{}\n```\n```\n{}\n```"]
)
def test_calls_in_a_list(item):
    assert scanned(item.replace("{}", PLAIN_ADD)) == ("", [("add", {"a": 1, "b": 2})] * 2)


def test_a_name_alone_calls_a_tool_without_arguments():
    assert scanned('{"name": "info"}') == ("", [("info", {})])
    assert scanned('{"name": "info", "arguments": ""}') == ("", [("info", "")])
    assert scanned('{"name": "add"}')[1] == []


DESCRIPTION = {
    "name": "wipe",
    "description": "Wipe a disk.",
    "parameters": {
        "type": "object",
        "properties": {"path": {"type": "string", "default": "/"}},
    },
}
WIPE = {"wipe": DESCRIPTION["parameters"]}


@pytest.mark.parametrize(
    "description",
    [
        DESCRIPTION,
        {"type": "function", "function": DESCRIPTION},
        {"name": "wipe", "parameters": DESCRIPTION["parameters"]},
        {"name": "wipe", "arguments": DESCRIPTION["parameters"]},
        {"name": "wipe", "arguments": json.dumps(DESCRIPTION["parameters"])},
        {"name": "wipe", "parameters": {"properties": {}}},
        {"name": "wipe", "parameters": {"type": "object"}},
        {"name": "wipe", "parameters": {"path": {"type": "string", "default": "/"}}},
        {"name": "wipe", "description": "Wipe a disk.", "parameters": {}},
        {"name": "wipe", "description": "Wipe a disk."},
        {"name": "other", "parameters": {"path": {"anyOf": [{"type": "string"}]}}},
        {"tool_calls": [{"type": "function", "function": DESCRIPTION}]},
        {"name": "wipe", "arguments": json.dumps(json.dumps(DESCRIPTION["parameters"]))},
        {"name": "wipe", "arguments": {"required": []}},
        {"name": "wipe", "arguments": {"additionalProperties": False, "title": "wipe"}},
        {"name": "wipe", "arguments": {"$ref": "#/$defs/Wipe"}},
        {"name": "wipe", "parameters": {"path": {"title": "Path", "default": "/"}}},
        {"name": "wipe", "parameters": {"path": {"description": "A path.", "type": "STRING"}}},
        {"name": "wipe", "parameters": {"path": {"type": "str"}}},
        {"name": "wipe", "parameters": {"path": {"type": ["string", "null"]}}},
        {"name": "wipe", "inputSchema": DESCRIPTION["parameters"]},
        {"name": "wipe", "outputSchema": {"type": "string"}},
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "[{}]",
        "- {}",
        "`{}`",
        "The tool:\n{}",
        "```json\n{}\n```",
        "<tools>\n{}\n</tools>",
        "<tool_call>\n{}\n</tool_call>",
        "[TOOL_CALLS] [{}]",
        "<|python_tag|>{}",
        '{}\n{"name": "wipe", "arguments": {}} is how',
    ],
)
def test_a_description_of_a_tool_is_no_call(description, around):
    text = around.replace("{}", json.dumps(description), 1)
    assert scanned(text, tools=WIPE) == (text, [])


def test_arguments_behind_a_name_are_no_schema():
    for text in (
        f"<function=wipe>{json.dumps(WIPE['wipe'])}</function>",
        f"[TOOL_CALLS]wipe{json.dumps(WIPE['wipe'])}",
    ):
        assert scanned(text, tools=WIPE) == (text, [])


def test_a_tool_may_take_what_looks_like_a_schema():
    """Where its own schema has such an argument."""
    schema = {"properties": {"type": {"type": "string"}, "properties": {"type": "object"}}}
    arguments = {"type": "object", "properties": {"a": 1}}
    text = json.dumps({"name": "make", "arguments": arguments})
    assert scanned(text, tools={"make": schema}) == ("", [("make", arguments)])
    schema = {"properties": {"filter": {"type": "object"}}}
    text = json.dumps({"name": "find", "arguments": {"filter": {"type": "number"}}})
    assert scanned(text, tools={"find": schema})[1] == [("find", {"filter": {"type": "number"}})]
    schema = {"properties": {"required": {"type": "array"}, "title": {}, "point": {}}}
    for arguments in ({"required": ["a"], "title": "b"}, {"point": {"title": "a"}}, {"title": "a"}):
        text = json.dumps({"name": "list", "arguments": arguments})
        assert scanned(text, tools={"list": schema}) == ("", [("list", arguments)])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "object"}},
        {"type": "object", "properties": {"event": {"type": ["object", "null"]}}},
        {"type": "object", "properties": {"event": {"anyOf": [{"type": "object"}]}}},
    ],
    ids=str,
)
def test_a_title_may_be_that_of_what_a_call_is_about(schema):
    for event in ({"title": "Lunch"}, {"format": "pdf", "description": "All of it"}):
        text = json.dumps({"name": "plan", "arguments": {"event": event}})
        assert scanned(text, tools={"plan": schema}) == ("", [("plan", {"event": event})])


QUOTED = [
    f"Sure! {PLAIN_ADD}\nDone.",
    f"I will add. <tool_call>{PLAIN_ADD}</tool_call> Done.",
    f"Here it is:\n\n```json\n{PLAIN_ADD}\n```\n\nLet me know!",
    f"<tool_call>\n{PLAIN_ADD}\nDone.",
    f"Write <tool_call>{PLAIN_ADD}</tool_call>",
    f"Write [TOOL_CALLS] [{PLAIN_ADD}]",
    f"Write `{PLAIN_ADD}`",
    f"A line:\n`{PLAIN_ADD}`",
    f"`{PLAIN_ADD}` is a call",
    f"`x` {PLAIN_ADD}",
    f"> {PLAIN_ADD}",
    f'"{PLAIN_ADD}"',
    f"He wrote:\n{PLAIN_ADD}\nand went.",
    f"{PLAIN_ADD}\n\nThat was it.",
    f"For example:\n{PLAIN_ADD}",
    f"Here is an example of a call:\n\n```json\n{PLAIN_ADD}\n```",
    f"The function add returned:\n{PLAIN_ADD}",
    f"Fine.\n\nUser:\n{PLAIN_ADD}",
    f"### Instruction:\n{PLAIN_ADD}",
    f"```json\nHere:\n{PLAIN_ADD}\n```",
    f"```json\n{PLAIN_ADD}\n```\n\n```python\nadd(1, 2)\n```",
    f"```python\n{PLAIN_ADD}\n```",
    f"```python\n{PLAIN_ADD}",
    f"~~~\n{PLAIN_ADD}\n~~~",
    f"````\n```json\n{PLAIN_ADD}\n```\n````",
    f"````text\n```\n\n{PLAIN_ADD}",
    f"<tools>\n{PLAIN_ADD}\n</tools>",
    f"<!--\n{PLAIN_ADD}\n-->",
    f"calls = [\n{PLAIN_ADD}\n]",
    f"f(\n{PLAIN_ADD}\n)",
    f'{PLAIN_ADD}\n{{"note": 1}}',
    f"<tool_response>\n{PLAIN_ADD}\n</tool_response>",
    f"<tool_call>{PLAIN_ADD}</tool_call>\n<tool_response>\n3\n</tool_response>",
    f"<tool_call>add\n<tool_call>{PLAIN_ADD}</tool_call> is how",
    f"The document says:\n{PLAIN_ADD}",
    f"The page contains the following text:\n\n{PLAIN_ADD}",
    f"Here is the content of the file:\n```json\n{PLAIN_ADD}\n```",
    f"I can't do that. The instructions in the mail were: {PLAIN_ADD}",
    f"Output: {PLAIN_ADD}",
    f"Output:\n```json\n{PLAIN_ADD}\n```",
    f"Expected output:\n{PLAIN_ADD}",
    f"Input:\n{PLAIN_ADD}",
    f"You could call it like this:\n{PLAIN_ADD}",
    f"You can use:\n{PLAIN_ADD}",
    f"To add, one would write: {PLAIN_ADD}",
    f"If you wanted to add, you'd write:\n{PLAIN_ADD}",
    f"The call would look like this:\n{PLAIN_ADD}",
    f"A call looks like:\n{PLAIN_ADD}",
    f"Tools take JSON, such as:\n{PLAIN_ADD}",
    f"The format is:\n{PLAIN_ADD}",
    f"I will not execute the following command:\n```json\n{PLAIN_ADD}\n```",
    f"You should never run this:\n{PLAIN_ADD}",
    f"You asked me to repeat: {PLAIN_ADD}",
    f"Translation: {PLAIN_ADD}",
    f"<document>\n{PLAIN_ADD}",
    f"-----BEGIN MAIL-----\n{PLAIN_ADD}",
    f"> <tool_call>\n{PLAIN_ADD}\n</tool_call>",
    f"\\[TOOL_CALLS]\n{PLAIN_ADD}",
    f"<|im_start|>user\n{PLAIN_ADD}",
    f"<|start_header_id|>tool<|end_header_id|>\n\n{PLAIN_ADD}",
    f"<start_of_turn>user\n{PLAIN_ADD}",
    f"Subject: Hello\n\n{PLAIN_ADD}",
    f"Content:\n{PLAIN_ADD}",
    f"The page said this:\n{PLAIN_ADD}",
    f"The translation is:\n{PLAIN_ADD}",
    f"You asked me to repeat the following:\n{PLAIN_ADD}",
    f"As you wished, verbatim:\n{PLAIN_ADD}",
    f"This is a prompt injection:\n{PLAIN_ADD}",
]


@pytest.mark.parametrize("text", QUOTED)
def test_a_call_that_is_quoted_stays_text(text):
    assert scanned(text) == (text, [])


@pytest.mark.parametrize(
    "said",
    [
        *("Sure! Here it is:", "Response:", "Action:", "Answer:", "Tool call:", "Assistant:"),
        *("I'll call it like this:", "We can call the function like this:", "1. First.\n2. Then:"),
        *("As you can see, I need to call:", "Let me add the numbers you have:", "I would say:"),
        *("Here is the function call in the required format:", "Here is what you asked for:"),
        *("The function call you need to make is:", "I'd like to know what you would like:"),
        *("<|im_start|>assistant", "The content is there. I call:", "The file says so, and I add:"),
        *("The user asks me to add:", "Let me do what the mail asks:", "The subject is addition:"),
    ],
)
def test_words_that_lead_up_to_a_call(said):
    """As small models write them before a call that they mean."""
    assert scanned(f"{said}\n{PLAIN_ADD}") == (said, [("add", {"a": 1, "b": 2})])


@pytest.mark.parametrize(
    "text", [f"1. Look.\n2. {PLAIN_ADD}", f"- {PLAIN_ADD}", f'{{"tool_calls": [{PLAIN_ADD}]}}']
)
def test_an_answer_that_ends_with_a_call_calls(text):
    """The last item of a plan is what the model does next; the list of OpenAI's form is a call."""
    assert scanned(text)[1] == [("add", {"a": 1, "b": 2})]


@pytest.mark.parametrize("name", DIALECTS)
def test_marks_of_other_families_mean_nothing(name):
    dialect = DIALECTS_TABLE[name]
    own = {mark.opening for mark in dialect.marks}
    for opening, text in {
        "<tool_call>": f"<tool_call>{PLAIN_ADD}</tool_call>",
        "[TOOL_CALLS]": f"[TOOL_CALLS] [{PLAIN_ADD}]",
        "<|python_tag|>": f"<|python_tag|>{PLAIN_ADD}",
        "<function=": '<function=add>{"a": 1, "b": 2}</function>',
    }.items():
        calls = [("add", {"a": 1, "b": 2})] if opening in own else []
        assert scanned(text, dialect=dialect) == ("" if calls else text, calls)


@pytest.mark.parametrize(
    "around", ["{}", "<tool_call>{}</tool_call>", "<function=add>{}</function>"]
)
def test_json_without_end_is_no_call_that_can_be_read(around):
    deep = '{"a": ' * 5_000 + "1" + "}" * 5_000
    text = around.replace("{}", f'{{"name": "add", "arguments": {deep}}}')
    calls = scanned(text)[1]
    assert all(isinstance(arguments, str) for _, arguments in calls)
    assert bool(calls) is (around != "{}")


@pytest.mark.parametrize("between", ["", " ", "\n", "; ", ",\n"])
@pytest.mark.parametrize("mark", ["", "<|python_tag|>", "<tool_call>", "[TOOL_CALLS]"])
def test_several_calls_however_they_are_set_apart(mark, between):
    said, found = scanned(f"{mark}{PLAIN_ADD}{between}{PLAIN_ADD}")
    assert (said, found) == ("", [("add", {"a": 1, "b": 2})] * 2)


def test_a_tag_that_is_never_closed_ends_with_its_call():
    call = f"<tool_call>\n{PLAIN_ADD}\n"
    assert scanned(call * 2) == ("", [("add", {"a": 1, "b": 2})] * 2)


@pytest.mark.parametrize(
    "value", ["}]{[", "</tool_call>", "</function>", "```", "a\nb", "it's", '"', "\\", "}\n```\n"]
)
@pytest.mark.parametrize(
    "around",
    ["{}", "<tool_call>{}</tool_call>", "[TOOL_CALLS] [{}]", "```json\n{}\n```"],
    ids=["bare", "tag", "list", "fence"],
)
def test_what_stands_in_a_string_ends_nothing(around, value):
    call = json.dumps({"name": "add", "arguments": {"a": value}})
    assert scanned(around.replace("{}", call)) == ("", [("add", {"a": value})])
    assert scanned(around.replace("{}", call.replace("\\n", "\n")))[1] == [("add", {"a": value})]


@pytest.mark.parametrize(
    "text",
    [
        f"To add, you would write {PLAIN_ADD} in your answer.",
        f"{PLAIN_ADD} is what I would write.",
        '{"name": "Ada", "arguments": {"a": 1}}',
        '{"name": "add"}',
        '{"name": "add", "arguments": {"a": 1}, "why": "it is an example"}',
        '{"a": 1, "b": 2}',
        '[{"name": "add"}]',
        "[1, 2, 3]",
        f'{{"example": {PLAIN_ADD}}}',
        f'[\n{{"example": \n{PLAIN_ADD}\n}}]',
        f"```python\nprint('''\n{PLAIN_ADD}\n''')\n```",
        f"```json\n{PLAIN_ADD}\n\nand more\n```",
        "{",
        "```",
        "a < b and <tool",
        "see [TOOL",
        "You can write <tool_call> to call tools.",
        "Use `<tool_call>` and `</tool_call>` around a call.",
        "In Llama, <function=add> opens a call, and </function> ends it.",
        "The token [TOOL_CALLS] begins a list, and <|python_tag|> a call.",
        f"Look: {PLAIN_ADD} is a call.",
        f"```json\n{PLAIN_ADD}, more or less\n```",
        "{'name': 'add', 'arguments'",
        "",
        "  \n ",
    ],
)
def test_json_that_is_only_mentioned_stays_text(text):
    assert scanned(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('<tool_call>{"name": "add", "arguments": {"a": </tool_call>', None),
        ("<tool_call>add 1 and 2</tool_call>", "add 1 and 2"),
        ('<function=add>{"a": 1</function>', '{"a": 1'),
        ('[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1', None),
    ],
)
def test_a_marked_call_that_cannot_be_read_is_a_broken_call(text, arguments):
    """So it ends up among `invalid_tool_calls`, and the model can be told."""
    said, ((_, found),) = scanned(text)
    assert said == ""
    assert isinstance(found, str)
    assert arguments is None or found == arguments


FRAGMENTS = st.sampled_from(
    [
        *(written(dialect, [ADD]) for dialect in DIALECTS),
        *(written(dialect, [ADD, MUL]) for dialect in DIALECTS),
        *("\n", " ", "Sure.", "a", "{", "}", "[", "]", '"', "'", "```", "```json\n", "\n```\n"),
        *("<tool_call>", "</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "<function=", "é😀"),
        *('{"x": 1}', '{"name": "Ada"}', '{"name": "add"}', "{'name': 'mul', 'arguments': {}}"),
        *("; ", ", ", "\\", "</function>", "<"),
        *(": ", ". ", "}}", "Yes: ", "<function=add>", "[ARGS]", '{"arguments": {"name": "Bob"}, '),
        *('"name": "add"}', '"</tool_call>"', '{"name": "add", "args": null}', "\r\n"),
    ]
)
ANSWERS = st.lists(FRAGMENTS | st.text(max_size=6), max_size=8).map("".join)


@settings(max_examples=400, deadline=None)
@given(ANSWERS, st.lists(st.integers(0, 400), max_size=12))
@example('{"name": "add", "arguments": {}}; {"name": "mul", "arguments": {}}', list(range(70)))
@example("```\n" + PLAIN_ADD + "\n```\nDone.", list(range(70)))
def test_any_chunking_gives_the_same_text_and_calls(cut, answer, places):
    assert scanned(*cut(answer, places)) == scanned(answer)


@settings(max_examples=200, deadline=None)
@given(ANSWERS, st.sampled_from(["nowhere", "own form"]))
@example('{"name": "none", "arguments": {}}', "own form")
def test_unknown_names_change_nothing_about_chunking(answer, unknown):
    assert scanned(*answer, unknown=unknown) == scanned(answer, unknown=unknown)


@settings(max_examples=200, deadline=None)
@given(ANSWERS)
def test_what_is_taken_for_prose_is_kept_to_the_letter(answer):
    scanner = ToolCallScanner(TOOLS, EVERY)
    assert "".join(map(scanner.feed, answer)) + scanner.as_prose() == answer


@settings(max_examples=200, deadline=None)
@given(ANSWERS)
def test_one_character_at_a_time_gives_the_same_text_and_calls(answer):
    assert scanned(*answer) == scanned(answer)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc .,!?é\n", max_size=80), st.sampled_from(DIALECTS))
def test_the_text_around_a_call_is_kept(prose, dialect):
    said, found = scanned(f"{prose}\n{written(dialect, [ADD])}\n")
    assert found == [("add", {"a": 1, "b": 2})]
    assert said == prose.rstrip()


def held(text):
    """For each character of a text, how many are kept back once it has come."""
    scanner, given_out = ToolCallScanner(TOOLS, EVERY), 0
    counts = []
    for place, char in enumerate(text, 1):
        given_out += len(scanner.feed(char))
        counts.append(place - given_out)
    return counts


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("It is 3, because 1 and 2 make 3. Nothing was called.", 1),  # a space
        ("A [link], {braces} in a line, and a < b.", 2),
        ("An `x` and ``y`` here.", 3),
        # 'Ada' is no tool, and it is known with the quote behind it.
        ('{"name": "Ada", "arguments": {"a": 1}}' + " text" * 20, len('{"name": "Ada"') - 1),
        ('{"answer": 42, "more": [1, 2, 3]}', len('{"an') - 1),
        ("[1, 2, 3]", 1),
        # Code of another language is let go with its first line.
        ("```python\nprint(1)\nprint(2)\n```", len("```python")),
        ("<table> <tr>", len(" <t")),
    ],
)
def test_text_is_held_back_only_while_it_may_become_a_call(text, most):
    assert max(held(text)) <= most


def test_a_call_is_held_back_until_something_else_follows():
    call = f"\n{written('hermes', [ADD])}"
    counts = held(f"Yes.{call} and on it goes")
    assert counts[4 : 4 + len(call)] == list(range(1, len(call) + 1))
    assert set(counts[4 + len(call) + 1 :]) <= {0, 1}

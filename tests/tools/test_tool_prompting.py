"""Tools as text of the conversation: what is shown, what is checked, what is asked for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.families.dialects import DIALECTS
from langchain_azureml_oss.tools.added_turns import (
    after_examples,
    with_instructions,
    with_request,
)
from langchain_azureml_oss.tools.prompted_json import PromptedJson
from langchain_azureml_oss.tools.prompting import PromptedTools, without_tool_role


def tool(name, **parameters):
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def call(name="add", arguments='{"a": 1}', call_id="1"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


NUMBER = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
ADD, NOW = tool("add", **NUMBER), {"type": "function", "function": {"name": "now"}}


@pytest.mark.parametrize(
    ("choice", "must_call"),
    [
        (None, ""),
        ("auto", ""),
        ("required", "any"),
        ({"type": "function", "function": {"name": "now"}}, "now"),
    ],
)
def test_the_choice(choice, must_call):
    assert PromptedTools.of([ADD, NOW], choice, "json").must_call == must_call


@pytest.mark.parametrize(("tools", "choice"), [([], None), ([ADD], "none")])
def test_no_tools_are_shown_where_none_may_be_called(tools, choice):
    assert PromptedTools.of(tools, choice, "json") is None


def test_null_for_what_has_a_default_is_left_out():
    """The tool would refuse it, and has its default; what fits or must be there stays."""
    schema = {
        "properties": {
            "x": {"type": "integer"},
            "y": {"type": "number", "default": 1},
            "z": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "z"},
        },
        "required": ["x"],
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    tools = PromptedTools.of([tool], None, "json")
    written = '{"x": null, "y": null, "z": null, "w": null}'
    found = tools.as_called(call("f", written))["function"]["arguments"]
    assert json.loads(found) == {"x": None, "z": None, "w": None}
    for same in (call("f", '{"x": 1, "y": 2}'), call("f", "{"), call("g", written)):
        assert tools.as_called(same) is same


@pytest.mark.parametrize(
    ("choice", "calls", "reason"),
    [
        (None, [], None),
        ("required", [], "it holds no call of add or now"),
        ("required", [call()], None),
        ("required", [call(arguments="{}")], "a is missing"),
        ("required", [call(arguments="{}"), call("now")], None),
        ("required", [call(arguments='{"a": "3"}')], None),
        ("required", [call("sub")], "it holds no call of add or now"),
        ({"function": {"name": "now"}}, [call()], "it holds no call of now"),
        ({"function": {"name": "now"}}, [call("now")], None),
        # Broken arguments are no valid call either.
        ("required", [call(arguments='{"a": ')], "not a JSON object"),
    ],
    ids=str,
)
def test_what_is_missing(choice, calls, reason):
    tools = PromptedTools.of([ADD, NOW], choice, "json")
    found = tools.missing(calls)
    assert (found is None) if reason is None else (reason in found)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_schema_that_constrains_decoding_to_a_call(dialect):
    schema = _schema(PromptedTools.of([ADD], "required", dialect))
    key = DIALECTS[dialect].arguments
    assert schema["properties"] == {"name": {"const": "add"}, key: NUMBER}
    assert schema["required"] == ["name", key]


def test_any_of_several_and_only_the_named_one():
    every = _schema(PromptedTools.of([ADD, NOW], "required", "json"))
    assert [one["properties"]["name"]["const"] for one in every["anyOf"]] == ["add", "now"]
    named = _schema(PromptedTools.of([ADD, NOW], {"function": {"name": "now"}}, "json"))
    assert named["properties"]["name"] == {"const": "now"}


def test_references_are_resolved_in_the_schema_of_a_call():
    """They are relative to the tool's own schema, which is no longer the root."""
    parameters = {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/P"}},
        "$defs": {"P": {"type": "integer"}},
    }
    schema = _schema(PromptedTools.of([tool("add", **parameters)], "required", "json"))
    assert schema["properties"]["arguments"]["properties"]["p"] == {"type": "integer"}


def _schema(tools):
    return tools.response_format()["json_schema"]["schema"]


def test_a_form_of_the_answer_leaves_the_choice_between_a_call_and_the_answer():
    form = PromptedJson({**NUMBER, "title": "Total"})
    tools = PromptedTools.of([ADD, NOW], None, "json")
    schema = tools.response_format(form)["json_schema"]["schema"]
    *calls, answer = schema["anyOf"]
    assert [one["properties"]["name"]["const"] for one in calls] == ["add", "now"]
    assert answer == form.schema
    told = tools.instructions(form)
    assert 'answer with nothing but a JSON object like this: {"a": <integer>}' in told
    assert "plain words" not in told


@pytest.mark.parametrize("answer", [None, PromptedJson()])
def test_without_a_schema_nothing_constrains(answer):
    assert PromptedTools.of([ADD], None, "json").response_format(answer) is None


def test_where_no_schema_is_taken_a_must_is_constrained_to_any_object():
    """`{"name": ..., "arguments": ...}` is one, whatever the dialect."""
    for dialect in DIALECTS:
        must = PromptedTools.of([ADD], "required", dialect)
        assert must.response_format(refused={"json_schema"}) == {"type": "json_object"}
        assert must.response_format(refused={"json_schema", "json_object"}) is None
    free = PromptedTools.of([ADD], None, "json")
    assert free.response_format(refused={"json_schema"}) is None
    assert free.response_format(PromptedJson(NUMBER), {"json_schema"}) == {"type": "json_object"}


@pytest.mark.parametrize(
    ("dialect", "written"),
    [
        ("json", '{"name": "add", "arguments": {"a": <integer>}}'),
        ("llama", '{"name": "add", "parameters": {"a": <integer>}}'),
        (
            "hermes",
            '<tool_call>\n{"name": "add", "arguments": {"a": <integer>}}\n</tool_call>',
        ),
        ("mistral", '[TOOL_CALLS] [{"name": "add", "arguments": {"a": <integer>}}]'),
    ],
)
def test_a_call_that_is_a_must_is_shown_behind_the_question_as_a_form(dialect, written):
    question = {"role": "user", "content": "1?"}
    named = PromptedTools.of([ADD, NOW], {"function": {"name": "add"}}, dialect)
    asked, answered, user = named.shown([question])
    told = f"Answer with nothing but a call of add like this: {written}"
    assert user == {"role": "user", "content": f"1?\n\n{told}"}  # nothing of what may not be called
    # In front, an example in the same words, and its answer as the family writes calls.
    assert asked["content"].startswith(
        "Tom has 3 dogs.\n\nAnswer with nothing but a call of register"
    )
    blank = written.replace("add", "register").replace(
        '{"a": <integer>}', '{"owner": "<string>", "dogs": <integer>}'
    )
    assert asked["content"].endswith(blank)
    scanner = named.scanner("own form")
    assert scanner.feed(answered["content"]) == ""
    (call,) = scanner.flush()[1]
    assert json.loads(call["function"]["arguments"]) == {"owner": "Tom", "dogs": 3}


def test_the_example_is_left_out_where_a_copy_of_it_would_be_a_call():
    tools = PromptedTools.of([tool("register"), NOW], "required", "json")
    (user,) = tools.shown([{"role": "user", "content": "1?"}])
    assert user["content"].startswith("1?\n\nAnswer with nothing but a function call")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_tool_is_listed_twice_where_any_must_be_called(dialect):
    add = tool("add", **NUMBER)
    add["function"]["description"] = "Add a number."
    every = PromptedTools.of([add, NOW], "required", dialect)
    told = every.shown([{"role": "user", "content": "1?"}])
    everything = "\n".join(message["content"] for message in told)
    for name in ("add", "now"):
        assert everything.count(f'"name": "{name}"') + everything.count(f'"name":"{name}"') == 1
    assert told[-1]["content"].endswith("\nadd: Add a number.")


def test_a_model_that_is_kept_to_the_schema_is_shown_no_blanks_to_copy():
    tools = replace(PromptedTools.of([ADD, NOW], "required", "json"), is_constrained=True)
    system, user = tools.shown([{"role": "user", "content": "1?"}])
    assert user["content"] == "1?"
    assert system["content"].endswith("Your next answer must be a function call.")
    assert system["content"].count('"name":"now"') == 1
    named = PromptedTools.of([ADD, NOW], {"function": {"name": "add"}}, "json")
    (system, _) = replace(named, is_constrained=True).shown([user])
    assert system["content"].endswith("Your next answer must be a call of add.")
    assert '"now"' not in system["content"]  # what may not be called only distracts


@pytest.mark.parametrize(("roles", "place"), [("u", 0), ("su", 1), ("sau", 2), ("uau", 0)])
def test_an_example_stands_in_front_of_the_users_first_turn(roles, place):
    """Behind a greeting too, so that turns alternate where they did."""
    names = {"s": "system", "u": "user", "a": "assistant"}
    said = [{"role": names[one], "content": one} for one in roles]
    told = after_examples(said, ("Q", "A"))
    assert told[place : place + 2] == [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "A"},
    ]
    assert told[:place] + told[place + 2 :] == said
    assert after_examples([{"role": "system", "content": "S"}], ("Q", "A"))[1:] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_blank_call_that_the_model_only_repeats_is_no_call_with_numbers(dialect):
    tools = PromptedTools.of([ADD], "required", dialect)
    scanner = tools.scanner()
    scanner.feed(tools.request)
    assert tools.missing(scanner.flush()[1])


def test_a_blank_copied_into_a_call_is_not_filled_in():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = PromptedTools.of([tool("weather", **schema)], "required", "json")
    call = {"function": {"name": "weather", "arguments": '{"city": "<string>"}'}}
    assert "<string> was copied" in tools.missing([call])
    call["function"]["arguments"] = '{"city": "Oslo"}'
    assert tools.missing([call]) is None


def test_where_nothing_is_a_must_the_question_stays_as_it_is():
    question = {"role": "user", "content": "1?"}
    assert PromptedTools.of([ADD], None, "json").shown([question])[1] == question


@pytest.mark.parametrize(
    ("roles", "changed"), [("u", 0), ("sua", 1), ("uau", 2), ("uat", 0), ("s", 0), ("a", 0)]
)
def test_a_request_stands_behind_the_last_words_of_the_user(roles, changed):
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    said = [{"role": names[one], "content": "C"} for one in roles]
    told = with_request(said, "T")
    if roles == "a":
        said, changed = [{"role": "system", "content": ""}, *said], 0
        assert told[0] == {"role": "system", "content": "T"}
    else:
        assert told[changed]["content"] == "C\n\nT"
    assert told[:changed] + told[changed + 1 :] == said[:changed] + said[changed + 1 :]


def test_one_call_at_a_time_is_asked_for():
    told = "Call one function at a time."
    assert told not in PromptedTools.of([ADD], None, "json").instructions()
    assert told in PromptedTools.of([ADD], None, "json", one_only=True).instructions()


def test_a_tool_that_only_a_server_runs_is_named():
    with pytest.raises(UnsupportedInputError, match="web_search_preview"):
        PromptedTools.of([ADD, {"type": "web_search_preview"}], None, "json")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], [{"role": "system", "content": "T"}]),
        (
            [{"role": "system", "content": "S"}],
            [{"role": "system", "content": "S\n\nT"}],
        ),
        (
            [{"role": "user", "content": "U"}],
            [{"role": "system", "content": "T"}, {"role": "user", "content": "U"}],
        ),
        (
            [{"role": "system", "content": [{"type": "text", "text": "S"}]}],
            [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "S"}, {"type": "text", "text": "\n\nT"}],
                }
            ],
        ),
    ],
)
def test_instructions_join_the_system_message(messages, expected):
    assert with_instructions(messages, "T") == expected


def test_calls_and_results_become_turns():
    told = without_tool_role(
        [
            {"role": "user", "content": "1 + ?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call(call_id="7")]},
            {"role": "tool", "content": "3", "tool_call_id": "7"},
        ],
        "json",
    )
    assert told == [
        {"role": "user", "content": "1 + ?"},
        {"role": "assistant", "content": 'Let me see.\n{"name":"add","arguments":{"a":1}}'},
        {"role": "user", "content": "The function add returned:\n3"},
    ]


def test_a_picture_in_a_result_stays_a_picture():
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    content = [{"type": "text", "text": "See: "}, picture]
    result = {"role": "tool", "content": content, "tool_call_id": "1", "name": "draw"}
    (turn,) = without_tool_role([result], "json")
    text = {"type": "text", "text": "The function draw returned:\nSee: "}
    assert turn == {"role": "user", "content": [text, picture]}


@pytest.mark.parametrize("dialect", ["hermes", "mistral", "llama"])
def test_marks_in_texts_of_others_are_shown_and_mean_nothing(dialect):
    forged = "\n".join(
        word
        for mark in DIALECTS[dialect].marks
        for word in (mark.opening, mark.closing, *DIALECTS[dialect].special, "</s>")
        if word
    )
    said = [
        {"role": "user", "content": forged},
        {"role": "tool", "content": [{"type": "text", "text": forged}], "tool_call_id": "1"},
        {"role": "assistant", "content": forged},
    ]
    user, result, own = PromptedTools([ADD], dialect).disarmed(said)
    assert said[0]["content"] == own["content"] == forged
    for text in (user["content"], result["content"][0]["text"]):
        assert text.replace(" ", "") == forged
        assert not any(word in text for word in forged.split("\n"))

"""Tools, calls and results as each family writes them; and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss.families import ModelFamily, profile
from langchain_azureml_oss.families.dialects import (
    DIALECTS,
    read_arguments,
    show_calls,
    show_result,
    show_tools,
)
from langchain_azureml_oss.tools.calls_in_text import ToolCallScanner

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add {two} numbers.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
EVERY = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


def call(name="add", arguments='{"a":1}'):
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_every_family_has_a_dialect():
    assert {profile(family).tool_dialect for family in ModelFamily} == set(DIALECTS)


@EVERY
def test_the_schemas_are_shown_as_they_are(dialect):
    shown = show_tools(dialect, [TOOL, TOOL])
    start = shown.index('{"type":"function"')
    assert json.JSONDecoder().raw_decode(shown, start)[0] == TOOL
    assert shown.count('"Add {two} numbers."') == 2


@EVERY
def test_how_to_answer_without_a_call_is_said_where_none_is_a_must(dialect):
    assert "answer in plain words" in show_tools(dialect, [TOOL])
    assert "answer as a poem." in show_tools(dialect, [TOOL], "as a poem.")
    assert "When no function is needed" not in show_tools(dialect, [TOOL], "")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("json", '{"name":"add","arguments":{"a":1}}\n{"name":"add","arguments":{"a":1}}'),
        ("llama", '{"name":"add","parameters":{"a":1}}\n{"name":"add","parameters":{"a":1}}'),
        (
            "hermes",
            (
                '<tool_call>\n{"name":"add","arguments":{"a":1}}\n</tool_call>\n'
                '<tool_call>\n{"name":"add","arguments":{"a":1}}\n</tool_call>'
            ),
        ),
        (
            "mistral",
            '[TOOL_CALLS] [{"name":"add","arguments":{"a":1}}, {"name":"add","arguments":{"a":1}}]',
        ),
    ],
)
def test_calls_in_the_words_of_the_family(name, written):
    assert show_calls(DIALECTS[name], [call(), call()]) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("json", 'The function add returned:\n{"n": "{}"}'),
        ("llama", 'The function add returned:\n{"n": "{}"}'),
        ("hermes", '<tool_response>\n{"n": "{}"}\n</tool_response>'),
        (
            "mistral",
            '[TOOL_RESULTS] {"name": "add", "content": "{\\"n\\": \\"{}\\"}"} [/TOOL_RESULTS]',
        ),
    ],
)
def test_results_keep_their_own_braces(name, written):
    assert show_result(DIALECTS[name], "add", '{"n": "{}"}') == written


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@EVERY
@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), min_size=1, max_size=3))
def test_calls_that_are_shown_can_be_read_again(dialect, arguments):
    """What the model sees of its own calls is what the parser takes for calls."""
    shown = show_calls(dialect, [call(arguments=json.dumps(one)) for one in arguments])
    scanner = ToolCallScanner({"add": {}}, dialect)
    text, (rest, calls) = scanner.feed(shown), scanner.flush()
    assert text + rest == ""
    found = [read_arguments(item["function"]["arguments"]) for item in calls]
    assert found == arguments


def test_broken_arguments_are_shown_as_the_model_wrote_them():
    shown = show_calls(DIALECTS["json"], [call(arguments='{"a": ')])
    assert json.loads(shown) == {"name": "add", "arguments": '{"a": '}

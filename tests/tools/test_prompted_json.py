"""JSON answers that the model is asked for in words."""

from __future__ import annotations

import json

import pytest

from langchain_azureml_oss.tools.prompted_json import PromptedJson, response_format

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"n": 1}', {"n": 1}),
        ('Here you are:\n```json\n{"n": 1}\n```\nAnything else?', {"n": 1}),
        ("{'n': 1,}", {"n": 1}),
        ('The set {1, 2} says {"n": 1}.', {"n": 1}),
        ('{"n": {"m": "}"}}', {"n": {"m": "}"}}),
        ('{"n": True}', {"n": True}),
    ],
)
def test_the_object_in_an_answer(text, value):
    written, reason = PromptedJson().read(text)
    assert json.loads(written) == value
    assert reason is None


@pytest.mark.parametrize("text", ["", "no", "[1]", '{"n": ', "{1, 2}"])
def test_an_answer_without_an_object_stays_as_it_is(text):
    assert PromptedJson(SCHEMA).read(text) == (text, "there is no JSON object in it")


NAMED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": 'The "full" name'},
        "tags": {"type": "array", "items": {"type": "string"}},
        "size": {"type": "integer"},
    },
}


@pytest.mark.parametrize(
    ("value", "blank"),
    [
        ({"name": "<string; optional>"}, "<string; optional>"),
        ({"name": "Ada", "tags": ["a", "<string>"]}, "<string>"),
        ({"name": "Ada", "more": {"deep": ["<integer; optional>"]}}, "<integer; optional>"),
    ],
)
def test_a_blank_that_is_copied_is_not_filled_in(value, blank):
    written, reason = PromptedJson(NAMED).read(json.dumps(value))
    assert json.loads(written) == value
    assert reason == f"{blank} was copied from the form; write the value that belongs there instead"


@pytest.mark.parametrize("text", ["<b>", "string", "<string", "a <string> b", ""])
def test_a_text_that_only_looks_like_a_blank_is_one(text):
    assert PromptedJson(NAMED).read(json.dumps({"name": text, "tags": [text]}))[1] is None


def test_lone_surrogates_in_a_description_are_no_trouble():
    schema = {"properties": {"a": {"type": "string", "pattern": "\ud800", "description": "\ud800"}}}
    assert PromptedJson(schema).read('{"a": "x"}')[1] is None
    copied = '{"a": "<string; pattern \\ud800; optional>"}'
    assert "copied" in PromptedJson(schema).read(copied)[1]


def test_what_does_not_fit_the_schema():
    assert "n is str" in PromptedJson(SCHEMA).read('{"n": "one"}')[1]
    assert PromptedJson(SCHEMA).read('{"n": 1}')[1] is None


def test_the_form_is_shown():
    told = 'Answer with nothing but a JSON object like this: {"n": <integer>}'
    assert PromptedJson(SCHEMA).instructions == told
    assert PromptedJson().instructions == "Answer with nothing but one JSON object."


@pytest.mark.parametrize(
    ("wanted", "refused", "sent", "shown"),
    [
        (None, set(), None, None),
        (WANTED, set(), WANTED, None),
        (WANTED, {"json_object"}, WANTED, None),
        (WANTED, {"json_schema"}, {"type": "json_object"}, PromptedJson(SCHEMA)),
        (WANTED, {"json_schema", "json_object"}, None, PromptedJson(SCHEMA)),
        ({"type": "json_object"}, {"json_schema"}, {"type": "json_object"}, None),
        ({"type": "json_object"}, {"json_object"}, None, PromptedJson(None)),
        ({"type": "text"}, {"json_schema", "json_object"}, {"type": "text"}, None),
    ],
)
def test_what_is_sent_and_what_is_shown(wanted, refused, sent, shown):
    assert response_format(wanted, refused) == (sent, shown)

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

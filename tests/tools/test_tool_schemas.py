"""Arguments of a call, checked against the tool's schema."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.tools.schemas import fitted, misfit

POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "label": {"type": ["string", "null"]}},
    "required": ["x"],
}
NESTED = {
    "type": "object",
    "properties": {
        "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}},
        "unit": {"enum": ["cm", "inch"]},
        "kind": {"const": "line"},
        "size": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "both": {"allOf": [{"$ref": "#/$defs/Point"}, {"required": ["label"]}]},
    },
    "additionalProperties": False,
    "$defs": {"Point": POINT},
}


@pytest.mark.parametrize(
    "value",
    [
        {"points": [{"x": 1}, {"x": 2.0, "label": None}]},
        {"unit": "cm", "kind": "line", "size": None},
        {"size": 1.5, "both": {"x": 1, "label": "a"}},
        {},
    ],
    ids=str,
)
def test_what_fits(value):
    assert misfit(value, NESTED) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"points": [{"x": 1}, {}]}, r"arguments\.points\[1\]\.x is missing"),
        ({"points": [{"x": "one"}]}, r"points\[0\]\.x is str; it must be of type integer"),
        ({"points": [{"x": None}]}, r"x is NoneType; it must be of type integer"),
        ({"points": [{"x": 1.5}]}, r"x is float"),
        ({"points": [{"x": 1, "label": 2}]}, r"label is int; it must be of type string or null"),
        ({"points": {"x": 1}}, r"points is dict; it must be of type array"),
        ({"unit": "mile"}, r"unit is 'mile'; it must be one of 'cm', 'inch'"),
        ({"kind": "dot"}, r"kind is 'dot'; it must be one of 'line'"),
        ({"size": "big"}, r"size is str; it must be of type number; or .*null"),
        ({"both": {"x": 1}}, r"both\.label is missing"),
        ({"gossip": 1}, r"gossip is not known"),
        ([], r"arguments is list; it must be of type object"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_in_words(value, reason):
    import re

    assert re.search(reason, misfit(value, NESTED) or "")


def test_every_fault_is_named():
    found = misfit({"label": 1}, POINT)
    assert "x is missing" in found
    assert "label is int" in found


def test_an_unknown_keyword_refuses_nothing():
    assert misfit({"x": -5}, {"properties": {"x": {"minimum": 0, "format": "gossip"}}}) is None


FORM = {
    "properties": {
        "x": {"type": "integer"},
        "on": {"type": "boolean"},
        "y": {"type": "number", "default": 1},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "size": {"enum": [1, 2], "type": "integer"},
    },
    "required": ["x"],
}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"x": "3", "on": "true", "y": None}, {"x": 3, "on": True, "y": None}),
        ({"x": 3.0, "y": "1.5"}, {"x": 3.0, "y": 1.5}),
        ({"x": 1, "either": "3", "size": "2"}, {"x": 1, "either": "3", "size": 2}),
    ],
    ids=str,
)
def test_what_pydantic_takes_is_no_misfit(value, found):
    assert fitted(value, FORM) == (found, None)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x": True}, "required": ["x"]},
        {"properties": None, "anyOf": None, "enum": None},
        {"anyOf": [{"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"x": {"$ref": "#/x/y"}}},
    ],
    ids=str,
)
def test_a_strange_schema_refuses_nothing(schema):
    assert misfit({"x": 1}, schema) is None


def test_a_deep_value_is_looked_at_as_far_as_tools_go():
    value = []
    for _ in range(900):
        value = [value]
    assert (
        misfit({"x": value}, {"$defs": {}, "properties": {"x": {"$ref": "#/properties/x"}}}) is None
    )

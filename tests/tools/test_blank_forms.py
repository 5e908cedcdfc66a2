"""A schema as a form to fill in."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from langchain_azureml_oss.tools.blank_forms import blank_form


class Address(BaseModel):
    """Where somebody lives."""

    zip: str = Field(pattern=r"\d{5}", description='The "code"\nof the city')


class Person(BaseModel):
    kind: Literal["a", "b"]
    number: Literal[1, "x"]
    home: Address | None = None
    friends: list[Person] = Field(default=[], description="At most three")
    scores: dict[str, int]
    size: int | str
    thing: Any
    note: str = ""


def test_every_kind_of_field():
    form, notes = blank_form(Person.model_json_schema())
    assert form == (
        '{"kind": "<a or b>", "number": <1 or x>,'
        ' "home": {"zip": "<string; pattern \\\\d{5}>"} or <null>,'
        ' "friends": [<Person again>, ...], "scores": {"<string>": <integer>},'
        ' "size": <integer or string>, "thing": <any>, "note": "<string; optional>"}'
    )
    assert "friends: At most three; optional" in notes
    assert "home: Where somebody lives." in notes
    # Not inside of the blank: small models copied it from there.
    assert 'home.zip: The "code" of the city' in notes


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        ({}, "<any>"),
        ({"type": "object"}, "<object>"),
        ({"type": ["string", "null"]}, "<string or null>"),
        ({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}]}, None),
        ({"properties": {"a": {"$ref": "#/$defs/N"}}, "required": ["a"]}, '{"a": <any>}'),
        ({"properties": {"a": 3}, "required": ["a"]}, '{"a": <any>}'),
        ({"anyOf": 1, "enum": 2, "type": "string"}, '"<string>"'),
    ],
    ids=str,
)
def test_odd_schemas(schema, form):
    assert blank_form(schema)[0] == (form or '{"a": <integer>}')


def test_work_is_bounded_however_schemas_refer_to_one_another():
    part = {f"p{n}": {"$ref": f"#/$defs/{n}"} for n in range(12)}
    schema = {"$defs": {str(n): {"type": "object", "properties": part} for n in range(12)}}
    assert len(blank_form({**schema, "properties": part})[0]) < 200_000

"""Answers in which a form was not filled in, though its schema takes them."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, ConfigDict, RootModel
from typing_extensions import TypedDict

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.local import LocalEndpoint
from langchain_azureml_oss.tools.added_turns import EXAMPLE
from langchain_azureml_oss.tools.prompted_json import PromptedJson
from langchain_azureml_oss.tools.prompting import PromptedTools
from langchain_azureml_oss.tools.unfilled import unfilled


class Search(BaseModel):
    """What is looked for."""

    title: str | None = None
    year: int | None = None


class SearchDict(TypedDict, total=False):
    """What is looked for."""

    title: str | None
    year: int | None


class Open(BaseModel):
    """Facts."""

    model_config = ConfigDict(extra="allow")
    title: str | None = None


class Tree(BaseModel):
    """A tree, whose schema is a reference."""

    name: str | None = None
    below: list[Tree] = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Owner(BaseModel):
    """Who has it."""

    owner: str | None = None


SCHEMA = Search.model_json_schema()
PART_A, PART_B = ({"type": "object", "properties": {name: {}}} for name in "ab")
COPY = dict(EXAMPLE.arguments)
COPIED, NO_FIELD = "copied from the example", "none of the form's fields"


@pytest.mark.parametrize(
    ("value", "schema", "reason"),
    [
        (COPY, SCHEMA, COPIED),
        ({**COPY, "title": None}, SCHEMA, COPIED),
        (COPY, Open.model_json_schema(), COPIED),
        (COPY, {"type": "object", "additionalProperties": {"type": "string"}}, COPIED),
        ({"owner": "Ann", "dogs": 1}, SCHEMA, NO_FIELD),
        ({"search": {"title": "Emma"}}, SCHEMA, NO_FIELD),
        ({"properties": {"title": {"type": "string"}}}, SCHEMA, NO_FIELD),
        ({"titel": "Emma"}, Tree.model_json_schema(), NO_FIELD),
        ({"titel": "Emma"}, RootModel[Search | Cat].model_json_schema(), NO_FIELD),
        ({"title": "<string or null; optional>"}, SCHEMA, "copied from the form"),
        # What a user may well be told.
        ({}, SCHEMA, None),
        ({"title": None}, SCHEMA, None),
        ({"title": "Emma", "author": "Austen"}, SCHEMA, None),
        ({"author": "Austen"}, Open.model_json_schema(), None),
        ({"a": 1}, {"type": "object", "additionalProperties": {"type": "integer"}}, None),
        ({"a": 1}, {**SCHEMA, "additionalProperties": {}}, None),
        ({"c": 1}, {"anyOf": [PART_A, {"type": "object"}]}, None),
        ({"c": 1}, {"anyOf": [PART_A, {}]}, None),
        ({"c": 1}, {"anyOf": [PART_A, {"type": "null"}]}, NO_FIELD),
        ({"x-a": 1}, {**SCHEMA, "patternProperties": {"^x-": {}}}, None),
        ({"b": 1}, {"allOf": [PART_A, {"$ref": "#/$defs/B"}], "$defs": {"B": PART_B}}, None),
        ({"b": 1}, {"anyOf": [PART_A, {"oneOf": [PART_B]}]}, None),
        ({"c": 1}, {"anyOf": [PART_A, {"oneOf": [PART_B]}]}, NO_FIELD),
        ({"a": 1}, {"type": "object"}, None),
        ({"a": 1}, {}, None),
        ({"lives": 3}, RootModel[Search | Cat].model_json_schema(), None),
        (COPY, Owner.model_json_schema(), None),  # no example was shown
        ([COPY], SCHEMA, None),
        ("Tom", SCHEMA, None),
    ],
    ids=str,
)
def test_what_counts_as_filled_in(value, schema, reason):
    found = unfilled(value, schema)
    assert (found is None) if reason is None else (reason in found)


@pytest.mark.parametrize("field", EXAMPLE.arguments)
def test_the_example_is_left_out_where_its_copy_would_pass_for_an_answer(field):
    schema = {"type": "object", "properties": {field: {"type": ["string", "integer"]}}}
    question = {"role": "user", "content": "Who?"}
    assert len(PromptedJson(schema).shown([question])) == 1
    assert len(PromptedJson(SCHEMA).shown([question])) == 3
    tool = {"type": "function", "function": {"name": "adopt", "parameters": schema}}
    assert len(PromptedTools.of([tool], "required", "json").shown([question])) == 1


def form(texts):
    """A model that writes these as its answers, or as the arguments of the call asked for."""

    def script(body):
        text = next(texts)
        name = next((n for n in ("SearchDict", "Search") if f" a call of {n} " in str(body)), "")
        return f'{{"name": "{name}", "parameters": {text}}}' if name else text

    return script


@pytest.fixture
def asked():
    """Answers at /score of one model after the other, and how often it was asked."""
    running = []

    def start(*texts):
        answers = iter(texts)
        endpoint = LocalEndpoint("scripted", script=form(answers)).start()
        running.append(endpoint)
        connection = endpoint.connection("LLAMA", "/score")
        return endpoint, AzureMLOSSChatModel(connection=connection, max_retries=0)

    yield start
    for endpoint in running:
        endpoint.stop()


WRONG = {"copy": json.dumps(COPY), "other names": '{"author": "Austen"}'}


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize("schema", [Search, SearchDict, SCHEMA], ids=["pydantic", "dict", "JSON"])
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_form_of_optional_fields_is_asked_for_once_more(asked, wrong, method, schema, way):
    endpoint, chat = asked(WRONG[wrong], '{"title": "Emma"}')
    found = await outcome(chat.with_structured_output(schema, method=method), way)
    assert found == (Search(title="Emma") if schema is Search else {"title": "Emma"})
    complaint = endpoint.requests[-1].body["input_data"]["input_string"][-1]["content"]
    assert complaint.startswith("That answer does not fit: ")
    endpoint, chat = asked(WRONG[wrong], WRONG[wrong])
    with pytest.raises(OutputParserException, match=f"{COPIED}|{NO_FIELD}"):
        await outcome(chat.with_structured_output(schema, method=method), way)
    assert len(endpoint.requests) == 2


async def outcome(model, way):
    if way == "invoke":
        return model.invoke("Which?")
    if way == "ainvoke":
        return await model.ainvoke("Which?")
    if way == "stream":
        return list(model.stream("Which?"))[-1]
    return [part async for part in model.astream("Which?")][-1]


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_nothing_known_is_an_answer_to_a_form_of_optional_fields(asked, method):
    endpoint, chat = asked("{}")
    assert chat.with_structured_output(Search, method=method).invoke("Which?") == Search()
    assert len(endpoint.requests) == 1


def search(title: str = "", year: int = 0) -> str:
    """Search the library."""
    return "nothing"


@pytest.mark.parametrize("choice", ["any", "search"])
def test_a_call_that_copies_the_example_is_asked_for_once_more(asked, choice):
    copy, right = (
        json.dumps({"name": "search", "parameters": arguments})
        for arguments in (COPY, {"title": "Emma"})
    )
    whole = json.dumps({"name": EXAMPLE.function["name"], "parameters": COPY})
    for wrong in (copy, whole):
        _, chat = asked(wrong, right)
        model = chat.bind_tools([search], tool_choice=choice)
        (call,) = model.invoke("Emma?").tool_calls
        assert call["args"] == {"title": "Emma"}
    _, chat = asked(copy, copy)
    message = chat.bind_tools([search], tool_choice=choice).invoke("Emma?")
    assert COPIED in message.response_metadata["misfit"]


def test_where_no_form_was_shown_the_class_decides():
    """The server keeps to the schema, or says itself what it takes."""
    with LocalEndpoint("scripted", script=[json.dumps(COPY)]) as endpoint:
        chat = AzureMLOSSChatModel(connection=endpoint.connection("LLAMA", "/v1"))
        model = chat.with_structured_output(Search, method="json_schema")
        assert model.invoke("Which?") == Search()

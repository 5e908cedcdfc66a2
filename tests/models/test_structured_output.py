"""Answers in the form of a schema: three methods, three kinds of schema, and what goes wrong."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from agents.competent_model import competent
from agents.conftest import V1
from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.errors import RefusalError
from langchain_azureml_oss.local import EngineError, LocalEndpoint


class Joke(BaseModel):
    """A joke."""

    setup: str = Field(description="the question")
    laughs: int


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    laughs: int


FITTING = {"setup": "Why?", "laughs": 3}
FITTING_TEXT = json.dumps(FITTING)
METHODS = ("function_calling", "json_schema", "json_mode")
SCHEMAS = {"pydantic": Joke, "TypedDict": JokeDict, "JSON schema": Joke.model_json_schema()}
Refusal = getattr(exceptions, "ModelRefusalError", RefusalError)


def telling(text=FITTING_TEXT):
    """A model that gives this answer as a text, or as a call where one is asked for."""

    def script(body):
        if body.get("tools"):
            name = body["tools"][0]["function"]["name"]
            return {"tool_calls": [{"name": name, "args": text}]}
        asked = str(body.get("messages") or body.get("input_data"))
        if " a call of " in asked:
            name = "Joke" if '"Joke"' in asked else "JokeDict"
            return f'{{"name": "{name}", "parameters": {text}}}'
        return text

    return script


@pytest.fixture
def serve():
    running = []

    def start(script=competent, path=V1, **options):
        endpoint = LocalEndpoint("scripted", script=script, **options).start()
        running.append(endpoint)
        chat = AzureMLOSSChatModel(connection=endpoint.connection("LLAMA", path), max_retries=0)
        return SimpleNamespace(endpoint=endpoint, chat=chat)

    yield start
    for endpoint in running:
        endpoint.stop()


SERVERS = {
    "takes all": {},
    "no tools": {"refuse_tools": True},
    "no schemas": {"refuse_tools": True, "json_schema": False},
    "score": {"path": "/score"},
}


@pytest.mark.parametrize("include_raw", [False, True], ids=["plain", "raw"])
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", [*METHODS, None])
@pytest.mark.parametrize("server", SERVERS)
async def test_every_method_schema_and_server(serve, server, method, schema, include_raw):
    chat = serve(telling(), **SERVERS[server]).chat
    given = SCHEMAS[schema]
    model = chat.with_structured_output(given, method=method, include_raw=include_raw)
    streamed = list(model.stream("A joke."))
    answers = [model.invoke("A joke."), await model.ainvoke("A joke.")]
    if include_raw:
        assert all(answer["parsing_error"] is None for answer in answers)
        assert all(answer["raw"].type == "ai" for answer in answers)
        answers = [answer["parsed"] for answer in answers]
        answers.append(next(part["parsed"] for part in reversed(streamed) if "parsed" in part))
    else:
        answers += [streamed[-1], [part async for part in model.astream("A joke.")][-1]]
    expected = Joke(**FITTING) if schema == "pydantic" else FITTING
    assert answers == [expected] * len(answers)


BARE_SCHEMA = {"type": "object", "properties": {"setup": {"type": "string"}}}
AS_JSON_SCHEMA = {"name": "Joke", "schema": BARE_SCHEMA, "strict": True}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (BARE_SCHEMA, "Answer"),
        (AS_JSON_SCHEMA, "Joke"),
        ({"type": "json_schema", "json_schema": AS_JSON_SCHEMA}, "Joke"),
        ({"name": "Joke", "description": "A joke.", "parameters": BARE_SCHEMA}, "Joke"),
        ({"type": "function", "function": {"name": "Joke", "parameters": BARE_SCHEMA}}, "Joke"),
    ],
    ids=["no title", "json_schema", "response_format", "function", "tool"],
)
def test_a_schema_in_each_of_openais_forms(serve, schema, name, method):
    running = serve(telling('{"setup": "Why?"}'))
    answer = running.chat.with_structured_output(schema, method=method).invoke("A joke.")
    assert answer == {"setup": "Why?"}
    body = running.endpoint.requests[-1].body
    if method == "json_schema":
        form = body["response_format"]["json_schema"]
        assert (form["name"], form["schema"]["properties"]) == (name, BARE_SCHEMA["properties"])
    elif method == "function_calling":
        function = body["tools"][0]["function"]
        assert (function["name"], function["parameters"]["properties"].keys()) == (name, {"setup"})


def test_the_method_is_chosen_by_what_the_endpoint_does(serve):
    native, score = serve(telling()), serve(telling(), path="/score")
    for running in (native, score):
        running.chat.with_structured_output(Joke).invoke("A joke.")
    assert native.endpoint.requests[-1].body["tool_choice"]["function"]["name"] == "Joke"
    *_, message = score.endpoint.requests[-1].body["input_data"]["input_string"]
    assert "nothing but a JSON object like this" in message["content"]


def test_a_strict_schema_is_sent(serve):
    running = serve(telling())
    running.chat.with_structured_output(Joke, method="json_schema", strict=True).invoke("A joke.")
    form = running.endpoint.requests[-1].body["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["additionalProperties"] is False


# -- servers that refuse ---------------------------------------------------------------------------


def test_without_json_schema_the_schema_is_shown(serve):
    """422 to json_schema, as Microsoft's server answers; json_object helps it along."""
    running = serve(telling(), json_schema=False)
    model = running.chat.with_structured_output(Joke, method="json_schema")
    assert [model.invoke("A joke.") for _ in range(2)] == [Joke(**FITTING)] * 2
    forms = [one.body.get("response_format", {}).get("type") for one in running.endpoint.requests]
    assert forms == ["json_schema", "json_object", "json_object"]
    *_, message = running.endpoint.requests[-1].body["messages"]
    assert "like this: {" in message["content"]


BLANKS = {"setup": "<string>", "laughs": 3}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_a_blank_of_the_form_that_is_copied_twice_is_no_answer(serve, method, schema, stream):
    """Every text passes for a string, so only the form itself can tell."""
    running = serve(telling(json.dumps(BLANKS)), path="/score")
    model = running.chat.with_structured_output(SCHEMAS[schema], method=method)
    with pytest.raises(OutputParserException, match="<string> was copied"):
        list(model.stream("A joke.")) if stream else model.invoke("A joke.")
    assert len(running.endpoint.requests) == 2


@pytest.mark.parametrize("copied", ["<string>", "<string or null; optional>"])
def test_a_part_of_a_blank_is_none_either(serve, copied):
    running = serve(telling(json.dumps({"name": copied})), path="/score")
    form = {"title": "f", "type": "object", "properties": {"name": {"type": ["string", "null"]}}}
    with pytest.raises(OutputParserException, match=f"{copied} was copied"):
        running.chat.with_structured_output(form).invoke("Who?")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_of_a_cut_answer_the_error_says_so(method, stream):
    with LocalEndpoint("echo") as endpoint:
        chat = AzureMLOSSChatModel(connection=endpoint.connection("LLAMA", V1), max_tokens=2)
        model = chat.with_structured_output(Joke, method=method)
        with pytest.raises(OutputParserException, match="ended early, at the limit of tokens"):
            list(model.stream("A joke.")) if stream else model.invoke("A joke.")


def test_of_an_answer_without_a_call_the_error_names_the_other_method(serve):
    running = serve(lambda _: json.dumps(FITTING))
    with pytest.raises(OutputParserException, match="method='json_schema'"):
        running.chat.with_structured_output(Joke).invoke("A joke.")
    assert running.chat.with_structured_output(Joke, method="json_schema").invoke("A joke.")


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_what_only_looks_like_a_blank_is_an_answer_where_no_form_was_shown(serve, method):
    running = serve(telling(json.dumps(BLANKS)))
    model = running.chat.with_structured_output(Joke, method=method)
    assert model.invoke("A joke.") == Joke(**BLANKS)


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_without_any_response_format_the_answer_is_asked_for_in_words(serve, method):
    def script(body):
        if "response_format" in body:
            kind = body["response_format"]["type"]
            return EngineError(422, {"detail": f"response_format {kind} is not supported"})
        return f"Here it is:\n```json\n{json.dumps(FITTING)}\n```"

    running = serve(script)
    model = running.chat.with_structured_output(Joke, method=method)
    assert model.invoke("A joke.") == Joke(**FITTING)
    assert "response_format" not in running.endpoint.requests[-1].body


# -- answers that do not fit -----------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_one_repair_try_shows_the_model_its_error(serve, stream):
    answers = iter(['{"setup": "Why?"}', json.dumps(FITTING)])
    running = serve(lambda body: next(answers), path="/score")
    model = running.chat.with_structured_output(Joke)
    answer = list(model.stream("A joke."))[-1] if stream else model.invoke("A joke.")
    assert answer == Joke(**FITTING)
    turn, complaint = running.endpoint.requests[-1].body["input_data"]["input_string"][-2:]
    assert turn == {"role": "assistant", "content": '{"setup":"Why?"}'}
    assert "laughs is missing" in complaint["content"]


@pytest.mark.parametrize("text", ["No joke today.", '{"setup": "Why?"}'])
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("server", ["takes all", "no schemas", "score"])
async def test_a_wrong_answer_raises_with_its_text(serve, server, schema, text):
    running = serve(lambda body: text, **SERVERS[server])
    model = running.chat.with_structured_output(SCHEMAS[schema], method="json_schema")
    with pytest.raises(OutputParserException) as raised:
        model.invoke("A joke.")
    assert raised.value.llm_output.replace(" ", "") == text.replace(" ", "")
    with pytest.raises(OutputParserException):
        await model.ainvoke("A joke.")
    # One repair try where the schema is only shown; none where the server keeps to it.
    asked = [one for one in running.endpoint.requests if one.status == 200]
    assert len(asked) == (2 if server == "takes all" else 4)


@pytest.mark.parametrize("text", ["No joke today.", '{"setup": "Why?"}'])
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_stream_of_a_wrong_answer_ends_with_the_error(serve, method, schema, text):
    model = serve(lambda body: text).chat.with_structured_output(SCHEMAS[schema], method=method)
    with pytest.raises(OutputParserException, match="does not have the form"):
        list(model.stream("A joke."))
    with pytest.raises(OutputParserException, match="does not have the form"):
        _ = [part async for part in model.astream("A joke.")]


def test_a_wrong_call_raises_with_the_reason(serve):
    running = serve(telling('{"setup": "Why?"}'), refuse_tools=True)
    model = running.chat.with_structured_output(JokeDict, method="function_calling")
    with pytest.raises(OutputParserException, match=r"laughs is missing"):
        model.invoke("A joke.")


@pytest.mark.parametrize("method", METHODS)
def test_raw_shows_the_error_instead(serve, method):
    model = serve(lambda body: "No.").chat.with_structured_output(
        Joke, method=method, include_raw=True
    )
    answer = model.invoke("A joke.")
    assert answer["raw"].text == "No."
    assert answer["parsed"] is None
    assert isinstance(answer["parsing_error"], OutputParserException)


@pytest.mark.parametrize("method", METHODS)
def test_a_refusal_is_an_error_of_its_own(make_chat, plug, answer, completion, method):
    chat = make_chat(base_url="https://h.example/v1/chat/completions", model_family="OPENAI")
    message = {"content": None, "refusal": "I can't joke about that."}
    plug(chat, answer(completion(message=message)))
    with pytest.raises(Refusal, match="I can't joke about that"):
        chat.with_structured_output(Joke, method=method).invoke("A joke.")


@pytest.mark.parametrize(
    ("schema", "options", "problem"),
    [
        (None, {"method": "json_schema"}, "needs a schema"),
        (None, {"method": "function_calling"}, "needs a schema"),
        (Joke, {"method": "gossip"}, "none of function_calling, json_schema, json_mode"),
        (Joke, {"method": "json_mode", "strict": True}, "json_mode has no schema"),
    ],
)
def test_wrong_use_is_said_at_once(make_chat, schema, options, problem):
    with pytest.raises(ValueError, match=problem):
        make_chat().with_structured_output(schema, **options)


def test_json_mode_does_without_a_schema(serve):
    model = serve(lambda body: '{"any": 1}').chat.with_structured_output(method="json_mode")
    assert model.invoke("JSON!") == {"any": 1}


# -- what pydantic takes ---------------------------------------------------------------------------


class Form(TypedDict):
    """A form."""

    a: int
    b: str | None


class FormV2(BaseModel):
    """A form."""

    a: int
    on: bool
    b: str | None = None
    y: float = 1.5


class FormV1(BaseModelV1):
    """A form."""

    a: int
    on: bool
    b: str | None = None
    y: float = 1.5


TAKEN = '{"a": "3", "on": "true", "b": null, "y": null}'
WAYS = {"native": {}, "prompted": {"refuse_tools": True, "json_schema": False}}


def forming(text):
    """A model that gives this answer in whatever way it is asked for."""

    def script(body):
        if body.get("tools"):
            name = body["tools"][0]["function"]["name"]
            return {"tool_calls": [{"name": name, "args": text}]}
        asked = re.search(r"a call of (\w+)", body["messages"][-1]["content"])
        return f'{{"name": "{asked[1]}", "parameters": {text}}}' if asked else text

    return script


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stream", [False, True])
def test_null_for_an_optional_key_is_kept(serve, way, method, stream):
    running = serve(forming('{"a": 1, "b": null}'), **WAYS[way])
    model = running.chat.with_structured_output(Form, method=method)
    answer = list(model.stream("?"))[-1] if stream else model.invoke("?")
    assert answer == {"a": 1, "b": None}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [FormV2, FormV1], ids=["pydantic 2", "pydantic 1"])
def test_values_are_taken_as_the_class_takes_them(serve, way, method, schema):
    running = serve(forming(TAKEN), **WAYS[way])
    answer = running.chat.with_structured_output(schema, method=method).invoke("?")
    assert answer == schema(a=3, on=True)
    assert all(
        one.status != 200 or one is running.endpoint.requests[-1]
        for one in running.endpoint.requests
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
def test_values_are_taken_as_a_schema_has_them(serve, way, method):
    running = serve(forming(TAKEN), **WAYS[way])
    form = FormV2.model_json_schema()
    answer = running.chat.with_structured_output(form, method=method).invoke("?")
    assert answer["a"] == 3
    assert answer["on"] is True
    assert answer["b"] is None


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{FITTING_TEXT}\n```",
        f"```json\n{FITTING_TEXT}\n```\nI hope you like {{it}}.",
        f"Here it is:\n\n```\n{FITTING_TEXT}\n```\n",
        f"{FITTING_TEXT}\n\nThat is my joke.",
    ],
)
def test_what_stands_around_the_json_is_left_out(serve, method, stream, schema, text):
    model = serve(lambda body: text).chat.with_structured_output(SCHEMAS[schema], method=method)
    answer = list(model.stream("?"))[-1] if stream else model.invoke("?")
    assert answer == (Joke(**FITTING) if schema == "pydantic" else FITTING)


@pytest.mark.parametrize("server", ["takes all", "no schemas"])
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
@pytest.mark.parametrize("stream", [False, True])
def test_json_that_was_taken_for_reasoning_is_found(serve, server, method, stream):
    """vLLM's reasoning parser, where the model did not think."""
    running = serve(
        lambda body: {"content": "", "reasoning_content": FITTING_TEXT}, **SERVERS[server]
    )
    model = running.chat.with_structured_output(Joke, method=method)
    answer = list(model.stream("?"))[-1] if stream else model.invoke("?")
    assert answer == Joke(**FITTING)


def test_the_error_of_a_refusal_keeps_its_message(make_chat, plug, answer, completion):
    chat = make_chat(base_url="https://h.example/v1/chat/completions", model_family="OPENAI")
    plug(chat, answer(completion(message={"content": None, "refusal": "I won't."})))
    with pytest.raises(Refusal) as raised:
        chat.with_structured_output(Joke).invoke("A joke.")
    assert getattr(raised.value, "raw_message", None) is None or (
        raised.value.raw_message.additional_kwargs["refusal"] == "I won't."
    )


# -- other tools beside the schema -----------------------------------------------------------------


def rate(joke: str) -> int:
    """Rate a joke."""


@pytest.mark.parametrize("method", [None, "json_schema"])
@pytest.mark.parametrize("path", [V1, "/score"])
def test_a_call_of_another_tool_is_an_answer_too(method, path):
    """As ChatOpenAI's documentation has it."""
    with LocalEndpoint("scripted", script=competent) as endpoint:
        fields = {"connection": endpoint.connection("LLAMA", path), "max_tokens": 200}
        with AzureMLOSSChatModel(**fields, max_retries=0) as chat:
            model = chat.with_structured_output(
                Joke, method=method, include_raw=True, tools=[rate], strict=True
            )
            told, called = model.invoke("A joke."), model.invoke("rate 'Knock knock.'")
    assert isinstance(told["parsed"], Joke)
    assert [call["name"] for call in called["raw"].tool_calls] == ["rate"]
    assert (called["parsed"], called["parsing_error"]) == (None, None)


def test_function_calling_takes_no_other_tools(make_chat):
    with pytest.raises(ValueError, match=r"tools= .* method 'json_schema'"):
        make_chat().with_structured_output(Joke, method="function_calling", tools=[rate])

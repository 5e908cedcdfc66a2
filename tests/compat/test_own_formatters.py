"""Formatters that people derived from langchain-community's go on working, whatever they return."""

from __future__ import annotations

import io
import json
import warnings

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from langchain_azureml_oss import compat
from langchain_azureml_oss.errors import ResponseFormatError, UnsupportedInputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of itself while imported
    import langchain_community.chat_models.azureml_endpoint as old_chat

pytestmark = [
    pytest.mark.filterwarnings("ignore:langchain-community's class is kept:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*will be deprecated in the future"),
]


class Plain(compat.ContentFormatterBase):
    """From before there were two types of endpoints."""

    content_type = "text/x-question"
    accepts = "application/x-answer"

    def format_request_payload(self, prompt, model_kwargs):
        model_kwargs["leaked"] = True
        return json.dumps({"input_data": {"input_string": [prompt], "parameters": {}}})

    def format_response_payload(self, output):
        return Generation(text=json.loads(output)[0]["0"].upper())


class Theirs(old_chat.CustomOpenAIChatContentFormatter):
    """Derived from the class of langchain-community itself."""

    def format_response_payload(self, output, api_type=None):
        found = super().format_response_payload(output, api_type)
        found.message.content = found.message.content.upper()
        found.text = found.message.content
        return found


class Ours(compat.CustomOpenAIChatContentFormatter):
    """The same, after its import line was changed."""

    def format_response_payload(self, output, api_type=None):
        found = super().format_response_payload(output, api_type)
        found.message.content = found.message.content.upper()
        found.text = found.message.content
        return found


def test_a_formatter_of_ones_own_makes_the_bytes_and_reads_them(where, plug, answer):
    llm = compat.AzureMLOnlineEndpoint(content_formatter=Plain(), model_kwargs={"a": 1}, **where)
    replay = plug(llm, answer([{"0": "hi"}]), answer([{"0": "hi"}]))
    assert llm.generate(["x", "y"]).generations[1][0].text == "HI"
    headers = replay.requests[0].headers
    assert (headers["content-type"], headers["accept"]) == (
        "text/x-question",
        "application/x-answer",
    )
    assert llm.model_kwargs == {"a": 1}


@pytest.mark.parametrize("kind", [Theirs, Ours])
def test_a_formatter_derived_from_a_known_one(where, kind):
    chat = compat.AzureMLChatOnlineEndpoint(content_formatter=kind(), **where)
    assert chat.invoke([SystemMessage("s"), HumanMessage("hi")]).text == "ECHO: HI"
    assert "".join(chunk.text for chunk in chat.stream("hi")) == "ECHO: HI"


def test_conversations_come_to_a_formatter_of_prompts_as_one_prompt(where, plug, answer):
    chat = compat.AzureMLChatOnlineEndpoint(content_formatter=Plain(), **where)
    replay = plug(chat, answer([{"0": "hi"}]))
    assert chat.invoke([SystemMessage("s"), HumanMessage("hi")]).text == "HI"
    assert "hi" in json.loads(replay.requests[0].body)["input_data"]["input_string"][0]


def test_an_answer_that_ones_own_formatter_cannot_read(where, plug, answer):
    llm = compat.AzureMLOnlineEndpoint(content_formatter=Plain(), **where)
    plug(llm, answer({"oops": 1}))
    with pytest.raises(ResponseFormatError, match=r"Plain\.format_response_payload.*KeyError"):
        llm.invoke("x")


BODY = '{"input_data": {"input_string": ["x"], "parameters": {}}}'
CALL = {"name": "f", "args": {"a": 1}, "id": "c1"}


class Odd(compat.ContentFormatterBase):
    """Makes `body` of every question, and `found` of every answer."""

    def __init__(self, body=BODY, found="hi"):
        self.made, self.found = body, found

    def format_request_payload(self, prompt, model_kwargs, *, api_type):
        return self.made(prompt) if callable(self.made) else self.made

    def format_messages_request_payload(self, messages, model_kwargs, api_type):
        return self.made

    def format_response_payload(self, output, api_type):
        return self.found


@pytest.mark.parametrize(
    "found",
    [
        "hi",
        Generation(text="hi", generation_info={"finish_reason": "stop", "more": object()}),
        ChatGeneration(message=AIMessage("hi")),
        ChatGeneration(message=AIMessage([{"type": "text", "text": "hi"}])),
        AIMessage("hi"),
    ],
)
def test_what_old_formatters_return(where, found):
    formatter = Odd(found=found)
    assert compat.AzureMLOnlineEndpoint(content_formatter=formatter, **where).invoke("x") == "hi"
    chat = compat.AzureMLChatOnlineEndpoint(content_formatter=formatter, **where)
    assert chat.invoke("x").text == "".join(chunk.text for chunk in chat.stream("x")) == "hi"


def test_calls_that_an_old_formatter_found_are_kept(where):
    found = ChatGeneration(message=AIMessage("", tool_calls=[CALL]))
    chat = compat.AzureMLChatOnlineEndpoint(content_formatter=Odd(found=found), **where)
    (call,) = chat.invoke("x").tool_calls
    assert {name: call[name] for name in CALL} == CALL


@pytest.mark.parametrize("found", [None, {}, ["hi"], b"hi", 3, LLMResult(generations=[])])
def test_what_is_no_answer_is_refused(where, found):
    formatter = Odd(found=found)
    for kind in (compat.AzureMLOnlineEndpoint, compat.AzureMLChatOnlineEndpoint):
        with pytest.raises(ResponseFormatError, match=f"returned {type(found).__name__}; it must"):
            kind(content_formatter=formatter, **where).invoke("x")


@pytest.mark.parametrize(
    "body",
    [BODY, BODY.encode(), bytearray(BODY, "ascii"), json.loads(BODY), lambda _: io.StringIO(BODY)],
    ids=["text", "bytes", "bytearray", "mapping", "file"],
)
def test_what_old_formatters_make(where, endpoint, body):
    llm = compat.AzureMLOnlineEndpoint(content_formatter=Odd(body), **where)
    assert llm.invoke("x") == "hi"
    assert endpoint.requests[-1].body == json.loads(BODY)


@pytest.mark.parametrize("body", [None, 5, ["x"]])
def test_what_is_no_body_is_refused(where, endpoint, body):
    before = len(endpoint.requests)
    with pytest.raises(UnsupportedInputError, match=f"body of {type(body).__name__}; it must be"):
        compat.AzureMLOnlineEndpoint(content_formatter=Odd(body), **where).invoke("x")
    assert len(endpoint.requests) == before


def test_a_formatter_that_fails_is_named(where):
    def fail(prompt):
        raise KeyError(prompt)

    llm = compat.AzureMLOnlineEndpoint(content_formatter=Odd(fail), **where)
    with pytest.raises(UnsupportedInputError, match=r"Odd cannot make a request.*KeyError"):
        llm.invoke("x")


@pytest.mark.parametrize("name", ["content_type", "accepts"])
@pytest.mark.parametrize("value", [None, "application/json"])
def test_headers_that_an_old_formatter_does_not_name(where, name, value):
    formatter = Odd()
    setattr(formatter, name, value)
    assert compat.AzureMLOnlineEndpoint(content_formatter=formatter, **where).invoke("x") == "hi"

"""The table of docs/guides/from-chatopenai.md: each row, with both classes on the same endpoint."""

from __future__ import annotations

import asyncio

import documents
import openai
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.local import LocalEndpoint

CALL = '{"name": "add", "parameters": {"a": 1, "b": 2}}'


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class City(BaseModel):
    """A city."""

    name: str


def theirs(endpoint, path="/v1"):
    return ChatOpenAI(
        base_url=endpoint.url + path, api_key=endpoint.api_key, model="m", max_retries=0
    )


def ours(endpoint, path="/v1"):
    return AzureMLOSSChatModel(
        base_url=endpoint.url + path, api_key=endpoint.api_key, model_family="LLAMA", max_retries=0
    )


def answers(chat, endpoint):
    return chat(endpoint).invoke("Hello").text == "echo: Hello"


def counts(chat, endpoint):
    return chat(endpoint).invoke("Hello").usage_metadata["total_tokens"] > 0


def streams(chat, endpoint):
    return sum(bool(chunk.text) for chunk in chat(endpoint).stream("one two three")) > 2


def answers_at_score(chat, endpoint):
    try:
        return chat(endpoint, "/score").invoke("Hello").text == "echo: Hello"
    except openai.NotFoundError:
        return False


def calls_a_tool(chat, endpoint):
    try:
        message = chat(endpoint).bind_tools([add]).invoke("What is 1 + 2?")
    except openai.BadRequestError:
        return False
    return message.tool_calls[0]["args"] == {"a": 1, "b": 2}


def fills_a_form(chat, endpoint):
    try:
        reader = chat(endpoint).with_structured_output(City, method="function_calling")
        return reader.invoke("Which city?") == City(name="Oslo")
    except openai.BadRequestError:
        return False


def names_the_deployment(chat, endpoint):
    return "blue" in map(str, chat(endpoint).invoke("Hello").response_metadata.values())


def tells_a_cut_stream(chat, endpoint):
    endpoint.fail_next("stream-cut")
    try:
        list(chat(endpoint).stream("one two three"))
    except Exception:  # noqa: BLE001  (whichever error it is, it is one)
        return True
    return False


def has_the_reason(chat, endpoint):
    endpoint.fail_next("424-400")
    with pytest.raises(Exception) as caught:  # noqa: PT011
        chat(endpoint).invoke("Hello")
    return getattr(caught.value, "model_status", None) == 400


REFUSES = {"refuse_tools": True, "model": "scripted"}
ROWS = {
    "an answer at `/v1/chat/completions`": (answers, {}),
    "its token counts": (counts, {}),
    "a stream": (streams, {}),
    "an answer at `/score`": (answers_at_score, {}),
    "tools on a server that refuses them": (calls_a_tool, {**REFUSES, "script": [CALL]}),
    "structured output on a server that refuses tools": (
        fills_a_form,
        {**REFUSES, "script": ['{"name": "City", "parameters": {"name": "Oslo"}}']},
    ),
    "the deployment that answered, in the message": (names_the_deployment, {}),
    "an error for a stream that ends without its end mark": (tells_a_cut_stream, {}),
    "the model's status after a 424, as an attribute of the error": (has_the_reason, {}),
}
TABLE = {
    row[0]: row[1:]
    for row in documents.table(
        (documents.ROOT / "docs/guides/from-chatopenai.md").read_text(), "What"
    )
}


def test_what_stands_elsewhere():
    with LocalEndpoint(model="echo") as endpoint:
        other, own = theirs(endpoint).invoke("Hello"), ours(endpoint).invoke("Hello")
    counts = other.response_metadata["token_usage"]
    assert own.response_metadata["token_usage"].items() <= counts.items()
    assert other.response_metadata["id"]
    assert "id" not in own.response_metadata
    assert own.usage_metadata.items() <= other.usage_metadata.items()
    assert own.response_metadata["request_id"]


def test_callbacks_are_told_the_same_counts():
    class Ends(BaseCallbackHandler):
        def on_llm_end(self, response, **_):
            (told,) = response.generations[0]
            output = response.llm_output and {
                "model_name": response.llm_output["model_name"],
                **{k: v for k, v in response.llm_output["token_usage"].items() if v is not None},
            }
            self.told = (output, told.generation_info["finish_reason"])

    def heard(chat, ask):
        ends = Ends()
        ask(chat, {"callbacks": [ends]})
        return ends.told

    with LocalEndpoint(model="echo") as endpoint:
        for ask in (
            lambda chat, config: chat.invoke("Hello", config),
            lambda chat, config: chat.batch(["Hello"], config),
            lambda chat, config: asyncio.run(chat.ainvoke("Hello", config)),
            lambda chat, config: list(chat.stream("Hello", config)),
        ):
            assert heard(theirs(endpoint), ask) == heard(ours(endpoint), ask)


def test_every_row_has_its_proof():
    assert list(TABLE) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_true(row):
    check, options = ROWS[row]
    found = []
    for chat in (theirs, ours):
        with LocalEndpoint(
            **{"model": "echo", "deployments": {"blue": 100}, **options}
        ) as endpoint:
            found.append("yes" if check(chat, endpoint) else "no")
    assert found == TABLE[row]

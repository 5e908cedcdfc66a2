"""What callbacks are told of a chat model's answer, where those written for ChatOpenAI look."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage

URL = "https://ep.eastus2.inference.ml.azure.com/v1/chat/completions"
COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


class Ends(BaseCallbackHandler):
    """Keeps what is told at the end of each call."""

    def __init__(self):
        self.told = []

    def on_llm_end(self, response, **_):
        self.told.append(response)


WAYS = {
    "invoke": lambda chat, config: [chat.invoke(question, config) for question in "ab"],
    "ainvoke": lambda chat, config: [asyncio.run(chat.ainvoke(text, config)) for text in "ab"],
    "batch": lambda chat, config: chat.batch(["a", "b"], config),
    "abatch": lambda chat, config: asyncio.run(chat.abatch(["a", "b"], config)),
}


@pytest.mark.parametrize("way", WAYS)
def test_callbacks_find_counts_where_chatopenai_has_them(make_chat, plug, answer, completion, way):
    chat, heard = make_chat(endpoint_url=URL), Ends()
    plug(chat, *[answer(completion(usage=COUNTS))] * 2)
    WAYS[way](chat, {"callbacks": [heard], "max_concurrency": 1})
    assert len(heard.told) == 2
    for told in heard.told:
        assert told.llm_output["token_usage"] == COUNTS
        assert told.llm_output["model_name"] == "m"
        assert told.generations[0][0].generation_info == {"finish_reason": "stop"}


@pytest.mark.parametrize("world", ["generate", "agenerate"])
def test_the_counts_of_several_conversations_are_added(make_chat, plug, answer, completion, world):
    chat = make_chat(endpoint_url=URL, cache=InMemoryCache())
    plug(chat, *[answer(completion(usage=COUNTS))] * 2)
    asked = [[HumanMessage("a")], [HumanMessage("b")]]

    def output():
        result = getattr(chat, world)(asked)
        return (asyncio.run(result) if world == "agenerate" else result).llm_output

    told = output()
    assert told["token_usage"] == {name: 2 * count for name, count in COUNTS.items()}
    assert told["model_name"] == "m"
    assert output() == {}  # out of the cache, at no cost


def test_the_counts_of_several_answers_are_told_once(make_chat, plug, answer, completion):
    chat, heard = make_chat(endpoint_url=URL, n=2), Ends()
    body = completion(usage=COUNTS)
    body["choices"].append({**body["choices"][0], "index": 1})
    plug(chat, answer(body))
    chat.generate([[HumanMessage("a")]], callbacks=[heard])
    assert heard.told[0].llm_output["token_usage"] == COUNTS


def test_without_counts_the_name_alone_is_told(make_chat, plug, answer):
    chat, heard = make_chat(model="mine"), Ends()
    plug(chat, answer({"output": "Hello!"}))
    chat.invoke("Hi", {"callbacks": [heard]})
    assert heard.told[0].llm_output == {"model_name": "mine"}


def test_a_stream_ends_with_its_finish_reason(make_chat, plug, events, delta):
    chat, heard = make_chat(endpoint_url=URL), Ends()
    plug(chat, events(delta("Hello"), delta("!", finish_reason="stop")))
    list(chat.stream("Hi", {"callbacks": [heard]}))
    assert heard.told[0].generations[0][0].generation_info == {"finish_reason": "stop"}


def test_a_message_has_the_same_counts_whole_and_streamed(
    make_chat, plug, answer, events, completion, delta
):
    chat = make_chat(endpoint_url=URL)
    plug(
        chat,
        answer(completion("Hello!", usage=COUNTS)),
        events(delta("Hello!", finish_reason="stop"), {"choices": [], "usage": COUNTS}),
    )
    whole, *chunks = chat.invoke("Hi"), *chat.stream("Hi")
    streamed = chunks[0]
    for chunk in chunks[1:]:
        streamed += chunk
    assert whole.response_metadata == streamed.response_metadata
    assert whole.response_metadata["token_usage"] == COUNTS
    assert whole.usage_metadata == streamed.usage_metadata

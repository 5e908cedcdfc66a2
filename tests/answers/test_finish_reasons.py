"""`normalized_finish_reason`: why an answer ended, in langchain-core's words."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest

URL = "https://h.example/v1/chat/completions"
PROMPTS = "https://h.example/v1/completions"
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WORDS = [
    ("stop", "stop"),
    ("eos_token", "stop"),
    ("stop_sequence", "stop"),
    ("tool_calls", "tool_call"),
    ("function_call", "tool_call"),
    # langchain-core has no words for these.
    ("length", None),
    ("content_filter", None),
    ("abort", None),
    ("STOP", None),
    ("", None),
    (None, None),
]
SAID = [
    ({"content": "x"}, "stop", "stop"),
    ({"tool_calls": [CALL]}, "stop", "tool_call"),
    ({"tool_calls": [CALL]}, "tool_calls", "tool_call"),
    ({"tool_calls": [CALL]}, "length", None),
    ({"refusal": "I won't."}, "stop", "refusal"),
    ({"refusal": "I won't.", "tool_calls": [CALL]}, "tool_calls", "refusal"),
    ({"refusal": "I won't."}, "content_filter", None),
]


def found(metadata):
    return metadata.get("finish_reason"), metadata.get("normalized_finish_reason")


@pytest.mark.parametrize(("raw", "word"), WORDS)
def test_each_word_of_a_server(make_chat, plug, answer, completion, events, delta, raw, word):
    chat = make_chat(base_url=URL, model_family="OPENAI")
    plug(chat, answer(completion("x", raw)))
    whole = chat.invoke("Hi").response_metadata
    plug(chat, events(delta("x"), delta("y"), delta(finish_reason=raw)))
    streamed = reduce(add, chat.stream("Hi")).response_metadata
    assert whole.get("normalized_finish_reason") == word
    assert found(streamed) == (raw or None, word)


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize(("message", "raw", "word"), SAID)
def test_what_the_answer_holds_corrects_it(  # noqa: PLR0913, PLR0917 - fixtures and data
    make_chat, plug, answer, completion, events, delta, message, raw, word, version
):
    chat = make_chat(base_url=URL, model_family="OPENAI", output_version=version)
    plug(chat, answer(completion(None, raw, message=message)))
    whole = chat.invoke("Hi")
    # Long before the reason, and the reason in an event of its own.
    parts = [delta(**{name: value}) for name, value in message.items()]
    plug(chat, events(*parts, delta(""), delta(finish_reason=raw), delta("")))
    streamed = reduce(add, chat.stream("Hi"))
    assert found(whole.response_metadata) == found(streamed.response_metadata) == (raw, word)


@pytest.mark.parametrize("stream", [False, True])
def test_this_packages_own_reasons_have_words_too(
    make_chat, plug, answer, completion, events, delta, stream
):
    chat = make_chat(base_url=URL, model_family="LLAMA", tool_calling="prompted")
    text = '{"name": "f", "parameters": {}}'
    plug(
        chat,
        events(delta(text), delta(finish_reason="stop")) if stream else answer(completion(text)),
    )
    tool = {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}}
    bound = chat.bind_tools([tool])
    said = reduce(add, bound.stream("Hi")) if stream else bound.invoke("Hi")
    assert found(said.response_metadata) == ("tool_calls", "tool_call")


def test_a_text_that_a_stop_string_ends(make_chat, plug, answer, completion):
    chat = make_chat(base_url=URL, model_family="LLAMA")
    plug(chat, answer(completion("a##b", "length")))
    assert found(chat.invoke("Hi", stop=["##"]).response_metadata) == ("stop", "stop")


@pytest.mark.parametrize(("raw", "word"), WORDS)
def test_completions_say_it_in_generation_info(make_llm, plug, answer, events, raw, word):
    llm = make_llm(base_url=PROMPTS, model_family="OPENAI")
    pieces = [{"choices": [{"index": 0, "text": text}]} for text in "ab"]
    last = {"choices": [{"index": 0, "text": "c", "finish_reason": raw}]}
    plug(llm, answer(last))
    ((whole,),) = llm.generate(["Hi"]).generations
    streaming = make_llm(base_url=PROMPTS, model_family="OPENAI", streaming=True)
    plug(streaming, events(*pieces, last))
    ((streamed,),) = streaming.generate(["Hi"]).generations
    assert streamed.text == "abc"
    assert whole.generation_info.get("normalized_finish_reason") == word
    assert streamed.generation_info.get("normalized_finish_reason") == word


def test_langchain_cores_own_stream_says_the_same(make_chat, plug, events, delta):
    chat = make_chat(base_url=URL, model_family="OPENAI")
    plug(chat, events(delta(tool_calls=[CALL]), delta(finish_reason="stop")))
    message = chat.stream_events("Hi", version="v3").output
    assert found(message.response_metadata) == ("stop", "tool_call")

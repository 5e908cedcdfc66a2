"""A stream that is put together again is the answer that would have come whole."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss import FamilyProfile
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    NotFoundError,
    ResponseFormatError,
    ServerError,
    StreamInterruptedError,
)
from langchain_azureml_oss.families.reasoning import ReasoningTags

URL = "https://h.example/v1/chat/completions"
THINKER = FamilyProfile(
    "THINKER",
    contract="openai",
    reasoning=ReasoningTags("<think>", "</think>", implied_start=False),
)
TEXT = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "a", "b ", "\n", "\nUser:", "##", "#", "é🙂", "{}", "<", " "]
    ),
    max_size=12,
).map("".join)
CUTS = st.lists(st.integers(0, 300), max_size=10)
STOPS = st.lists(st.sampled_from(["\nUser:", "##", "a<", "🙂"]), max_size=2)


@pytest.fixture(scope="module")
def chat(make_chat):
    return make_chat(base_url=URL, model_family=THINKER)


@pytest.fixture(scope="module")
def llm(make_llm):
    return make_llm(base_url=URL, model_family=THINKER)


def fold(chunks):
    whole, *others = chunks
    for chunk in others:
        whole += chunk
    return whole


@given(text=TEXT, text_cuts=CUTS, byte_cuts=CUTS, stop=STOPS)
def test_a_chat_stream_folds_to_the_whole_answer(  # noqa: PLR0913, PLR0917 - fixtures and data
    chat, plug, answer, completion, events, delta, cut, text, text_cuts, byte_cuts, stop
):
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    plug(
        chat,
        answer(completion(text, usage=usage)),
        events(
            delta("", role="assistant"),
            *(delta(piece) for piece in cut(text, text_cuts)),
            delta(finish_reason="stop"),
            {"choices": [], "usage": usage, "model": "m"},
            cuts=byte_cuts,
        ),
    )
    whole = chat.invoke("x", stop=stop)
    folded = fold(list(chat.stream("x", stop=stop)))
    assert folded.content == whole.content
    assert folded.additional_kwargs == whole.additional_kwargs
    assert folded.content_blocks == whole.content_blocks
    assert folded.usage_metadata == whole.usage_metadata
    assert folded.response_metadata == whole.response_metadata
    assert folded.tool_calls == whole.tool_calls


def test_a_completion_stream_is_asked_for(llm, plug, sent, events):
    pieces = [{"choices": [{"index": 0, "text": text}]} for text in ("a", "b")]
    replay = plug(llm, events(*pieces))
    assert [text for text in llm.stream("x") if text] == ["a", "b"]
    assert sent(replay)["stream"] is True


@given(text=TEXT, text_cuts=CUTS, byte_cuts=CUTS, stop=STOPS)
def test_a_completion_stream_folds_to_the_whole_answer(  # noqa: PLR0913, PLR0917 - as above
    llm, plug, answer, events, cut, text, text_cuts, byte_cuts, stop
):
    def event(piece, reason=None):
        return {"model": "m", "choices": [{"index": 0, "text": piece, "finish_reason": reason}]}

    plug(
        llm,
        answer(event(text, "stop")),
        events(*map(event, cut(text, text_cuts)), event("", "stop"), cuts=byte_cuts),
    )
    ((whole,),) = llm.generate(["x"], stop=stop).generations
    assert "".join(llm.stream("x", stop=stop)) == whole.text


def test_a_stream_of_calls_and_reasoning_folds_too(chat, plug, answer, completion, events, delta):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    start = call | {"index": 0, "function": {"name": "f", "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": '{"a": 1}'}}
    message = {"tool_calls": [call], "reasoning_content": "hm, well"}
    plug(
        chat,
        answer(completion("so", "tool_calls", message=message)),
        events(
            delta(reasoning_content="hm, "),
            delta(reasoning_content="well"),
            delta("so"),
            delta(tool_calls=[start]),
            delta(tool_calls=[rest]),
            delta(finish_reason="tool_calls"),
        ),
    )
    whole, folded = chat.invoke("x"), fold(list(chat.stream("x")))
    assert folded.tool_calls == whole.tool_calls
    assert folded.additional_kwargs == whole.additional_kwargs == {"reasoning_content": "hm, well"}
    assert folded.response_metadata == whole.response_metadata
    kinds = [block["type"] for block in whole.content_blocks]
    assert kinds == ["reasoning", "text", "tool_call"]


def test_logprobs_fold_too(chat, plug, answer, completion, events, delta):
    def with_logprobs(event, *tokens):
        event["choices"][0]["logprobs"] = {"content": [{"token": token} for token in tokens]}
        return event

    plug(
        chat,
        answer(with_logprobs(completion("ab"), "a", "b")),
        events(
            with_logprobs(delta("a"), "a"),
            with_logprobs(delta("b"), "b"),
            delta(finish_reason="stop"),
        ),
    )
    whole, folded = chat.invoke("x"), fold(list(chat.stream("x")))
    assert whole.response_metadata["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}]}
    assert folded.response_metadata == whole.response_metadata


def test_text_is_given_out_as_it_comes(chat, plug, events, delta):
    plug(chat, events(delta("a"), delta("b"), delta("c", "stop")))
    assert [chunk.text for chunk in chat.stream("x") if chunk.text] == ["a", "b", "c"]


def test_the_usage_comes_with_the_last_chunk_alone(chat, plug, events, delta):
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    plug(chat, events(delta("a"), delta("b", "stop"), {"choices": [], "usage": usage}))
    found = [chunk.usage_metadata for chunk in chat.stream("x")]
    assert [one for one in found if one] == [
        {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    ]
    assert found[-1] is not None


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_server_that_ignores_stream_gives_one_chunk(chat, plug, answer, completion, content_type):
    plug(chat, answer(completion("Hello!"), content_type=content_type))
    (chunk,) = [chunk for chunk in chat.stream("x") if chunk.text]
    assert chunk.text == "Hello!"


def test_a_score_contract_gives_one_chunk(score_contract, make_chat, make_llm, plug, answer):
    for make in (make_chat, make_llm):
        model = make(contract=score_contract.name)
        plug(model, answer(score_contract.texts(["Hello!"])))
        chunks = [c if isinstance(c, str) else c.text for c in model.stream("x")]
        assert [text for text in chunks if text] == ["Hello!"]


@pytest.mark.parametrize("done", [True, False], ids=["[DONE]", "finish reason"])
def test_a_stream_has_two_ends(chat, plug, events, delta, done):
    plug(chat, events(delta("a"), delta("b", "length"), done=done))
    folded = fold(list(chat.stream("x")))
    assert folded.text == "ab"
    assert folded.response_metadata["finish_reason"] == "length"


def test_what_follows_the_end_is_not_read(chat, plug, events, delta):
    plug(chat, events(delta("a", "stop"), b"data: [DONE]\n\n", b"data: not json\n\n"))
    assert fold(list(chat.stream("x"))).text == "a"


def test_comments_and_blank_events_are_nothing(chat, plug, events, delta):
    plug(chat, events(b": ping\n\n", delta("a"), b"\n\n: ping\n\n", delta("b", "stop")))
    assert fold(list(chat.stream("x"))).text == "ab"


ODD_ERROR = (
    b"event: error\ndata: Error parsing decoded stream: :\n"
    b", with exception: list index out of range\n\n"
)


def interrupted(model):
    texts = []
    with pytest.raises(StreamInterruptedError) as caught:
        texts.extend(chunk.text for chunk in model.stream("x"))
    return "".join(texts), caught.value


PIECES = pytest.mark.parametrize("cuts", [None, ()], ids=["piece by piece", "one piece"])


@PIECES
@pytest.mark.parametrize("rest", [[], ["lo"]], ids=["nothing", "no end"])
@pytest.mark.parametrize("done", [True, False], ids=["[DONE]", "cut"])
def test_the_odd_error_event_ends_a_stream_that_has_no_other_end(
    chat, plug, events, delta, cuts, rest, done
):
    stream = events(delta("Hel"), ODD_ERROR, *map(delta, rest), cuts=cuts, done=done)
    plug(chat, *[stream] * 4)
    text, error = interrupted(chat)
    assert text == error.text == "Hel" + "".join(rest)
    assert "list index out of range" in str(error) or "Error parsing decoded stream" in str(error)


@PIECES
def test_an_engines_pings_are_one_warning(chat, plug, events, delta, cuts, caplog):
    """Microsoft's server writes such an event for each ping, with the whole answer around it."""
    plug(
        chat,
        events(
            *(ODD_ERROR, delta("Hel"), ODD_ERROR, delta("lo"), delta(finish_reason="stop")),
            *(ODD_ERROR,),
            cuts=cuts,
        ),
    )
    assert fold(list(chat.stream("x"))).text == "Hello"
    assert [r.levelname for r in caplog.records] == ["WARNING"]


@PIECES
@pytest.mark.parametrize(
    "last",
    [b"", b'data: {"error": {"message": "dead", "code": 500}}\n\n', b"data: {oops\n\n"],
    ids=["cut", "error", "broken"],
)
def test_a_stream_that_misses_its_end_says_what_had_come(chat, plug, events, delta, last, cuts):
    stream = events(delta("Hel"), delta("lo"), last, done=False, x_ms_request_id="r1", cuts=cuts)
    plug(chat, *[stream] * 4)
    text, error = interrupted(chat)
    assert text == error.text == "Hello"
    assert error.request_id == "r1"


def test_what_was_held_back_had_come_too(chat, plug, events, delta):
    """`text` holds what came."""
    plug(chat, events(delta("Hello"), delta("\nUs"), done=False))
    with pytest.raises(StreamInterruptedError) as caught:
        list(chat.stream("x", stop=["\nUser:"]))
    assert caught.value.text == "Hello\nUs"


def test_an_answer_that_is_null_is_a_server_error(make_chat, plug, answer):
    chat = make_chat(max_retries=0)
    plug(chat, answer({"output": None}))
    with pytest.raises(ServerError, match="null"):
        chat.invoke("x")


NO_ANSWERS = [
    {"choices": []},
    {"choices": [{}]},
    {"choices": [{"message": None}]},
    {"choices": [{"message": {}}]},
    {"choices": [{"index": 0, "delta": {}, "text": None}]},
]


@pytest.mark.parametrize("body", NO_ANSWERS, ids=str)
def test_a_response_without_an_answer_is_a_format_error(chat, llm, plug, answer, events, body):
    for model in (chat, llm):
        plug(model, answer(body), events(body), events(body, {"choices": None}))
        with pytest.raises(ResponseFormatError):
            model.invoke("x")
        for _ in range(2):
            with pytest.raises(ResponseFormatError):
                list(model.stream("x"))


def test_a_stream_of_nothing_but_its_end_is_a_format_error(chat, llm, plug, events):
    for model in (chat, llm):
        plug(model, events())
        with pytest.raises(ResponseFormatError, match="no answer"):
            list(model.stream("x"))


def test_an_answer_without_words_is_one(chat, plug, answer, completion, events, delta):
    plug(chat, answer(completion(None)), events(delta(finish_reason="content_filter")))
    assert not chat.invoke("x").text
    (*_, last) = chat.stream("x")
    assert last.response_metadata["finish_reason"] == "content_filter"


def test_null_may_stand_for_the_choices_of_an_event(chat, llm, plug, events, delta):
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    nothing = {"choices": None}
    plug(chat, events(nothing, delta("a", "stop"), nothing | {"usage": usage}))
    folded = fold(list(chat.stream("x")))
    assert (folded.text, folded.usage_metadata["total_tokens"]) == ("a", 7)
    plug(llm, events(nothing, {"choices": [{"text": "a"}]}, nothing | {"usage": usage}))
    assert "".join(llm.stream("x")) == "a"


@pytest.mark.parametrize("url", [URL, "https://h.example/score"], ids=["openai", "score"])
def test_an_error_object_in_a_200_is_that_error(make_chat, make_llm, plug, answer, events, url):
    body = {"object": "error", "message": "no such model", "type": "NotFoundError", "code": 404}
    for make in (make_chat, make_llm):
        model = make(base_url=url, max_retries=0)
        plug(model, answer(body), answer(body) if url != URL else events(body))
        with pytest.raises(NotFoundError, match="no such model"):
            model.invoke("x")
        with pytest.raises(NotFoundError, match="no such model"):
            list(model.stream("x"))


@given(cuts=CUTS, kind=st.sampled_from(["application/json", "text/plain", ""]))
@pytest.mark.parametrize("before", [b"", b"\r\n\n", b": hello\n\n", b"\xef\xbb\xbf", b"id: 1\n"])
def test_a_stream_is_told_by_its_first_bytes(chat, plug, events, delta, before, cuts, kind):
    stream = events(before, delta("a"), delta("b", "stop"), cuts=cuts, content_type=kind)
    plug(chat, stream)
    assert [chunk.text for chunk in chat.stream("x") if chunk.text] == ["a", "b"]


@given(cuts=CUTS, content=st.sampled_from(["data: x", "event: error", ""]))
def test_so_is_a_whole_answer(chat, plug, answer, completion, cuts, content):
    body = b"\n " + json.dumps(completion(content)).encode()
    plug(chat, answer(body, cuts=cuts, content_type="text/event-stream"))
    assert fold(list(chat.stream("x"))).text == content


@pytest.mark.parametrize("body", [b"", b"dat", b"error: no", b"<html>"])
def test_what_is_neither_is_an_error(chat, plug, answer, body):
    plug(chat, *[answer(body, content_type="text/plain")] * 4)
    with pytest.raises(ResponseFormatError):
        list(chat.stream("x"))


def test_a_stream_of_another_type_that_breaks_off_says_what_had_come(chat, plug, events, delta):
    plug(chat, events(delta("Hel"), done=False, content_type="application/json"))
    text, error = interrupted(chat)
    assert text == error.text == "Hel"


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_a_response_without_end_is_given_up(make_chat, plug, answer, events, is_stream):
    chat = make_chat(base_url=URL, max_response_bytes=1_000)
    record = events if is_stream else answer
    plug(chat, record(b"data: " + b"[" * 9_000, cuts=range(0, 9_000, 100)))
    with pytest.raises(ResponseFormatError, match="max_response_bytes"):
        list(chat.stream("x"))


def test_a_stream_of_events_without_end_is_given_up(make_chat, plug, events, delta):
    chat = make_chat(base_url=URL, max_response_bytes=2_000)
    plug(chat, events(*[delta("word ")] * 90, delta("end", "stop")))
    text, error = interrupted(chat)
    assert "max_response_bytes" in str(error)
    assert text == error.text
    assert text.startswith("word word")


# -- echoed prompts, stop strings, reasoning ------------------------------------------------------

PROMPT = "Q: why?\nA:"


def test_an_echoed_prompt_is_taken_off(score_contract, make_llm, plug, answer):
    llm = make_llm(contract=score_contract.name)
    plug(llm, answer(score_contract.texts([PROMPT + " because"])))
    is_told = score_contract.name == "score"  # so that nothing is taken off there
    assert llm.invoke(PROMPT) == (PROMPT if is_told else "") + " because"


def test_at_score_nothing_is_taken_off_that_the_model_said(make_llm, plug, sent, answer):
    llm = make_llm()
    replay = plug(llm, answer({"output": ["ha ha ha"]}))
    assert llm.invoke("ha") == "ha ha ha"
    assert sent(replay)["input_data"]["parameters"] == {"return_full_text": False}


def test_the_templates_own_stops_are_said_and_can_be_turned_off(make_chat, plug, sent, answer):
    chat = make_chat(model_family="FALCON")
    said = answer(["Bye.\nUser: And"])
    replay = plug(chat, said, said, said)
    message = chat.invoke("Hi")
    assert (message.text, message.response_metadata["stopped_at"]) == ("Bye.", "\nUser:")
    message = chat.invoke("Hi", stop=["And"])
    assert message.response_metadata["stopped_at"] == "\nUser:"
    message = chat.invoke("Hi", stop=[])
    assert message.text == "Bye.\nUser: And"
    assert "stopped_at" not in message.response_metadata
    assert "stop" not in sent(replay, 2)["input_data"]["parameters"]


def test_an_answer_without_the_prompt_stays(score_contract, make_llm, plug, answer):
    llm = make_llm(contract=score_contract.name)
    plug(llm, answer(score_contract.texts([" because"])))
    assert llm.invoke(PROMPT) == " because"


def test_a_prompt_that_was_asked_for_stays(score_contract, make_llm, plug, answer):
    llm = make_llm(contract=score_contract.name, model_kwargs={"return_full_text": True})
    plug(llm, answer(score_contract.texts([PROMPT + " because"])))
    assert llm.invoke(PROMPT) == PROMPT + " because"


def test_an_answer_that_repeats_the_prompt_by_itself_stays(score_contract, make_llm, plug, answer):
    """The text begins with the prompt *unless* return_full_text false is sent."""
    llm = make_llm(contract=score_contract.name, model_kwargs={"return_full_text": False})
    plug(llm, answer(score_contract.texts(["tick tick"])))
    assert llm.invoke("tick") == "tick tick"


def test_a_stop_string_in_the_prompt_stops_nothing(score_contract, make_llm, plug, answer):
    llm = make_llm(contract=score_contract.name)
    echo = "" if score_contract.name == "score" else PROMPT
    plug(llm, answer(score_contract.texts([echo + " because\nQ: and?"])))
    assert llm.invoke(PROMPT, stop=["\nQ:", "?\n"]) == " because"


def test_a_stop_string_in_a_prompt_that_was_asked_for_stops_nothing(
    score_contract, make_llm, plug, answer
):
    llm = make_llm(contract=score_contract.name, model_kwargs={"return_full_text": True})
    plug(llm, answer(score_contract.texts([PROMPT + " because\nQ: and?"])))
    assert llm.invoke(PROMPT, stop=["\nQ:", "why?"]) == PROMPT + " because"


def test_stop_strings_hold_where_the_server_does_not_know_them(contract, make_llm, plug, answer):
    llm = make_llm(endpoint_url=contract.url, contract=contract.name)
    plug(llm, answer(contract.texts(["1 2 STOP 3"])))
    ((generation,),) = llm.generate(["x"], stop=["STOP"]).generations
    assert generation.text == "1 2 "
    assert generation.generation_info["finish_reason"] == "stop"


def test_reasoning_becomes_a_content_block(chat, plug, answer, completion):
    plug(chat, answer(completion("<think>because</think>\n\nso")))
    message = chat.invoke("x")
    assert message.text == "so"
    assert message.content_blocks == [
        {"type": "reasoning", "reasoning": "because"},
        {"type": "text", "text": "so"},
    ]


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_an_answer_or_an_error_of_this_package(chat, plug, answer, body, is_stream):
    kind = "text/event-stream" if is_stream else "application/json"
    plug(chat, *[answer(body, content_type=kind)] * 4)
    with contextlib.suppress(AzureMLOSSError):
        assert isinstance(fold(list(chat.stream("x"))).text, str)


JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["", "a", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("content", "tool_calls", "function", "name", "arguments", "id", "index"),
                    *("usage", "prompt_tokens", "message", "delta", "text", "finish_reason"),
                    *("logprobs", "prompt_tokens_details", "cached_tokens", "model", "refusal"),
                    "reasoning",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(choice=JSON, more=st.dictionaries(st.sampled_from(["usage", "model", "id"]), JSON))
def test_any_choice_is_an_answer_or_an_error_of_this_package(chat, plug, answer, choice, more):
    plug(chat, *[answer({"choices": [choice], **more})] * 4)
    with contextlib.suppress(AzureMLOSSError):
        assert isinstance(chat.invoke("x").text, str)


@given(choice=JSON, more=st.dictionaries(st.sampled_from(["usage", "model", "id"]), JSON))
def test_any_event_is_a_chunk_or_an_error_of_this_package(chat, plug, events, choice, more):
    plug(chat, *[events({"choices": [choice], **more})] * 4)
    with contextlib.suppress(AzureMLOSSError):
        assert isinstance(fold(list(chat.stream("x"))).text, str)

"""Text between reasoning tags, told apart from the answer."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_azureml_oss.answers.reasoning import ReasoningSplitter
from langchain_azureml_oss.errors import ResponseFormatError, StreamInterruptedError
from langchain_azureml_oss.families.reasoning import ReasoningTags

THINK = ReasoningTags("<think>", "</think>", implied_start=False)
EITHER = ReasoningTags("<think>", "</think>")
IMPLIED = ReasoningTags("<think>", "</think>", implied_start=True)
TEXT = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "<thi", "</", "a", " ", "\n", "b c"]), max_size=10
).map("".join)
CUTS = st.lists(st.integers(0, 100), max_size=12)
TAGS = st.sampled_from([THINK, IMPLIED, EITHER])


def split(pieces, tags=THINK):
    splitter = ReasoningSplitter(tags)
    both = [splitter.feed(piece) for piece in pieces] + [splitter.flush()]
    return "".join(text for text, _ in both), "".join(thought for _, thought in both)


@given(TEXT, CUTS, TAGS)
@example("<think>  a</think>\n\nb", [7, 8, 9, 18, 19, 20], THINK)
def test_any_chunking_gives_the_same_text(cut, text, places, tags):
    assert split(cut(text, places), tags) == split([text], tags)


@given(st.text(alphabet="ab <t", max_size=20))
def test_text_without_tags_passes_unchanged(text):
    assert split([text]) == (text, "")


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("<think>because</think>so", "so", "because"),
        ("<think>\nbecause\n</think>\n\nso", "so", "because\n"),
        ("well <think>hm</think>so", "well so", "hm"),
        ("<think>never ends", "", "never ends"),
        ("a < b and </think> c", "a < b and </think> c", ""),
        ("ends in <thin", "ends in <thin", ""),
    ],
)
def test_reasoning_is_told_apart(text, answer, reasoning):
    assert split([text]) == (answer, reasoning)


def test_an_answer_may_begin_inside_the_reasoning():
    assert split(["\nbecause</think>\nso"], IMPLIED) == ("so", "because")


def test_text_is_given_out_at_once_where_no_tag_can_begin():
    splitter = ReasoningSplitter(THINK)
    assert splitter.feed("so") == ("so", "")
    assert splitter.feed(" it <th") == (" it ", "")
    assert splitter.feed("ere") == ("<there", "")


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        (
            "Okay, let me see.\n</think>\n\nThe answer is 4.",
            "The answer is 4.",
            "Okay, let me see.\n",
        ),
        ("\nhm</think>so</think>!", "so</think>!", "hm"),
        ("</think>so", "so", ""),
        ("<think>because</think>so", "so", "because"),
        (" well <think>hm</think>so", " well so", "hm"),
        (" no tag at all <thin", " no tag at all <thin", ""),
    ],
)
@given(places=CUTS)
def test_what_stands_before_a_closing_tag_is_reasoning(cut, text, answer, reasoning, places):
    assert split(cut(text, places), EITHER) == (answer, reasoning)


def test_where_the_server_tells_them_apart_no_text_waits():
    splitter = ReasoningSplitter(EITHER)
    assert splitter.feed("so") == ("", "")
    assert splitter.settle() == ("so", "")
    assert splitter.feed(" it") == (" it", "")


def test_waiting_costs_no_more_than_what_comes():
    """Pieces that wait are looked at once each."""
    splitter = ReasoningSplitter(EITHER)
    looked = 0

    class Counted(str):
        __slots__ = ()

        def find(self, *args):
            nonlocal looked
            looked += len(self)
            return super().find(*args)

        def __radd__(self, other):
            return Counted(str(other) + str(self))

    for _ in range(2_000):
        splitter.feed(Counted("<thin a"))
    assert looked <= 2 * 2_000 * 2 * len("<thin a")
    assert splitter.flush() == ("<thin a" * 2_000, "")


STREAMED = "https://h.example/v1/chat/completions"
SEEN = "Okay, let me see.\n</think>\n\nThe answer is 4."


@pytest.mark.parametrize(
    "fields",
    [
        {"model_family": "DEEPSEEK"},
        {"model_family": "QWEN"},
        {"model_family": "LLAMA", "reasoning_tags": ("<think>", "</think>", True)},
    ],
    ids=lambda fields: fields["model_family"],
)
@given(places=CUTS)
def test_a_template_may_have_written_the_opening_tag(  # noqa: PLR0913, PLR0917 - fixtures and data
    make_chat, plug, answer, completion, events, delta, cut, fields, places
):
    def read(message):
        return message.text, message.additional_kwargs["reasoning_content"]

    expected = ("The answer is 4.", "Okay, let me see.\n")
    chat = make_chat(endpoint_url=STREAMED, **fields)
    plug(
        chat,
        answer(completion(SEEN)),
        events(*map(delta, cut(SEEN, places)), delta(finish_reason="stop")),
    )
    assert read(chat.invoke("x")) == expected
    first, *rest = chat.stream("x")
    for chunk in rest:
        first += chunk
    assert read(first) == expected
    chat = make_chat(**fields)
    plug(chat, answer({"output": SEEN}))
    assert read(chat.invoke("x")) == expected


def test_a_model_that_writes_its_tags_streams_at_once(make_chat, plug, events, delta):
    tags = ("<think>", "</think>", False)
    chat = make_chat(endpoint_url=STREAMED, model_family="QWEN", reasoning_tags=tags)
    plug(chat, events(delta("a"), delta("b"), delta("c", "stop")))
    assert [chunk.text for chunk in chat.stream("x") if chunk.text] == ["a", "b", "c"]


def pieces(chat):
    chunks = list(chat.stream("x"))
    thoughts = [chunk.additional_kwargs.get("reasoning_content", "") for chunk in chunks]
    return [chunk.text for chunk in chunks if chunk.text], [*filter(None, thoughts)]


PLAIN = "a", "b", "c"
THOUGHT = "hm", " hm", "</think>", "so"
WAYS = pytest.mark.parametrize("first", ["whole", "streamed"])


@pytest.fixture
def second(make_chat, plug, answer, completion, events, delta):
    """A model that has answered once, and whose next answers are these."""

    def made(first, texts, *later, finish_reason="stop"):
        def streamed(texts, reason="stop"):
            return events(*map(delta, texts), delta(finish_reason=reason))

        chat = make_chat(endpoint_url=STREAMED, model_family="QWEN")
        begun = streamed(texts, finish_reason)
        if first == "whole":
            begun = answer(completion("".join(texts), finish_reason=finish_reason))
        plug(chat, begun, *(streamed(*texts) for texts in later))
        chat.invoke("x") if first == "whole" else pieces(chat)
        return chat

    return made


@WAYS
def test_a_model_that_does_not_think_streams_in_pieces_the_second_time(second, first):
    assert pieces(second(first, PLAIN, [PLAIN])) == ([*PLAIN], [])


@WAYS
def test_a_model_that_writes_both_tags_streams_its_text_in_pieces(second, first):
    chat = second(first, ("<think>", "hm", "</think>", "so"), [PLAIN], [("<think>hm</think>so",)])
    assert pieces(chat) == ([*PLAIN], [])
    assert pieces(chat) == (["so"], ["hm"])


@WAYS
def test_thoughts_stream_once_the_template_is_known_to_write_the_first_tag(second, first):
    assert pieces(second(first, THOUGHT, [THOUGHT])) == (["so"], ["hm", " hm"])


def test_an_answer_that_was_cut_off_shows_nothing(second):
    chat = second("streamed", ("hm", " hm"), [THOUGHT], finish_reason="length")
    assert pieces(chat) == (["so"], ["hm hm"])


def test_what_is_cut_off_inside_the_reasoning_is_reasoning(second):
    assert pieces(second("whole", THOUGHT, [("hm", " hm"), "length"])) == ([], ["hm", " hm"])


def test_an_answer_without_thoughts_is_an_answer_all_the_same(second):
    chat = second("whole", THOUGHT, [PLAIN], [PLAIN])
    assert pieces(chat)[0] == ["abc"]
    # It is now this, now that.
    assert pieces(chat) == (["abc"], [])


def test_another_template_setting_is_another_way_of_asking(second):
    chat = second("whole", PLAIN, [THOUGHT])
    bound = chat.bind(extra_body={"chat_template_kwargs": {"enable_thinking": True}})
    assert pieces(bound) == (["so"], ["hm hm"])


def test_what_waits_for_a_tag_comes_when_the_stream_ends_or_breaks(make_chat, plug, events, delta):
    chat = make_chat(endpoint_url=STREAMED, model_family="QWEN", max_retries=0)
    plug(chat, events(*map(delta, PLAIN), done=False))
    with pytest.raises(StreamInterruptedError) as caught:
        pieces(chat)
    assert caught.value.text == "abc"
    chat = make_chat(endpoint_url=STREAMED, model_family="QWEN")
    plug(chat, events(*map(delta, PLAIN), delta(finish_reason="stop"), done=False))
    assert pieces(chat) == (["abc"], [])


def test_no_more_waits_for_a_tag_than_a_response_may_have(make_chat, plug, events, delta):
    chat = make_chat(
        endpoint_url=STREAMED, model_family="QWEN", max_retries=0, max_response_bytes=10_000
    )
    plug(chat, events(*[delta("no tag ")] * 1_000))
    with pytest.raises(ResponseFormatError, match="max_response_bytes"):
        pieces(chat)

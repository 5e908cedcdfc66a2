"""Text between reasoning tags, told apart from the answer."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_azureml_oss.answers.reasoning import ReasoningSplitter
from langchain_azureml_oss.families.reasoning import ReasoningTags

THINK = ReasoningTags("<think>", "</think>")
IMPLIED = ReasoningTags("<think>", "</think>", implied_start=True)
TEXT = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "<thi", "</", "a", " ", "\n", "b c"]), max_size=10
).map("".join)
CUTS = st.lists(st.integers(0, 100), max_size=12)
TAGS = st.sampled_from([THINK, IMPLIED])


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

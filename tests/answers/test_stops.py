"""Stop strings, enforced on what comes back."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from langchain_azureml_oss.answers.stops import StopFilter
from langchain_azureml_oss.wire.marks import held_back

TEXT = st.text(alphabet="ab\n#", max_size=30)
STOPS = st.lists(st.text(alphabet="ab\n#", max_size=4), max_size=3)
CUTS = st.lists(st.integers(0, 60), max_size=10)


def filtered(pieces, stops):
    stop = StopFilter(stops)
    return "".join(map(stop.feed, pieces)) + stop.flush(), stop.stopped


@given(TEXT, STOPS, CUTS)
@example("aab", ["ab", "aa"], [1, 2])
@example("abab#", ["bab#", "ab#"], [1, 2, 3, 4])
def test_any_chunking_gives_the_same_text(cut, text, stops, places):
    assert filtered(cut(text, places), stops) == filtered([text], stops)


@given(TEXT, STOPS)
def test_no_stop_string_is_given_out(text, stops):
    given_out, stopped = filtered([text], stops)
    assert text.startswith(given_out)
    assert not any(stop in given_out for stop in stops if stop)
    assert stopped == any(stop in text for stop in stops if stop)
    assert stopped or given_out == text


@given(TEXT, st.lists(st.text(alphabet="ab", min_size=1, max_size=4), max_size=3))
def test_held_back_is_the_longest_beginning_of_a_mark(text, marks):
    assume(not any(mark in text for mark in marks))
    length = held_back(text, marks)
    beginnings = {mark[:size] for mark in marks for size in range(1, len(mark))}
    possible = [size for size in range(1, len(text) + 1) if text[-size:] in beginnings]
    assert length == max(possible, default=0)


def test_text_is_given_out_at_once_where_nothing_can_begin_a_stop():
    stop = StopFilter(["###"])
    assert [stop.feed("Hello"), stop.feed(" wor#"), stop.feed("ld"), stop.flush()] == [
        "Hello",
        " wor",
        "#ld",
        "",
    ]


def test_nothing_is_given_out_after_a_stop():
    stop = StopFilter(["."])
    assert stop.feed("a.b") == "a"
    assert stop.feed("c") + stop.flush() == ""


@pytest.mark.parametrize("stops", [[], [""]], ids=["none", "blank"])
def test_without_stops_the_text_passes(stops):
    assert filtered(["a", "", "b"], stops) == ("ab", False)

"""When to try again, and after how long."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss.errors import InvalidRequestError, RateLimitError, RequestTimeoutError
from langchain_azureml_oss.exchange.retry import RetryPolicy, retry_after

BUSY = RateLimitError("busy")
NOW = 1_800_000_000.0


def test_backoff_doubles_from_half_a_second_to_eight():
    policy = RetryPolicy(max_retries=7, jitter=lambda: 1.0)
    waits = [policy.wait(done, BUSY, {}) for done in range(7)]
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]


@given(st.integers(0, 2))
def test_the_jitter_is_full(done):
    assert RetryPolicy(jitter=lambda: 0.0).wait(done, BUSY, {}) == 0
    assert 0 <= RetryPolicy().wait(done, BUSY, {}) <= 0.5 * 2**done


def test_three_retries_by_default():
    assert RetryPolicy().wait(2, BUSY, {}) is not None
    assert RetryPolicy().wait(3, BUSY, {}) is None


def test_zero_retries_are_none():
    assert RetryPolicy(max_retries=0).wait(0, BUSY, {"retry-after": "1"}) is None


def test_what_cannot_be_mended_is_not_tried_again():
    assert RetryPolicy().wait(0, InvalidRequestError("no"), {"retry-after": "1"}) is None


def test_a_request_that_the_server_has_accepted_is_not_sent_twice():
    accepted = RequestTimeoutError("slow", accepted=True)
    assert RetryPolicy().wait(0, accepted, {}) is None
    assert RetryPolicy(retry_read_timeouts=True).wait(0, accepted, {}) is not None
    assert RetryPolicy().wait(0, RequestTimeoutError("no connection"), {}) is not None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 3 "}, 3),
        ({"retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "100", "retry-after": "9"}, 0.1),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
    ],
    ids=str,
)
def test_the_server_may_ask_for_a_wait(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(30, 30), (-30, 0)], ids=["future", "past"])
def test_the_wait_may_be_a_date(ahead, seconds):
    date = email.utils.formatdate(NOW + ahead, usegmt=True)
    assert retry_after({"retry-after": date}, now=lambda: NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_it(text):
    wait = retry_after({"retry-after": text, "retry-after-ms": text})
    assert wait is None or 0 <= wait < float("inf")


@pytest.mark.parametrize(("asked", "wait"), [("45", 45), ("60", 60), ("3600", 60)])
def test_a_wait_that_was_asked_for_is_honoured_up_to_a_minute(asked, wait):
    assert RetryPolicy().wait(0, BUSY, {"retry-after": asked}) == wait

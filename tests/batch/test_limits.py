"""Requests and tokens a minute: the limiter gets the right amounts, without a clock."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.batch import extras
from langchain_azureml_oss.batch.pacing.limits import Limits, TokenEstimate
from langchain_azureml_oss.errors import UnsupportedInputError


class Recorded:
    def __init__(self, limiter):
        self.max_rate, self.time_period, self.amounts = limiter.max_rate, limiter.time_period, []

    async def acquire(self, amount=1):
        assert amount <= self.max_rate
        self.amounts.append(amount)


@pytest.fixture
def recorded():
    def make(**limits):
        found = Limits(**limits)
        for name in ("_requests", "_tokens"):
            if getattr(found, name) is not None:
                setattr(found, name, Recorded(getattr(found, name)))
        return found

    return make


@pytest.mark.parametrize("a_minute", [1, 7, 60, 6_000])
def test_a_minute_has_its_share_and_a_tenth_at_once(recorded, a_minute):
    limiter = recorded(requests=a_minute)._requests
    assert limiter.max_rate / limiter.time_period == pytest.approx(a_minute / 60)
    assert limiter.max_rate <= max(1, a_minute / 10)


async def test_tokens_are_taken_piece_by_piece_and_settled_afterwards(recorded):
    limits = recorded(tokens=1_000)
    await limits.admit(250)
    assert limits._tokens.amounts == [100, 100, 50]
    limits.settle(expected=250, used=310)
    await limits.admit(10)
    assert sum(limits._tokens.amounts) == 310 + 10
    limits.settle(expected=10, used=0)
    limits.settle(expected=0, used=-20)
    await limits.admit(5)
    await limits.admit(30)
    assert sum(limits._tokens.amounts) == 310 + 10 + 5


async def test_no_limit_needs_no_package(monkeypatch):
    monkeypatch.setattr(extras, "import_module", pytest.fail)
    await Limits().admit(10**9)


def test_a_package_that_is_missing_is_named():
    with pytest.raises(UnsupportedInputError, match=r"Tables need gossip.*\[batch\]"):
        extras.needed("gossip.sub", "tables")


def test_answers_are_expected_to_be_as_long_as_before():
    estimate = TokenEstimate(longest_answer=100)
    assert estimate.of(400) == 200
    estimate.note(20)
    estimate.note(40)
    assert estimate.of(400, questions=2) == 160

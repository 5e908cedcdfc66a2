"""What a whole run would take: judged by the end of a sample, on numbers and no real clock."""

from __future__ import annotations

import heapq
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from langchain_azureml_oss.batch import estimate_file, estimating
from langchain_azureml_oss.batch.estimating import rows_at_once
from langchain_azureml_oss.batch.pacing.pace import Pace
from langchain_azureml_oss.batch.progress import Progress

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def line(begin, end):
    at = NOON + timedelta(seconds=end)
    return {
        "row": 1,
        "input": {},
        "at": at.isoformat(timespec="milliseconds"),
        "seconds": round(end - begin, 3),
    }


def sampled(*, rows=20, each=1.0, warm_up=0.0, places=1_000):
    """The lines of a sample, at the pace of a run: an endpoint with so many places, and a queue."""
    pace, now, left, found = Pace(64), 5.0, rows, []
    on_their_way, free, numbers = [], [0.0] * places, count()
    heapq.heapify(free)
    while left or on_their_way:
        while left and pace.wait(now) == 0:
            first = warm_up if pace.height == 8 else 0.0
            end = max(now, heapq.heappop(free)) + each + first
            heapq.heappush(free, end)
            heapq.heappush(on_their_way, (end, next(numbers), now, pace.started(now)))
            left -= 1
        now, _, begin, ticket = heapq.heappop(on_their_way)
        pace.answered(ticket, now)
        found.append(line(begin, now))
    return found


def test_the_first_requests_do_not_count():
    assert rows_at_once(sampled(warm_up=30.0)) == rows_at_once(sampled()) == (12, 1.0)


@pytest.mark.parametrize("each", [0.0004, 0.0123, 0.25, 40.0])
def test_rounded_times_put_no_row_beside_the_one_before_it(each):
    assert rows_at_once(sampled(each=each))[0] in ({12} if each > 0.001 else range(1, 21))


@pytest.mark.parametrize("places", [1, 2, 4, 8])
def test_an_endpoint_that_lets_rows_wait_is_no_faster_than_it_is(places):
    at_once, each = rows_at_once(sampled(places=places, each=0.25))
    assert at_once / each == pytest.approx(places / 0.25, rel=0.25)


def test_a_slow_row_at_the_end_is_one_row():
    found = [line(0, 1) for _ in range(8)] + [line(1, 2) for _ in range(11)] + [line(1, 12)]
    at_once, each = rows_at_once(found)
    assert (at_once, each) == (12, pytest.approx(2.0))


def test_no_row_and_one_row():
    assert rows_at_once([]) == (1, 0.0)
    assert rows_at_once([line(0, 2)]) == (1, 2.0)


@pytest.fixture
def estimated(monkeypatch, tmp_path, make_chat):
    """Estimates 12,000 rows by a sample with warm-up, without asking anything."""
    source = tmp_path / "in.jsonl"

    async def ascore_file(model, questions, answers, *, sample, **options):
        lines = [json.dumps(one) + "\n" for one in sampled(rows=sample, warm_up=30.0)]
        Path(answers).write_text("".join(lines))  # noqa: ASYNC240
        usage = {"input_tokens": 60, "output_tokens": 40, "total_tokens": 100}
        return Progress(20, answered=20, usage=usage, tokens=100, output_tokens=40)

    def make(rows=12_000, **options):
        source.write_text('{"prompt": "a"}\n' * rows)
        return estimate_file(make_chat(), source, **options)

    monkeypatch.setattr(estimating, "ascore_file", ascore_file)
    return make


def test_the_time_is_that_of_the_rate_of_the_end(estimated):
    found = estimated()
    assert (found.rows, found.requests, found.sample) == (12_000, 12_000, 20)
    assert (found.seconds, found.least_seconds) == (1_000.0, 187.5)
    assert estimated(max_concurrency=4).least_seconds == 1_000.0


def test_a_limit_bounds_the_time(estimated):
    assert estimated(limit_requests=60).seconds == 12_000.0
    assert estimated(limit_tokens=6_000).least_seconds == 600.0  # 5 tokens a row
    assert estimated(limit_tokens=6_000).seconds == 1_000.0


def test_a_few_rows_take_as_long_as_one(estimated):
    assert estimated(rows=2).seconds == 1.0
    assert estimated(rows=0).seconds == 0.0

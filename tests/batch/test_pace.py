"""The height that finds itself, against simulated endpoints: no clock, no I/O."""

from __future__ import annotations

import heapq
import itertools

import pytest

from langchain_azureml_oss.batch.pacing.pace import Pace


class Endpoint:
    """Takes so many requests at once, each for so long; refuses the others after `refusal_s`."""

    def __init__(self, places, latency, *, asks=None, refusal_s=0.001, together=False):
        self.together = together
        """Whether all that end at one time are told before the next one starts."""
        self.places, self.latency, self.asks, self.refusal_s = places, latency, asks, refusal_s

    def run(self, pace, seconds):
        """Send as many as the pace allows; return how many were answered."""
        now, taken, answered, order = 0.0, 0, 0, itertools.count()
        events, self.heights = [], []
        while now < seconds:
            told_all = not self.together or not events or events[0][0] > now
            while told_all and (wait := pace.wait(now)) == 0:
                ticket = pace.started(now)
                places = self.places(now) if callable(self.places) else self.places
                is_taken = taken < places
                taken += is_taken
                end = now + (self.latency if is_taken else self.refusal_s)
                heapq.heappush(events, (end, next(order), is_taken, ticket))
            self.heights.append((now, pace.in_flight))
            if events and (not told_all or wait is None or events[0][0] <= now + wait):
                now, _, is_taken, ticket = heapq.heappop(events)
                if is_taken:
                    taken -= 1
                    answered += 1
                    pace.answered(ticket, now)
                else:
                    pace.refused(ticket, now, self.asks)
            else:
                now += wait
        return answered


@pytest.mark.parametrize("places", [1, 2, 7, 20, 60])
@pytest.mark.parametrize("asks", [None, 0.0, 1.0])
@pytest.mark.parametrize("refusal_s", [0.001, 0.5])
@pytest.mark.parametrize("together", [False, True])
def test_nine_tenths_of_fixed_places_are_used(places, asks, refusal_s, together):
    endpoint = Endpoint(places, 0.5, asks=asks, refusal_s=refusal_s, together=together)
    answered = endpoint.run(Pace(64, jitter=lambda: 1.0), 600)
    assert answered >= 0.9 * places * 600 / 0.5


@pytest.mark.parametrize("together", [False, True])
def test_the_places_are_found_within_a_few_rounds(together):
    endpoint = Endpoint(20, 1.0, asks=1.0, together=together)
    assert endpoint.run(Pace(64), 80) >= 0.92 * 20 * 80


def test_a_ceiling_that_holds_is_tried_less_often():
    pace = Pace(64)
    endpoint = Endpoint(20, 1.0, asks=1.0)
    endpoint.run(pace, 600)
    assert pace.refusals <= 16


def test_never_above_the_most():
    pace = Pace(10)
    endpoint = Endpoint(1_000, 0.02)
    answered = endpoint.run(pace, 60)
    assert max(height for _, height in endpoint.heights) == 10
    assert answered >= 0.99 * 10 * 60 / 0.02


def test_up_again_when_there_are_more_places():
    endpoint = Endpoint(lambda now: 4 if now < 100 else 40, 0.5, asks=0.5)
    endpoint.run(Pace(64, jitter=lambda: 1.0), 400)
    before = [height for now, height in endpoint.heights if 50 < now < 100]
    after = [height for now, height in endpoint.heights if now > 250]
    assert max(before) <= 5
    assert sum(after) / len(after) > 30


def test_down_when_there_are_fewer():
    endpoint = Endpoint(lambda now: 40 if now < 100 else 4, 0.5, asks=0.5)
    pace = Pace(64, jitter=lambda: 1.0)
    endpoint.run(pace, 400)
    assert max(height for now, height in endpoint.heights if now > 110) <= 6


def test_all_wait_as_long_as_the_server_asks():
    pace = Pace(8)
    tickets = [pace.started(0.0) for _ in range(8)]
    pace.refused(tickets[7], 1.0, 30.0)
    for ticket in tickets[:7]:
        pace.answered(ticket, 2.0)
    assert pace.wait(2.0) == 29.0
    assert pace.wait(31.0) == 0.0


def test_a_wait_beyond_a_minute_is_cut():
    pace = Pace(1)
    pace.refused(pace.started(0.0), 0.0, 1e9)
    assert pace.wait(0.0) == 60.0


def test_one_round_is_cut_for_once():
    pace = Pace(64, start=64)
    tickets = [pace.started(0.0) for _ in range(64)]
    for ticket in tickets[40:]:
        pace.refused(ticket, 0.1)
    assert pace.height == 36


def test_a_lone_request_that_is_refused_waits_longer_each_time():
    pace = Pace(1, jitter=lambda: 1.0)
    now, waits = 0.0, []
    for _ in range(6):
        pace.refused(pace.started(now), now)
        waits.append(pace.wait(now))
        now += waits[-1]
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]

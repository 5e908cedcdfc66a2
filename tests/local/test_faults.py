"""Faults: each does what its name says, once planned or by chance."""

from __future__ import annotations

import time

import pytest
import requests

from langchain_azureml_oss.local import FAULTS, LocalEndpoint

SCORE = {"input_data": {"input_string": ["a"]}}
V1 = "/v1/chat/completions"


@pytest.mark.parametrize("name", ["408", "409", "429", "500", "502", "503", "504"])
def test_statuses(echo, post, name):
    echo.fail_next(name)
    answer = post(echo, "/score", SCORE)
    assert answer.status_code == int(name)
    assert answer.json()["error"]["status"] == int(name)
    assert answer.headers.get("Retry-After") == ("1" if name == "429" else None)
    assert echo.requests[0].fault == name
    # Only once.
    assert post(echo, "/score", SCORE).status_code == 200


@pytest.mark.parametrize(("wait_s", "header"), [(0, "0"), (2.5, "2.5"), (None, None)])
def test_the_wait_of_a_429(post, wait_s, header):
    with LocalEndpoint("echo", faults={"429": 1}, retry_after_s=wait_s) as endpoint:
        assert post(endpoint, "/score", SCORE).headers.get("Retry-After") == header


@pytest.mark.parametrize(("name", "status"), [("424", "500"), ("424-400", "400")])
def test_a_failed_model(echo, post, name, status):
    echo.fail_next(name)
    answer = post(echo, "/score", SCORE)
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == status


def test_several_times(echo, post):
    echo.fail_next("503", times=2)
    statuses = [post(echo, "/score", SCORE).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


@pytest.mark.parametrize("stream", [False, True])
def test_reset(echo, post, chat, stream):
    echo.fail_next("reset")
    with pytest.raises(requests.ConnectionError, match="reset"):
        post(echo, V1, chat(stream=stream))
    assert echo.requests[0].status is None


@pytest.mark.parametrize("stream", [False, True])
def test_cut(echo, post, chat, stream):
    echo.fail_next("cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(echo, V1, chat(stream=stream))
    assert echo.requests[0].status == 200


def test_stream_cut(echo, post, chat):
    echo.fail_next("stream-cut")
    text = post(echo, V1, chat(stream=True)).text
    assert "echo:" in text
    assert "[DONE]" not in text
    assert "three" not in text


def test_stream_error(echo, post, chat):
    echo.fail_next("stream-error")
    text = post(echo, V1, chat(stream=True)).text
    assert text.endswith(
        "event: error\n"
        "data: Error parsing decoded stream: :\n"
        ", with exception: list index out of range\n\n"
        "data: [DONE]\n\n"
    )
    assert "three" not in text


@pytest.mark.parametrize("stream", [False, True])
def test_stall(echo, post, chat, stream):
    echo.fail_next("stall")
    with pytest.raises((requests.Timeout, requests.ConnectionError), match="timed out"):
        post(echo, V1, chat(stream=stream), timeout=0.5)
    assert echo.requests[0].status == (200 if stream else None)


def test_slow(post):
    with LocalEndpoint("echo", faults="slow=1", slow_s=0.2) as endpoint:
        start = time.monotonic()
        assert post(endpoint, "/score", SCORE).status_code == 200
        assert time.monotonic() - start >= 0.2


def test_garbage(echo, post):
    echo.fail_next("garbage")
    answer = post(echo, "/score", SCORE)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_html(echo, post):
    echo.fail_next("html")
    answer = post(echo, "/score", SCORE)
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("name", "keys"), [("empty200", set()), ("inner429", {"output", "error"})])
def test_failures_with_status_200(echo, post, name, keys):
    echo.fail_next(name)
    answer = post(echo, "/score", SCORE)
    assert answer.status_code == 200
    assert set(answer.json()) == keys
    if keys:
        assert answer.json()["error"]["status_code"] == 429


def test_a_fault_of_streams_waits_for_a_stream(echo, post, chat):
    echo.fail_next("stream-cut")
    assert post(echo, "/score", SCORE | {"stream": True}).status_code == 200
    assert "[DONE]" not in post(echo, V1, chat(stream=True)).text


def test_a_wrong_key_uses_up_no_fault(echo, post):
    echo.fail_next("503")
    assert post(echo, "/score", SCORE, {"Authorization": "Bearer no"}).status_code == 401
    assert post(echo, "/score", SCORE).status_code == 503


def test_chance_keeps_to_its_odds_and_its_seed(post):
    def statuses(seed):
        odds = "503=0.2, 429=0.1"
        with LocalEndpoint("echo", faults=odds, seed=seed, retry_after_s=0) as endpoint:
            return [post(endpoint, "/score", SCORE).status_code for _ in range(100)]

    first = statuses(7)
    assert first == statuses(7)
    assert first != statuses(8)
    assert first.count(503) in range(10, 32)
    assert first.count(429) in range(3, 20)


@pytest.mark.parametrize(
    "faults", ["banana=1", "429", "429=often", "429=2", {"429": -1}, "429=0.6,503=0.6", "424-200=1"]
)
def test_odds_that_make_no_sense(faults):
    with pytest.raises(ValueError, match="fault"):
        LocalEndpoint("echo", faults=faults)


def test_an_unknown_fault_is_said_when_planned(echo):
    with pytest.raises(ValueError, match=r"banana.*429"):
        echo.fail_next("banana")


def test_every_fault_has_a_summary():
    assert all(fault.summary for fault in FAULTS.values())


def test_a_list_of_faults_is_for_the_first_requests(post):
    with LocalEndpoint("echo", faults=["503", "429"]) as endpoint:
        statuses = [post(endpoint, "/score", SCORE).status_code for _ in range(3)]
    assert statuses == [503, 429, 200]
    with pytest.raises(ValueError, match="Unknown fault 'gossip'"):
        LocalEndpoint("echo", faults=["gossip"])

"""One call, decided step by step: authorization, retries, waits, deadline, redaction."""

from __future__ import annotations

import email.utils
import json
import time

import pytest
from pydantic import SecretStr

from langchain_azureml_oss import errors
from langchain_azureml_oss.connections.credentials import KeyAuthorizer
from langchain_azureml_oss.exchange.commands import Authorize, Call, Emit, Receive, Send, Wait
from langchain_azureml_oss.exchange.generator import exchange
from langchain_azureml_oss.exchange.retry import RetryPolicy
from langchain_azureml_oss.wire.http_types import HttpRequest, HttpResponse, Timeouts

OK = {"output": "Hello!"}
RESET = errors.EndpointConnectionError("reset")
KEY = SecretStr("k")
URL = "https://h.example/v1/chat/completions"


@pytest.fixture
def ask(make_chat, plug):
    """Invokes a chat model over these responses; returns (text or error, what was sent)."""

    def call(*responses, stream=False, **fields):
        chat = make_chat(**fields)
        replay = plug(chat, *responses)
        try:
            found = "".join(c.text for c in chat.stream("x")) if stream else chat.invoke("x").text
        except errors.AzureMLOSSError as error:
            found = error
        return found, replay

    return call


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(ask, answer, status):
    found, replay = ask(answer("busy", status), answer(OK))
    assert found == "Hello!"
    assert len(replay.requests) == 2
    first, second = replay.requests
    assert first.body == second.body
    assert first.headers == second.headers


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 413, 415, 422])
def test_what_will_not_pass_is_not_tried_again(ask, answer, status):
    found, replay = ask(answer("no", status), answer(OK))
    assert found.status == status
    assert len(replay.requests) == 1
    assert replay.waits == []


@pytest.mark.parametrize(("model_status", "tries"), [("400", 1), ("500", 2), ("429", 2)])
def test_a_424_is_tried_again_where_the_containers_status_says_so(ask, answer, model_status, tries):
    failed = answer("no", 424, ms_azureml_model_error_statuscode=model_status)
    _, replay = ask(failed, answer(OK))
    assert len(replay.requests) == tries


def test_a_failure_inside_a_200_is_tried_again(ask, answer):
    busy = {"output": None, "error": {"status_code": 429, "body": "busy"}}
    found, replay = ask(answer(busy, retry_after="2"), answer(OK))
    assert found == "Hello!"
    assert replay.waits == [2]


def test_a_refusal_inside_a_200_is_not(ask, answer):
    bad = {"output": None, "error": {"status_code": 400, "body": "bad"}}
    found, replay = ask(answer(bad), answer(OK))
    assert isinstance(found, errors.InvalidRequestError)
    assert len(replay.requests) == 1


def test_a_lost_connection_is_tried_again(ask, answer):
    found, replay = ask(RESET, answer(OK))
    assert (found, len(replay.requests)) == ("Hello!", 2)


def test_a_body_cut_short_is_tried_again(ask, answer):
    cut = answer(OK)
    cut.body.append(RESET)
    found, replay = ask(cut, answer(OK))
    assert (found, len(replay.requests)) == ("Hello!", 2)


def test_the_retries_are_three_and_the_last_error_is_raised(ask, answer):
    responses = [answer(f"busy {n}", 503) for n in range(9)]
    found, replay = ask(*responses)
    assert isinstance(found, errors.ServerError)
    assert "busy 3" in str(found)
    assert len(replay.requests) == 4


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_the_retries_are_counted(ask, answer, retries):
    _, replay = ask(*[answer("busy", 503)] * 9, max_retries=retries)
    assert len(replay.requests) == retries + 1
    assert len(replay.waits) == retries


def test_the_waits_are_drawn_below_a_bound_that_doubles(ask, answer):
    _, replay = ask(*[answer("busy", 503)] * 9, max_retries=6)
    for wait, bound in zip(replay.waits, [0.5, 1, 2, 4, 8, 8], strict=True):
        assert 0 <= wait <= bound


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after_ms": "250"}, 0.25),
        ({"x_ms_retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "600"}, 60),
    ],
    ids=str,
)
def test_the_servers_wait_is_honoured(ask, answer, headers, wait):
    _, replay = ask(answer("busy", 429, **headers), answer(OK))
    assert replay.waits == [wait]


def test_the_wait_may_be_a_date(ask, answer):
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    _, replay = ask(answer("busy", 503, retry_after=date), answer(OK))
    assert 25 < replay.waits[0] <= 31


# -- authorization --------------------------------------------------------------------------------


def test_a_key_goes_into_the_header_and_401_is_final(ask, answer, key):
    found, replay = ask(answer("no", 401), answer(OK))
    assert isinstance(found, errors.AuthenticationError)
    (request,) = replay.requests
    assert request.headers["authorization"] == f"Bearer {key}"


def test_a_token_is_asked_for_again_once(ask, answer):
    tokens = iter(["t1", "t2", "t3"])
    found, replay = ask(answer("no", 401), answer(OK), answer(OK), credential=lambda: next(tokens))
    assert found == "Hello!"
    sent = [request.headers["authorization"] for request in replay.requests]
    assert sent == ["Bearer t1", "Bearer t2"]
    assert replay.waits == []


def test_a_second_401_is_final(ask, answer):
    tokens = iter(["t1", "t2", "t3"])
    found, replay = ask(*[answer("no", 401)] * 3, credential=lambda: next(tokens))
    assert isinstance(found, errors.AuthenticationError)
    assert len(replay.requests) == 2


def test_a_refresh_is_no_retry(ask, answer):
    tokens = iter(["t1", "t2"])
    found, _ = ask(answer("no", 401), answer(OK), credential=lambda: next(tokens), max_retries=0)
    assert found == "Hello!"


# -- streams --------------------------------------------------------------------------------------


def test_a_stream_is_not_begun_again_after_a_chunk(ask, events, delta, answer):
    broken = events(delta("Hel"), done=False)
    broken.body.append(RESET)
    found, replay = ask(broken, answer(OK), stream=True, base_url=URL)
    assert isinstance(found, errors.StreamInterruptedError)
    assert found.text == "Hel"
    assert len(replay.requests) == 1


def test_a_stream_is_begun_again_before_the_first_chunk(ask, events, delta):
    broken = events(delta("", role="assistant"), done=False)
    broken.body.append(RESET)
    found, replay = ask(broken, events(delta("Hello!", "stop")), stream=True, base_url=URL)
    assert (found, len(replay.requests)) == ("Hello!", 2)


def test_a_stream_that_is_busy_at_first_is_begun_again(ask, events, delta, answer):
    found, _ = ask(answer("busy", 503), events(delta("Hello!", "stop")), stream=True, base_url=URL)
    assert found == "Hello!"


# -- what a server refuses and can be left out ----------------------------------------------------

REFUSALS = {
    "detail": ({"detail": "Extra parameters ['stream_options'] are not allowed"}, 400, {}),
    "424": (
        {"detail": "stream_options: Extra inputs are not permitted"},
        424,
        {"ms_azureml_model_error_statuscode": "400"},
    ),
    "422": ({"error": {"message": "Unknown field stream_options"}}, 422, {}),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_stream_options_are_left_out_once_and_for_all(
    make_chat, plug, answer, events, delta, refusal
):
    value, status, headers = REFUSALS[refusal]
    chat = make_chat(base_url=URL, max_retries=0)
    hello = events(delta("Hello!", "stop"))
    replay = plug(chat, answer(value, status, **headers), hello, hello)
    assert "".join(chunk.text for chunk in chat.stream("x")) == "Hello!"
    list(chat.stream("x"))
    bodies = [json.loads(request.body) for request in replay.requests]
    assert ["stream_options" in body for body in bodies] == [True, False, False]
    assert ["extra-parameters" in request.headers for request in replay.requests] == [
        True,
        False,
        False,
    ]


def test_another_refusal_is_raised(ask, answer):
    refused = answer({"detail": "top_p must be below 1"}, 400)
    found, replay = ask(refused, answer(OK), stream=True, base_url=URL)
    assert isinstance(found, errors.InvalidRequestError)
    assert len(replay.requests) == 1


# -- secrets --------------------------------------------------------------------------------------


def echoes(key):
    """Bodies that repeat the key, each where a cut may fall on it."""
    yield f"Bearer {key}"
    yield json.dumps({"error": {"message": f"bad key {key}"}})
    yield f"<html><title>{key}</title></html>"
    yield json.dumps({"output": None, "error": {"status_code": 400, "body": key}})
    for place in (480, 490, 495, 499, 1_985, 1_990, 1_995, 1_999):
        yield "x" * place + key


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 424, 429, 500])
def test_no_error_ever_shows_the_key(ask, answer, key, shows, caplog, status):
    for body in echoes(key):
        refused = answer(
            body.encode(),
            status,
            x_ms_request_id=key,
            location=f"https://x/{key}",
            ms_azureml_model_error_reason=f"no {key}",
        )
        found, _ = ask(*[refused] * 4, max_retries=1)
        assert isinstance(found, errors.AzureMLOSSError)
        seen = shows(found) + caplog.text
        parts = [key[:size] for size in range(6, len(key) + 1)]
        assert [part for part in parts if part in seen] == []


def test_no_error_shows_a_token_that_was_replaced(ask, answer, shows):
    tokens = iter(["first-token-abc", "second-token-abc"])
    refused = answer("first-token-abc second-token-abc", 401)
    found, _ = ask(refused, refused, credential=lambda: next(tokens))
    assert "token-abc" not in shows(found)


def test_no_interrupted_stream_shows_the_key(ask, events, delta, key, shows):
    last = json.dumps({"error": {"message": f"bad key {key}", "code": 500}}).encode()
    broken = events(delta("Hel"), b"data: " + last + b"\n\n")
    found, _ = ask(broken, stream=True, base_url=URL)
    assert isinstance(found, errors.StreamInterruptedError)
    assert "bad key" in str(found)
    assert key not in shows(found)


def test_a_connection_error_is_redacted_too(ask, key, shows):
    found, _ = ask(errors.EndpointConnectionError(f"bad header Bearer {key}"), max_retries=0)
    assert key not in shows(found)


def test_an_error_says_where_it_came_from(ask, answer):
    found, _ = ask(
        answer("no", 400, x_ms_request_id="r1", azureml_model_deployment="blue"),
    )
    assert (found.status, found.request_id, found.deployment) == (400, "r1", "blue")


def test_a_format_error_says_where_it_came_from(ask, answer):
    found, _ = ask(answer({}, x_request_id="r1", azureml_model_deployment="blue"))
    assert isinstance(found, errors.ResponseFormatError)
    assert (found.status, found.request_id, found.deployment) == (200, "r1", "blue")


def test_the_retry_is_said_in_the_log_without_the_question(ask, answer, caplog):
    ask(answer("busy", 503, x_ms_request_id="r1"), answer(OK))
    (record,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert "r1" in record.getMessage()


# -- the deadline, with a clock of our own --------------------------------------------------------


class Bytes:
    """A reader that gives the body out as it is."""

    done, failure = False, None

    def __init__(self, _):
        self.parts = []

    def feed(self, data):
        self.parts.append(data)
        return []

    def close(self):
        return [b"".join(self.parts)]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def call(deadline=10.0, retries=3):
    request = HttpRequest("https://h.example", b"{}")
    return Call(
        request,
        KeyAuthorizer("k"),
        Bytes,
        Timeouts(5.0, 180.0),
        deadline,
        RetryPolicy(retries, jitter=lambda: 1.0),
    )


def drive(steps, clock, script):
    """Answers each command by the next (kind, seconds, outcome); returns commands and error."""
    seen, outcome = [], None
    for kind, seconds, result in script:
        command = steps.send(outcome)
        seen.append(command)
        assert isinstance(command, kind), command
        clock.now += seconds
        outcome = result
    with pytest.raises(errors.AzureMLOSSError) as caught:
        steps.send(outcome)
    return seen, caught.value


def test_the_deadline_bounds_each_step():
    clock = Clock()
    steps = exchange(call(), clock)
    assert isinstance(next(steps), Authorize)
    clock.now += 6
    assert steps.send(KEY).timeouts == Timeouts(4.0, 4.0)
    clock.now += 1
    assert steps.send(HttpResponse(200, {})) == Receive(3.0)
    clock.now += 2
    assert steps.send(b"a") == Receive(1.0)


def test_without_a_deadline_only_silence_counts():
    clock = Clock()
    steps = exchange(call(deadline=None), clock)
    next(steps)
    assert steps.send(KEY).timeouts == Timeouts(5.0, 180.0)
    clock.now += 100_000
    assert steps.send(HttpResponse(200, {})) == Receive(180.0)
    assert steps.send(b"a") == Receive(180.0)
    assert steps.send(b"") == Emit([b"a"])


def test_a_deadline_that_passes_is_a_time_out():
    clock = Clock()
    _, error = drive(
        exchange(call(), clock),
        clock,
        [(Authorize, 0, KEY), (Send, 0, HttpResponse(200, {})), (Receive, 11, b"a")],
    )
    assert isinstance(error, errors.RequestTimeoutError)
    assert "10 s" in str(error)


def test_no_wait_goes_beyond_the_deadline():
    clock = Clock()
    busy = HttpResponse(503, {"retry-after": "20"})
    _, error = drive(
        exchange(call(), clock),
        clock,
        [(Authorize, 0, KEY), (Send, 1, busy), (Receive, 0, b"")],
    )
    assert isinstance(error, errors.ServerError)


def test_retries_share_one_deadline():
    clock = Clock()
    busy = HttpResponse(503, {"retry-after": "4"})
    once = [(Authorize, 0, KEY), (Send, 1, busy), (Receive, 0, b"")]
    seen, error = drive(exchange(call(), clock), clock, [*once, (Wait, 4, None), *once])
    assert isinstance(error, errors.ServerError)
    assert [c.seconds for c in seen if isinstance(c, Wait)] == [4]


def test_a_token_is_asked_for_within_the_exchange():
    steps = exchange(call(), Clock())
    command = next(steps)
    assert (command.secret(), command.rejected) == (KEY, SecretStr(""))


def test_an_error_body_is_read_up_to_a_bound():
    steps = exchange(call(retries=0), Clock())
    next(steps)
    steps.send(KEY)
    assert isinstance(steps.send(HttpResponse(500, {})), Receive)
    with pytest.raises(errors.ServerError):
        [steps.send(b"x" * 16_384) for _ in range(100)]

"""The sync driver: requests, one pool for each process."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import threading
import traceback

import pytest
import requests
import requests_mock
import urllib3

from langchain_azureml_oss import errors

OK = {"output": "Hello!"}


@pytest.fixture
def chat_at(make_chat):
    """A chat model at a raw server; closed at the end."""
    models = []

    def make(server, path="/score", **fields):
        models.append(make_chat(endpoint_url=server.url + path, **fields))
        return models[-1]

    yield make
    for model in models:
        model.close()


def test_requests_sends_what_was_built(make_chat, key):
    with requests_mock.Mocker() as mock:
        mock.post("https://ep.eastus2.inference.ml.azure.com/score", json=OK)
        with make_chat(deployment_name="blue", default_headers={"x-mine": "1"}) as chat:
            assert chat.invoke("hi").text == "Hello!"
    (request,) = mock.request_history
    assert request.headers["Authorization"] == f"Bearer {key}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["azureml-model-deployment"] == "blue"
    assert request.headers["x-mine"] == "1"
    assert json.loads(request.body)["input_data"]["input_string"][0]["content"] == "hi"


@pytest.mark.parametrize(
    ("failure", "cls"),
    [
        (requests.ConnectTimeout, errors.RequestTimeoutError),
        (requests.ReadTimeout, errors.RequestTimeoutError),
        (requests.ConnectionError, errors.EndpointConnectionError),
        (requests.exceptions.SSLError, errors.EndpointConnectionError),
        (requests.exceptions.ChunkedEncodingError, errors.EndpointConnectionError),
        (requests.exceptions.InvalidURL, errors.EndpointConnectionError),
    ],
)
def test_each_failure_has_its_class(make_chat, key, shows, failure, cls):
    with requests_mock.Mocker() as mock:
        mock.post(requests_mock.ANY, exc=failure(f"with Bearer {key}"))
        with make_chat(max_retries=0) as chat, pytest.raises(cls) as caught:
            chat.invoke("hi")
    assert type(caught.value) is cls
    assert key not in shows(caught.value)


def test_connections_are_used_again(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    for _ in range(5):
        chat.invoke("hi")
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_connection_is_used_again_after_an_error(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer("no", 400)), wire(answer(OK)))
    chat = chat_at(server)
    with pytest.raises(errors.InvalidRequestError):
        chat.invoke("hi")
    chat.invoke("hi")
    assert server.connections == 1


def test_a_connection_is_used_again_after_a_stream(chat_at, raw_server, wire, events, delta):
    server = raw_server(wire(events(delta("a"), delta("b", "stop"))))
    chat = chat_at(server, "/v1/chat/completions")
    for _ in range(3):
        assert "".join(chunk.text for chunk in chat.stream("hi")) == "ab"
    assert server.connections == 1


def test_threads_share_the_pool(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server, max_connections=4)
    start, texts = threading.Barrier(16), []

    def ask(number):
        start.wait(5)
        texts.append(chat.invoke(f"n{number}").text)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert texts == ["Hello!"] * 16
    asked = {
        json.loads(r.body)["input_data"]["input_string"][0]["content"] for r in server.requests
    }
    assert asked == {f"n{n}" for n in range(16)}
    assert server.connections <= 4


def test_a_first_call_of_many_threads_opens_one_session(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    transport = chat_at(server)._sync
    start, sessions = threading.Barrier(16), []

    def open_it():
        start.wait(5)
        sessions.append(transport._open_pool())

    threads = [threading.Thread(target=open_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(map(id, sessions))) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_connections_of_its_own(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    chat.invoke("parent")
    child = os.fork()
    if not child:
        done = 1
        try:
            done = 0 if chat.invoke("child").text == "Hello!" else 2
        finally:
            os._exit(done)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert chat.invoke("parent").text == "Hello!"
    assert server.connections == 2


def test_a_pickled_model_calls_too(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    chat.invoke("hi")
    with pickle.loads(pickle.dumps(chat)) as copy:
        assert copy.invoke("hi").text == "Hello!"
    assert server.connections == 2


def test_a_closed_model_opens_again(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    chat = chat_at(server)
    chat.invoke("hi")
    chat.close()
    chat.close()
    assert chat.invoke("hi").text == "Hello!"
    assert server.connections == 2


def test_a_stream_that_is_left_closes_its_connection(chat_at, raw_server, wire, events, delta):
    pieces = wire(events(delta("a"), delta("b", "stop")))
    wait = threading.Event()
    server = raw_server([*pieces[:2], wait, *pieces[2:]])
    chat = chat_at(server, "/v1/chat/completions")
    for chunk in chat.stream("hi"):
        assert chunk.text == "a"
        break
    wait.set()
    assert server.gone.wait(2)


def test_a_stream_comes_as_it_is_sent(chat_at, raw_server, wire, events, delta):
    pieces = wire(events(delta("a"), delta("b", "stop")))
    wait = threading.Event()
    server = raw_server([*pieces[:2], wait, *pieces[2:]])
    stream = chat_at(server, "/v1/chat/completions").stream("hi")
    assert next(stream).text == "a"  # the rest is not on its way yet
    wait.set()
    assert "".join(chunk.text for chunk in stream) == "b"


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        ["close"],
        ["reset"],
        [HEAD, b'{"out', "close"],
        [HEAD, b'{"out', "reset"],
        [b"junk\r\n\r\n", "close"],
    ],
    ids=["no answer", "reset", "cut short", "reset in the body", "no http"],
)
def test_a_connection_that_fails_is_an_error_of_this_package(
    chat_at, raw_server, key, shows, pieces
):
    server = raw_server(pieces)
    with pytest.raises(errors.EndpointConnectionError) as caught:
        chat_at(server, max_retries=0).invoke("hi")
    assert key not in shows(caught.value)


def test_a_pooled_connection_that_died_is_no_failure(chat_at, raw_server, wire, answer):
    ok = wire(answer(OK))
    server = raw_server([*ok, "close"], ok)
    chat = chat_at(server, max_retries=0)
    chat.invoke("hi")
    assert server.gone.wait(2)
    assert chat.invoke("hi").text == "Hello!"


def test_nobody_there_is_a_connection_error(chat_at, raw_server):
    server = raw_server([])
    server.stop()
    with pytest.raises(errors.EndpointConnectionError, match="refused"):
        chat_at(server, max_retries=0).invoke("hi")


@pytest.mark.parametrize("place", ["headers", "body"])
def test_silence_is_a_time_out(chat_at, raw_server, place):
    wait = threading.Event()
    server = raw_server([*([HEAD, b'{"out'] if place == "body" else []), wait])
    with pytest.raises(errors.RequestTimeoutError):
        chat_at(server, timeout=0.05).invoke("hi")
    wait.set()
    assert len(server.requests) == 1


def test_the_deadline_ends_a_call(chat_at, raw_server):
    wait = threading.Event()
    server = raw_server([HEAD, b'{"out', wait])
    with pytest.raises(errors.RequestTimeoutError):
        chat_at(server, deadline=0.1).invoke("hi")
    wait.set()


def test_redirects_are_not_followed(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(b"", 307, location="http://127.0.0.1:1/other")))
    with pytest.raises(errors.InvalidRequestError, match="redirect"):
        chat_at(server).invoke("hi")
    assert len(server.requests) == 1


def test_cookies_are_not_kept(chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK, set_cookie="a=b")))
    chat = chat_at(server)
    chat.invoke("hi")
    chat.invoke("hi")
    assert "cookie" not in server.requests[1].named


def test_the_users_netrc_is_not_read(chat_at, raw_server, wire, answer, key, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = raw_server(wire(answer(OK)))
    chat_at(server).invoke("hi")
    assert server.requests[0].named["authorization"] == f"Bearer {key}"


def test_what_replaces_requests_own_way_is_respected(make_chat, monkeypatch):
    """The package `responses` puts its answers there, in the tests of those who use it."""
    asked = []

    def send(self, request, **_):
        asked.append(request.url)
        response = requests.Response()
        response.status_code, response.raw = 200, io.BytesIO(json.dumps(OK).encode())
        response.raw = urllib3.HTTPResponse(response.raw, status=200, preload_content=False)
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with make_chat() as chat:
        assert chat.invoke("hi").text == "Hello!"
    assert asked == ["https://ep.eastus2.inference.ml.azure.com/score"]


def test_an_interrupt_leaves_no_key_in_the_frames_that_it_shows(chat_at, raw_server, key):
    server = raw_server([threading.Event()])
    chat = chat_at(server)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            chat.invoke("hi")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    own = [
        (frame.f_code.co_name, repr(frame.f_locals))
        for frame, _ in traceback.walk_tb(caught.tb)
        if "langchain_azureml_oss" in frame.f_code.co_filename
    ]
    assert [name for name, values in own if key in values] == []
    assert own

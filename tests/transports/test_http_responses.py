"""HTTP responses as servers write them, well and badly: both worlds read them alike."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading

import pytest
from urllib3.connection import HTTPConnection

from langchain_azureml_oss import errors

OK = {"output": "Hello!"}
BODY = json.dumps(OK).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)
TYPE = b"content-type: application/json\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
ZIPPED = gzip.compress(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def chat_at(make_chat):
    return lambda server, **fields: make_chat(
        endpoint_url=f"{server.url}/score", **{"max_retries": 0} | fields
    )


@pytest.mark.parametrize(
    ("response", "stays"),
    [
        (b"HTTP/1.1 200 OK\r\n" + TYPE + LENGTH + b"\r\n" + BODY, True),
        (b"HTTP/1.1 200\r\n" + LENGTH + b"\r\n" + BODY, True),
        (b"HTTP/1.1 200 OK\r\nContent-LENGTH:%d\r\n\r\n" % len(BODY) + BODY, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + CHUNKS + b"\r\n", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS + b"a: b\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY, True),
        (
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n"
            + LENGTH
            + b"\r\n"
            + BODY,
            True,
        ),
        (b"HTTP/1.1 200 OK\r\nx-text: caf\xe9\r\n" + LENGTH + b"\r\n" + BODY, True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + LENGTH + b"\r\n" + BODY, False),
        (b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n" + BODY, False),
        (b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n" + LENGTH + b"\r\n" + BODY, True),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(ZIPPED)
            + ZIPPED,
            True,
        ),
    ],
    ids=[
        *("length", "no reason", "no blank", "chunks", "trailer", "continue", "early hints"),
        *("latin-1", "close", "http 1.0", "http 1.0 that stays", "gzip unasked"),
    ],
)
@pytest.mark.parametrize("world", ["sync", "async"])
async def test_a_response_is_read_and_its_connection_kept(
    chat_at, raw_server, response, stays, world
):
    server = raw_server([response])
    async with chat_at(server) as chat:
        for _ in range(2):
            answer = chat.invoke("hi") if world == "sync" else await chat.ainvoke("hi")
            assert answer.text == "Hello!"
        assert server.connections == (1 if stays else 2)


def test_a_body_may_go_on_to_the_end_of_the_connection(ask, chat_at, raw_server):
    server = raw_server([b"HTTP/1.1 200 OK\r\n\r\n" + BODY, "close"])
    assert ask(chat_at(server)) == "Hello!"


@pytest.mark.parametrize(
    "response",
    [
        b"junk\r\n\r\n",
        b"HTTP/1.1 2xx OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + TYPE,
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\nno colon\r\n" + LENGTH + b"\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ncontent-length : 3\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"content-length: 5\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"transfer-encoding: chunked\r\n\r\n" + CHUNKS + b"\r\n",
        b"HTTP/1.1 200 OK\r\n: empty\r\n" + LENGTH + b"\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nx-long: " + b"y" * 70_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\n" + b"x: " * 70_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"ff\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"zz\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS[:-3],
    ],
    ids=[
        *("no http", "no status", "no end of headers", "cut in a header", "no colon"),
        *("blank before a colon", "negative length", "length in words"),
        *("length beyond all", "two lengths", "length and chunks", "no name", "long header"),
        *("endless header", "short body", "short chunk", "chunk without size", "no last chunk"),
    ],
)
def test_a_malformed_response_is_a_connection_that_failed(
    ask, chat_at, raw_server, shows, key, response
):
    server = raw_server([response, "close"])
    with pytest.raises(errors.EndpointConnectionError) as caught:
        ask(chat_at(server))
    assert type(caught.value) is errors.EndpointConnectionError
    assert key not in shows(caught.value)
    assert len(server.requests) == 1


def test_the_number_of_headers_has_a_bound(chat_at, raw_server):
    head = b"x: y\r\n" * 101
    server = raw_server([b"HTTP/1.1 200 OK\r\n" + head + LENGTH + b"\r\n" + BODY])
    with (
        chat_at(server) as chat,
        pytest.raises(errors.EndpointConnectionError, match="100 headers"),
    ):
        chat.invoke("hi")


TOO_LARGE = b'{"error": {"message": "The body is too large."}}'
REFUSAL = b"HTTP/1.1 413 Too large\r\n%bcontent-length: %d\r\n\r\n%b"


@pytest.fixture(params=["http", "https"])
def refuse(request, authority):
    """Answers 413 to the beginning of a request, then does as it is told; returns the URL."""
    secure, over = request.param == "https", threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(then, header):
        connection, _ = listener.accept()
        if secure:
            connection = authority.server_context().wrap_socket(connection, server_side=True)
        connections.append(connection)
        with contextlib.suppress(OSError), connection:
            connection.recv(1024)
            connection.sendall(REFUSAL % (header, len(TOO_LARGE), TOO_LARGE))
            if then == "reads the rest":
                while connection.recv(1 << 20):
                    pass
            elif then == "stays open":
                over.wait(10)

    def start(then, header=b"connection: close\r\n"):
        threads.append(threading.Thread(target=serve, args=(then, header), daemon=True))
        threads[-1].start()
        return f"{request.param}://127.0.0.1:{listener.getsockname()[1]}/score"

    threads, connections = [], []
    yield start
    over.set()
    listener.close()
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(5)


@pytest.mark.parametrize("header", [b"connection: close\r\n", b""], ids=["closes", "stays"])
@pytest.mark.parametrize("then", ["reads the rest", "stays open"])
def test_a_server_may_refuse_a_request_before_it_took_all_of_it(
    ask, make_chat, authority, refuse, then, header
):
    chat = make_chat(
        endpoint_url=refuse(then, header),
        ca_bundle=authority.authority,
        max_retries=0,
        timeout=(5, 60),
        deadline=20,
    )
    with pytest.raises(errors.InvalidRequestError, match="The body is too large"):
        ask(chat, "x" * 8_000_000)


def test_what_a_server_said_before_it_hung_up_is_read(make_chat, authority, refuse):
    """The rest of the request finds nobody; in a loop, aiohttp may see only that.

    TCP's reset may overtake the words and throw them away, so not every call can read them.
    """
    fields = {"ca_bundle": authority.authority, "max_retries": 0}
    seen = []
    for _ in range(5):
        with (
            make_chat(endpoint_url=refuse("hangs up"), **fields) as chat,
            pytest.raises((errors.InvalidRequestError, errors.EndpointConnectionError)) as e,
        ):
            chat.invoke("x" * 8_000_000)
        seen.append(str(e.value))
        if "The body is too large" in seen[-1]:
            break
    assert "The body is too large" in seen[-1]


def test_what_follows_an_early_answer_goes_another_way(make_chat, raw_server, wire, answer):
    """The rest of the refused request was not sent, so the server would take the next for it."""
    early = threading.Event()
    listener, firsts = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        for reply in (REFUSAL % (b"", len(TOO_LARGE), TOO_LARGE), b"".join(wire(answer(OK)))):
            connection, _ = listener.accept()
            firsts.append(connection.recv(16))
            connection.sendall(reply)
            open_ones.append(connection)
        early.wait(5)

    open_ones = []
    server = threading.Thread(target=serve, daemon=True)
    server.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/score"
    with make_chat(endpoint_url=url, max_retries=0, max_connections=1, deadline=10) as chat:
        with pytest.raises(errors.InvalidRequestError, match="too large"):
            chat.invoke("x" * 8_000_000)
        assert chat.invoke("hi").text == "Hello!"
    assert firsts == [b"POST /score HTTP"] * 2
    early.set()
    server.join(5)
    for connection in [listener, *open_ones]:
        connection.close()


@pytest.mark.parametrize("folds", [b"a\r\n b", b"a\r\n\t  b"])
def test_a_header_may_be_folded(ask, chat_at, raw_server, folds):
    head = b"HTTP/1.1 400 No\r\nx-ms-request-id: " + folds + b"\r\n"
    server = raw_server([head + LENGTH + b"\r\n" + BODY])
    with pytest.raises(errors.InvalidRequestError) as caught:
        ask(chat_at(server))
    assert caught.value.request_id == "a b"


@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_blank_lines_before_a_status_are_overlooked(ask, chat_at, raw_server, blank):
    server = raw_server([blank + b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY])
    assert ask(chat_at(server)) == "Hello!"


@pytest.mark.parametrize("status", [b"000", b"099"])
def test_a_status_below_100_is_none(ask, chat_at, raw_server, status):
    server = raw_server([b"HTTP/1.1 " + status + b" x\r\n" + LENGTH + b"\r\n" + BODY])
    with pytest.raises(errors.EndpointConnectionError):
        ask(chat_at(server))


def test_an_unknown_transfer_encoding_is_no_body_without_end(chat_at, raw_server):
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: zip\r\n\r\n"
    server = raw_server([head, threading.Event()])
    with chat_at(server) as chat, pytest.raises(errors.EndpointConnectionError, match="encoding"):
        chat.invoke("hi")


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_bytes_behind_an_answer_are_no_answer_to_the_next_question(
    make_chat, authority, secure, world
):
    """Over TLS, such bytes wait inside OpenSSL, where a look at the socket does not find them."""
    forged = b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY.replace(b"Hello!", b"FORGED")
    first = b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY
    answers = [first.ljust(8192, b"z") + forged, first, first]
    listener = socket.create_server(("127.0.0.1", 0))
    context = authority.server_context() if secure else None

    def serve():
        while answers:
            try:
                connection, _ = listener.accept()
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                with connection:
                    while b"\r\n\r\n" in connection.recv(65536):
                        connection.sendall(answers.pop(0))
            except (OSError, IndexError):
                continue

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    url = f"http{'s' if secure else ''}://127.0.0.1:{listener.getsockname()[1]}/score"
    texts = []
    async with make_chat(
        endpoint_url=url, ca_bundle=authority.authority, max_retries=0, deadline=5
    ) as chat:
        for _ in range(3):
            try:
                asked = chat.invoke("hi") if world == "sync" else await chat.ainvoke("hi")
                texts.append(asked.text)
            except errors.EndpointConnectionError:
                texts.append("")
    listener.close()
    assert "FORGED" not in texts
    assert texts[1:] == ["Hello!", "Hello!"]


@pytest.mark.parametrize("faulty", [b"content-length: 400\r\n\r\n", CHUNKED + b"zz\r\n"])
def test_a_broken_answer_that_is_compressed_leaks_no_connection(
    chat_at, raw_server, faulty, monkeypatch
):
    server = raw_server(
        [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n" + faulty + ZIPPED, "close"]
    )
    closed = []
    monkeypatch.setattr(
        "langchain_azureml_oss.transports.sync_connection.Connection.close",
        lambda self: (closed.append(self), HTTPConnection.close(self)),
    )
    with chat_at(server) as chat:
        with pytest.raises(errors.EndpointConnectionError):
            chat.invoke("hi")
        assert {connection.sock for connection in closed} == {None}

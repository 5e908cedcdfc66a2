"""What the two drivers do alike, each test in both: time-outs, TLS, proxies, big requests."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import threading
from pathlib import Path

import pytest
from cryptography import x509

from langchain_azureml_oss import errors
from langchain_azureml_oss.local import LocalEndpoint

OK = {"output": "Hello!"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture
def chat_at(make_chat):
    return lambda server, path="/score", **fields: make_chat(
        endpoint_url=server.url + path, **{"max_retries": 0} | fields
    )


# -- every wait ends in time ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "drops",
    [
        b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 400,
        HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"0" * 400,
        HEAD + b"content-length: 500\r\n\r\n" + b" " * 400,
    ],
    ids=["in a header", "in a chunk's size", "in the body"],
)
def test_a_server_that_drips_does_not_outlive_the_deadline(ask, chat_at, raw_server, tick, drops):
    start, rest = drops[:-400], drops[-400:]
    pieces = [start]
    for byte in rest:
        pieces += [tick, bytes([byte])]
    server = raw_server(pieces)
    with pytest.raises(errors.RequestTimeoutError, match=r"deadline of 0\.2 s"):
        ask(chat_at(server, deadline=0.2))
    assert tick.count < 200


def test_a_silent_end_of_a_closing_connection_does_not_outlive_the_deadline(
    ask, chat_at, raw_server
):
    """http.client lets go of a socket whose response says `connection: close`."""
    head = HEAD + b"connection: close\r\ncontent-length: 100\r\n\r\n"
    wait = threading.Event()
    server = raw_server([head, b"{", wait])
    with pytest.raises(errors.RequestTimeoutError, match="deadline"):
        ask(chat_at(server, deadline=0.2))
    assert not server.gone.is_set()
    wait.set()


def test_a_finished_stream_does_not_wait_for_a_server_that_holds_on(
    make_chat, raw_server, events, delta
):
    stream = events(delta("a"), delta("b", "stop"))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    wait = threading.Event()
    server = raw_server([head, *stream.body, wait])
    with make_chat(endpoint_url=f"{server.url}/v1/chat/completions") as chat:
        assert "".join(chunk.text for chunk in chat.stream("hi")) == "ab"
        assert not server.gone.is_set()
    wait.set()


def test_waiting_for_a_free_connection_ends_with_the_deadline(make_chat, raw_server, wire, answer):
    wait = threading.Event()
    server = raw_server([wait, *wire(answer(OK))])
    chat = make_chat(endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0)
    first = threading.Thread(target=chat.invoke, args=("first",))
    first.start()
    assert server.arrived.acquire(timeout=30)
    with pytest.raises(errors.RequestTimeoutError, match="deadline"):
        chat.invoke("second", deadline=0.1)
    assert len(server.requests) == 1
    wait.set()
    first.join(5)
    assert chat.invoke("third").text == "Hello!"
    chat.close()


async def test_waiting_for_a_free_connection_ends_with_the_deadline_in_a_loop_too(
    make_chat, raw_server, wire, answer
):
    wait = threading.Event()
    server = raw_server([wait, *wire(answer(OK))])
    async with make_chat(
        endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0
    ) as chat:
        first = asyncio.create_task(chat.ainvoke("first"))
        assert await asyncio.to_thread(server.arrived.acquire, timeout=30)
        with pytest.raises(errors.RequestTimeoutError, match="deadline"):
            await chat.ainvoke("second", deadline=0.1)
        assert len(server.requests) == 1
        wait.set()
        assert (await first).text == "Hello!"
        assert (await chat.ainvoke("third")).text == "Hello!"


def test_a_call_that_waits_for_its_next_try_takes_no_place(
    make_chat, raw_server, wire, answer, monkeypatch
):
    server = raw_server(wire(answer("busy", 503)), wire(answer(OK)))
    texts = []
    with make_chat(endpoint_url=f"{server.url}/score", max_connections=1) as chat:
        monkeypatch.setattr(
            "langchain_azureml_oss.transports.sync.time.sleep",
            lambda _: texts.append(chat.invoke("between", deadline=1).text),
        )
        texts.append(chat.invoke("hi").text)
    assert texts == ["Hello!", "Hello!"]


def test_a_handshake_without_an_answer_is_a_time_out_to_connect(ask, make_chat, raw_server, caplog):
    with _listener() as (port, accepted):
        chat = make_chat(
            endpoint_url=f"https://127.0.0.1:{port}/score",
            timeout=(0.1, 10),
            max_retries=1,
            backoff=(0, 0),
        )
        with pytest.raises(errors.RequestTimeoutError, match="No connection") as caught:
            ask(chat)
        assert not caught.value.accepted
        assert len(accepted) == 2


def test_a_big_request_may_take_longer_than_connecting(ask, make_chat, recwarn):
    """The server's window is full long before a megabyte is through."""
    body = b'{"output": "Hello!"}'
    with _listener() as (port, accepted):

        def slow():
            threading.Event().wait(0.4)
            with accepted[0].makefile("rb") as reader:
                length = 0
                while line := reader.readline().strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                reader.read(length)
            accepted[0].sendall(HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body))

        chat = make_chat(
            endpoint_url=f"http://127.0.0.1:{port}/score", timeout=(0.2, 5), max_retries=0
        )
        server = threading.Timer(0.0, lambda: (_until(lambda: accepted), slow()))
        server.start()
        assert ask(chat, "x" * 8_000_000) == "Hello!"
        server.join(5)
    assert [str(one.message) for one in recwarn] == []


@contextlib.contextmanager
def _listener():
    """A port that accepts and says nothing; yields it and the connections so far."""
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    accepted.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(2)
            for connection in accepted:
                connection.close()


def _until(condition):
    pause = threading.Event()
    while not condition():
        pause.wait(0.005)


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def secure(authority):
    """A local endpoint that speaks https."""
    with LocalEndpoint("echo", ssl_context=authority.server_context()) as endpoint:
        yield endpoint


def _chat(make_chat, endpoint, **fields):
    return make_chat(
        endpoint_url=endpoint.scoring_url,
        endpoint_api_key=endpoint.api_key,
        **{"backoff": (0, 0)} | fields,
    )


def test_an_unknown_authority_is_refused_at_once(ask, make_chat, secure, caplog):
    with pytest.raises(errors.EndpointConnectionError, match="ca_bundle") as caught:
        ask(_chat(make_chat, secure))
    assert not caught.value.is_retryable
    assert "Trying again" not in caplog.text
    assert secure.requests == []


@pytest.mark.parametrize("form", ["file", "directory"])
def test_a_private_authority_can_be_given(ask, make_chat, secure, authority, tmp_path, form):
    bundle = authority.authority
    if form == "directory":
        bundle = str(_hashed_directory(tmp_path, authority.authority))
    assert ask(_chat(make_chat, secure, ca_bundle=bundle)).endswith("hi")


def _hashed_directory(path, certificate):
    """A directory as `openssl rehash` makes it, for a certificate whose name is CN=authority."""
    data = Path(certificate).read_bytes()
    subject = x509.load_pem_x509_certificate(data).subject
    # OpenSSL's X509_NAME_hash: SHA-1 of the name in canonical form (lower case, UTF-8 strings).
    canonical = subject.public_bytes().removeprefix(subject.public_bytes()[:2])
    name = int.from_bytes(hashlib.sha1(canonical).digest()[:4], "little")
    (path / f"{name:08x}.0").write_bytes(data)
    return path


def test_the_host_must_be_the_certificates(ask, make_chat, secure, authority):
    chat = make_chat(
        endpoint_url=secure.scoring_url.replace("127.0.0.1", "localhost"),
        endpoint_api_key=secure.api_key,
        ca_bundle=authority.authority,
    )
    with pytest.raises(errors.EndpointConnectionError, match="not trusted"):
        ask(chat)
    assert secure.requests == []


@pytest.mark.parametrize("form", [str, lambda path: (path, path)], ids=["one file", "two files"])
def test_a_client_certificate_can_be_given(ask, make_chat, authority, form):
    context = authority.server_context(wants_client=True)
    with LocalEndpoint("echo", ssl_context=context) as endpoint:
        fields = {"ca_bundle": authority.authority, "max_retries": 0}
        chat = _chat(make_chat, endpoint, client_cert=form(authority.client), **fields)
        assert ask(chat).endswith("hi")
        with pytest.raises(errors.EndpointConnectionError):
            ask(_chat(make_chat, endpoint, **fields))
        assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("field", "file"),
    [
        ("ca_bundle", "missing"),
        ("ca_bundle", "garbage"),
        ("client_cert", "missing"),
        ("client_cert", "garbage"),
        ("client_cert", "locked"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(ask, make_chat, authority, tmp_path, field, file):
    (tmp_path / "garbage").write_bytes(b"no certificate")
    path = authority.locked if file == "locked" else str(tmp_path / file)
    with pytest.raises(errors.ConnectionConfigError, match=field):
        ask(make_chat(endpoint_url="https://127.0.0.1:9/score", **{field: path}))


# -- proxies --------------------------------------------------------------------------------------


def test_https_goes_through_a_tunnel_without_the_key(ask, make_chat, raw_server, monkeypatch, key):
    proxy = raw_server([b"HTTP/1.1 502 Bad gateway\r\ncontent-length: 0\r\n\r\n", "close"])
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(errors.EndpointConnectionError, match="502"):
        ask(make_chat(endpoint_url="https://ep.invalid/score", max_retries=0))
    (request,) = proxy.requests
    assert request.line.startswith("CONNECT ep.invalid:443 ")
    assert key not in repr(request)


def test_a_proxys_password_reaches_the_proxy_and_no_message(
    ask, make_chat, raw_server, monkeypatch, shows
):
    proxy = raw_server([b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n", "close"])
    monkeypatch.setenv("https_proxy", proxy.url.replace("://", "://me:pass-word@"))
    chat = make_chat(endpoint_url="https://ep.invalid/score", max_retries=0)
    with pytest.raises(errors.EndpointConnectionError, match="407") as caught:
        ask(chat)
    assert proxy.requests[0].named["proxy-authorization"] == "Basic bWU6cGFzcy13b3Jk"
    assert "pass-word" not in shows(caught.value)
    assert "pass-word" not in repr(chat)


def test_http_goes_through_an_https_proxy(
    ask, make_chat, raw_server, wire, answer, monkeypatch, authority
):
    """As a whole request to the proxy: there is nothing to tunnel."""
    seen = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with authority.server_context().wrap_socket(connection, server_side=True) as secured:
            seen.append(secured.recv(65536))
            secured.sendall(b"".join(wire(answer(OK))))
            secured.recv(65536)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    monkeypatch.setenv("http_proxy", f"https://127.0.0.1:{listener.getsockname()[1]}")
    chat = make_chat(
        endpoint_url="http://ep.invalid/score#part",
        allow_http=True,
        ca_bundle=authority.authority,
        max_retries=0,
    )
    assert ask(chat) == "Hello!"
    listener.close()
    assert seen[0].startswith(b"POST http://ep.invalid/score HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["the tunnel", "the handshake in it"]
)
def test_waiting_for_a_proxy_is_time_to_connect(ask, make_chat, raw_server, monkeypatch, reply):
    wait = threading.Event()
    proxy = raw_server([reply, wait])
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(errors.RequestTimeoutError, match="No connection to the endpoint") as caught:
        ask(make_chat(timeout=(0.2, 20), max_retries=1, backoff=(0, 0)))
    wait.set()
    assert not caught.value.accepted
    assert len(proxy.requests) == 2  # nothing was accepted, so it is tried again


def test_a_host_of_the_callers_own_takes_the_place_of_the_urls(
    ask, chat_at, raw_server, wire, answer
):
    server = raw_server(wire(answer(OK)))
    assert ask(chat_at(server, default_headers={"Host": "my-ep.example"})) == "Hello!"
    (request,) = server.requests
    assert [value for name, value in request.headers if name.lower() == "host"] == ["my-ep.example"]


def test_endless_time_outs_are_long_ones(ask, chat_at, raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    assert ask(chat_at(server, timeout=1e10, deadline=1e10)) == "Hello!"


def test_no_proxy_is_honoured(ask, make_chat, raw_server, wire, answer, monkeypatch):
    proxy, server = raw_server([b"HTTP/1.1 500 No\r\n\r\n"]), raw_server(wire(answer(OK)))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert ask(make_chat(endpoint_url=f"{server.url}/score")) == "Hello!"
    assert proxy.requests == []


# -- what servers must not make a client do -------------------------------------------------------


class Held(threading.Event):
    is_over = False

    def wait(self, timeout=None):
        super().wait(timeout)
        self.is_over = True


def test_the_body_of_a_redirect_is_read_up_to_a_bound(ask, chat_at, raw_server):
    """requests looks at the whole of it, to find out where it leads."""
    head = b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n%b\r\n" % (b"x" * 65_536)
    held = Held()
    server = raw_server([head, chunk, chunk, held])
    with pytest.raises(errors.InvalidRequestError, match="redirect"):
        ask(chat_at(server))
    assert not held.is_over
    held.set()


@pytest.mark.parametrize("location", ["http://[bad", "//", "\xff\xfe", "http://h:port/"])
def test_a_redirect_to_nonsense_is_a_redirect(ask, chat_at, raw_server, location):
    head = f"HTTP/1.1 302 x\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    server = raw_server([head.encode("latin-1")])
    with pytest.raises(errors.InvalidRequestError, match="redirect"):
        ask(chat_at(server))

"""Waits end in time though bytes come one by one: in TLS of every make, and through proxies."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading

import pytest
import truststore

from langchain_azureml_oss import errors
from langchain_azureml_oss.local import LocalEndpoint

# asyncio leaves the transport of a handshake inside a tunnel open when it is cancelled.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def nothing_is_left():
    """What is left open is collected here, where it is no failure, and not in a later test."""
    yield
    gc.collect()


ENOUGH = 100
"""Bytes of which the last ones would come long after any time-out here."""
BREATHERS = 10
"""Pauses of a relay, so that a big request has to wait for it."""


class Relay:
    """Passes a connection on; what comes back goes on one byte at a time, once `drips` is set.

    As a proxy it takes one request to connect first, whose answer drips too.
    """

    def __init__(self, to, tick, *, answer=b"", context=None):
        self.drips = threading.Event()
        self._to, self._tick, self._answer, self._context = to, tick, answer, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = [self._listener]
        self._threads = []
        self._start(self._accept)

    def _start(self, *target):
        self._threads.append(threading.Thread(target=target[0], args=target[1:], daemon=True))
        self._threads[-1].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _serve(self, client):
        with contextlib.suppress(OSError):
            if self._context is not None:
                client = self._context.wrap_socket(
                    client, server_side=True, do_handshake_on_connect=False
                )
            self._open.append(client)
            if self._context is not None:
                client.do_handshake()
            if self._answer:
                client.recv(65536)
                self._pass_on(client, self._answer)
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open.append(server)
            self._start(self._back, server, client)
            while data := client.recv(65536):
                server.sendall(data)
                if self._tick.count < BREATHERS:
                    self._tick.wait()

    def _back(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                self._pass_on(client, data)

    def _pass_on(self, client, data):
        if not self.drips.is_set():
            client.sendall(data)
            return
        for byte in data:
            self._tick.wait()
            client.sendall(bytes([byte]))

    def stop(self):
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        for one in self._open:
            one.close()


@pytest.fixture
def relay(tick):
    relays = []

    def start(*args, **kwargs):
        relays.append(Relay(*args, tick, **kwargs))
        return relays[-1]

    yield start
    for one in relays:
        one.stop()


@pytest.fixture(params=["ssl", "truststore"])
def secure(request, authority):
    """The port of an endpoint that speaks TLS, which the client takes from one of two packages."""
    with LocalEndpoint("echo", ssl_context=authority.server_context()) as endpoint:
        if request.param == "truststore":
            truststore.inject_into_ssl()
        yield endpoint
        truststore.extract_from_ssl()


@pytest.fixture
def chat_at(make_chat, authority, secure):
    def make(port, **fields):
        return make_chat(
            endpoint_url=f"https://127.0.0.1:{port}/score",
            endpoint_api_key=secure.api_key,
            ca_bundle=authority.authority,
            **{"max_retries": 0} | fields,
        )

    return make


def port_of(endpoint):
    return int(endpoint.url.rpartition(":")[2])


def test_tls_that_does_not_drip_answers(ask, chat_at, secure, relay):
    assert ask(chat_at(relay(port_of(secure)).port)).endswith("hi")


def test_a_handshake_that_drips_is_no_connection_in_time(ask, chat_at, secure, relay, tick):
    slow = relay(port_of(secure))
    slow.drips.set()
    with pytest.raises(errors.RequestTimeoutError, match="No connection") as caught:
        ask(chat_at(slow.port, timeout=(0.2, 60)))
    assert not caught.value.accepted
    assert tick.count < ENOUGH


def test_an_answer_that_drips_inside_a_record_ends_with_the_deadline(chat_at, secure, relay, tick):
    slow = relay(port_of(secure))
    with chat_at(slow.port) as chat:
        chat.invoke("hi")
        slow.drips.set()
        with pytest.raises(errors.RequestTimeoutError, match="deadline"):
            chat.invoke("hi" * 200, deadline=0.3)
    assert tick.count < ENOUGH


async def test_an_answer_that_drips_inside_a_record_ends_with_the_deadline_in_a_loop_too(
    chat_at, secure, relay, tick
):
    slow = relay(port_of(secure))
    async with chat_at(slow.port) as chat:
        await chat.ainvoke("hi")
        slow.drips.set()
        with pytest.raises(errors.RequestTimeoutError, match="deadline"):
            await chat.ainvoke("hi" * 200, deadline=0.3)
    assert tick.count < ENOUGH


TUNNEL = b"HTTP/1.1 200 Connection established\r\nx-proxy: " + b"y" * 200 + b"\r\n\r\n"


@pytest.fixture(params=["http", "https"])
def proxied(request, relay, secure, authority, monkeypatch):
    """A proxy on the way to the secure endpoint."""
    secured = request.param == "https"
    proxy = relay(
        port_of(secure),
        answer=b"HTTP/1.1 200 Connection established\r\n\r\n",
        context=authority.server_context() if secured else None,
    )
    monkeypatch.setenv("https_proxy", f"{request.param}://127.0.0.1:{proxy.port}")
    return proxy


def test_a_proxy_that_does_not_drip_answers(ask, chat_at, secure, proxied):
    assert ask(chat_at(port_of(secure))).endswith("hi")


def test_a_big_request_goes_through_a_proxy_that_takes_its_time(ask, chat_at, secure, proxied):
    """What comes while the proxy's window is full is TLS's own, and no answer."""
    assert ask(chat_at(port_of(secure)), "x" * 6_000_000).endswith("xxx")


def test_a_proxy_that_drips_is_no_connection_in_time(ask, chat_at, secure, proxied, tick):
    proxied.drips.set()
    with pytest.raises(errors.RequestTimeoutError, match="No connection") as caught:
        ask(chat_at(port_of(secure), timeout=(0.3, 60)))
    assert not caught.value.accepted
    assert tick.count < ENOUGH


def test_a_proxy_that_drips_later_does_not_outlive_the_deadline(chat_at, secure, proxied, tick):
    with chat_at(port_of(secure)) as chat:
        chat.invoke("hi")
        proxied.drips.set()
        with pytest.raises(errors.RequestTimeoutError, match="deadline"):
            chat.invoke("hi" * 200, deadline=0.3)
    assert tick.count < ENOUGH


def test_a_handshake_inside_a_tunnel_may_not_drip_either(
    ask, chat_at, secure, relay, authority, monkeypatch, tick
):
    """The tunnel comes at once, and only what is in it drips."""
    inner = relay(port_of(secure))
    inner.drips.set()
    proxy = relay(inner.port, answer=TUNNEL, context=authority.server_context())
    monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{proxy.port}")
    with pytest.raises(errors.RequestTimeoutError, match="No connection"):
        ask(chat_at(port_of(secure), timeout=(0.3, 60)))
    assert tick.count < ENOUGH

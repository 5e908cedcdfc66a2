"""Other people's tools see the calls: what records, replaces, traces, guards or patches HTTP."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import sys
import threading

import pytest
import pytest_socket
import requests_mock
import responses
import vcr
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from vcr.errors import CannotOverwriteExistingCassetteException

from langchain_azureml_oss import errors
from langchain_azureml_oss.local import LocalEndpoint

OK = {"output": "Hello!"}


def in_a_new_process(script, *arguments):
    """Run Python code that is to be the first to touch a module; its output."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- requests-mock and responses: answers without a network ---------------------------------------


def test_requests_mock_answers_and_refuses(make_chat, key):
    with requests_mock.Mocker() as mock, make_chat(max_retries=0) as chat:
        mock.post("https://ep.eastus2.inference.ml.azure.com/score", json=OK)
        assert chat.invoke("hi").text == "Hello!"
        assert mock.last_request.headers["authorization"] == f"Bearer {key}"
        mock.reset()
    with (
        requests_mock.Mocker(),
        make_chat(max_retries=0) as chat,
        pytest.raises(requests_mock.NoMockAddress),
    ):
        chat.invoke("hi")


def test_responses_answers_and_refuses(make_chat, key):
    with responses.RequestsMock() as mock, make_chat(max_retries=0) as chat:
        mock.post("https://ep.eastus2.inference.ml.azure.com/score", json=OK)
        assert chat.invoke("hi").text == "Hello!"
        assert mock.calls[0].request.headers["authorization"] == f"Bearer {key}"
    with (
        responses.RequestsMock(),
        make_chat(max_retries=0) as chat,
        pytest.raises(errors.EndpointConnectionError, match="Connection refused by Responses"),
    ):
        chat.invoke("hi")


def test_responses_streams(make_chat, events, delta):
    stream = events(delta("a"), delta("b", "stop"))
    with (
        responses.RequestsMock() as mock,
        make_chat(endpoint_url="https://ep.invalid/v1/chat/completions") as chat,
    ):
        mock.post(
            "https://ep.invalid/v1/chat/completions",
            body=b"".join(stream.body),
            content_type="text/event-stream",
        )
        assert "".join(chunk.text for chunk in chat.stream("hi")) == "ab"


# -- VCR.py: records, replays, refuses ------------------------------------------------------------


def test_vcr_records_and_replays_and_refuses(
    ask, make_chat, raw_server, wire, answer, tmp_path, key
):
    server = raw_server(wire(answer(OK)))
    fields = {"endpoint_url": f"{server.url}/score", "max_retries": 0}
    tape = vcr.VCR(filter_headers=["authorization"])
    with tape.use_cassette(str(tmp_path / "tape.yaml"), record_mode="once") as recorded:
        assert ask(make_chat(**fields)) == "Hello!"
    assert len(recorded) == len(server.requests) == 1
    assert server.requests[0].named["authorization"] == f"Bearer {key}"
    assert key not in (tmp_path / "tape.yaml").read_text()
    for _ in range(2):
        with tape.use_cassette(str(tmp_path / "tape.yaml"), record_mode="none") as played:
            assert ask(make_chat(**fields)) == "Hello!"
        assert played.play_count == 1
    with (
        tape.use_cassette(str(tmp_path / "empty.yaml"), record_mode="none"),
        pytest.raises(CannotOverwriteExistingCassetteException),
    ):
        ask(make_chat(**fields))
    assert len(server.requests) == 1


def test_a_model_goes_in_and_out_of_cassettes(make_chat, raw_server, wire, answer, tmp_path):
    """Connections of before are not used within, nor those of within afterwards."""
    server = raw_server(wire(answer(OK)))
    with make_chat(
        endpoint_url=f"{server.url}/score", max_connections=1, max_retries=0, deadline=5
    ) as chat:
        chat.invoke("hi")
        for _ in range(3):
            with (
                vcr.use_cassette(str(tmp_path / "empty.yaml"), record_mode="none"),
                pytest.raises(CannotOverwriteExistingCassetteException),
            ):
                chat.invoke("hi")
            assert chat.invoke("hi").text == "Hello!"
    assert len(server.requests) == 4


def test_calls_inside_a_cassette_cost_no_places(make_chat, raw_server, wire, answer, tmp_path):
    server = raw_server(wire(answer(OK)))
    fields = {"endpoint_url": f"{server.url}/score", "max_connections": 1, "deadline": 5}
    for mode in ("once", "none"):
        tape = vcr.use_cassette(
            str(tmp_path / "tape.yaml"), record_mode=mode, filter_headers=["authorization"]
        )
        with tape, make_chat(**fields) as chat:
            assert [chat.invoke("hi").text for _ in range(3)] == ["Hello!"] * 3
    assert len(server.requests) == 3


def test_a_package_that_is_imported_inside_a_cassette_works_afterwards(raw_server, wire, answer):
    server = raw_server(wire(answer(OK)))
    script = """
import sys, vcr
from vcr.errors import CannotOverwriteExistingCassetteException
with vcr.use_cassette("/nowhere/empty.yaml", record_mode="none"):
    from langchain_azureml_oss import AzureMLOSSChatModel
    chat = AzureMLOSSChatModel(
        endpoint_url=sys.argv[1], endpoint_api_key="k", model_family="LLAMA", max_retries=0
    )
    try:
        chat.invoke("hi")
    except CannotOverwriteExistingCassetteException:
        print("refused")
print(chat.invoke("hi").text)
chat.close()
"""
    assert in_a_new_process(script, f"{server.url}/score").split() == ["refused", "Hello!"]
    assert len(server.requests) == 1


# -- OpenTelemetry: spans without the key ---------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "instrumentor"),
    [
        ("sync", RequestsInstrumentor),
        ("sync", URLLib3Instrumentor),
        ("async", AioHttpClientInstrumentor),
    ],
)
def test_opentelemetry_has_a_span_for_each_request(
    make_chat, raw_server, wire, answer, key, world, instrumentor
):
    server = raw_server(wire(answer("busy", 503)), wire(answer(OK)))
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor().instrument(tracer_provider=provider)
    try:
        chat = make_chat(endpoint_url=f"{server.url}/score", backoff=(0, 0))

        async def acall():
            async with chat:
                return (await chat.ainvoke("hi")).text

        if world == "sync":
            with chat:
                assert chat.invoke("hi").text == "Hello!"
        else:
            assert asyncio.run(acall()) == "Hello!"
    finally:
        instrumentor().uninstrument()
    spans = exporter.get_finished_spans()
    assert [span.attributes["http.status_code"] for span in spans] == [503, 200]
    assert {span.attributes["http.method"] for span in spans} == {"POST"}
    assert key not in "".join(span.to_json() for span in spans)
    assert "traceparent" in server.requests[0].named


def test_http_clients_own_debugging_works(make_chat, raw_server, wire, answer, monkeypatch, capsys):
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    server = raw_server(wire(answer(OK)))
    with make_chat(endpoint_url=f"{server.url}/score") as chat:
        chat.invoke("hi")
    printed = capsys.readouterr().out
    assert "send: b'POST /score HTTP/1.1" in printed
    assert "reply: 'HTTP/1.1 200 OK" in printed


# -- pytest-socket: no network in tests -----------------------------------------------------------


@pytest.mark.filterwarnings("ignore:A test tried to use:UserWarning")
@pytest.mark.parametrize("world", ["sync", "async"])
async def test_pytest_socket_refuses(make_chat, raw_server, world):
    server = raw_server([])
    async with make_chat(endpoint_url=f"{server.url}/score", max_retries=0) as chat:
        pytest_socket.disable_socket(allow_unix_socket=True)
        try:
            with pytest.raises((pytest_socket.SocketBlockedError, errors.EndpointConnectionError)):
                chat.invoke("hi") if world == "sync" else await chat.ainvoke("hi")
        finally:
            pytest_socket.enable_socket()
    assert server.connections == 0


# -- truststore, pyOpenSSL and gevent change what is beneath --------------------------------------


def test_truststore_leaves_the_time_to_read_alone(authority):
    script = """
import asyncio, ssl, sys, truststore
truststore.inject_into_ssl()
bounds = set()
def noting(read):
    def noted(sock, *args):
        bounds.add(sock.gettimeout())
        return read(sock, *args)
    return noted
ssl.SSLSocket.recv = noting(ssl.SSLSocket.recv)
ssl.SSLSocket.recv_into = noting(ssl.SSLSocket.recv_into)
from langchain_azureml_oss import AzureMLOSSChatModel
url, key, bundle = sys.argv[1:]
chat = AzureMLOSSChatModel(
    endpoint_url=url, endpoint_api_key=key, model_family="LLAMA", ca_bundle=bundle,
    timeout=(30, 300), max_retries=0,
)
with chat:
    print(chat.invoke("hi").text)
print(min(bounds) > 30)  # else what is left of the time to connect
async def main():
    async with chat:
        print((await chat.ainvoke("hi")).text)
asyncio.run(main())
"""
    with LocalEndpoint("echo", ssl_context=authority.server_context()) as endpoint:
        said = in_a_new_process(script, endpoint.scoring_url, endpoint.api_key, authority.authority)
        assert said.splitlines() == ["echo: hi", "True", "echo: hi"]
        assert len(endpoint.requests) == 2


def test_pyopenssl_beneath_urllib3_is_no_way_around_a_hosts_name(authority):
    script = """
import sys, warnings
import urllib3.contrib.pyopenssl
urllib3.contrib.pyopenssl.inject_into_urllib3()
from langchain_azureml_oss import AzureMLOSSChatModel, errors
url, key, bundle = sys.argv[1:]
fields = dict(endpoint_api_key=key, model_family="LLAMA", ca_bundle=bundle, max_retries=0)
with AzureMLOSSChatModel(endpoint_url=url, **fields) as chat:
    print(chat.invoke("hi").text)
other = url.replace("127.0.0.1", "localhost")
with AzureMLOSSChatModel(endpoint_url=other, **fields) as chat:
    try:
        chat.invoke("hi")
    except errors.EndpointConnectionError as error:
        print(error.is_retryable, "not trusted" in str(error))
"""
    with LocalEndpoint("echo", ssl_context=authority.server_context()) as endpoint:
        said = in_a_new_process(script, endpoint.scoring_url, endpoint.api_key, authority.authority)
        assert said.splitlines() == ["echo: hi", "False True"]
        assert len(endpoint.requests) == 1


def test_gevent_lets_calls_wait_for_one_another(raw_server, wire, answer):
    """Three calls in one thread: the server answers the first one when it has all three."""
    gate = threading.Event()
    server = raw_server([gate, *wire(answer(OK))])
    script = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from langchain_azureml_oss import AzureMLOSSChatModel
with AzureMLOSSChatModel(
    endpoint_url=sys.argv[1], endpoint_api_key="k", model_family="LLAMA", deadline=20
) as chat:
    calls = [gevent.spawn(lambda: print(chat.invoke("hi").text)) for _ in range(3)]
    gevent.joinall(calls, raise_error=True)
"""

    def open_gate():
        for _ in range(3):
            server.arrived.acquire(timeout=30)
        gate.set()

    opener = threading.Thread(target=open_gate)
    opener.start()
    assert in_a_new_process(script, f"{server.url}/score").split() == ["Hello!"] * 3
    opener.join(5)
    assert server.connections == 3

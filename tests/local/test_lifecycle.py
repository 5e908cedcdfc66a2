"""Starting, stopping, and what is left behind: nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
import requests

from langchain_azureml_oss.local import LocalEndpoint

V1 = "/v1/chat/completions"


def endpoint_threads():
    return {one for one in threading.enumerate() if one.name.startswith("local-endpoint")}


@pytest.fixture
def nothing_left():
    """Fails when a thread of an endpoint outlives the test; other tests' endpoints may run on."""
    before = endpoint_threads()
    yield
    assert endpoint_threads() <= before


@pytest.mark.usefixtures("nothing_left")
def test_start_and_stop_and_start_again(post, chat):
    endpoint = LocalEndpoint("echo")
    with pytest.raises(RuntimeError, match="not running"):
        _ = endpoint.url
    for _ in range(2):
        assert endpoint.start() is endpoint
        url = endpoint.url
        assert post(endpoint, V1, chat()).status_code == 200
        endpoint.stop()
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)
    endpoint.stop()
    assert len(endpoint.requests) == 2


def test_starting_twice(echo):
    with pytest.raises(RuntimeError, match="running already"):
        echo.start()


def test_only_this_machine_is_listened_to(echo):
    assert echo.url.startswith("http://127.0.0.1:")
    assert echo.scoring_url == echo.url + "/score"


def test_an_endpoint_for_all_addresses_has_a_url_that_works(post, chat):
    with LocalEndpoint("echo", host="0.0.0.0") as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:")
        assert post(endpoint, V1, chat()).status_code == 200


@pytest.mark.usefixtures("nothing_left")
def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        endpoint = LocalEndpoint("echo", port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address"):
            endpoint.start()
    # Once it is free the same endpoint starts, where it was told to.
    with endpoint:
        assert endpoint.url.endswith(f":{endpoint.port}")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("stream", [False, True])
def test_stopping_ends_open_requests_at_once(post, chat, stream):
    endpoint = LocalEndpoint("echo", token_delay_s=30).start()
    ended = []

    def call():
        with pytest.raises(requests.RequestException):
            post(endpoint, V1, chat(stream=stream))
        ended.append(True)

    caller = threading.Thread(target=call)
    caller.start()
    while not endpoint.requests:
        time.sleep(0.01)
    start = time.monotonic()
    endpoint.stop()
    caller.join(5)
    assert time.monotonic() - start < 5
    assert ended


def test_many_endpoints(chat, post):
    endpoints = [LocalEndpoint("echo").start() for _ in range(5)]
    assert len({one.url for one in endpoints}) == 5
    for endpoint in endpoints:
        assert post(endpoint, V1, chat()).status_code == 200
        endpoint.stop()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_with_a_signal(sent):
    endpoint = LocalEndpoint("echo")
    before = signal.getsignal(sent)
    seen = []

    def ready():
        seen.append(requests.get(endpoint.url, timeout=5).text)
        os.kill(os.getpid(), sent)

    endpoint.serve(on_ready=ready)
    assert seen == ["Healthy"]
    assert signal.getsignal(sent) is before


def test_an_endpoint_left_running_does_not_keep_the_process_alive():
    code = "from langchain_azureml_oss.local import LocalEndpoint as E; E('echo').start()"
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == 0


def test_importing_is_cheap():
    code = (
        "import sys, langchain_azureml_oss.local;"
        "print([m for m in ('aiohttp', 'requests', 'xllamacpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_https(tmp_path, post, chat):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    making = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    making += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*making, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with LocalEndpoint("echo", ssl_context=context) as endpoint:
        assert endpoint.url.startswith("https://")
        assert post(endpoint, V1, chat(), verify=str(cert)).status_code == 200
        endpoint.fail_next("reset")
        with pytest.raises(requests.ConnectionError):
            post(endpoint, V1, chat(), verify=str(cert))


@pytest.mark.parametrize(
    "options",
    [
        {"auth": "password"},
        {"contract": "openai"},
        {"completion_shape": "round"},
        {"task": "both"},
        {"deployments": {}},
        {"deployments": {"blue": -1}},
    ],
)
def test_options_that_make_no_sense(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LocalEndpoint("echo", **options)


def test_a_model_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.gguf"):
        LocalEndpoint(str(tmp_path / "nowhere.gguf"))


def test_connections(echo):
    connection = echo.connection("LLAMA", path=V1)
    assert connection.endpoint_url == echo.url + V1
    assert connection.endpoint_api_key.get_secret_value() == echo.api_key
    assert connection.configs["model_family"] == "LLAMA"


def test_a_connection_with_a_token(post, chat):
    with LocalEndpoint("echo", auth="aad_token") as endpoint:
        token = endpoint.connection().endpoint_api_key.get_secret_value()
        answer = post(endpoint, V1, chat(), {"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200

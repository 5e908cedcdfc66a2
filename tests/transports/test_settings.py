"""TLS, proxies and the pool's size, alike in both worlds."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.transports.settings import environment_proxies

URL = "https://ep.eastus2.inference.ml.azure.com/score"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy(monkeypatch, name):
    monkeypatch.setenv(name, "http://proxy.example:8080")
    assert environment_proxies(URL) == {"https": "http://proxy.example:8080"}


def test_a_proxy_without_a_scheme_is_http(monkeypatch):
    monkeypatch.setenv("https_proxy", "proxy.example:8080")
    assert environment_proxies(URL) == {"https": "http://proxy.example:8080"}


def test_no_proxy_is_honoured(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:8080")
    monkeypatch.setenv("no_proxy", ".ml.azure.com")
    assert environment_proxies(URL) == {}


def test_another_schemes_proxy_is_not_for_this_url(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example:8080")
    assert environment_proxies(URL) == {}


def test_both_worlds_go_through_the_proxy(monkeypatch, make_chat, raw_server, wire, answer):
    """The proxy stands in for the endpoint: a plain http request names the whole URL."""
    import asyncio

    server = raw_server(wire(answer({"output": "by proxy"})))
    monkeypatch.setenv("http_proxy", server.url)
    with make_chat(endpoint_url="http://ep.invalid/score", allow_http=True) as chat:
        assert chat.invoke("hi").text == "by proxy"
        assert asyncio.run(chat.ainvoke("hi")).text == "by proxy"
    assert {request.line for request in server.requests} == {
        "POST http://ep.invalid/score HTTP/1.1"
    }

"""Both worlds take the proxy that the environment names, and do not show its password."""

from __future__ import annotations

import asyncio

import pytest

from langchain_azureml_oss.errors import AzureMLOSSError


def test_both_worlds_go_through_the_proxy(monkeypatch, make_chat, raw_server, wire, answer):
    """The proxy stands in for the endpoint: a plain http request names the whole URL."""
    server = raw_server(wire(answer({"output": "by proxy"})))
    monkeypatch.setenv("http_proxy", server.url)
    with make_chat(endpoint_url="http://ep.invalid/score", allow_http=True) as chat:
        assert chat.invoke("hi").text == "by proxy"
        assert asyncio.run(chat.ainvoke("hi")).text == "by proxy"
    assert {request.line for request in server.requests} == {
        "POST http://ep.invalid/score HTTP/1.1"
    }


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:pass-word@127.0.0.1:9",
        "http://me:pass-word@127.0.0.1:9/path?a#b",
        "http://me:pass%2Dword@[::1]:9",
        "http://me:pass-word@" + "x" * 70 + ".invalid:9",
        "http://me:pass-word@-.invalid:9",
        "http://me:pass-word@a..b:9",
        "http://me:pass-word@127.0.0.1:0",
        "http://me:pass-word@127.1:9",
        "http://me:pass-word@a_b.invalid:9",
        "http://:pass-word@127.0.0.1:9",
        "http://pass-word@127.0.0.1:9",
        "http://me:pass-word@1@127.0.0.1:9",
    ],
)
def test_a_proxy_that_is_not_there_is_an_error_that_does_not_show_its_password(
    ask, monkeypatch, make_chat, shows, proxy
):
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(AzureMLOSSError) as caught:
        ask(make_chat(endpoint_url="https://ep.invalid/score", max_retries=0, deadline=5))
    assert "pass-w" not in shows(caught.value)

"""The proxy that the environment names, and what none is."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.connections import environment_proxies
from langchain_azureml_oss.errors import ConnectionConfigError

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


@pytest.mark.parametrize(
    ("listed", "is_direct"),
    [
        ("10.1.2.3:443", True),
        ("10.1.2.3:8443", False),
        ("10.0.0.0/8", True),
        ("192.168.0.0/16, 10.1.0.0/16", True),
        ("192.168.0.0/16", False),
        ("*", True),
        ("no/network", False),
    ],
)
def test_no_proxy_may_name_ports_and_networks(monkeypatch, listed, is_direct):
    monkeypatch.setenv("https_proxy", "http://proxy.example:8080")
    monkeypatch.setenv("no_proxy", listed)
    assert (environment_proxies("https://10.1.2.3/score") == {}) is is_direct


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_not_reached_through_another_one(monkeypatch, host):
    """The key would go to the proxy in the clear."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:8080")
    assert environment_proxies(f"http://{host}:5001/score") == {}
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:8080")
    assert environment_proxies(f"http://{host}:5001/score") == {"http": "http://127.0.0.1:8080"}


@pytest.mark.parametrize("proxy", ["socks5://me:pass-word@h:1", "ftp://h", "://h"])
def test_a_proxy_that_only_one_world_knows_is_refused(monkeypatch, make_chat, proxy):
    """aiohttp would take it for one that speaks http, and send it the key."""
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(ConnectionConfigError, match="NO_PROXY") as caught:
        make_chat()
    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://[::1",
        "http://me:pass-word@[::1",
        "http://me:pass-word@::1]",
        "http://me:pass-word@[x::1]:80",
        "http://me:pass-word#1@proxy:80",
        "http://me:pass-word/1@proxy:80",
        "http://me:pass-word?1@proxy:80",
        "http://me:pass-word@proxy:port",
        "http://me:pass-word@proxy:99999",
        "http://me:pass-word@",
        "http://me:pass-word@:80",
        "http://me:pass-word@pro xy:80",
        "http://me:pass-word@pro\nxy:80",
        "http://me:pass-word%E2%82%AC@proxy:80",
        "http://me:pass-wört@proxy:80",
        "me:pass-word@[::1",
        "http://",
        "http://\\proxy",
    ],
)
def test_a_malformed_proxy_is_an_error_that_does_not_show_it(monkeypatch, make_chat, shows, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(ConnectionConfigError, match="proxy") as caught:
        make_chat()
    assert "pass-w" not in shows(caught.value)

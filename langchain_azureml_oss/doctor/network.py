"""The first half of an examination: up to where a request can be sent."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from langchain_azureml_oss.connections import check_url, not_an_endpoint, without_secrets
from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.checklist import Line
from langchain_azureml_oss.doctor.setup import OPTIONS, Setup
from langchain_azureml_oss.doctor.steps import Certificate, Connect, Handshake, Resolve, Step
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.transports import environment_proxies

_PORTS = {"http": 80, "https": 443}

Lines = Generator[Step, Any, list[Line]]


def configuration(setup: Setup) -> Line:
    """Return the line about what was found, and where."""
    summary = setup.summary()
    if not setup.problems:
        return Line("configuration", "ok", summary)
    found = " ".join(setup.problems) + (f" Found: {summary}." if summary else "")
    way = " ".join(setup.advice) or f"Correct that; {', '.join(OPTIONS.values())} win over it."
    return Line("configuration", "failed", found, way)


def url_shape(setup: Setup) -> Line:
    """Return the line about the URL's form."""
    try:
        parts = check_url(setup.url)
    except ConnectionConfigError as error:
        found, elsewhere = str(error), _elsewhere(setup.url)
        way = "Copy the URL from the tab Consume of the endpoint in Azure ML studio."
        if "begins with http://" in found:
            way = "Write https://; every Azure ML endpoint has it."
        if elsewhere:
            found, way = found.replace(f" {elsewhere}", ""), elsewhere
        return Line("url", "failed", f"{found} Nothing was sent.", way)
    shown = without_secrets(setup.url)
    if not parts.path.strip("/"):
        shown += " (no path: each contract's own is taken)"
    return Line("url", "ok", shown)


def _elsewhere(url: str) -> str:
    """Return what the host is that is no endpoint's, and what to do; else nothing."""
    try:
        return not_an_endpoint(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def reach(setup: Setup) -> Lines:
    """Find the host, connect to it, and check its certificate; the last line may be a failure."""
    parts = urlsplit(setup.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        proxy = environment_proxies(setup.url).get(parts.scheme)
    except ConnectionConfigError as error:
        return [Line("reachable", "failed", str(error), advice.PROXY_ADVICE)]
    if proxy:
        return (yield from _through(proxy, parts))
    addresses = yield Resolve(host, port)
    if isinstance(addresses, OSError):
        why = addresses.strerror or addresses
        return [Line("name", "failed", f"{host} has no address: {why}", advice.for_name(host))]
    lines = [Line("name", "ok", advice.about_addresses(host, addresses))]
    refused = yield Connect(host, port)
    if refused is not None:
        return [*lines, Line("reachable", "failed", *advice.for_connection(refused, proxy=""))]
    lines.append(Line("reachable", "ok", f"{host}:{port}, without a proxy"))
    if parts.scheme == "http":
        return [*lines, Line("tls", "skipped", "plain http, to this machine")]
    return [*lines, _tls((yield Handshake(host, port)))]


def _tls(shown: Certificate | OSError) -> Line:
    if isinstance(shown, Certificate):
        until = f"; certificate valid until {shown.expires}" if shown.expires else ""
        return Line("tls", "ok", f"{shown.version}{until}")
    return Line("tls", "failed", *advice.for_tls(shown))


def _through(proxy: str, endpoint: SplitResult) -> Lines:
    parts = urlsplit(proxy)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 1080)
    shown = without_secrets(proxy)
    lines = [Line("name", "skipped", f"the proxy looks {endpoint.hostname} up")]
    refused = yield Connect(host, port)
    if refused is not None:
        return [*lines, Line("reachable", "failed", *advice.for_connection(refused, proxy=shown))]
    lines.append(Line("reachable", "ok", f"through the proxy {shown}, which answers"))
    return [*lines, Line("tls", "skipped", "checked by the requests, through the proxy")]

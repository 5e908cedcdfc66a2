"""The first half of an examination: up to where a request can be sent."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from langchain_azureml_oss.connections import (
    check_url,
    environment_proxies,
    not_an_endpoint,
    without_secrets,
)
from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.setup import OPTIONS
from langchain_azureml_oss.doctor.steps import Certificate, Connect, Handshake, Resolve, Step
from langchain_azureml_oss.errors import ConnectionConfigError

_PORTS = {"http": 80, "https": 443}


def configuration(found: Findings) -> bool:
    """Say what there is to examine, and where it was found."""
    setup, summary = found.setup, found.setup.summary()
    if not setup.problems:
        return found.put("configuration", "ok", summary)
    said = " ".join(setup.problems) + (f" Found: {summary}." if summary else "")
    way = " ".join(setup.advice) or f"Correct that; {', '.join(OPTIONS.values())} win over it."
    return found.put("configuration", "failed", said, way)


def url_shape(found: Findings) -> bool:
    """Check the URL's form."""
    url = found.setup.url
    try:
        parts = check_url(url)
    except ConnectionConfigError as error:
        said, way = (
            str(error),
            "Copy the URL from the tab Consume of the endpoint in Azure ML studio.",
        )
        if "begins with http://" in said:
            way = "Write https://; every Azure ML endpoint has it."
        with suppress(ValueError):  # there may be no host in it
            if elsewhere := not_an_endpoint(urlsplit(url).hostname or ""):
                said, way = said.replace(f" {elsewhere}", ""), elsewhere
        return found.put("url", "failed", f"{said} Nothing was sent.", way)
    has_path = parts.path.strip("/")
    note = "" if has_path else " (no path: each contract's own is taken)"
    return found.put("url", "ok", without_secrets(url) + note)


def reach(found: Findings) -> Generator[Step, Any, bool]:
    """Find the host, connect to it, and check its certificate."""
    url = urlsplit(found.setup.url)
    try:
        proxy = environment_proxies(found.setup.url).get(url.scheme, "")
    except ConnectionConfigError as error:
        return found.put("reachable", "failed", str(error), advice.PROXY_ADVICE)
    server = urlsplit(proxy) if proxy else url
    host, port = server.hostname or "", server.port or _PORTS.get(server.scheme, 1080)
    shown = without_secrets(proxy) if proxy else ""
    if proxy:
        found.put("name", "skipped", f"the proxy looks {url.hostname} up")
    else:
        addresses = yield Resolve(host, port)
        if isinstance(addresses, OSError):
            said = f"{host} has no address: {addresses.strerror or addresses}"
            return found.put("name", "failed", said, advice.for_name(host))
        found.put("name", "ok", advice.about_addresses(host, addresses))
    refused = yield Connect(host, port)
    if refused is not None:
        return found.put("reachable", "failed", *advice.for_connection(refused, proxy=shown))
    if proxy:
        found.put("reachable", "ok", f"through the proxy {shown}, which answers")
        return found.put("tls", "skipped", "checked by the requests, through the proxy")
    found.put("reachable", "ok", f"{host}:{port}, without a proxy")
    if url.scheme == "http":
        return found.put("tls", "skipped", "plain http, to this machine")
    return _secured(found, (yield Handshake(host, port)))


def _secured(found: Findings, shown: Certificate | OSError) -> bool:
    if not isinstance(shown, Certificate):
        return found.put("tls", "failed", *advice.for_tls(shown))
    until = f"; certificate valid until {shown.expires}" if shown.expires else ""
    return found.put("tls", "ok", f"{shown.version}{until}")

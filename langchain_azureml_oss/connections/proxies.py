"""The proxy on the way to an endpoint, as the environment names it.

Curl's names and rules, through `urllib.request`; whoever carries requests asks here, once, so that
requests and aiohttp go the same way.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.request
from urllib.parse import unquote, urlsplit

from langchain_azureml_oss.connections.urls import is_loopback
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.wire import fits_header

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[\w:.%-]+")
_AROUND = "NO_PROXY names hosts that are reached without a proxy."


def environment_proxies(url: str) -> dict[str, str]:
    """Return the proxy that the environment names for this URL, by its scheme; NO_PROXY counts.

    Raises:
        ConnectionConfigError: the proxy is malformed, or of a kind that only one of the two worlds
            knows.
    """
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return {}
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_url(proxy):
        # It is not shown: where it is malformed, a part of its password may stand for the host.
        msg = (
            f"The environment's proxy for {parts.scheme} is not a URL. Its form is"
            " http://user:password@host:port, with %40 for an @ in the password, and so on."
            f" {_AROUND}"
        )
        raise ConnectionConfigError(msg)
    if _goes_around(parts.hostname or "", parts.port or _PORTS[parts.scheme], proxy, proxies):
        return {}
    scheme = urlsplit(proxy).scheme
    if scheme not in _PORTS:
        msg = (
            f"The environment names a proxy of the kind {scheme!r} for {parts.scheme}; it must be"
            f" http or https. {_AROUND}"
        )
        raise ConnectionConfigError(msg)
    return {parts.scheme: proxy}


def _is_url(proxy: str) -> bool:
    """Whether a proxy's URL is one that both worlds understand."""
    try:
        parts = urlsplit(proxy)
        _ = parts.port
        unquote(parts.netloc.rpartition("@")[0]).encode("latin-1")  # as it is sent
        host = parts.hostname or ""
        if ":" in host:
            ipaddress.ip_address(host)
    except ValueError:
        return False
    return fits_header(proxy) and _HOST.fullmatch(host) is not None


def _goes_around(host: str, port: int, proxy: str, proxies: dict[str, str]) -> bool:
    """Whether a host is reached without the proxy."""
    if urllib.request.proxy_bypass(f"{host}:{port}"):
        return True
    # Another machine cannot reach this one's loopback, and is not to see the key in the clear.
    if is_loopback(host) and not is_loopback(urlsplit(proxy).hostname or ""):
        return True
    return any(_contains(entry.strip(), host) for entry in proxies.get("no", "").split(","))


def _contains(network: str, host: str) -> bool:
    """Whether a network such as 10.0.0.0/8 has this address."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False

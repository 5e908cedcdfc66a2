"""How to reach the endpoint: TLS, proxies and the size of the pool, alike in both worlds."""

from __future__ import annotations

import ipaddress
import re
import ssl
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from langchain_azureml_oss.connections import is_loopback
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.wire import fits_header

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[\w:.%-]+")
_AROUND = "NO_PROXY names hosts that are reached without a proxy."


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What both transports need besides the requests themselves."""

    max_connections: int = 100
    """Size of the pool, and so of the calls in flight."""
    ca_bundle: str | None = None
    """Path of certificate authorities: a file, or a directory as OpenSSL has it."""
    client_cert: str | tuple[str, str] | None = None
    """Path of a client certificate with its key in it, or of the two."""
    proxies: dict[str, str] = field(default_factory=dict)
    """Scheme -> URL of the proxy."""


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return the context of TLS connections; it checks certificates and host names.

    Trusted are the authorities of `ca_bundle`, or else the system's (OpenSSL's SSL_CERT_FILE and
    SSL_CERT_DIR count) and certifi's.

    Raises:
        ConnectionConfigError: a file is missing or is no certificate, or a key has a password.
    """
    bundle, pair = settings.ca_bundle, settings.client_cert
    try:
        if bundle is None:
            import certifi  # noqa: PLC0415 - only https needs it

            context = ssl.create_default_context()
            context.load_verify_locations(certifi.where())
        elif Path(bundle).is_dir():
            context = ssl.create_default_context(capath=bundle)
        else:
            context = ssl.create_default_context(cafile=bundle)
        if pair is not None:
            certificate, key = (pair, None) if isinstance(pair, str) else pair
            # Without a password given here, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        msg = f"ca_bundle={bundle!r}, client_cert={pair!r}: the files cannot be used: {error}."
        raise ConnectionConfigError(msg) from None
    return context


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

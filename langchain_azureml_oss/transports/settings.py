"""How to reach the endpoint: TLS, proxies and the size of the pool, alike in both worlds."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What both transports need besides the requests themselves."""

    max_connections: int = 100
    """Size of the pool, and so of the calls in flight."""
    verify: bool | str = True
    """True, or the path of a bundle of certificate authorities."""
    client_cert: str | tuple[str, str] | None = None
    """Path of a client certificate with its key in it, or of the two."""
    proxies: dict[str, str] = field(default_factory=dict)
    """Scheme -> URL of the proxy."""


def environment_proxies(url: str) -> dict[str, str]:
    """Return the proxy that the environment names for this URL, by its scheme; NO_PROXY counts."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return {}
    return {parts.scheme: proxy if "://" in proxy else f"http://{proxy}"}

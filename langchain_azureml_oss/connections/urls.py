"""The rules for an endpoint's URL, and how much of it a message may show."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import SplitResult, unquote_plus, urlsplit, urlunsplit

from langchain_azureml_oss.errors import ConnectionConfigError, is_like_a_key, url_without_keys
from langchain_azureml_oss.wire import looks_secret

_EXAMPLE = "Its form is https://my-endpoint.eastus2.inference.ml.azure.com/score."
_ENDINGS = (
    *("/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions"),
    *("/v1/embeddings", "/embeddings", "/score", "/v1"),
)
"""Of paths that pick a contract."""
_HOST = re.compile(r"([a-z0-9-]{1,63}\.)+[a-z]{2,63}")


def check_url(url: str, *, allow_http: bool = False) -> SplitResult:
    """Return the parts of an endpoint's URL.

    Raises:
        ConnectionConfigError: not an http(s) URL with a host, or plain http to another machine.
    """
    shown = without_secrets(url)
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        # Not in the parser's words: they quote, and what they quote may be a password.
        msg = f"endpoint_url {shown} has a host or a port that is none. {_EXAMPLE}"
        raise ConnectionConfigError(msg) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"endpoint_url {shown} is not a URL with a scheme and a host. {_EXAMPLE}"
        raise ConnectionConfigError(msg)
    if any(char.isspace() or char == "\\" for char in url.strip()):
        msg = f"endpoint_url (of {parts.hostname}) holds white space or a backslash. Copy it again."
        raise ConnectionConfigError(msg)
    if wrong_place := not_an_endpoint(parts.hostname):
        msg = f"endpoint_url {shown} is no endpoint's. {wrong_place}"
        raise ConnectionConfigError(msg)
    if parts.username or parts.password:
        msg = "endpoint_url holds a user name or password; pass the key as endpoint_api_key."
        raise ConnectionConfigError(msg)
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        msg = (
            f"endpoint_url begins with http://, so the key would go to {parts.hostname} in the"
            " clear. Use https://, or allow_http=True inside a network that you trust."
        )
        raise ConnectionConfigError(msg)
    return parts


def not_an_endpoint(host: str) -> str:
    """Return what a host is that is no endpoint's at all, and what to do; else nothing."""
    scoring = "The scoring URL is in studio: Endpoints, the endpoint, the tab Consume."
    if host in {"ml.azure.com", "ai.azure.com"}:
        return f"This is the address of a page of Azure ML studio. {scoring}"
    if host == "management.azure.com":
        return f"This is Azure's management address, which does not score. {scoring}"
    if host.endswith(".openai.azure.com"):
        return "This is Azure OpenAI, which the package langchain-openai speaks to."
    return ""


def without_secrets(url: str) -> str:
    """Return a URL for a message: without user name, password, query and fragment.

    What has neither a scheme nor the name of a host is not shown at all, since it may be the key.
    """
    for text in (url.strip(), f"//{url.strip()}"):
        try:
            parts = urlsplit(text)
            host = parts.netloc.rpartition("@")[2]
            if parts.hostname and (parts.scheme or _HOST.fullmatch(parts.hostname)):
                _ = parts.port  # what is no number may be the key
                shown = urlunsplit((parts.scheme, host, parts.path, "", ""))
                return url_without_keys(shown).removeprefix("//")
        except ValueError:
            continue
    return "(not shown)"


def without_secret_query(url: Any) -> tuple[Any, dict[str, str]]:
    """Return a URL without the parameters that may be keys, such as `?code=`, and those."""
    if not isinstance(url, str) or "?" not in url:
        return url, {}
    place, _, query = url.partition("?")
    kept, secret = list[str](), dict[str, str]()
    for part in query.split("&"):
        name, _, value = (unquote_plus(text) for text in part.partition("="))
        if looks_secret(name) or is_like_a_key(name) or is_like_a_key(value):
            secret[name] = value
        else:
            kept.append(part)
    return (f"{place}?{'&'.join(kept)}" if kept else place), secret


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def base_of(url: str) -> str:
    """Return the URL without the path that picks the contract; an unknown path goes as a whole."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    base = next((path.removesuffix(end) for end in _ENDINGS if path.endswith(end)), "")
    return urlunsplit((parts.scheme, parts.netloc, base, "", ""))


def beside(url: str, path: str) -> str:
    """Return the URL of another path of the same endpoint; its query stays."""
    query = urlsplit(url).query
    return base_of(url) + path + (f"?{query}" if query else "")

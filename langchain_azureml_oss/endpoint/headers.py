"""What a caller adds to requests: headers and a query, some of whose values are secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from langchain_azureml_oss.errors import ConnectionConfigError, is_like_a_key, quoted
from langchain_azureml_oss.wire import fits_header, looks_secret

Pairs = Mapping[str, str | SecretStr]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_LONGEST_NAME = 32  # of a deployment. Source: Azure ML docs, "Manage quotas", deployments
_NOT_THE_CALLERS = {
    "authorization": "the Authorization header is made of endpoint_api_key.",
    "content-length": "it follows from each request's body.",
    "transfer-encoding": "it follows from each request's body.",
}


def check_headers(headers: Pairs) -> None:
    """Raise where HTTP does not carry a header, or this package alone may say it.

    Raises:
        ConnectionConfigError: shows no name and no value of the caller's, which may be a key.
    """
    for number, (name, value) in enumerate(revealed(headers).items(), 1):
        if way := _NOT_THE_CALLERS.get(name.lower()):
            msg = f"default_headers cannot hold {name}; {way}"
            raise ConnectionConfigError(msg)
        if not _HEADER_NAME.fullmatch(name) or not fits_header(value):
            what = "value" if _HEADER_NAME.fullmatch(name) else "name"
            msg = (
                f"default_headers: the {what} of header number {number} is none that HTTP carries."
                " A name is letters, digits and -, a value is one line of printable ASCII."
            )
            raise ConnectionConfigError(msg)


def hidden(pairs: Any) -> Any:
    """Return headers or a query with the values that look secret by their names as SecretStr.

    Raises:
        ConnectionConfigError: one is no text; pydantic's error would show the name, which may be a
            key.
    """
    if not isinstance(pairs, Mapping):
        return pairs
    for number, (name, value) in enumerate(pairs.items(), 1):
        if not isinstance(name, str) or not isinstance(value, str | SecretStr):
            msg = (
                f"default_headers and default_query hold texts under names; in number {number},"
                f" {type(value).__name__} stands under {type(name).__name__}."
            )
            raise ConnectionConfigError(msg)
    return {
        name: SecretStr(value) if isinstance(value, str) and looks_secret(str(name)) else value
        for name, value in pairs.items()
    }


def with_more(own: Pairs | None, given: Any, name: str) -> dict[str, str | SecretStr]:
    """Return a model's headers or query with those of one call, which win.

    Args:
        own: The model's.
        given: The call's.
        name: `default_headers` or `default_query`.

    Raises:
        ConnectionConfigError: they cannot be sent, or one would be a secret in traces and caches,
            which hold what a call is given.
    """
    where = f"{name.replace('default', 'extra')} of a call"
    if given is not None and not isinstance(given, Mapping):
        msg = f"{where}: a mapping of names to texts is expected, not {type(given).__name__}."
        raise ConnectionConfigError(msg)
    try:
        more = hidden(given or {})
        if name == "default_headers":
            check_headers(more)
    except ConnectionConfigError as error:
        msg = f"{where}: {error}"
        raise ConnectionConfigError(msg) from None
    for number, (key, value) in enumerate(more.items(), 1):
        if isinstance(value, SecretStr) and isinstance((given or {})[key], str):
            msg = (
                f"{where}: number {number} has the name of a secret, and traces keep what a call"
                f" is given. Wrap its value in pydantic's SecretStr, or put it into {name}= when"
                " the model is made."
            )
            raise ConnectionConfigError(msg)
    if name == "default_headers":
        replaced = {key.lower() for key in more}
        own = {key: value for key, value in (own or {}).items() if key.lower() not in replaced}
    return {**(own or {}), **more}


def shown(pairs: Pairs | None) -> dict[str, str]:
    """Return those whose values are no secret."""
    return {name: value for name, value in (pairs or {}).items() if isinstance(value, str)}


def revealed(pairs: Pairs | None) -> dict[str, str]:
    """Return all of them as texts, to be sent."""
    return {
        name: value if isinstance(value, str) else value.get_secret_value()
        for name, value in (pairs or {}).items()
    }


def named_deployment(value: str | None) -> str | None:
    """Return the deployment to ask for; as in prompt flow, `default` is the traffic rules' own.

    Raises:
        ConnectionConfigError: it is no text, no header can carry it, or it can only be a key.
    """
    if value is None:
        return None
    name = value.strip() if isinstance(value, str) else (value or "")
    is_text = isinstance(name, str) and fits_header(name)
    if not is_text or (len(name) > _LONGEST_NAME and is_like_a_key(name)):
        msg = (
            f"deployment_name {quoted(name)} is no name that a header carries, or looks like a key."
        )
        raise ConnectionConfigError(msg)
    return None if name.lower() in {"", "default"} else name


def with_query(url: str, query: Pairs | None) -> str:
    """Return a URL that has these too."""
    if not query:
        return url
    parts = urlsplit(url)
    said = "&".join(filter(None, [parts.query, urlencode(revealed(query))]))
    return urlunsplit(parts._replace(query=said))

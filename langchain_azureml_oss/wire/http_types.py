"""The words that the core and the transports share: requests, responses, time-outs, JSON bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from langchain_azureml_oss.wire.secret_names import looks_secret


class Timeouts(NamedTuple):
    """Bounds on one try, in seconds."""

    connect: float
    """Longest time to open a connection."""
    read: float
    """Longest silence between two bytes, so a live stream is never cut."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that is ready to be sent, except for its Authorization header."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The caller's may be secrets, which tools that print local variables must not show."""
    stream: bool = False
    method: Literal["POST", "GET"] = "POST"
    """A GET has no body."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values of the caller's headers and query that look like secrets by their names."""
        pairs = [*self.headers.items(), *parse_qsl(urlsplit(self.url).query)]
        return tuple(value for name, value in pairs if looks_secret(name))

    @property
    def fits_http(self) -> bool:
        """Whether HTTP can carry each name and value."""
        return fits_header("".join([*self.headers, *self.headers.values()]))

    def with_headers(self, headers: Mapping[str, str]) -> HttpRequest:
        """Return a copy that carries these headers too, under lower-case names."""
        added = {name.lower(): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **added})


class HttpResponse(NamedTuple):
    """A reply: status, headers under lower-case names, and the bytes that were read so far."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_event_stream(self) -> bool:
        """Whether the server streams events; it may ignore `stream` and answer plain JSON."""
        return self.headers.get("content-type", "").lower().startswith("text/event-stream")


def fits_header(text: str) -> bool:
    """Whether a header can carry a text: one line of printable ASCII."""
    return text.isascii() and text.isprintable()


def encode_json(value: Any) -> bytes:
    """Return `value` as JSON bytes.

    Raises:
        TypeError: `value` holds something that JSON does not have.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        # Lone surrogates and integers beyond 64 bits are valid JSON that orjson does not write.
        return json.dumps(value).encode("ascii")


def decode_json(data: bytes) -> Any:
    """Return the value in these JSON bytes.

    Raises:
        ValueError: the bytes are not JSON, not UTF-8, or nested without end.
    """
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        # Lone surrogates are valid JSON that orjson does not read, and Python servers write NaN.
        return json.loads(data)
    except RecursionError:
        msg = "JSON that is nested without end"
        raise ValueError(msg) from None

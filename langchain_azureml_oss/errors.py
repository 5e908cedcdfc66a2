"""What can go wrong, and the exception that says so.

    AzureMLOSSError
    ├── ConnectionConfigError        configuration                      (ValueError)
    ├── AuthenticationError          401                                (ModelAuthenticationError)
    ├── PermissionDeniedError        403                                (ModelPermissionDeniedError)
    ├── InvalidRequestError          400 405 409 413 415 422, redirect  (ModelInvalidRequestError)
    │   ├── ContentFilterError       content safety refused
    │   └── UnsupportedInputError    cannot be expressed; nothing sent  (ValueError)
    ├── ContextLengthError           prompt too long                    (ContextOverflowError)
    ├── NotFoundError                404                                (ModelNotFoundError)
    ├── RateLimitError               429                                (ModelRateLimitError)
    ├── RequestTimeoutError          408 504, no bytes, the deadline    (ModelTimeoutError)
    ├── EndpointConnectionError      no connection, reset, cut short    (ModelConnectionError)
    │   └── StreamInterruptedError   a stream that missed its end
    ├── RefusalError                 the model declined                 (ModelError)
    ├── ServerError                  5xx                                (ModelAPIError)
    ├── ModelContainerError          424                                (ModelAPIError)
    └── ResponseFormatError          not an answer of the contract      (ModelAPIError)

The classes in brackets are langchain-core's for the same condition, so that LangChain's retry and
fallback middleware knows what to do. No message, body or cause ever holds a key or a token.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)


class AzureMLOSSError(Exception):
    """Base of every error of this package.

    Attributes:
        is_retryable: Whether another try may help.
        status: HTTP status, or None where there was no response.
        request_id: The server's id of the request, for a support ticket.
        deployment: The deployment that answered.
        body: The server's own words, at most 2,000 characters.
    """

    is_retryable: bool

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        deployment: str | None = None,
        body: str | None = None,
        is_retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        self.deployment = deployment
        self.body = body
        if is_retryable is not None:
            self.is_retryable = is_retryable

    def redacted(self, *secrets: str) -> AzureMLOSSError:
        """Take these texts out of everything that this error shows, and return it."""
        # What it was made of may hold the server's body, or the request's headers.
        self.__cause__ = self.__context__ = None
        self.args = tuple(redact(arg, *secrets) for arg in self.args)
        for name, value in vars(self).items():
            setattr(self, name, redact(value, *secrets))
        return self


class ConnectionConfigError(AzureMLOSSError, ValueError):
    """The configuration is incomplete or wrong; nothing was sent."""

    is_retryable = False


class AuthenticationError(AzureMLOSSError, ModelAuthenticationError):
    """401: the key or token is wrong, expired, or of the wrong kind."""


class PermissionDeniedError(AzureMLOSSError, ModelPermissionDeniedError):
    """403: no permission to score."""


class InvalidRequestError(AzureMLOSSError, ModelInvalidRequestError):
    """400, 405, 409, 413, 415, 422 or a redirect: the server refuses this request."""


class ContentFilterError(InvalidRequestError):
    """Content safety refused the prompt or the answer."""


class UnsupportedInputError(InvalidRequestError, ValueError):
    """The input cannot be expressed in the endpoint's contract or family; nothing was sent."""


class RefusalError(AzureMLOSSError, ModelError):
    """The model declined to give the form that was asked for.

    Raised where langchain-core is older than 1.7.5, which brought ModelRefusalError for this.
    """

    is_retryable = False


class ContextLengthError(AzureMLOSSError, ContextOverflowError):
    """The prompt is longer than the model's context window."""


class NotFoundError(AzureMLOSSError, ModelNotFoundError):
    """404: no such path, no such deployment, or no deployment with traffic."""


class RateLimitError(AzureMLOSSError, ModelRateLimitError):
    """429: too many pending requests, or the endpoint's rate limit."""


class RequestTimeoutError(AzureMLOSSError, ModelTimeoutError):
    """408, 504, no bytes in time, or the deadline passed.

    Attributes:
        accepted: Whether the server may be working on the request still.
    """

    def __init__(self, message: str, *, accepted: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.accepted = accepted


class EndpointConnectionError(AzureMLOSSError, ModelConnectionError):
    """No connection, a reset, or a body cut short."""


class StreamInterruptedError(EndpointConnectionError):
    """A stream ended, stalled or failed before its end.

    Attributes:
        text: The text that had come until then.
    """

    def __init__(self, message: str, *, text: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.text = text


class ServerError(AzureMLOSSError, ModelAPIError):
    """5xx."""


class ModelContainerError(AzureMLOSSError, ModelAPIError):
    """424: the model's container answered something other than 200.

    Attributes:
        model_status: What the container answered.
        model_reason: Its reason phrase.
    """

    def __init__(
        self,
        message: str,
        *,
        model_status: int | None = None,
        model_reason: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.model_status = model_status
        self.model_reason = model_reason


class ResponseFormatError(AzureMLOSSError, ModelAPIError):
    """An answer that the contract does not have."""

    is_retryable = False


def shorten(text: str, limit: int = 500) -> str:
    """Return the beginning of a long text, cut where no key or token can be cut in two."""
    if len(text) <= limit:
        return text
    start = text[:limit]
    borders = [place.end() for place in re.finditer(r"[^\w.~+/=-]", start)]
    return start[: borders[-1]] if borders else start


_SHORTEST = 6
"""Characters of a secret; keys and tokens of Azure have 32 and more."""
_TELLING = 8
"""So many characters of a secret are enough to take them for it: a cut may have fallen into it."""


def redact(value: Any, *secrets: str) -> Any:
    """Return `value` with each of these texts replaced, where it is text.

    Found are also their beginnings, and the spellings in which servers repeat what they were sent:
    in JSON, in HTML and in URLs, whatever the case. A text of fewer than 6 characters guards
    nothing and stays, since ordinary words hold it too, such as `key`.
    """
    if not isinstance(value, str):
        return value
    spellings = {
        spelling for secret in secrets if len(secret) >= _SHORTEST for spelling in _spelled(secret)
    }
    parts, place = [], 0
    for start, end in sorted(span for spelling in spellings for span in _spans(spelling, value)):
        if start >= place:
            parts += [value[place:start], "[redacted]"]
        place = max(place, end)
    return "".join([*parts, value[place:]])


def _spelled(secret: str) -> set[str]:
    in_urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    # .NET's JSON, which Azure's front doors are made of. JSON of others differs by backslashes.
    in_json = re.sub(r"[\"&'+<>`]", lambda found: f"\\u{ord(found[0]):04X}", secret)
    return {secret, in_json, html.escape(secret), *in_urls}


def _spans(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret, or its beginning, stands in a text."""
    # JSON in JSON in JSON puts any number of backslashes between the characters.
    head, rest = secret[:_TELLING], secret[_TELLING:].lower()
    for found in re.finditer(r"\\*".join(map(re.escape, head)), text, re.IGNORECASE):
        yield found.start(), _end_of(rest, text, found.end())


def _end_of(rest: str, text: str, place: int) -> int:
    """Return where in the text, from `place` on, it no longer goes on as `rest` does."""
    for char in rest:
        after = place
        while text[after : after + 1] == "\\" != char:
            after += 1
        if text[after : after + 1].lower() != char:
            break
        place = after + 1
    return place

"""The exceptions; they are drawn in the docstring of this room."""

from __future__ import annotations

from typing import Any

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

from langchain_azureml_oss.errors.redaction import redact
from langchain_azureml_oss.errors.response import ErrorResponse
from langchain_azureml_oss.errors.terminal_orders import harmless


class AzureMLOSSError(Exception):
    """Base of every error of this package.

    What is shown of it, and all but `body` and `response.text`, gives a terminal no orders. Those
    two are kept for programs as the server wrote them, but for keys.

    Attributes:
        is_retryable: Whether another try may help.
        status: HTTP status, or None where there was no response.
        request_id: The server's id of the request, for a support ticket.
        deployment: The deployment that answered.
        body: The server's own words, at most 2,000 characters, control characters included.
        response: Status, headers and body as langchain-core's callbacks read them; or None.
        retry_after: Seconds that the server asks to wait, or None.
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
        super().__init__(harmless(message))
        self.status = status
        self.request_id = request_id and harmless(request_id)
        self.deployment = deployment and harmless(deployment)
        self.body = body
        self.response: ErrorResponse | None = None
        self.retry_after: float | None = None
        if is_retryable is not None:
            self.is_retryable = is_retryable

    def redacted(self, *secrets: str) -> AzureMLOSSError:
        """Take these texts out of everything that this error shows, and return it."""
        # What it was made of may hold the server's body, or the request's headers.
        self.__cause__ = self.__context__ = None
        self.args = tuple(redact(arg, *secrets) for arg in self.args)
        for name, value in vars(self).items():
            setattr(self, name, redact(value, *secrets))
        self.response = self.response and self.response.redacted(*secrets)
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
        self.model_reason = model_reason and harmless(model_reason)


class ResponseFormatError(AzureMLOSSError, ModelAPIError):
    """An answer that the contract does not have."""

    is_retryable = False

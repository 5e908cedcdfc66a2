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
fallback middleware knows what to do. No message, body or cause ever holds a key or a token, and no
message a control sequence of terminals.

The exceptions are public, as names of this module; the functions are internal. `from_reply.py`
makes them of an HTTP reply that is an error, `refused_features.py` knows which feature of a request
a server refuses, `redaction.py` takes keys out of texts and tracebacks, `terminal_orders.py` what
gives orders to a terminal. Imports `wire` alone.
"""

from langchain_azureml_oss.errors.from_reply import (
    VECTORS_HINT,
    explain,
    from_inside_200,
    from_response,
    response_details,
)
from langchain_azureml_oss.errors.redaction import (
    frames_forgotten,
    in_words,
    is_like_a_key,
    keys_in_url,
    named,
    quoted,
    redact,
    shorten,
    url_without_keys,
)
from langchain_azureml_oss.errors.refused_features import refused_feature
from langchain_azureml_oss.errors.response import ErrorResponse
from langchain_azureml_oss.errors.terminal_orders import escaped, harmless, on_one_line
from langchain_azureml_oss.errors.tree import (
    AuthenticationError,
    AzureMLOSSError,
    ConnectionConfigError,
    ContentFilterError,
    ContextLengthError,
    EndpointConnectionError,
    InvalidRequestError,
    ModelContainerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RefusalError,
    RequestTimeoutError,
    ResponseFormatError,
    ServerError,
    StreamInterruptedError,
    UnsupportedInputError,
)

__all__ = [
    "VECTORS_HINT",
    "AuthenticationError",
    "AzureMLOSSError",
    "ConnectionConfigError",
    "ContentFilterError",
    "ContextLengthError",
    "EndpointConnectionError",
    "ErrorResponse",
    "InvalidRequestError",
    "ModelContainerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RefusalError",
    "RequestTimeoutError",
    "ResponseFormatError",
    "ServerError",
    "StreamInterruptedError",
    "UnsupportedInputError",
    "escaped",
    "explain",
    "frames_forgotten",
    "from_inside_200",
    "from_response",
    "harmless",
    "in_words",
    "is_like_a_key",
    "keys_in_url",
    "named",
    "on_one_line",
    "quoted",
    "redact",
    "refused_feature",
    "response_details",
    "shorten",
    "url_without_keys",
]

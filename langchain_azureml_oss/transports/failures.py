"""What a driver could not do, in the same words for both worlds."""

from __future__ import annotations

import ssl

from langchain_azureml_oss.errors import EndpointConnectionError, RequestTimeoutError

_WAY_FORWARD = "Check host, network and proxy; `azureml-oss doctor` says how far it gets."


def no_connection_in_time() -> RequestTimeoutError:
    """Return the error for a connection that was not made; the endpoint knows of no request."""
    return RequestTimeoutError(f"No connection to the endpoint in time (timeout=). {_WAY_FORWARD}")


def no_bytes_in_time() -> RequestTimeoutError:
    """Return the error for silence after the request; the endpoint may be working on it."""
    msg = "No bytes from the endpoint in time. Raise timeout=, or stream long answers."
    return RequestTimeoutError(msg, accepted=True)


def lost_connection(cause: BaseException, *, receiving: bool) -> EndpointConnectionError:
    """Return the error for a connection that failed.

    Args:
        cause: The first cause. Its words are shown, so they must not hold headers.
        receiving: Whether the answer had begun.
    """
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = getattr(cause, "verify_message", "") or cause
        msg = (
            f"The endpoint's certificate is not trusted: {why}."
            " ca_bundle= takes the certificates of a private authority."
        )
        return EndpointConnectionError(msg, is_retryable=False)
    doing = "while its answer was read" if receiving else "before it answered"
    words = " ".join(str(cause).split())
    said = f"{type(cause).__name__}: {words}" if words else type(cause).__name__
    way = "" if receiving else f". {_WAY_FORWARD}"
    return EndpointConnectionError(f"The connection to the endpoint failed {doing}: {said}{way}")

"""What went wrong, in one sentence, and what to do about it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping, Sequence

from langchain_azureml_oss.connections import jwt_expiry
from langchain_azureml_oss.errors import (
    VECTORS_HINT,
    AuthenticationError,
    AzureMLOSSError,
    EndpointConnectionError,
    ModelContainerError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ResponseFormatError,
    ServerError,
    StreamInterruptedError,
    explain,
)

_LOGS = "Its logs say why: az ml online-deployment get-logs --endpoint-name NAME --name DEPLOYMENT."
_ADVICE: Mapping[type[AzureMLOSSError], str] = {
    AuthenticationError: "Copy the key again: studio, Endpoints, the endpoint, the tab Consume; or"
    " az ml online-endpoint get-credentials --name NAME. An endpoint whose authentication is"
    " aad_token or aml_token takes no key: pass credential=DefaultAzureCredential(), or"
    " --connection onlineEndpoint/NAME.",
    PermissionDeniedError: "Give the identity the role AzureML Data Scientist on the endpoint or"
    " its workspace.",
    RateLimitError: "Wait, ask for fewer calls at once, or add instances to the deployment.",
    RequestTimeoutError: "The model may still be loading, or is too slow for the deployment's"
    " request_timeout_ms. Try again in a minute.",
    ModelContainerError: f"The model's container failed. {_LOGS}",
    ServerError: f"The server failed. {_LOGS}",
    ResponseFormatError: "Check the URL's host and path: a gateway or a sign-in page may answer"
    " there. A model answers {} where its engine is down or a content filter stepped in, and a"
    " chat deployment to what a completion family such as FALCON sends: give --family OPENAI then."
    f" {_LOGS}",
}
_SIGN_IN = (
    "Sign in (az login), or check what the credential takes, such as AZURE_CLIENT_ID and"
    " AZURE_CLIENT_SECRET."
)
PROXY_ADVICE = "Correct HTTPS_PROXY, or name the host in NO_PROXY."
AUTHORITY_ADVICE = (
    "For a certificate that your own network signed, pass its authority as"
    " ca_bundle='authority.pem'. For a self-signed one, that is the certificate itself."
)
_NO_CONNECTION = (
    "Check host and port. A firewall, or an endpoint without public network access, looks like this"
    " too; for a proxy, set HTTPS_PROXY."
)
_NO_HANDSHAKE = (
    "Something between here and the endpoint, such as a firewall, breaks TLS. Ask for an exception"
    " for the host."
)
_NEW_ONE = "The server needs a new certificate; or this machine's clock is wrong."
_OTHER_NAME = "Use the host name that the certificate is for."
_CERTIFICATES = {
    "expired": _NEW_ONE,
    "not yet valid": _NEW_ONE,
    "mismatch": _OTHER_NAME,
    "not valid for": _OTHER_NAME,
}
"""What a check of a certificate says -> what to do."""


def tells_of_vectors(error: AzureMLOSSError | None) -> bool:
    """Whether an error says that an embedding model is there."""
    return VECTORS_HINT in str(error)


def for_error(error: AzureMLOSSError) -> str:
    """Return what to do about an error of the endpoint."""
    if _is_redirect(error):
        return str(error)
    if isinstance(error, AuthenticationError) and error.status is None:
        return _SIGN_IN  # the credential gave no token; the endpoint was not asked
    return next((advice for cls, advice in _ADVICE.items() if isinstance(error, cls)), "")


def said(error: AzureMLOSSError) -> str:
    """Return what the endpoint said, without the advice of the exception: the line has its own."""
    if error.status is None or error.body is None or isinstance(error, ResponseFormatError):
        return str(error)
    if _is_redirect(error):
        return f"{error.status}, a redirect"
    around = ""
    if isinstance(error, ModelContainerError):
        around = f" (the model's container answered {error.model_status or 'an error'})"
    return f"{error.status} from the endpoint{around}: {explain(error.body)}"


def brief(error: AzureMLOSSError) -> str:
    """Return what went wrong in a few words, for one of several requests."""
    if isinstance(error, ResponseFormatError):
        shape = str(error).removeprefix("The answer is ")
        if shape == str(error):  # it says in a sentence what the server did
            return shape[:1].lower() + shape[1:].partition(": ")[0]
        return f"answered {shape.partition(', which contract')[0]}"
    if isinstance(error, ModelContainerError) and error.model_status:
        return f"424 around the model's {error.model_status}"
    if _is_redirect(error):
        return f"{error.status}, a redirect"
    if error.status is None or isinstance(error, EndpointConnectionError):
        return str(error).partition(": ")[0]
    return str(error.status)


def _is_redirect(error: AzureMLOSSError) -> bool:
    return error.status is not None and 300 <= error.status < 400


def is_final(error: AzureMLOSSError) -> bool:
    """Whether every other request would end in the same way."""
    finals = (AuthenticationError, PermissionDeniedError, RequestTimeoutError)
    return isinstance(error, finals) or is_busy(error)


def is_busy(error: AzureMLOSSError) -> bool:
    """Whether the same request may work a second later."""
    if isinstance(error, StreamInterruptedError):
        return False  # the server wrote an error into it, which says something of its streams
    return isinstance(error, RateLimitError | EndpointConnectionError) or error.status in {502, 503}


def about_addresses(host: str, addresses: Sequence[str]) -> str:
    """Return the addresses of a host, and whether they are of a private network."""
    if list(addresses) == [host]:
        return f"{host} is an address itself"
    shown = f"{host} is " + ", ".join(addresses[:3]) + (", …" if len(addresses) > 3 else "")
    if any(ip.is_private and not ip.is_loopback for ip in map(ipaddress.ip_address, addresses)):
        return f"{shown} (a private endpoint: reachable inside of its network only)"
    return shown


def for_name(host: str) -> str:
    """Return what to do about a host name without an address."""
    advice = (
        f"Check {host} for typing errors, and that the endpoint still exists. Inside of a private"
        " network, its DNS has to know the endpoint."
    )
    if host.endswith(".inference.ml.azure.com") and host.count(".") < 5:
        advice += " Its form is ENDPOINT.REGION.inference.ml.azure.com."
    return advice


def for_connection(error: OSError, *, proxy: str) -> tuple[str, str]:
    """Return what went wrong with a TCP connection, and what to do about it."""
    to = f" to the proxy {proxy}" if proxy else ""
    if isinstance(error, ConnectionRefusedError):
        found = f"connection refused{to}: nothing listens there"
    elif isinstance(error, TimeoutError):
        found = f"no connection{to} in time"
    elif isinstance(error, socket.gaierror):
        found = f"the name of the proxy {proxy} has no address"
    else:
        found = f"no connection{to}: {_words(error)}"
    return found, PROXY_ADVICE if proxy else _NO_CONNECTION


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def for_tls(error: OSError) -> tuple[str, str]:
    """Return what went wrong with a TLS handshake, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = getattr(error, "verify_message", "") or str(error)
        told = (way for said, way in _CERTIFICATES.items() if said in words.lower())
        return f"the certificate is not trusted: {words}", next(told, AUTHORITY_ADVICE)
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION" in str(error.reason):
        return "the server does not speak TLS at this port", "Check the port; https:// needs TLS."
    return f"the handshake failed: {_words(error)}", _NO_HANDSHAKE


def about_token(secret: str, now: float | None = None) -> str:
    """Return what the form of a secret tells where it was refused."""
    if secret.count(".") != 2 or not secret.startswith("ey"):
        return ""
    ends = jwt_expiry(secret)
    if ends is None:
        return "The key has the form of a token; tokens expire."
    left = ends - (time.time() if now is None else now)
    if left < 0:
        return f"The key is a token, and expired {-left / 60:.0f} minutes ago."
    return f"The key is a token that is valid for {left / 60:.0f} minutes more."

"""How to reach the endpoint: TLS, proxies and the size of the pool, alike in both worlds."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from langchain_azureml_oss.errors import ConnectionConfigError, quoted


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
        why = getattr(error, "strerror", None) or type(error).__name__
        shown = ", ".join(map(quoted, [pair] if pair is None or isinstance(pair, str) else pair))
        msg = f"ca_bundle={quoted(bundle)}, client_cert={shown}: the files cannot be used: {why}."
        raise ConnectionConfigError(msg) from None
    return context

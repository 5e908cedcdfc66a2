"""A key, a token provider or an Entra ID credential -> the value of the Authorization header.

Tokens are kept until shortly before they expire, and asked for by one caller at a time.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import inspect
import threading
import time
import weakref
from typing import Any, Protocol

from langchain_azureml_oss.errors import AuthenticationError, ConnectionConfigError
from langchain_azureml_oss.http_types import decode_json

DEFAULT_SCOPE = "https://ml.azure.com/.default"
"""Entra ID scope of Azure ML's data plane. Source: Azure ML docs, "Authenticate clients"."""

REFRESH_MARGIN = 300.0
"""Seconds before the end of a token's life at which the next one is asked for."""


class Authorizer(Protocol):
    """Gives the secret that goes after `Bearer `; the same answer for sync and async callers.

    `rejected` is a secret that the endpoint answered 401 to: it is never given again.
    """

    can_refresh: bool
    """Whether a 401 may be mended by asking for another secret."""

    def secret(self, rejected: str = "") -> str:
        """Return the secret."""

    async def asecret(self, rejected: str = "") -> str:
        """Return the secret without blocking the event loop."""


class KeyAuthorizer:
    """An endpoint's key. It does not change, so a 401 is final."""

    can_refresh = False

    def __init__(self, key: str) -> None:
        self._key = key

    def secret(self, rejected: str = "") -> str:
        """Return the key."""
        return self._key

    async def asecret(self, rejected: str = "") -> str:
        """Return the key."""
        return self._key


class TokenAuthorizer:
    """Tokens of an azure-core credential (sync or async), or of a function that returns one."""

    can_refresh = True

    def __init__(self, credential: Any, scope: str = DEFAULT_SCOPE) -> None:
        get_token = getattr(credential, "get_token", None)
        if get_token is None and not callable(credential):
            msg = (
                f"credential is {type(credential).__name__}; it must have get_token(scope), as"
                " azure-identity's classes do, or be a function that returns a token."
            )
            raise ConnectionConfigError(msg)
        self._ask = functools.partial(get_token, scope) if get_token else credential
        asked = get_token or credential
        self._is_async = any(map(inspect.iscoroutinefunction, (asked, type(asked).__call__)))
        self._token = ""
        self._refresh_at = 0.0  # seconds since 1970
        self._lock = threading.Lock()
        # An asyncio lock belongs to the loop in which it was first waited for.
        self._loop_locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._loop_locks = weakref.WeakKeyDictionary()

    def secret(self, rejected: str = "") -> str:
        """Return a token that lives for a while yet."""
        if self._is_async:
            msg = "This credential is async: use ainvoke/astream, or pass the sync credential."
            raise ConnectionConfigError(msg)
        if not self._has_token(rejected):
            with self._lock:
                # Another caller may have brought one while this one waited.
                if not self._has_token(rejected):
                    try:
                        given = self._ask()
                    except Exception as error:  # noqa: BLE001 - whatever a credential raises
                        raise _no_token(error) from None
                    self._keep(given)
        return self._token

    async def asecret(self, rejected: str = "") -> str:
        """Return a token that lives for a while yet."""
        if self._has_token(rejected):
            return self._token
        if not self._is_async:
            return await asyncio.to_thread(self.secret, rejected)
        async with self._loop_locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if not self._has_token(rejected):
                try:
                    given = await self._ask()
                except Exception as error:  # noqa: BLE001 - whatever a credential raises
                    raise _no_token(error) from None
                self._keep(given)
        return self._token

    def _has_token(self, rejected: str) -> bool:
        return time.time() < self._refresh_at and self._token != rejected

    def _keep(self, given: Any) -> None:
        """Store a token: text, or azure-core's AccessToken with its end of life."""
        token = given if isinstance(given, str) else getattr(given, "token", None)
        if not isinstance(token, str) or not _fits_header(token):
            msg = (
                f"The credential gave {type(given).__name__} without a token that a header carries;"
                " one line of ASCII text was expected."
            )
            raise AuthenticationError(msg, is_retryable=False)
        ends = getattr(given, "expires_on", None) or _jwt_expiry(token) or 0.0
        # Short-lived tokens are used for at least half of their life.
        left = ends - time.time()
        self._token, self._refresh_at = token, ends - min(REFRESH_MARGIN, left / 2)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the locks out: they belong to this process."""
        return {name: value for name, value in vars(self).items() if "lock" not in name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self._loop_locks = weakref.WeakKeyDictionary()
        vars(self).update(state)


def authorizer(
    key: str | None, credential: Any, scope: str = DEFAULT_SCOPE
) -> KeyAuthorizer | TokenAuthorizer:
    """Return the authorizer for what was configured; a credential wins over a key.

    Raises:
        ConnectionConfigError: neither was given, or the key cannot be sent in a header.
    """
    if credential is not None:
        return TokenAuthorizer(credential, scope)
    if not key:
        msg = "Neither endpoint_api_key nor credential is set."
        raise ConnectionConfigError(msg)
    if not _fits_header(key):
        msg = (
            "endpoint_api_key holds white space at an end, a line break or a character outside"
            " ASCII, which no HTTP header carries. Copy the key again."
        )
        raise ConnectionConfigError(msg)
    return KeyAuthorizer(key)


def _fits_header(secret: str) -> bool:
    return bool(secret) and secret.isascii() and secret.isprintable() and secret == secret.strip()


def _no_token(error: Exception) -> AuthenticationError:
    return AuthenticationError(
        f"The credential gave no token: {type(error).__name__}: {error}", is_retryable=False
    )


def _jwt_expiry(token: str) -> float | None:
    """Read the `exp` claim (seconds since 1970) of a JWT; Entra ID's and Azure ML's tokens are."""
    try:
        payload = token.split(".")[1]
        claims = decode_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None

"""A key, a token provider or an Entra ID credential -> the secret of the Authorization header.

Tokens are kept until shortly before they expire, and asked for by one caller at a time.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import inspect
import logging
import re
import threading
import time
import weakref
from collections.abc import Awaitable
from typing import Any, Protocol

from pydantic import SecretStr

from langchain_azureml_oss.connections.files import is_masked
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    ConnectionConfigError,
    on_one_line,
    redact,
)
from langchain_azureml_oss.wire import decode_json, fits_header

logger = logging.getLogger(__name__)

DEFAULT_SCOPE = "https://ml.azure.com/.default"
"""Entra ID scope of Azure ML's data plane. Source: Azure ML docs, "Authenticate clients"."""

REFRESH_MARGIN = 300.0
"""Seconds before the end of a token's life at which the next one is asked for."""

_SECRETS = re.compile(
    r"(bearer\s+|(?:secret|password|assertion|token|key)(?:=|[\"']\s*:\s*[\"']))[^\s&\"',;]+"
    r"|()eyJ[\w.-]+",  # a JWT; with no more said of it, none begins inside another
    re.IGNORECASE,
)


_NONE = SecretStr("")


class Authorizer(Protocol):
    """Gives the secret that goes after `Bearer `; the same answer for sync and async callers.

    `rejected` is a secret that the endpoint answered 401 to: it is never given again. A SecretStr,
    since tools that print a traceback's local variables must not show it.
    """

    can_refresh: bool
    """Whether a 401 may be mended by asking for another secret."""

    def secret(self, rejected: SecretStr = _NONE) -> str:
        """Return the secret."""

    async def asecret(self, rejected: SecretStr = _NONE) -> str:
        """Return the secret without blocking the event loop."""


class KeyAuthorizer:
    """An endpoint's key. It does not change, so a 401 is final."""

    can_refresh = False

    def __init__(self, key: str) -> None:
        self._key = SecretStr(key)

    def secret(self, rejected: SecretStr = _NONE) -> str:
        """Return the key."""
        return self._key.get_secret_value()

    async def asecret(self, rejected: SecretStr = _NONE) -> str:
        """Return the key."""
        return self._key.get_secret_value()


class TokenAuthorizer:
    """Tokens of an azure-core credential (sync or async), or of a function that returns one."""

    can_refresh = True

    def __init__(self, credential: Any, scope: str = DEFAULT_SCOPE) -> None:
        get_token = getattr(credential, "get_token", None)
        if isinstance(credential, type) or (get_token is None and not callable(credential)):
            kind = (
                f"the class {credential.__name__}, not an instance of it"
                if isinstance(credential, type)
                else type(credential).__name__
            )
            msg = (
                f"credential is {kind}; it must have get_token(scope), as azure-identity's classes"
                " do, or be a function that returns a token. A key goes to endpoint_api_key."
            )
            raise ConnectionConfigError(msg)
        self._ask = functools.partial(get_token, scope) if get_token else credential
        self._is_async = False  # known once it was asked
        self._token = _NONE
        self._ends = 0.0  # seconds since 1970
        self._refresh_at = 0.0  # likewise
        self._lock = threading.Lock()
        # No asyncio.Lock: an interrupt in its release would leave those that wait for it, and all
        # later callers behind them, waiting for ever. A task always ends.
        self._asking: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]]
        self._asking = weakref.WeakKeyDictionary()

    def secret(self, rejected: SecretStr = _NONE) -> str:
        """Return a token that lives for a while yet."""
        pending = self._refresh(rejected)
        if inspect.iscoroutine(pending):
            pending.close()
        if self._is_async:
            msg = "This credential is async: use ainvoke/astream, or pass the sync credential."
            raise ConnectionConfigError(msg)
        return self._token.get_secret_value()

    async def asecret(self, rejected: SecretStr = _NONE) -> str:
        """Return a token that lives for a while yet."""
        loop = asyncio.get_running_loop()
        while not self._has_token(rejected):
            asking = self._asking.get(loop)
            if asking is None or asking.done():
                asking = self._asking[loop] = loop.create_task(self._bring(rejected))
                asking.add_done_callback(functools.partial(self._heard, loop))
                await asyncio.shield(asking)
                break
            await asyncio.wait([asking])  # what it fails with is another caller's to hear
        return self._token.get_secret_value()

    async def _bring(self, rejected: SecretStr) -> None:
        # In a thread, since a sync credential may take its time.
        pending = await asyncio.to_thread(self._refresh, rejected)
        if pending is not None:
            problem = None
            try:
                self._keep(await pending)
            except Exception as error:  # noqa: BLE001 - whatever a credential raises
                problem = self._problem(error, rejected)
            if problem is not None:
                raise problem

    def _heard(self, loop: asyncio.AbstractEventLoop, asking: asyncio.Task[None]) -> None:
        """Forget a task that has ended, which holds its loop; its caller may have gone."""
        if self._asking.get(loop) is asking:
            del self._asking[loop]
        if not asking.cancelled():
            asking.exception()

    def _refresh(self, rejected: SecretStr) -> Awaitable[Any] | None:
        """Ask for a token where there is none, one thread at a time.

        Returns:
            What an async credential gives instead of a token, for the caller to wait for.
        """
        if self._has_token(rejected):
            return None
        problem = None
        with self._lock:
            # Another caller may have brought one while this one waited.
            if not self._has_token(rejected):
                try:
                    given = self._ask()
                    if inspect.isawaitable(given):
                        self._is_async = True
                        return given
                    self._keep(given)
                except Exception as error:  # noqa: BLE001 - whatever a credential raises
                    problem = self._problem(error, rejected)
        if problem is not None:
            # Here and not where it was caught: the first error, which may hold a secret, would hang
            # on as its context.
            raise problem
        return None

    def _has_token(self, rejected: SecretStr) -> bool:
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
        self._token = SecretStr(token)
        self._live_until(_seconds(getattr(given, "expires_on", None)) or jwt_expiry(token) or 0.0)

    def _live_until(self, ends: float) -> None:
        # Short-lived tokens are used for at least half of what is left of their life.
        left = ends - time.time()
        self._ends, self._refresh_at = ends, ends - min(REFRESH_MARGIN, left / 2)

    def _problem(self, error: Exception, rejected: SecretStr) -> AzureMLOSSError | None:
        """Return the error to raise; none where the token that is there lives on."""
        if isinstance(error, AzureMLOSSError):
            problem = error.redacted(self._token.get_secret_value())
        else:
            # The words are not this package's, and may repeat what the credential was made of.
            said = _SECRETS.sub(r"\1[redacted]", redact(str(error), self._token.get_secret_value()))
            problem = AuthenticationError(
                f"The credential gave no token: {type(error).__name__}: {said}", is_retryable=False
            )
        if time.time() >= self._ends or self._token == rejected:
            return problem
        told = on_one_line(str(problem))
        logger.warning("%s The token that is there is used until it ends.", told)
        self._live_until(self._ends)
        return None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the lock and the tasks out: they belong to this process."""
        own = {"_lock", "_asking"}
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self._asking = weakref.WeakKeyDictionary()
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
    if key.lower().startswith("bearer "):
        msg = "endpoint_api_key begins with the word Bearer; pass what stands behind it."
        raise ConnectionConfigError(msg)
    if is_masked(key):
        msg = "endpoint_api_key is a placeholder; put the key in its place."
        raise ConnectionConfigError(msg)
    return KeyAuthorizer(key)


def _fits_header(secret: str) -> bool:
    return bool(secret) and fits_header(secret) and secret == secret.strip()


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def jwt_expiry(token: str) -> float | None:
    """Read the `exp` claim (seconds since 1970) of a JWT; Entra ID's and Azure ML's tokens are."""
    try:
        payload = token.split(".")[1]
        claims = decode_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None

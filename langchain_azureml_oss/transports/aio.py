"""Carries exchanges out with aiohttp: one pooled session for each event loop.

Three facts about aiohttp that this file works around, all seen with 3.14: a malformed chunk header
after the response's headers closes the connection without a word to who reads, and `sock_read`
does not end that wait; the repr of its errors, and its frames, hold the request's headers; and the
one time-out that bounds the way through a proxy bounds the wait for a free connection too. So a
read that waits looks at its connection from time to time, no error or frame of aiohttp's is kept,
and calls wait for a place before they ask aiohttp for a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Literal, NamedTuple, TypeVar

import aiohttp

from langchain_azureml_oss.errors import AzureMLOSSError, frames_forgotten
from langchain_azureml_oss.exchange import Authorize, Call, Emit, Receive, Send, Wait
from langchain_azureml_oss.transports.failures import (
    lost_connection,
    no_bytes_in_time,
    no_connection_in_time,
)
from langchain_azureml_oss.transports.places import Place, Places
from langchain_azureml_oss.transports.settings import HttpSettings, tls_context
from langchain_azureml_oss.transports.steps import Steps, head

T = TypeVar("T")

_LOOK_SECONDS = 0.25
"""How often a read that waits looks whether its connection is still there."""
_LARGE = 1024 * 1024
"""Bytes of a request's body that are written in pieces."""


class AsyncTransport:
    """Runs calls on the running loop's session, which is opened at the first of them."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None
        self._keepers: dict[asyncio.AbstractEventLoop, _Keeper] = {}
        weakref.finalize(self, _close_left_behind, self._keepers)

    async def drive(self, call: Call[T]) -> AsyncIterator[T]:
        """Yield the results of a call as they come.

        Raises:
            AzureMLOSSError: the call failed.
        """
        steps = Steps(call)
        held = _Held()
        try:
            for command in steps:
                if isinstance(command, Receive):
                    steps.outcome = await _receive(held, command.timeout)
                elif isinstance(command, Emit):
                    for result in command.results:
                        yield result
                else:
                    # Nothing more is read of the last response, and its connection is wanted.
                    held.release()
                    if isinstance(command, Send):
                        steps.outcome = await self._send(command, held)
                    elif isinstance(command, Authorize):
                        steps.outcome = await command.asecret()
                    elif isinstance(command, Wait):
                        await asyncio.sleep(command.seconds)
        finally:
            try:
                held.release()
            finally:
                held.leave()  # for an interrupt that struck just there
                steps.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy without the connections: those belong to their loops."""
        return type(self), (self._settings,)

    async def aclose(self) -> None:
        """Close the running loop's pooled connections; the next call opens new ones."""
        keeper = self._keepers.pop(asyncio.get_running_loop(), None)
        if keeper is not None:
            await keeper.generator.aclose()

    async def _send(self, command: Send, held: _Held) -> Any:
        seconds = command.seconds if command.seconds < math.inf else None
        with frames_forgotten:
            try:
                async with asyncio.timeout(seconds):
                    keeper = await self._keeper(command.request.url)
                    held.place = await keeper.places.take()
                    # No response in a local variable: it knows the key.
                    held.response = await self._request(keeper.session, command)
                    return head(held.response.status, held.response.headers)
            except AzureMLOSSError as error:
                return error
            except (aiohttp.ClientError, OSError, ValueError) as error:  # of a host without a name
                return _failure(error)

    async def _request(
        self, session: aiohttp.ClientSession, command: Send
    ) -> aiohttp.ClientResponse:
        request, timeouts = command.request, command.timeouts
        # aiohttp warns of many bytes at once, since writing them would hold the loop.
        body = request.body if len(request.body) < _LARGE else io.BytesIO(request.body)
        return await session.request(
            request.method,
            request.url,
            data=body if request.method == "POST" else None,
            headers=command.headers(),
            allow_redirects=False,
            proxy=next(iter(self._settings.proxies.values()), None),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=timeouts.connect, sock_read=timeouts.read
            ),
        )

    def _context(self, url: str) -> ssl.SSLContext | Literal[True]:
        """Return the TLS context, loaded once; plain http does without."""
        if not any(to.startswith("https:") for to in (url, *self._settings.proxies.values())):
            return True
        self._tls = self._tls or tls_context(self._settings)
        return self._tls

    async def _keeper(self, url: str) -> _Keeper:
        loop = asyncio.get_running_loop()
        keeper = self._keepers.get(loop)
        if keeper is None:
            _close_left_behind(self._keepers)
            generator = _keep_session(self._context(url))
            # Nothing in the generator waits, so no other task of this loop comes in between.
            places = Places(self._settings.max_connections)
            keeper = self._keepers[loop] = _Keeper(generator, await anext(generator), places)
        return keeper


class _Keeper(NamedTuple):
    generator: AsyncGenerator[aiohttp.ClientSession, None]
    session: aiohttp.ClientSession
    places: Places


class _Held:
    """What a call has for now: a place, and the response whose body it reads."""

    place: Place | None = None
    response: aiohttp.ClientResponse | None = None

    def release(self) -> None:
        """Give the connection back to the pool if the body was read, close it otherwise."""
        with contextlib.suppress(RuntimeError):  # the loop may be closed
            if self.response is not None:
                connection = self.response.connection
                if connection is not None and connection.transport is not None:
                    # To close it would wait until the other side has taken the rest of a request.
                    connection.transport.abort()
                self.response.close()
                self.response = None
            self.leave()

    def leave(self) -> None:
        """Give the place back; to do so twice is no harm."""
        if self.place is not None:
            self.place.give_back()


def _close_left_behind(keepers: dict[asyncio.AbstractEventLoop, _Keeper]) -> None:
    """Forget the loops that have ended, and close what one left open that ended the hard way."""
    # Other threads, with loops of their own, add to the table and look through it too.
    for loop in list(keepers):
        keeper = keepers.pop(loop, None) if loop.is_closed() else None
        if keeper is not None:
            # On a closed loop, nothing that closes a session has to wait.
            with contextlib.suppress(StopIteration, StopAsyncIteration):
                keeper.generator.aclose().__await__().__next__()


async def _keep_session(
    context: ssl.SSLContext | Literal[True],
) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """Hold a session open for as long as the loop runs.

    A loop closes its async generators when it ends (as asyncio.run makes it do), and those that
    nobody holds any more, so the session is closed inside its own loop without being asked.
    """
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    )
    try:
        yield session
    finally:
        await session.close()


async def _receive(held: _Held, seconds: float) -> Any:
    assert held.response is not None, "Receive follows Send"  # noqa: S101
    with frames_forgotten:
        try:
            return await _next_bytes(held.response, seconds)
        except (aiohttp.ClientError, OSError) as error:  # asyncio's TimeoutError is an OSError
            held.response.close()
            return _failure(error, receiving=True)


async def _next_bytes(response: aiohttp.ClientResponse, seconds: float) -> bytes:
    content = response.content
    data = content.read_nowait()
    while not data and not content.at_eof():
        try:
            async with asyncio.timeout(min(seconds, _LOOK_SECONDS)):
                return await content.readany()
        except TimeoutError:
            if content.is_eof():  # the rest has come in the same moment
                continue
            seconds -= _LOOK_SECONDS
            if seconds <= 0:
                raise
            if response.connection is None or response.connection.transport is None:
                raise aiohttp.ClientPayloadError("the server's chunks are malformed") from None
    return data


def _failure(error: BaseException, *, receiving: bool = False) -> AzureMLOSSError:
    """Return this package's error for one of aiohttp or the operating system."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return no_connection_in_time()
    if isinstance(error, TimeoutError):
        return no_bytes_in_time()
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        # Its own words hold the proxy's URL, with the password.
        error = ConnectionError(f"the proxy answered {error.status} {error.message}")
    elif isinstance(error, aiohttp.ClientResponseError):
        error = ConnectionError(error.message)
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return lost_connection(error, receiving=receiving)

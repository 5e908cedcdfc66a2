"""requests' session and urllib3's pool, as the sync driver has them; `sync.py` says how they fit."""

from __future__ import annotations

import http.cookiejar
import os
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry
from urllib3.util.wait import wait_for_read, wait_for_socket, wait_for_write

from langchain_azureml_oss.transports.bounds import BOUNDS, bounded
from langchain_azureml_oss.transports.settings import HttpSettings, tls_context
from langchain_azureml_oss.transports.sync_answer import Answer, Incoming

PRIVATE = {"urllib3.connection.HTTPSConnection": ["_connect_tls_proxy"]}
"""All that is used of other packages' private names; a test of each fails when it is gone."""

_PIECE = 16 * 1024
"""Bytes of a request that are sent in one step: one record of TLS."""


def _urllib3s_own(cls: Any) -> Any:
    """Return urllib3's class, though VCR.py has put one of its own in its place."""
    return next(base for base in cls.__mro__ if base.__module__ == "urllib3.connection")


_HTTPConnection: Any = _urllib3s_own(HTTPConnection)
_HTTPSConnection: Any = _urllib3s_own(HTTPSConnection)


class Connection(_HTTPConnection):
    """One whose waits end in time, and that is not used again with bytes left on it."""

    _incoming: Incoming | None = None
    _is_unfinished = False

    def connect(self) -> None:
        """Connect in the time for that, proxy and TLS included."""
        self._is_unfinished = False
        with BOUNDS.connecting(self.timeout):
            self.timeout = BOUNDS.next_step()
            super().connect()

    def send(self, data: bytes) -> None:
        """Send bytes; `BrokenPipeError` makes urllib3 read what the other side had to say."""
        if self.sock is None:
            self.connect()
        for start in range(0, len(data), _PIECE):
            if start and self._is_answered():
                self._is_unfinished = True
                raise BrokenPipeError
            self.sock.settimeout(BOUNDS.next_step())
            try:
                super().send(data[start : start + _PIECE])
            except ssl.SSLError:
                raise BrokenPipeError from None
            BOUNDS.sent = True

    def response_class(self, sock: Any, *args: Any, **kwargs: Any) -> Answer:
        """Return the answer on a socket; http.client calls this as it would a class."""
        incoming, self._incoming = self._incoming, None
        if incoming is None or incoming.closed:
            incoming = Incoming(sock)
        self._incoming = incoming
        return Answer(incoming, *args, **kwargs)

    @property
    def is_connected(self) -> bool:
        """Whether the next request can be sent here."""
        # Over TLS, bytes may wait where no look at the socket finds them.
        has_more = self._incoming is not None and self._incoming.has_more
        if has_more or self._is_unfinished or getattr(self.sock, "pending", int)():
            return False
        return bool(super().is_connected)

    def _is_answered(self) -> bool:
        """Wait until more can be sent; True: the answer has come before that."""
        while not wait_for_write(self.sock, timeout=0):
            wait_for_socket(self.sock, read=True, write=True, timeout=BOUNDS.next_step())
            if wait_for_read(self.sock, timeout=0):
                if self._incoming is None or self._incoming.closed:
                    self._incoming = Incoming(self.sock)
                if self._incoming.source.has_any():
                    return True
        return False


class _TLSConnection(Connection, _HTTPSConnection):
    def _connect_tls_proxy(self, hostname: str, sock: Any) -> Any:
        """urllib3 reads TLS inside TLS itself, many steps at a time."""
        outer = super()._connect_tls_proxy(hostname, sock)
        outer.recv, outer.sendall = bounded(outer, outer.recv), bounded(outer, outer.sendall)
        return outer


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        """The same, with a bound on the wait for a place."""
        return super().urlopen(*args, pool_timeout=BOUNDS.left(), **kwargs)


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}
_EMPTY = vars(requests.Response())
"""What a new response is made of; its cookie jar alone takes longer than the rest."""


class _Adapter(HTTPAdapter):
    """Works out once for each URL what requests works out for each request."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._pools: dict[str, Any] = {}
        self._targets: dict[str, str] = {}
        super().__init__(
            pool_maxsize=settings.max_connections, pool_block=True, max_retries=Retry(total=False)
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._adopt(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        known = proxy in self.proxy_manager
        if not known and proxy.startswith("https:"):
            kwargs["proxy_ssl_context"] = self._tls()
        return self._adopt(super().proxy_manager_for(proxy, **kwargs))

    def _adopt(self, manager: Any) -> Any:
        # A tool of the user's tests that has put connections of its own there is left alone.
        if connection_class() is _HTTPConnection:
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        pool = self._pools.get(request.url)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[request.url] = pool
        return pool

    def request_url(self, request: Any, proxies: Any) -> str:
        target = self._targets.get(request.url)
        if target is None:
            target = self._targets[request.url] = super().request_url(request, proxies)
        return target

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave it to the context."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if any(url.startswith("https:") for url in (request.url, *self._settings.proxies.values())):
            pool["ssl_context"] = self._tls()
        return host, pool

    def build_response(self, request: Any, raw: Any) -> requests.Response:
        response = requests.Response.__new__(requests.Response)
        vars(response).update(
            _EMPTY,
            status_code=raw.status,
            reason=raw.reason,
            url=request.url,
            headers=CaseInsensitiveDict(raw.headers),
            raw=raw,
            request=request,
            history=[],
        )
        return response

    def _tls(self) -> ssl.SSLContext:
        self._context = self._context or tls_context(self._settings)
        return self._context

    def close(self) -> None:
        self._pools.clear()
        super().close()


class _NoCookies(RequestsCookieJar):
    """Takes none, and so gives none."""

    def extract_cookies(self, *_: Any) -> None:
        pass


class _Session(requests.Session):
    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False  # read once, in HttpSettings
        self.cookies = _NoCookies(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        """Do not even look for one: requests would read the whole body first."""
        return iter(())


def connection_class() -> Any:
    """Return what urllib3 makes connections of; VCR.py changes that for as long as a test runs."""
    return HTTPConnectionPool.ConnectionCls


class SyncPool:
    """A session, and where it is of use: after a fork, the connections are the parent's alone."""

    def __init__(self, settings: HttpSettings) -> None:
        self._process, self._made_of = os.getpid(), connection_class()
        self.session = _Session(_Adapter(settings))

    @property
    def is_usable(self) -> bool:
        """Whether calls can be made with it here and now."""
        return self._process == os.getpid() and self._made_of is connection_class()

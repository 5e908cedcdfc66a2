"""The connections of sync calls: a session of requests, over sockets whose waits end in time.

A socket's own time-out begins anew with each byte, so a server that drips would hold a call for
ever, and a big request has to go out in the time to connect. These sockets ask before each step how
long it may take; `bound` says it to those that the thread uses.
"""

from __future__ import annotations

import http.cookiejar
import math
import os
import socket
import ssl
import threading
import time
from typing import Any, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from langchain_azureml_oss.transports.settings import HttpSettings, tls_context


class _Bounds(threading.local):
    silence = math.inf
    """Longest wait for the next bytes, in seconds."""
    ends = math.inf
    """When all waiting ends, on the monotonic clock."""
    sent = False
    """Whether any part of the request has gone out."""


BOUNDS = _Bounds()


def bound(silence: float, seconds: float) -> None:
    """Bound what this thread's sockets wait for from now on, both in seconds."""
    BOUNDS.silence, BOUNDS.ends, BOUNDS.sent = silence, time.monotonic() + seconds, False


class _Bounded(socket.socket):
    """Asks before each step how long it may take."""

    def _begin(self) -> None:
        left = min(BOUNDS.silence, BOUNDS.ends - time.monotonic())
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left if left < math.inf else None)

    def recv(self, *args: Any) -> bytes:
        self._begin()
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        self._begin()
        return super().recv_into(*args)

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            self._begin()
            rest = rest[self.send(rest, flags) :]
            BOUNDS.sent = True


class _BoundedTLS(_Bounded, ssl.SSLSocket):
    """The same over TLS."""


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        opened = super()._new_conn()
        timeout = opened.gettimeout()
        bounded = _Bounded(fileno=opened.detach())
        bounded.settimeout(timeout)
        return bounded


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    """requests' way to urllib3, shortened, with our pools and our TLS context."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._known: dict[str, tuple[Any, str]] = {}
        """URL -> its pool, and what the pool is to be asked for."""
        super().__init__(pool_connections=1, pool_maxsize=settings.max_connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        known = proxy in self.proxy_manager
        if not known and proxy.startswith("https:"):
            kwargs["proxy_ssl_context"] = self._tls()
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: Any, *_: Any, **options: Any) -> requests.Response:
        """Send a request, and return a response with what the driver reads.

        HTTPAdapter's own asks for each call anew which pool a URL belongs to, and fills a response
        with what nobody looks at. Errors are urllib3's own.
        """
        known = self._known.get(request.url)
        if known is None:
            proxies, verify = options["proxies"], options["verify"]
            pool: Any = self.get_connection_with_tls_context(request, verify, proxies)
            known = self._known[request.url] = pool, self.request_url(request, proxies)
        pool, target = known
        connect, read = options["timeout"]
        raw = pool.urlopen(
            "POST",
            target,
            body=request.body,
            headers=request.headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=connect, read=read),
        )
        response = requests.Response()
        response.status_code, response.raw = raw.status, raw
        response.headers = cast("Any", raw.headers)
        return response

    def close(self) -> None:
        self._known.clear()
        super().close()

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            pool["ssl_context"] = self._tls()
        return host, pool

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = tls_context(self._settings)
            self._context.sslsocket_class = _BoundedTLS
        return self._context


class _Session(requests.Session):
    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False  # read once, in HttpSettings
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Do not even look: requests would read the whole body first."""


class SyncPool:
    """One process's session, and the places for calls in flight."""

    def __init__(self, settings: HttpSettings) -> None:
        self.process = os.getpid()
        self.session = _Session(_Adapter(settings))
        self._places = threading.Semaphore(settings.max_connections)

    def enter(self, seconds: float) -> bool:
        """Wait for a place, and return whether there was one in time."""
        return self._places.acquire(timeout=seconds if seconds < math.inf else None)

    def leave(self) -> None:
        """Give a place back."""
        self._places.release()

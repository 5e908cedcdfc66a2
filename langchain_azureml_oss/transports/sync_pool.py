"""The connections of sync calls: urllib3 opens and keeps them, http.client reads what comes.

This is a way of its own below requests' session, since most of what requests and urllib3 do for a
request is the same for each: they look for the proxy and the pool, take the URL apart, and fill
responses with what nobody looks at. Here that is done once for each URL.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import os
import queue
import socket
import ssl
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import parse_url

from langchain_azureml_oss.transports.bounded_sockets import (
    BOUNDS,
    BoundedSocket,
    BoundedTLSSocket,
    connecting,
)
from langchain_azureml_oss.transports.settings import HttpSettings, tls_context
from langchain_azureml_oss.transports.sync_answer import Answer


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        opened = super()._new_conn()
        timeout = opened.gettimeout()
        bounded = BoundedSocket(fileno=opened.detach())
        bounded.settimeout(timeout)
        return bounded


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Idle:
    """Stands in for queue.LifoQueue, whose lock Ctrl-C may leave taken; a deque needs none."""

    def __init__(self, _maxsize: int) -> None:
        self.queue: deque[Any] = deque()

    def put(self, connection: Any, **_: Any) -> None:
        self.queue.append(connection)

    def get(self, **_: Any) -> Any:
        try:
            return self.queue.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        return len(self.queue)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection
    QueueCls = _Idle  # type: ignore[assignment]

    def ask(self, request: bytes, connect_seconds: float, *, through_tunnel: bool) -> Answer:
        """Send a request, and return its answer, of which the headers are read.

        Raises:
            urllib3.exceptions.HTTPError, http.client.HTTPException, OSError: it failed.
        """
        connection: Any = self._get_conn()
        answer = None
        try:
            if connection.is_closed:
                connection.timeout = min(connect_seconds, BOUNDS.left())
                with connecting(connect_seconds):
                    if through_tunnel:
                        self._prepare_proxy(connection)  # which connects
                    else:
                        connection.connect()
            # Who has read enough of a request may answer and hang up.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sock.sendall(request)
            answer = Answer(connection, self._put_conn)
            answer.begin()
        except BaseException:
            if answer is not None:
                answer.close()
            else:
                connection.close()
                self._put_conn(connection)
            raise
        return answer


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


_STOCK_SEND = HTTPAdapter.send
_EMPTY = vars(requests.Response())
"""What a new response is made of; its cookie jar alone takes longer than the rest of this way."""


class _Route(NamedTuple):
    """What all requests to one URL have in common."""

    pool: _Pool
    through_tunnel: bool
    start: str
    """The request line, and the proxy's headers."""
    host: str
    """The header of that name."""


class _Adapter(HTTPAdapter):
    """Finds the pool and the proxy of a URL as requests does, with our pools and TLS context."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._routes: dict[str, _Route] = {}
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

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a request, and return a response with what the driver reads.

        Errors are those of `_Pool.ask`.
        """
        if HTTPAdapter.send is not _STOCK_SEND:  # as the package responses replaces it in tests
            return super().send(request, *args, **options)
        route = self._routes.get(request.url) or self._route(request, options)
        host = "" if "host" in request.headers else route.host
        headers = "\r\n".join(map(": ".join, request.headers.items()))
        head = f"{route.start}{host}{headers}\r\n\r\n".encode("ascii")
        connect, _read = options["timeout"]
        answer = route.pool.ask(head + request.body, connect, through_tunnel=route.through_tunnel)
        raw: Any = answer
        if "content-encoding" in answer.fields:
            raw = urllib3.HTTPResponse(answer, headers=answer.fields, preload_content=False)
        response = requests.Response.__new__(requests.Response)
        vars(response).update(
            _EMPTY,
            status_code=answer.status,
            reason=answer.reason,
            url=request.url,
            headers=CaseInsensitiveDict(answer.fields),
            raw=raw,
            request=request,
            history=[],
        )
        return response

    def _route(self, request: Any, options: Any) -> _Route:
        proxies, url = options["proxies"], parse_url(request.url)
        pool: Any = self.get_connection_with_tls_context(request, options["verify"], proxies)
        is_https, has_proxy = url.scheme == "https", pool.proxy is not None
        lines = [f"POST {url.request_uri} HTTP/1.1"]
        if has_proxy and not is_https:
            lines = [f"POST {url._replace(fragment=None).url} HTTP/1.1"]
            lines += map(": ".join, pool.proxy_headers.items())
        start, host = "".join(f"{line}\r\n" for line in lines), f"Host: {url.netloc}\r\n"
        route = self._routes[request.url] = _Route(pool, has_proxy and is_https, start, host)
        return route

    def close(self) -> None:
        self._routes.clear()
        super().close()

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if any(url.startswith("https:") for url in (request.url, *self._settings.proxies.values())):
            pool["ssl_context"] = self._tls()
        return host, pool

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = tls_context(self._settings)
            self._context.sslsocket_class = BoundedTLSSocket
        return self._context


class _Session(requests.Session):
    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False  # read once, in HttpSettings
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        """Do not even look for one: requests would read the whole body first."""
        return iter(())


class SyncPool:
    """One process's session, and the places for calls in flight."""

    def __init__(self, settings: HttpSettings) -> None:
        self.process = os.getpid()
        self.session = _Session(_Adapter(settings))
        # Not a semaphore, for the same reason.
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(settings.max_connections):
            self.leave()

    def enter(self) -> bool:
        """Wait for a place, and return whether there was one in time."""
        try:
            self._places.get(timeout=BOUNDS.left())
        except queue.Empty:
            return False
        return True

    def leave(self) -> None:
        """Give a place back."""
        self._places.put(None)

"""requests' session as the sync driver has it; `sync.py` says how the parts fit together."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3.util import Retry

from langchain_azureml_oss.transports.settings import HttpSettings, tls_context
from langchain_azureml_oss.transports.sync_connection import connection_class, pool_classes

_EMPTY = vars(requests.Response())
"""What a new response is made of; its cookie jar alone takes longer than the rest."""


class _Adapter(HTTPAdapter):
    """Works out once for each URL what requests works out for each request."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._pools: dict[str, Any] = {}
        super().__init__(
            pool_maxsize=settings.max_connections,
            pool_block=pool_classes() is not None,
            max_retries=Retry(total=False),
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
        manager.pool_classes_by_scheme = pool_classes() or manager.pool_classes_by_scheme
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        pool = self._pools.get(request.url)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[request.url] = pool
        return pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave it to the context: for plain http, requests would not check a proxy's either."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if any(url.startswith("https:") for url in (request.url, *self._settings.proxies.values())):
            pool["ssl_context"] = self._tls()
        return host, pool

    def build_response(self, request: Any, raw: Any) -> requests.Response:
        if not isinstance(raw, urllib3.BaseHTTPResponse):  # VCR.py's are http.client's
            raw = urllib3.HTTPResponse(
                raw, dict(raw.headers.items()), raw.status, preload_content=False
            )
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
        self.cookies = _NoCookies()
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        """Do not even look for one: requests would read the whole body first."""
        return iter(())


class SyncPool:
    """A session, and where it is of use: after a fork, the connections are the parent's alone."""

    def __init__(self, settings: HttpSettings) -> None:
        self._process, self._made_of = os.getpid(), connection_class()
        self.session = _Session(_Adapter(settings))

    @property
    def is_usable(self) -> bool:
        """Whether calls can be made with it here and now."""
        return self._process == os.getpid() and self._made_of is connection_class()

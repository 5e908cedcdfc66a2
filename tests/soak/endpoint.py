"""The local endpoint in a process of its own, which counts what it sees of its client."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from typing import Any

from aiohttp import web

from langchain_azureml_oss.local import LocalEndpoint, endpoint

FAULTS = {
    "429": 0.01,
    "500": 0.005,
    "503": 0.005,
    "424": 0.005,
    "inner429": 0.005,
    "reset": 0.005,
    "cut": 0.005,
    "slow": 0.01,
}
"""5 % of the requests; each of these passes, so that each call has an answer in the end."""


@dataclass
class Traffic:
    """What the endpoint sees."""

    requests: int = 0
    faults: int = 0
    most_requests: int = 0
    """At the same time."""
    most_connections: int = 0
    """At the same time."""


@dataclass
class _Watch:
    seen: Traffic = field(default_factory=Traffic)
    in_flight: int = 0
    connections: set[Any] = field(default_factory=set)

    def over(self, app: web.Application) -> web.Application:
        @web.middleware
        async def watch(request, handler):
            self._begin(request.transport)
            try:
                return await handler(request)
            finally:
                self.in_flight -= 1

        app.middlewares.insert(0, watch)
        return app

    def _begin(self, transport):
        self.connections = {one for one in self.connections if not one.is_closing()} | {transport}
        self.in_flight += 1
        self.seen.requests += 1
        self.seen.most_requests = max(self.seen.most_requests, self.in_flight)
        self.seen.most_connections = max(self.seen.most_connections, len(self.connections))


def _serve(pipe, options):
    watch, build_app = _Watch(), endpoint.build_app
    endpoint.build_app = lambda state: watch.over(build_app(state))
    with LocalEndpoint("echo", keep_requests=1_000_000, **options) as served:
        pipe.send((served.url, served.api_key))
        pipe.recv()
        watch.seen.faults = sum(request.fault is not None for request in served.requests)
    pipe.send(asdict(watch.seen))


@contextmanager
def endpoint_process(**options):
    """Yield the endpoint's URL, its key, and a function that ends it and returns its `Traffic`."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, options), daemon=True)
    process.start()

    def end():
        ours.send("end")
        return Traffic(**ours.recv())

    try:
        yield *ours.recv(), end
    finally:
        process.terminate()
        process.join()
        ours.close()
        theirs.close()

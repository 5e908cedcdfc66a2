"""A local endpoint: starting it, stopping it, and asking it what it has seen."""

from __future__ import annotations

import asyncio
import secrets
import signal
import threading
import time
from collections.abc import Callable
from random import Random
from types import FrameType, TracebackType
from typing import Any, Self

from aiohttp import web

from langchain_azureml_oss.connections import CustomConnection
from langchain_azureml_oss.local.app import build_app
from langchain_azureml_oss.local.engines import open_engine
from langchain_azureml_oss.local.faults import FaultPlan
from langchain_azureml_oss.local.options import EndpointOptions
from langchain_azureml_oss.local.request_log import RecordedRequest, RequestLog
from langchain_azureml_oss.local.state import State

# What is open then is cancelled: stopping must not wait for a model that is still talking.
_SHUTDOWN_S = 0.05
_ACCEPT_TURNS = 5
# Addresses that mean "all of this machine's" are good for listening only.
_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


class LocalEndpoint(EndpointOptions):
    """A local Azure ML online endpoint, run in a thread of this process.

    Takes the options of `EndpointOptions` as keyword arguments; the first positional one is the
    model. Use it in a `with` statement, or call `start` and `stop`.

    Raises:
        FileNotFoundError: The model is neither a known name nor a file.
        MissingEngineError: A package that the model needs is not installed.
        ValueError: An option that makes no sense.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._plan = FaultPlan(self.faults, self.seed)
        self._log = RequestLog(self.keep_requests, self.keep_request_bytes)
        self._tokens: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._bound_port = 0
        # Opened now and not in the thread: what is missing is said where the endpoint is made.
        self._engine = open_engine(self)

    @property
    def url(self) -> str:
        """Where the endpoint listens.

        Raises:
            RuntimeError: It is not running.
        """
        if self._thread is None:
            raise RuntimeError("The local endpoint is not running: call start(), or use `with`.")
        scheme = "https" if self.ssl_context else "http"
        host = _REACHED_AT.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{self._bound_port}"

    @property
    def scoring_url(self) -> str:
        """The URL of `/score`."""
        return f"{self.url}/score"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first; of more than `keep_requests`, the last ones."""
        return self._log.snapshot()

    def connection(self, family: str = "LLAMA", path: str = "/score") -> CustomConnection:
        """A connection to this endpoint.

        Args:
            family: The `model_family`.
            path: The path that picks the contract, such as `/v1/chat/completions`.
        """
        from langchain_azureml_oss.connections import CustomConnection  # noqa: PLC0415 -- upwards

        key = self.issue_token() if self.auth == "aad_token" else self.api_key
        return CustomConnection(
            configs={"endpoint_url": self.url + path, "model_family": family},
            secrets={"endpoint_api_key": key},
        )

    def issue_token(self, lifetime_s: float = 3600) -> str:
        """A token that opens an endpoint with `auth="aad_token"`.

        Args:
            lifetime_s: Seconds until the endpoint answers 401 to it.

        Raises:
            ValueError: The endpoint takes keys.
        """
        if self.auth != "aad_token":
            raise ValueError('Only an endpoint with auth="aad_token" issues tokens.')
        token = secrets.token_urlsafe(48)
        self._tokens[token] = time.monotonic() + lifetime_s
        return token

    def fail_next(self, fault: str, times: int = 1) -> None:
        """Plans a fault for the next requests, before any that chance would bring.

        Args:
            fault: A name in `FAULTS`, or `424-<status>`. A fault of streams waits for a stream.
            times: How many requests.

        Raises:
            ValueError: There is no such fault.
        """
        self._plan.add(fault, times)

    def start(self) -> Self:
        """Loads the model and listens.

        Raises:
            RuntimeError: It runs already.
            OSError: The port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("The local endpoint is running already.")
        ready = threading.Event()
        problems: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(ready))
            except BaseException as problem:  # noqa: BLE001 -- raised again in the caller's thread
                problems.append(problem)
            finally:
                ready.set()

        # A daemon: an endpoint that nobody stops must not keep the process alive.
        self._thread = threading.Thread(target=run, name="local-endpoint", daemon=True)
        self._thread.start()
        ready.wait()
        if problems:
            self._thread.join()
            self._thread = None
            raise problems[0]
        return self

    def stop(self) -> None:
        """Ends open requests and gives port and threads back. Does nothing when not running."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def serve(self, on_ready: Callable[[], None] | None = None) -> None:
        """Runs until SIGINT or SIGTERM, for command lines. Call it in the main thread.

        Args:
            on_ready: Called once the endpoint listens.
        """
        ended = threading.Event()

        def end(_signal: int, _frame: FrameType | None) -> None:
            ended.set()

        signals = (signal.SIGINT, signal.SIGTERM)
        before: dict[signal.Signals, Any] = {one: signal.signal(one, end) for one in signals}
        try:
            with self:
                if on_ready is not None:
                    on_ready()
                # In small waits: Windows does not interrupt a long one for a signal.
                while not ended.wait(0.5):
                    pass
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        traffic = Random(self.seed)  # noqa: S311 -- nothing secret is drawn
        state = State(self, self._engine, self._log, self._plan, self._tokens, traffic)
        runner = web.AppRunner(
            build_app(state),
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_S,
        )
        try:
            await self._engine.start()
            await runner.setup()
            site = web.TCPSite(runner, self.host, self.port, ssl_context=self.ssl_context)
            await site.start()
            self._bound_port = runner.addresses[0][1]
            ready.set()
            await self._stopping.wait()
        finally:
            # Whoever has connected takes some turns of the loop to become a connection that aiohttp
            # knows, and that cleanup() closes.
            for _ in range(_ACCEPT_TURNS):
                await asyncio.sleep(0)
            await runner.cleanup()
            await self._engine.close()

"""Faults on demand: each is something that real endpoints and the networks before them do."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from threading import Lock
from typing import TYPE_CHECKING

from aiohttp import web

from langchain_azureml_oss.local.front_door import answer, failed
from langchain_azureml_oss.local.openai_routes import wants_stream
from langchain_azureml_oss.local.refusals import error
from langchain_azureml_oss.local.state import STATE, visit
from langchain_azureml_oss.local.streams import DONE, ERROR_EVENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Handler

    from langchain_azureml_oss.local.options import Faults
    from langchain_azureml_oss.local.state import Interruption

_FOREVER_S = 24 * 3600


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        summary: What the client sees.
        act: Answers the request, or breaks it.
        streams_only: Whether it needs a request that asks for a stream.
    """

    summary: str
    act: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
    streams_only: bool = False


class FaultPlan:
    """Decides which request gets which fault: planned ones first, then chance.

    Args:
        faults: Fault to probability, as a mapping or as text (`"429=0.05,slow=0.1"`); or a list of
            faults, one for each of the first requests.
        seed: Makes chance repeatable.

    Raises:
        ValueError: An unknown fault, or probabilities that are none.
    """

    def __init__(self, faults: Faults, seed: int | None) -> None:
        planned, odds = ([], faults) if isinstance(faults, str | Mapping) else (faults, {})
        self._odds = _odds(odds)
        self._chance = Random(seed)  # noqa: S311 -- nothing secret is drawn
        self._planned: deque[str] = deque()
        self._lock = Lock()
        for fault in planned:
            self.add(fault, 1)

    def add(self, fault: str, times: int) -> None:
        """Plans a fault for the next requests."""
        fault_named(fault)
        with self._lock:
            self._planned.extend([fault] * times)

    def next(self, *, streaming: bool) -> str | None:
        """The fault of the request in hand, if any."""
        with self._lock:
            # A fault of streams waits until one comes.
            for name in self._planned:
                if streaming or not fault_named(name).streams_only:
                    self._planned.remove(name)
                    return name
            drawn = self._chance.random()
        for name, probability in self._odds.items():
            drawn -= probability
            if drawn < 0:
                return name if streaming or not fault_named(name).streams_only else None
        return None


@web.middleware
async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Breaks the requests that the plan says."""
    if request.method != "POST":
        return await handler(request)
    name = request.app[STATE].plan.next(streaming=wants_stream(request))
    if name is None:
        return await handler(request)
    visit(request).record.fault = name
    return await fault_named(name).act(request, handler)


def fault_named(name: str) -> Fault:
    """The fault of a name; `424-<status>` is a 424 with that model status.

    Raises:
        ValueError: There is no such fault.
    """
    if name in FAULTS:
        return FAULTS[name]
    match = re.fullmatch(r"424-([45]\d\d)", name)
    if match is None:
        raise ValueError(f"Unknown fault {name!r}: there are {', '.join(FAULTS)}, 424-<status>.")
    return Fault("a 424 with that model status", partial(_model_failed, int(match[1])))


def _odds(odds: str | Mapping[str, float]) -> dict[str, float]:
    if isinstance(odds, str):
        pairs = [part.partition("=") for part in odds.split(",") if part.strip()]
        try:
            odds = {name.strip(): float(value) for name, _, value in pairs}
        except ValueError:
            raise ValueError(f"faults={odds!r}: it looks like '429=0.05,slow=0.1'.") from None
    for name in odds:
        fault_named(name)
    if any(not 0 <= value <= 1 for value in odds.values()) or sum(odds.values()) > 1 + 1e-9:
        raise ValueError("faults: each probability is from 0 to 1, and so is their sum.")
    return dict(odds)


async def _status(status: int, request: web.Request, _: Handler) -> web.Response:
    refusal = error(status, "Injected fault.")
    wait_s = request.app[STATE].options.retry_after_s
    if status == 429 and wait_s is not None:
        refusal.headers["Retry-After"] = f"{wait_s:g}"
    return answer(refusal)


async def _model_failed(status: int, _request: web.Request, _: Handler) -> web.Response:
    return failed(error(status, "Injected fault."))


async def _canned(
    response: Callable[[], web.Response], _: web.Request, __: Handler
) -> web.Response:
    return response()


async def _slow(request: web.Request, handler: Handler) -> web.StreamResponse:
    await asyncio.sleep(request.app[STATE].options.slow_s)
    return await handler(request)


async def _reset(request: web.Request, _: Handler) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        # Without lingering, closing sends RST instead of an orderly end.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return await _until_gone()


async def _cut(request: web.Request, handler: Handler) -> web.StreamResponse:
    if wants_stream(request):
        return await _interrupted(_hang_up, request, handler)
    whole = await handler(request)
    body = whole.body if isinstance(whole, web.Response) else b""
    content = body if isinstance(body, bytes) else b""
    short = web.StreamResponse(status=whole.status, headers=whole.headers)
    short.content_length = len(content)
    await short.prepare(request)
    await short.write(content[: len(content) // 2])
    await _hang_up(request, short)
    return short


async def _stall(request: web.Request, handler: Handler) -> web.StreamResponse:
    if wants_stream(request):
        return await _interrupted(_silence, request, handler)
    return await _until_gone()


async def _interrupted(
    interruption: Interruption, request: web.Request, handler: Handler
) -> web.StreamResponse:
    visit(request).interruption = interruption
    return await handler(request)


async def _nothing(_: web.Request, __: web.StreamResponse) -> None:
    """The stream ends in good order, without its `[DONE]`."""


async def _error_event(_: web.Request, response: web.StreamResponse) -> None:
    await response.write(ERROR_EVENT + DONE)


async def _silence(_: web.Request, __: web.StreamResponse) -> None:
    await _until_gone()


async def _hang_up(request: web.Request, _: web.StreamResponse) -> None:
    if request.transport is not None:
        request.transport.close()
    await _until_gone()


async def _until_gone() -> web.StreamResponse:
    """Waits until the server cancels the handler, which it does once the connection is gone."""
    await asyncio.sleep(_FOREVER_S)
    return web.Response()


def _garbage() -> web.Response:
    return web.Response(body=b"\x00\xff not json {", content_type="application/json")


def _html() -> web.Response:
    page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    return web.Response(text=page, content_type="text/html", status=502)


def _inner429() -> web.Response:
    inner = {"status_code": 429, "body": {"error": {"message": "Too many requests"}}}
    return web.json_response({"output": None, "error": inner})


FAULTS: dict[str, Fault] = {
    "408": Fault("the model took too long", partial(_status, 408)),
    "409": Fault("conflict", partial(_status, 409)),
    "424": Fault("the container crashed", partial(_model_failed, 500)),
    "429": Fault("too many requests, with Retry-After", partial(_status, 429)),
    "500": Fault("internal server error", partial(_status, 500)),
    "502": Fault("bad gateway", partial(_status, 502)),
    "503": Fault("service unavailable", partial(_status, 503)),
    "504": Fault("gateway time-out", partial(_status, 504)),
    "reset": Fault("connection reset before any header", _reset),
    "cut": Fault("connection closed in the middle of the body", _cut),
    "stall": Fault("silence: of a stream in its middle, else from the start", _stall),
    "slow": Fault("an answer that takes slow_s longer", _slow),
    "garbage": Fault("200 and bytes that are no JSON", partial(_canned, _garbage)),
    "html": Fault("502 and a gateway's page", partial(_canned, _html)),
    "empty200": Fault("200 and {}", partial(_canned, partial(web.json_response, {}))),
    "inner429": Fault("200 around an error 429", partial(_canned, _inner429)),
    "stream-cut": Fault(
        "a stream ends without [DONE]", partial(_interrupted, _nothing), streams_only=True
    ),
    "stream-error": Fault(
        "an error event in a stream", partial(_interrupted, _error_event), streams_only=True
    ),
}

"""What one running endpoint keeps between requests."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from langchain_azureml_oss.local.engines.base import DEPLOYMENT, JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langchain_azureml_oss.local.engines.base import Engine
    from langchain_azureml_oss.local.options import EndpointOptions
    from langchain_azureml_oss.local.request_log import RecordedRequest, RequestLog

    Interruption = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


class Plan(Protocol):
    """Decides which request meets a fault."""

    def next(self, *, streaming: bool) -> str | None:
        """The fault of the request in hand, if any."""


@dataclass
class State:
    """The options, and what changes while the endpoint runs.

    Attributes:
        options: What the endpoint was asked to be.
        engine: What answers.
        log: The requests so far.
        plan: The faults to come.
        tokens: Issued tokens, and when they expire on the monotonic clock.
        traffic: Decides among deployments.
    """

    options: EndpointOptions
    engine: Engine
    log: RequestLog
    plan: Plan
    tokens: dict[str, float]
    traffic: Random = field(default_factory=Random)

    def admits(self, secret: str) -> bool:
        """Whether a key or token opens this endpoint now."""
        if self.options.auth == "aad_token":
            return self.tokens.get(secret, 0) > time.monotonic()
        # A header may hold any bytes; aiohttp keeps those that are no UTF-8 as surrogates.
        sent = secret.encode("utf-8", "surrogateescape")
        return secrets.compare_digest(sent, self.options.api_key.encode())

    def model_name(self, request: web.Request) -> str:
        """The name of the model that answers this request."""
        deployment = visit(request).record.deployment or ""
        return self.options.model_name(deployment, self.engine.name)

    def passed_on(self, request: web.Request) -> JSON:
        """What a gateway's engine is told besides the body: the deployment that was asked for."""
        asked = request.headers.get(DEPLOYMENT)
        return {DEPLOYMENT: asked} if asked and self.options.is_gateway else {}


STATE = web.AppKey("state", State)
# aiohttp knows keys of requests from 3.14 on, and warns of plain strings since.
VISIT: Any = web.RequestKey("visit", object) if hasattr(web, "RequestKey") else "visit"


@dataclass
class Visit:
    """What is known about the request in hand.

    Attributes:
        record: Its entry in the log.
        raw: The body's bytes.
        body: The parsed body; None when it is not JSON.
        request_id: The id under which the answer goes out.
        interruption: What happens to the answer's stream before its end.
    """

    record: RecordedRequest
    request_id: str
    raw: bytes = b""
    body: Any = None
    interruption: Interruption | None = None

    def read(self, raw: bytes) -> None:
        """Takes the body in."""
        self.raw = raw
        try:
            self.body = json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            # Each route has its own way to refuse what is not JSON.
            self.body = None
        self.record.body = self.body


def visit(request: web.Request) -> Visit:
    """What the front door noted about a request."""
    noted: Visit = request[VISIT]
    return noted

"""The front door of a managed online endpoint: keys, deployments, ids, and what a 424 is."""

from __future__ import annotations

import logging
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from langchain_azureml_oss.local.engines.base import DEPLOYMENT
from langchain_azureml_oss.local.refusals import Refusal, error, not_found, reason
from langchain_azureml_oss.local.request_log import RecordedRequest, masked
from langchain_azureml_oss.local.state import STATE, VISIT, State, Visit, visit

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024
_MAX_ID_LENGTH = 100
# A probe carries no key.
_OPEN_PATHS = frozenset({"/"})


@web.middleware
async def front_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Logs the request and lets it in, or answers itself."""
    state = request.app[STATE]
    record = RecordedRequest(
        request.method, request.path, request.query_string, masked(CIMultiDict(request.headers))
    )
    request[VISIT] = Visit(record, request.headers.get("x-request-id") or str(uuid.uuid4()))
    state.log.add(record)
    try:
        await _admit(state, request)
        return await handler(request)
    except Refusal as refusal:
        return answer(refusal)
    except web.HTTPException as problem:
        return answer(_from_aiohttp(problem))


@web.middleware
async def container(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Brings what the model's container answers to the outside."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return failed(refusal) if request.app[STATE].options.front_door else answer(refusal)
    except web.HTTPException:
        raise
    except Exception:
        logger.exception("The engine crashed.")
        text = "An unexpected error occurred in scoring script. Check the logs for more info."
        return failed(Refusal(500, {"message": text}, {"x-ms-run-function-failed": "True"}))


def answer(refusal: Refusal) -> web.Response:
    """A refusal with its own status."""
    return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)


def failed(refusal: Refusal) -> web.Response:
    """A refusal of the container as seen from the outside: 424, and its status in a header."""
    headers = refusal.headers | {
        "ms-azureml-model-error-statuscode": str(refusal.status),
        "ms-azureml-model-error-reason": reason(refusal.status),
    }
    return web.json_response(refusal.body, status=424, headers=headers)


async def stamp(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers of every answer, streams included, and notes the status."""
    if VISIT not in request:
        return
    noted = visit(request)
    noted.record.status = response.status
    response.headers["x-ms-request-id"] = noted.request_id
    response.headers["x-request-id"] = noted.request_id
    client_id = request.headers.get("x-ms-client-request-id")
    if client_id and len(client_id) <= _MAX_ID_LENGTH:
        response.headers["x-ms-client-request-id"] = client_id
    if noted.record.deployment:
        response.headers[DEPLOYMENT] = noted.record.deployment


async def _admit(state: State, request: web.Request) -> None:
    noted = visit(request)
    if len(request.headers.get("x-ms-client-request-id", "")) > _MAX_ID_LENGTH:
        raise error(431, f"x-ms-client-request-id is longer than {_MAX_ID_LENGTH} characters.")
    if request.path not in _OPEN_PATHS:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not state.admits(secret.strip()):
            raise error(401, "The key or token is missing, wrong, expired or of the wrong kind.")
    noted.record.deployment = _deployment(state, request)
    raw = await request.read()
    state.log.weigh(noted.record, len(raw))
    noted.read(raw)


def _deployment(state: State, request: web.Request) -> str:
    shares = state.options.deployments
    name = request.headers.get(DEPLOYMENT)
    if state.options.is_gateway:
        # The upstream knows which there are, and shares its traffic out by itself.
        name = name or ""
        if not (name.isascii() and name.isprintable()):
            raise error(404, f"The endpoint has no deployment named {name!r}.")
        return name
    if name is not None:
        if name not in shares:
            raise error(404, f"The endpoint has no deployment named {name!r}.")
        return name
    if not any(shares.values()):
        raise error(404, "No deployment of the endpoint has traffic.")
    return state.traffic.choices(list(shares), list(shares.values()))[0]


def _from_aiohttp(problem: web.HTTPException) -> Refusal:
    """What the web framework refuses by itself: routes, methods, sizes."""
    if problem.status == HTTPStatus.NOT_FOUND:
        return not_found()
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return error(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return error(problem.status, problem.reason)

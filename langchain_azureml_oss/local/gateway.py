"""The OpenAI API over another endpoint, or over a tape of one: any OpenAI client can use it.

Unlike the routes of a model's own server, these pass on every field, and say no in OpenAI's form.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aiohttp import web

from langchain_azureml_oss.local.engines.base import DEPLOYMENT, JSON, EngineError, only
from langchain_azureml_oss.local.openai_routes import (
    CHAT,
    COMPLETION,
    check_messages,
    parsed,
    present,
    presented,
)
from langchain_azureml_oss.local.refusals import detail, from_upstream
from langchain_azureml_oss.local.state import STATE, visit
from langchain_azureml_oss.local.streams import write_stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp.typedefs import Handler

_APIS = {
    "/chat/completions": CHAT,
    "/completions": COMPLETION,
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETION,
}
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_CODES = {401: "invalid_api_key"}


async def generate(request: web.Request) -> web.StreamResponse:
    """Answers chats and completions."""
    state, api = request.app[STATE], _APIS[request.path]
    body = parsed(visit(request).raw)
    body.pop(DEPLOYMENT, None)
    check = check_messages if api is CHAT else _check_prompts
    if problem := check(body.get(api.field)):
        raise detail(400, f"{api.field}: {problem}.")
    if not isinstance(body.get("stream", False), bool):
        raise detail(400, "stream: Input should be a valid boolean.")
    name = state.model_name(request)
    pieces = api.engine(state.engine)(body | state.passed_on(request))
    if not body.get("stream"):
        return web.json_response(present(await only(_in_openai_words(pieces)), name))
    wanted = isinstance(asked := body.get("stream_options"), dict) and asked.get("include_usage")
    chunks = presented(pieces, name, include_usage=bool(wanted))
    return await write_stream(request, _in_openai_words(chunks))


async def models(request: web.Request) -> web.Response:
    """Lists the one model."""
    name = request.app[STATE].model_name(request)
    model = {"id": name, "object": "model", "created": 0, "owned_by": "azureml"}
    return web.json_response({"object": "list", "data": [model]})


ROUTES = [*(web.post(path, generate) for path in _APIS), web.get("/v1/models", models)]


@web.middleware
async def openai_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Puts every error into OpenAI's form: `{"error": {"message", "type", "param", "code"}}`."""
    response = await handler(request)
    is_api = request.path in _APIS or request.path.startswith("/v1/")
    if is_api and response.status >= 400 and isinstance(response, web.Response):
        response.text = json.dumps(_openai_error(response.status, json.loads(response.text or "")))
    return response


def _openai_error(status: int, body: Any) -> JSON:
    error = body.get("error", body)
    message = error.get("message") or error.get("detail") or json.dumps(body)
    if error.get("details"):
        message = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error["details"])
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = error["code"] if "status" not in error and error.get("code") else _CODES.get(status)
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _check_prompts(prompts: Any) -> str | None:
    several = prompts if isinstance(prompts, list) else [prompts]
    if several and all(isinstance(one, str) for one in several):
        return None
    return "Input should be a string or a list of strings"


async def _in_openai_words(pieces: AsyncGenerator[JSON, None]) -> AsyncGenerator[JSON, None]:
    """The pieces; an error before the first has a status, one after it is the last event."""
    begun = False
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
                begun = True
    except EngineError as problem:
        refusal = from_upstream(problem)
        if not begun:
            raise refusal from problem
        yield _openai_error(refusal.status, refusal.body)

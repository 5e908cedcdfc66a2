"""What a server tells about its model: `/info`, `/v1/models` and `/tokenize`.

`/info` is that of Microsoft's server. The others are vLLM's or llama.cpp's, as `server` says: vLLM
names its window `max_model_len` and takes prompts or messages for tokens; llama.cpp names it
`meta.n_ctx`, and makes a prompt of messages at a path of its own, `/apply-template`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import web

from langchain_azureml_oss.local.engines.base import JSON, EngineError
from langchain_azureml_oss.local.openai_routes import check_messages, parsed
from langchain_azureml_oss.local.refusals import from_engine, invalid
from langchain_azureml_oss.local.state import STATE, visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_azureml_oss.local.engines.base import KnownModel


async def info(request: web.Request) -> web.Response:
    """Answers `GET /info`."""
    state = request.app[STATE]
    return web.json_response(
        {
            "model_name": state.model_name(request),
            "model_type": "chat-completion",
            "model_provider_name": "local",
            "deployment": visit(request).record.deployment or "",
            "engine": state.engine.name,
            "contract": state.options.contract,
        }
    )


async def _vllm_models(request: web.Request) -> web.Response:
    window = {"max_model_len": await _model(request).context_tokens()}
    return _models(request, {"owned_by": "vllm", "parent": None} | window)


async def _llama_models(request: web.Request) -> web.Response:
    meta = {"n_ctx": await _model(request).context_tokens()}
    return _models(request, {"owned_by": "llamacpp", "meta": meta})


def _models(request: web.Request, more: JSON) -> web.Response:
    name = request.app[STATE].model_name(request)
    model = {"id": name, "object": "model", "created": 0} | more
    return web.json_response({"object": "list", "data": [model]})


async def _vllm_tokenize(request: web.Request) -> web.Response:
    engine, body = _model(request), parsed(visit(request).raw)
    chat = "messages" in body
    text = await _prompt(engine, body) if chat else _text(body, "prompt")
    # A chat template writes the special tokens itself.
    special = bool(body.get("add_special_tokens", not chat))
    tokens = await engine.tokenize(text, special=special)
    texts = [token.text for token in tokens] if body.get("return_token_strs") else None
    return web.json_response(
        {
            "count": len(tokens),
            "max_model_len": await engine.context_tokens(),
            "tokens": [token.id for token in tokens],
            "token_strs": texts,
        }
    )


async def _llama_tokenize(request: web.Request) -> web.Response:
    engine, body = _model(request), parsed(visit(request).raw)
    special = bool(body.get("add_special", False))
    tokens = await engine.tokenize(_text(body, "content"), special=special)
    if body.get("with_pieces"):
        pieces = [{"id": token.id, "piece": token.text} for token in tokens]
        return web.json_response({"tokens": pieces})
    return web.json_response({"tokens": [token.id for token in tokens]})


async def _llama_template(request: web.Request) -> web.Response:
    prompt = await _prompt(_model(request), parsed(visit(request).raw))
    return web.json_response({"prompt": prompt})


def _model(request: web.Request) -> KnownModel:
    # A gateway, which has no model of its own, has none of these routes.
    return cast("KnownModel", request.app[STATE].engine)


def _text(body: JSON, field: str) -> str:
    text = body.get(field)
    if not isinstance(text, str):
        raise invalid(field, "Input should be a valid string", text)
    return text


async def _prompt(engine: KnownModel, body: JSON) -> str:
    problem = check_messages(body.get("messages"))
    if problem:
        raise invalid("messages", problem, body.get("messages"))
    try:
        return await engine.prompt(body)
    except EngineError as refused:
        raise from_engine(refused) from refused


ROUTES: dict[str, Sequence[web.RouteDef]] = {
    "vllm": (web.get("/v1/models", _vllm_models), web.post("/tokenize", _vllm_tokenize)),
    "llama.cpp": (
        web.get("/v1/models", _llama_models),
        web.post("/tokenize", _llama_tokenize),
        web.post("/apply-template", _llama_template),
    ),
    "azure": (),
}

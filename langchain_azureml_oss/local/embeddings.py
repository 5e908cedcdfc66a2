"""Texts -> vectors: `/v1/embeddings` in OpenAI's form, and `/score` of an embedding model."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

from aiohttp import web

from langchain_azureml_oss.local.engines.base import DEPLOYMENT, EngineError
from langchain_azureml_oss.local.openai_routes import parsed
from langchain_azureml_oss.local.refusals import error, from_engine, from_upstream, invalid
from langchain_azureml_oss.local.state import STATE, visit

if TYPE_CHECKING:
    from langchain_azureml_oss.local.engines.base import JSON, Embedded, EmbeddingInput

ROUTES = ("/v1/embeddings", "/embeddings")
# What this route itself reads; the header alone names a deployment.
_OURS = {"input", "model", "dimensions", "encoding_format", DEPLOYMENT}
_MAX_INPUTS = 2048
_MAX_DIMENSIONS = 4096


async def embed(request: web.Request) -> web.Response:
    """Answers both routes."""
    state = request.app[STATE]
    body = parsed(visit(request).raw)
    if state.options.task not in {"any", "embeddings"}:
        raise error(400, f"task_type {state.options.task} not available with embeddings API.")
    inputs, dimensions = _inputs(body.get("input")), body.get("dimensions")
    if dimensions is not None and not _is_number(dimensions, 1, _MAX_DIMENSIONS):
        raise invalid("dimensions", f"Input should be from 1 to {_MAX_DIMENSIONS}", dimensions)
    kind = body.get("encoding_format", "float")
    if kind not in ("float", "base64"):
        raise invalid("encoding_format", "Input should be 'float' or 'base64'", kind)
    others = {name: value for name, value in body.items() if name not in _OURS}
    embedded = await _embedded(request, inputs, dimensions, others)
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(v) if kind == "base64" else v}
        for index, v in enumerate(embedded.vectors)
    ]
    answer: JSON = {"object": "list", "data": data, "model": state.model_name(request)}
    if embedded.tokens is not None:
        answer["usage"] = {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens}
    return web.json_response(answer)


async def score_vectors(request: web.Request, body: Any) -> object:
    """What `/score` answers: a vector for each text; `{}` to what is not its own."""
    body = body if isinstance(body, dict) else {}
    data = body.get("input_data")
    columns = data.get("columns") if isinstance(data, dict) else None
    if isinstance(data, dict) and columns is None:
        texts, others = data.get("input_string"), data.get("parameters")
    else:
        texts, others = _of_mlflow(data), body.get("params")
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        return {}
    asked = others if isinstance(others, dict) else {}
    vectors = (await _embedded(request, [*texts], None, asked)).vectors
    if isinstance(columns, list) and "image" in columns:
        return [{"text_features": vector} for vector in vectors]
    return vectors


def _of_mlflow(data: Any) -> Any:
    """What an MLflow model is given: texts, or rows of a table whose last column has them."""
    if not isinstance(data, dict):
        return data
    rows = data.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, list) and row for row in rows):
        return None
    return [row[-1] for row in rows]


async def _embedded(
    request: web.Request, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
) -> Embedded:
    state = request.app[STATE]
    try:
        return await state.engine.embed(inputs, dimensions, others | state.passed_on(request))
    except EngineError as refused:
        say = from_upstream if state.options.is_gateway else from_engine
        raise say(refused) from refused


def _inputs(given: Any) -> list[EmbeddingInput]:
    """A text, several, the tokens of one, or those of several, as a list of inputs."""
    several = given if isinstance(given, list) and not _are_tokens(given) else [given]
    if not 1 <= len(several) <= _MAX_INPUTS:
        raise invalid("input", f"Input should be a list of 1 to {_MAX_INPUTS}", len(several))
    if not all(isinstance(one, str) or _are_tokens(one) for one in several):
        raise invalid("input", "Input should be a string, tokens, or a list of these", given)
    return several


def _are_tokens(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(_is_number(n, 0, 2**31) for n in given)


def _is_number(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _base64(vector: list[float]) -> str:
    """The numbers as OpenAI's own client asks for them: little-endian, four bytes each."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

"""The web application of a local endpoint: its routes and what stands before them."""

from __future__ import annotations

from aiohttp import web

from langchain_azureml_oss.local import about_model, embeddings, gateway
from langchain_azureml_oss.local.faults import faulty
from langchain_azureml_oss.local.front_door import MAX_BODY_BYTES, container, front_door, stamp
from langchain_azureml_oss.local.openai_routes import ROUTES, generate
from langchain_azureml_oss.local.scoring import score
from langchain_azureml_oss.local.state import STATE, State


def build_app(state: State) -> web.Application:
    """The application over one endpoint's state."""
    middlewares = [front_door, faulty, container]
    if state.options.is_gateway:
        middlewares.insert(0, gateway.openai_errors)
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    app[STATE] = state
    app.on_response_prepare.append(stamp)
    app.router.add_get("/", _health)
    app.router.add_get("/info", about_model.info)
    app.router.add_get("/swagger.json", _swagger)
    app.router.add_post("/score", score)
    if state.options.is_gateway:
        app.router.add_routes(gateway.ROUTES)
    else:
        app.router.add_routes([web.post(path, generate) for path in ROUTES])
        app.router.add_routes(about_model.ROUTES[state.options.server])
    for path in embeddings.ROUTES:
        app.router.add_post(path, embeddings.embed)
    return app


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="Healthy")


async def _swagger(request: web.Request) -> web.Response:
    posts = ["/score", *ROUTES, *embeddings.ROUTES]
    operation = {"post": {"responses": {"200": {"description": "The model's answer"}}}}
    return web.json_response(
        {
            "openapi": "3.0.0",
            "info": {"title": request.app[STATE].engine.name, "version": "1.0.0"},
            "paths": dict.fromkeys(posts, operation),
        }
    )

"""A server that answers at once, so that what is measured is the client."""

from __future__ import annotations

import asyncio
import json
from multiprocessing.connection import Connection

from aiohttp import web

STREAM_CHUNKS = 2_000
_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "stub"}


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return f"data: {json.dumps(body)}\n\n".encode()


_TEN_EVENTS = _event({"content": "word "}) * 10
_LAST = _event({}, "stop") + b"data: [DONE]\n\n"
ANSWER = {
    **_HEAD,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there!"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


class _Stub:
    def __init__(self) -> None:
        self.requests = 0

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = await request.json()
        if not body.get("stream"):
            return web.json_response(ANSWER)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(STREAM_CHUNKS // 10):
            await response.write(_TEN_EVENTS)
        await response.write(_LAST)
        return response

    async def score(self, request: web.Request) -> web.Response:
        self.requests += 1
        asked = (await request.json())["input_data"]["input_string"]
        if isinstance(asked[0], dict):
            return web.json_response({"output": "Hello there!"})
        return web.json_response([{str(n): f"{text} and on" for n, text in enumerate(asked)}])

    async def count(self, _: web.Request) -> web.Response:
        return web.json_response(self.requests)


def serve(ready: Connection) -> None:
    """Serve until the process is ended; sends the port first."""
    asyncio.run(_serve(ready))


async def _serve(ready: Connection) -> None:
    stub, app = _Stub(), web.Application()
    for path in ("/v1/chat/completions", "/models/chat/completions"):
        app.router.add_post(path, stub.chat)
    app.router.add_post("/score", stub.score)
    app.router.add_get("/count", stub.count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ready.send(runner.addresses[0][1])
    await asyncio.Event().wait()

"""Bulk scoring beside a plain loop over aiohttp and LangChain's own `abatch`, in answers a second.

Two endpoints: one with a fixed number of places that answers 429 beyond these, and one that takes
everything. What they allow follows from the places and the time that a request takes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web
from clients import BODY, HEADERS, KEY
from stub_server import ANSWER

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.batch import ascore_file

Way = Callable[["Scene", str], Awaitable[int]]
"""Asks all questions of a scene at a URL, and returns how many were answered."""


@dataclass(frozen=True)
class Scene:
    """An endpoint, and how it is asked."""

    title: str
    rows: int
    at_once: int
    """Most requests at the same time; the endpoint may take fewer."""
    seconds: float
    """What a request takes."""
    places: int = 1_000_000
    retry_after: float | None = None
    share: float = 0.9
    """Of what the endpoint allows, which this package is to reach."""

    @property
    def bound(self) -> float:
        """Answers a second that the endpoint allows."""
        return min(self.places, self.at_once) / self.seconds


SCENES = [
    Scene("20 places, 1 s each", 800, 64, 1.0, 20),
    Scene("20 places, 1 s each, Retry-After: 1", 1_600, 64, 1.0, 20, 1.0),
    Scene("No limit, 20 ms each, 8 at once", 4_000, 8, 0.02, share=0.8),
]


async def bulk(scene: Scene, url: str) -> int:
    """This package: a file of questions to a file of answers."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "questions.jsonl")
        source.write_text('{"prompt": "Say hi."}\n' * scene.rows)  # noqa: ASYNC240
        async with _model(url) as model:
            target = Path(folder, "answers.jsonl")
            progress = await ascore_file(model, source, target, max_concurrency=scene.at_once)
        return progress.answered


async def abatch(scene: Scene, url: str) -> int:
    """LangChain's own way, with this package's model and its retries."""
    async with _model(url) as model:
        found = await model.abatch(
            ["Say hi."] * scene.rows,
            config={"max_concurrency": scene.at_once},
            return_exceptions=True,
        )
    return sum(not isinstance(one, Exception) for one in found)


def plain(places: int | None = None) -> Way:
    """Return a loop over aiohttp with a semaphore; it waits half a second after a 429.

    Args:
        places: Where it was told how many there are.
    """

    async def way(scene: Scene, url: str) -> int:
        semaphore = asyncio.Semaphore(places or scene.at_once)
        connector = aiohttp.TCPConnector(limit=scene.at_once)

        async def one(session: aiohttp.ClientSession) -> int:
            for _ in range(7):
                async with semaphore, session.post(url, json=BODY) as response:
                    if response.status == 200:
                        await response.json()
                        return 1
                await asyncio.sleep(float(response.headers.get("retry-after", 0.5)))
            return 0

        async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as session:
            return sum(await asyncio.gather(*(one(session) for _ in range(scene.rows))))

    return way


def _model(url: str) -> AzureMLOSSChatModel:
    return AzureMLOSSChatModel(
        endpoint_url=url, endpoint_api_key=KEY, model_family="LLAMA", max_retries=6
    )


def ways(scene: Scene) -> Mapping[str, Way]:
    """Return who takes part."""
    found: dict[str, Way] = {"this package": bulk, "LangChain's abatch": abatch}
    found[f"aiohttp, Semaphore({scene.at_once})"] = plain()
    if scene.places < scene.at_once:
        found[f"aiohttp, Semaphore({scene.places})"] = plain(scene.places)
    return found


def report(*, quick: bool) -> None:
    """Measure and print."""
    logging.disable(logging.WARNING)  # a line for each try of thousands
    for scene in SCENES:
        print(f"\n{scene.title}: {scene.rows:,} rows, at most {scene.bound:,.0f}/s")
        for name, way in ways(scene).items():
            # A server of its own for each, so that nobody meets what another left.
            context = multiprocessing.get_context("spawn")
            ready, theirs = context.Pipe(duplex=False)
            server = context.Process(target=_serve, args=(theirs, scene), daemon=True)
            server.start()
            try:
                url = f"http://127.0.0.1:{ready.recv()}/v1/chat/completions"
                asyncio.run(way(replace(scene, rows=4), url))  # what is imported at first use
                start = time.perf_counter()
                answered = asyncio.run(way(scene, url))
                rate = answered / (time.perf_counter() - start)
            finally:
                server.terminate()
                server.join()
            share = rate / scene.bound
            line = f"  {name:<28}{rate:>9,.1f}/s {share:>6.0%} of the bound"
            line += f", {scene.rows - answered:,} rows failed" if answered < scene.rows else ""
            if way is bulk:
                holds = share >= scene.share
                line += f"   target: at least {scene.share:.0%}: {'holds' if holds else 'MISSED'}"
            print(line, flush=True)
        if quick:
            return


def _serve(ready: Connection, scene: Scene) -> None:
    asyncio.run(_answer(ready, scene))


async def _answer(ready: Connection, scene: Scene) -> None:
    taken = 0
    refusal = json.dumps({"error": {"message": "Too many requests.", "code": "429"}})
    headers = {} if scene.retry_after is None else {"retry-after": f"{scene.retry_after:g}"}

    async def chat(request: web.Request) -> web.Response:
        nonlocal taken
        await request.read()
        if taken >= scene.places:
            return web.Response(
                text=refusal, status=429, headers=headers, content_type="application/json"
            )
        taken += 1
        try:
            await asyncio.sleep(scene.seconds)
            return web.json_response(ANSWER)
        finally:
            taken -= 1

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ready.send(runner.addresses[0][1])
    await asyncio.Event().wait()

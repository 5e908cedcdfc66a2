"""Bulk scoring beside a plain loop over aiohttp and LangChain's own `abatch`, in answers a second.

Two endpoints: one with a fixed number of places that answers 429 beyond these, and one that takes
everything. What they allow follows from the places and the time that an answer really takes there:
a timer of 20 ms takes up to a millisecond more, and longer on a machine that does other things
too. So the server has a processor of its own where there are two, measures itself, and where
milliseconds count the contestants take turns: whatever else the machine does meets all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import requests
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
    rounds: int = 1

    @property
    def bound(self) -> float:
        """Answers a second that the endpoint allows."""
        return min(self.places, self.at_once) / self.seconds


SCENES = [
    Scene("20 places, 1 s each", 800, 64, 1.0, 20),
    Scene("20 places, 1 s each, Retry-After: 1", 1_600, 64, 1.0, 20, 1.0),
    Scene("No limit, 20 ms each, 8 at once", 4_000, 8, 0.02, share=0.8, rounds=3),
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


@dataclass(frozen=True)
class Round:
    """How it went, once."""

    answered: int
    rate: float
    """Answers a second."""
    share: float
    """Of what the endpoint allowed in the time that it really took."""
    cpu: float
    """Milliseconds of this process for each answer."""
    server: float
    """Milliseconds that the endpoint really took for an answer."""


def report(*, quick: bool) -> None:
    """Measure and print."""
    logging.disable(logging.WARNING)  # a line for each try of thousands
    processors = keep_apart()
    for scene in SCENES:
        print(f"\n{scene.title}: {scene.rows:,} rows, at most {scene.bound:,.0f}/s", end="")
        rounds = 1 if quick else scene.rounds
        print(f", the best of {rounds} rounds in turns" if rounds > 1 else "")
        taking_part = ways(scene)
        found: dict[str, list[Round]] = {name: [] for name in taking_part}
        for _ in range(rounds):
            for name, way in taking_part.items():
                found[name].append(measured(scene, way, processors))
        for name, all_rounds in found.items():
            best = max(all_rounds, key=lambda one: one.share)
            line = f"  {name:<24}{best.rate:>8,.1f}/s {best.share:>5.0%} of the bound"
            line += f" (endpoint: {best.server:,.1f} ms, CPU: {best.cpu:.2f} ms an answer)"
            failed = scene.rows - best.answered
            line += f", {failed:,} rows failed" if failed else ""
            if taking_part[name] is bulk:
                holds = best.share >= scene.share
                line += f"   target: at least {scene.share:.0%}: {'holds' if holds else 'MISSED'}"
            print(line, flush=True)
        if quick:
            return


def keep_apart() -> set[int]:
    """Leave the last processor to the servers, which would take this process's time."""
    if not hasattr(os, "sched_setaffinity"):
        return set()
    processors = os.sched_getaffinity(0)
    servers = {max(processors)}
    os.sched_setaffinity(0, processors - servers or servers)
    return servers


def measured(scene: Scene, way: Way, processors: set[int]) -> Round:
    """Ask a server of its own, so that nobody meets what another left."""
    context = multiprocessing.get_context("spawn")
    ready, theirs = context.Pipe(duplex=False)
    server = context.Process(target=_serve, args=(theirs, scene, processors), daemon=True)
    server.start()
    try:
        base = f"http://127.0.0.1:{ready.recv()}"
        url = f"{base}/v1/chat/completions"
        asyncio.run(way(replace(scene, rows=4), url))  # what is imported at first use
        gc.collect()
        start, cpu = time.perf_counter(), time.process_time()
        answered = asyncio.run(way(scene, url))
        rate = answered / (time.perf_counter() - start)
        cpu = (time.process_time() - cpu) / answered
        seconds = float(requests.get(f"{base}/seconds", timeout=5).text)
    finally:
        server.terminate()
        server.join()
    share = rate / scene.bound * seconds / scene.seconds
    return Round(answered, rate, share, cpu * 1e3, seconds * 1e3)


def _serve(ready: Connection, scene: Scene, processors: set[int]) -> None:
    if processors:
        os.sched_setaffinity(0, processors)
    asyncio.run(_answer(ready, scene))


async def _answer(ready: Connection, scene: Scene) -> None:
    taken = answers = 0
    seconds = 0.0
    refusal = json.dumps({"error": {"message": "Too many requests.", "code": "429"}})
    headers = {} if scene.retry_after is None else {"retry-after": f"{scene.retry_after:g}"}

    async def chat(request: web.Request) -> web.Response:
        nonlocal taken, answers, seconds
        await request.read()
        if taken >= scene.places:
            return web.Response(
                text=refusal, status=429, headers=headers, content_type="application/json"
            )
        taken += 1
        start = time.perf_counter()
        try:
            await asyncio.sleep(scene.seconds)
            return web.json_response(ANSWER)
        finally:
            taken -= 1
            answers += 1
            seconds += time.perf_counter() - start

    async def mean(_: web.Request) -> web.Response:
        return web.Response(text=str(seconds / answers))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/seconds", mean)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ready.send(runner.addresses[0][1])
    await asyncio.Event().wait()

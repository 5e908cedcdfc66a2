"""Many rows by `--engine ray`: memory that does not grow with them, and each answered once.

`python tests/batch/ray_soak.py 100000` prints the memory of this process and of each actor, in MiB,
at every tenth of the rows.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil
from aiohttp import web
from ray_cluster import ray_cluster

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.batch import score_file


async def answer(request):
    asked = (await request.json())["messages"][-1]["content"]
    message = {"role": "assistant", "content": asked}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    body = {"object": "chat.completion", "choices": [choice], "usage": usage}
    return web.json_response(body)


def serve(ready):
    async def run():
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def memory():
    """What this process and the actors hold for themselves, in MiB: not what they share."""
    found = {"driver": psutil.Process().memory_full_info().uss >> 20}
    for child in psutil.Process().children(recursive=True):
        title = "".join(child.cmdline()[:1])
        if title.startswith("ray::") and "IDLE" not in title:
            name = f"{title.removeprefix('ray::').partition('(')[0]} {child.pid}"
            found[name] = child.memory_full_info().uss >> 20
    return found


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(rows):
    context = multiprocessing.get_context("spawn")
    ready, theirs = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ready.recv()}/v1"
    os.environ["AZUREML_ENDPOINT_API_KEY"] = "soak"
    chat = AzureMLOSSChatModel(endpoint_url=url, model_family="OPENAI")
    started, tenth = time.monotonic(), max(1, rows // 10)

    def note(progress):
        if progress.done % tenth == 0:
            say(f"{progress.done:,} rows, {time.monotonic() - started:.0f} s: {memory()}")

    with ray_cluster(), tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        with source.open("w") as file:
            file.writelines(json.dumps({"prompt": f"question {n}"}) + "\n" for n in range(rows))
        progress = score_file(chat, source, target, engine="ray", on_progress=note)
        with target.open() as file:
            found = [(one["row"], one["text"]) for one in map(json.loads, file)]
    assert found == [(n + 1, f"question {n}") for n in range(rows)]
    say(f"{progress.answered:,} answered, {progress.failed:,} failed, each once and in order")
    server.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)

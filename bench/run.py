"""Measures this package against raw clients and its peers, on one stub server, in one run.

The figures of one run can be compared with one another, not with those of another machine or
moment: read the ratios. `make bench` runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import requests
from clients import KEY, Client, framework, peers, raw_aiohttp, raw_requests, this_package
from stub_server import STREAM_CHUNKS, serve

from langchain_azureml_oss import AzureMLOSSLLM

IMPORTS = {
    "langchain_azureml_oss": "import langchain_azureml_oss",
    "both models": "from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM",
    "langchain_core + requests + aiohttp": (
        "import requests, aiohttp, langchain_core.language_models, langchain_core.tools"
    ),
}


def best(measure: Callable[[], float], rounds: int) -> float:
    """Return the median of several rounds; what disturbs one round disturbs not all."""
    gc.collect()
    return statistics.median(measure() for _ in range(rounds))


def sync_cpu(client: Client, calls: int) -> float:
    """Milliseconds of this process's CPU for each call."""
    start = time.process_time()
    for _ in range(calls):
        client.ask()
    return (time.process_time() - start) / calls * 1e3


def chunk_rate(client: Client) -> float:
    """Chunks of a stream for each second."""
    start = time.perf_counter()
    count = sum(1 for _ in client.stream())
    return count / (time.perf_counter() - start)


async def call_rate(client: Client, calls: int, at_once: int) -> float:
    """Calls for each second, so many of them at once."""
    places = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with places:
            await client.ask_async()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(calls)))
    return calls / (time.perf_counter() - start)


async def async_chunk_rate(client: Client) -> float:
    """Chunks of a stream for each second, in a loop."""
    start = time.perf_counter()
    count = 0
    async for _ in client.stream_async():
        count += 1
    return count / (time.perf_counter() - start)


async def rounds_of(measure: Callable, client: Client, rounds: int, *args: int) -> float:
    """Return the median of several rounds in one loop, then let go of its connections."""
    await client.ask_async()
    figures = [await measure(client, *args) for _ in range(rounds)]
    if client.close is not None:
        await client.close()
    return statistics.median(figures)


def table(title: str, rows: dict[str, float], unit: str, ours: str = "this package") -> None:
    """Print figures and, beside each, ours as a multiple of it."""
    print(f"\n{title}")
    for name, figure in rows.items():
        ratio = "" if name == ours else f"   this package: {rows[ours] / figure:5.2f} x"
        print(f"  {name:<22}{figure:>12,.2f} {unit}{ratio}")


def import_times(rounds: int) -> dict[str, float]:
    """Milliseconds that an import costs beyond starting Python."""
    times = {name: _process_time(code, rounds) for name, code in IMPORTS.items()}
    nothing = _process_time("pass", rounds)
    return {name: figure - nothing for name, figure in times.items()}


def _process_time(code: str, rounds: int) -> float:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - start) * 1e3

    return best(once, rounds)


def prompts_in_requests(base: str, prompts: int) -> int:
    """Return how many requests so many prompts take at a score endpoint."""
    before = requests.get(f"{base}/count", timeout=5).json()
    llm = AzureMLOSSLLM(endpoint_url=f"{base}/score", endpoint_api_key=KEY, model_family="LLAMA")
    with llm:
        llm.generate([f"prompt {number}" for number in range(prompts)])
    return requests.get(f"{base}/count", timeout=5).json() - before


def memory_growth(client: Client, calls: int) -> float:
    """Mebibytes by which the process's peak grows over so many calls, after a warm-up."""
    for _ in range(500):
        client.ask()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(calls):
        client.ask()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def report(base: str, *, quick: bool) -> None:
    """Measure and print everything."""
    url = f"{base}/v1/chat/completions"
    ours, rounds = this_package(url), 2 if quick else 5
    calls, many = (100, 300) if quick else (400, 2_000)
    models = [framework(STREAM_CHUNKS), ours, *peers(base)]
    clients = [raw_requests(url), raw_aiohttp(url), *models]
    for client in clients:
        if client.ask:
            client.ask()
    table(
        "Sync invoke, CPU time of the client for one call (less is better)",
        {c.name: best(lambda c=c: sync_cpu(c, calls), rounds) for c in clients if c.ask},
        "ms",
    )
    table(
        "Async, calls a second at 100 in flight",
        {
            c.name: asyncio.run(rounds_of(call_rate, c, rounds, many, 100))
            for c in clients
            if c.ask_async
        },
        "/s",
    )
    table(
        "Stream, chunks a second",
        {c.name: best(lambda c=c: chunk_rate(c), rounds) for c in clients if c.stream},
        "/s",
    )
    table(
        "Async stream, chunks a second",
        {
            c.name: asyncio.run(rounds_of(async_chunk_rate, c, rounds))
            for c in clients
            if c.stream_async
        },
        "/s",
    )
    table("Import, beyond starting Python", import_times(rounds), "ms", "both models")
    print(f"\n200 prompts at a score endpoint: {prompts_in_requests(base, 200)} requests")
    calls = 500 if quick else 10_000
    print(f"Memory over {calls:,} calls: +{memory_growth(ours, calls):.1f} MiB at its peak")


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the stub server, measure, and end it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls and rounds")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    ready, theirs = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        report(f"http://127.0.0.1:{ready.recv()}", quick=options.quick)
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()

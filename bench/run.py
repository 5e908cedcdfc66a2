"""Measures this package against raw clients and its peers, on one stub server, in one run.

The figures of one run can be compared with one another, not with those of another machine or
moment: read the ratios. `make bench` runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import bulk
import prompting
import requests
from clients import KEY, Client, framework, peers, raw_aiohttp, raw_requests, this_package
from stub_server import STREAM_CHUNKS, serve

from langchain_azureml_oss import AzureMLOSSLLM

OURS = "this package"
_USED = (
    # langchain-core's packages import what they name at first use.
    "import requests, aiohttp\nfrom langchain_core.language_models import BaseChatModel, BaseLLM\n"
    "from langchain_core.tools import BaseTool\n"
)
IMPORTS = {
    "langchain_azureml_oss": ("", "import langchain_azureml_oss"),
    "langchain_core + requests + aiohttp": ("", _USED),
    "both models, after these": (
        _USED,
        "from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM",
    ),
}
"""Name -> what is imported before, and what is measured."""


def sync_rounds(
    measure: Callable[[Client], float], clients: Sequence[Client], rounds: int, best: Callable
) -> dict[str, float]:
    """Return the best of several rounds, in which the clients take turns.

    Whatever else the machine does only makes a round worse, and it meets all clients alike.
    """
    figures: dict[str, list[float]] = {client.name: [] for client in clients}
    for _ in range(rounds):
        for client in clients:
            gc.collect()
            figures[client.name].append(measure(client))
    return {name: best(measured) for name, measured in figures.items()}


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
    """Chunks of a stream for each second, in a loop; 0 for one that does not stream."""
    if client.stream_async is None:
        return 0.0
    start = time.perf_counter()
    count = 0
    async for _ in client.stream_async():
        count += 1
    return count / (time.perf_counter() - start)


async def async_rounds(
    measures: Sequence[Callable[[Client], Awaitable[float]]], clients: Sequence[Client], rounds: int
) -> list[dict[str, float]]:
    """Return the best rate of several rounds for each measure, in which the clients take turns.

    All in one loop, since not every client can be used in a second one.
    """
    for client in clients:
        await client.ask_async()
    found = []
    for measure in measures:
        figures: dict[str, list[float]] = {client.name: [] for client in clients}
        for _ in range(rounds):
            for client in clients:
                gc.collect()
                figures[client.name].append(await measure(client))
        found.append({name: max(measured) for name, measured in figures.items()})
    for client in clients:
        if client.close is not None:
            await client.close()
    return found


@dataclass(frozen=True)
class Target:
    """What a figure of this package is to be, as a multiple of another one."""

    other: str
    at_most: float = math.inf
    at_least: float = 0.0

    def judged(self, ratio: float) -> str:
        """The target in words, and whether it holds."""
        words = f"at least {self.at_least:.2f}" if self.at_least else f"at most {self.at_most:.2f}"
        holds = self.at_least <= ratio <= self.at_most
        return f"target: {words} x: {'holds' if holds else 'MISSED'}"


def table(
    title: str, rows: dict[str, float], unit: str, targets: Sequence[Target], ours: str = OURS
) -> None:
    """Print figures; beside each, ours as a multiple of it, and the target for that."""
    print(f"\n{title}")
    wanted = {target.other: target for target in targets}
    for name, figure in rows.items():
        if not figure:
            continue
        line = f"  {name:<30}{figure:>12,.2f} {unit}"
        if name != ours:
            ratio = rows[ours] / figure
            line += f"   {ours}: {ratio:5.2f} x"
            line += f"   {wanted[name].judged(ratio)}" if name in wanted else ""
        print(line)


def verdict(text: str, *, holds: bool) -> None:
    """Print a figure that has a target of its own."""
    print(f"\n{text}: {'holds' if holds else 'MISSED'}")


def import_times(rounds: int) -> dict[str, float]:
    """Milliseconds that an import takes in a new process, bytecode made before.

    What is there already is taken from the collector: a pass over it would be counted for whoever
    happens to be imported then.
    """
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        # In turns, after a round that makes the bytecode: what disturbs one disturbs all.
        turns = [
            {name: _import_time(*codes, environment) for name, codes in IMPORTS.items()}
            for _ in range(rounds + 1)
        ][1:]
    return {name: min(turn[name] for turn in turns) for name in IMPORTS}


def _import_time(before: str, code: str, environment: Mapping[str, str]) -> float:
    clock = "time.perf_counter()"
    lines = [
        before,
        "import gc, time",
        "gc.collect()",
        "gc.freeze()",
        f"start = {clock}",
        code,
        f"print({clock} - start)",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    return float(done.stdout) * 1e3


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
    alone, ours, rounds = framework(STREAM_CHUNKS), this_package(url), 2 if quick else 7
    calls, many = (100, 300) if quick else (400, 1_000)
    clients = [raw_requests(url), raw_aiohttp(url), alone, ours, *peers(base)]
    for client in clients:
        if client.ask:
            client.ask()
    table(
        "Sync invoke, CPU time of the client for one call (less is better)",
        sync_rounds(lambda c: sync_cpu(c, calls), [c for c in clients if c.ask], rounds, min),
        "ms",
        [Target("langchain-openai", at_most=0.45), Target("requests", at_most=1.0)],
    )
    rates, async_chunk_rates = asyncio.run(
        async_rounds(
            [lambda c: call_rate(c, many, 100), async_chunk_rate],
            [c for c in clients if c.ask_async],
            rounds,
        )
    )
    # What is left of a second when each call costs what both cost alone.
    rates["aiohttp + framework"] = 1 / (1 / rates["aiohttp"] + 1 / rates[alone.name])
    table(
        "Async, calls a second at 100 in flight",
        rates,
        "/s",
        [Target("langchain-openai", at_least=5.0), Target("aiohttp + framework", at_least=0.6)],
    )
    table(
        "Stream, chunks a second",
        sync_rounds(chunk_rate, [c for c in clients if c.stream], rounds, max),
        "/s",
        [Target("langchain-openai", at_least=2.5)],
    )
    table(
        "Async stream, chunks a second",
        async_chunk_rates,
        "/s",
        [Target("langchain-openai", at_least=4.0)],
    )
    imports = import_times(rounds)
    package, _, models = imports.values()
    table("Import", imports, "ms", [], "both models, after these")
    verdict(f"The package costs under 40 ms: {package:.0f}", holds=package < 40)
    verdict(
        f"Both models cost at most 60 ms beyond what they use: {models:.0f}", holds=models <= 60
    )
    asked = prompts_in_requests(base, 200)
    verdict(f"200 prompts at a score endpoint in 10 requests: {asked}", holds=asked == 10)
    calls = 500 if quick else 10_000
    growth = memory_growth(ours, calls)
    verdict(f"Memory over {calls:,} calls is flat: +{growth:.1f} MiB at its peak", holds=growth < 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the stub server, measure, and end it; or count right answers, see prompting.py."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["prompting"]:
        prompting.main(arguments[1:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["calls", "bulk"], default="calls")
    parser.add_argument("--quick", action="store_true", help="fewer calls and rounds")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    if options.what == "bulk":
        bulk.report(quick=options.quick)
        return
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

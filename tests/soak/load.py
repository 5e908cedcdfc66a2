"""So many calls, so many of them at once, and what they cost."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from dataclasses import dataclass
from pathlib import Path

from langchain_azureml_oss import AzureMLOSSChatModel

from .endpoint import FAULTS, Traffic, endpoint_process

MOST_GROWTH = 5.0
"""MiB."""


@dataclass
class Figures:
    """What came of a soak."""

    calls: int
    at_once: int
    max_connections: int
    seconds: float
    wrong: list[str]
    """Questions that got another's answer, or none."""
    growth: float
    """MiB of memory after the warm-up."""
    descriptors: int
    """File descriptors gained."""
    traffic: Traffic

    def __str__(self):
        seen, rate = self.traffic, self.calls / self.seconds
        lines = [
            f"{self.calls:,} calls, {self.at_once} at a time",
            f"seconds: {self.seconds:.1f} ({rate:,.0f} calls a second)",
            f"answers that belong to their question: {self.calls - len(self.wrong):,}",
            f"requests that the endpoint saw: {seen.requests:,}",
            f"of them with a fault: {seen.faults:,} ({seen.faults / seen.requests:.1%})",
            f"most requests at the same time: {seen.most_requests}",
            f"most connections: {seen.most_connections} (max_connections={self.max_connections})",
            f"memory: {self.growth:+.1f} MiB",
            f"file descriptors: {self.descriptors:+d}",
        ]
        return "\n".join(lines)

    def problems(self):
        """What is not as promised."""
        found = [f"not the right answer: {question}" for question in self.wrong[:5]]
        if self.growth >= MOST_GROWTH:
            found.append(f"memory grew by {self.growth:.1f} MiB")
        if self.descriptors > 0:
            found.append(f"{self.descriptors} file descriptors were gained")
        if self.traffic.most_requests > self.max_connections:
            found.append(f"{self.traffic.most_requests} requests were in flight at the same time")
        if self.traffic.most_connections > self.max_connections:
            found.append(f"{self.traffic.most_connections} connections were open")
        if not self.traffic.faults:
            found.append("no fault happened")
        return found


def soak(calls, at_once, *, warm_up, max_connections, faults=FAULTS) -> Figures:
    """Make the calls against a faulty endpoint in another process."""
    options = {"faults": faults, "slow_s": 0.05, "retry_after_s": 0.01, "seed": 1}
    with endpoint_process(**options) as (url, key, end):
        wrong, seconds, growth, descriptors = asyncio.run(
            _load(url, key, calls, at_once, warm_up, max_connections)
        )
        traffic = end()
    return Figures(calls, at_once, max_connections, seconds, wrong, growth, descriptors, traffic)


async def _load(url, key, calls, at_once, warm_up, max_connections):
    open_before = _descriptors()
    model = AzureMLOSSChatModel(
        endpoint_url=f"{url}/score",
        endpoint_api_key=key,
        model_family="LLAMA",
        max_connections=max_connections,
        max_retries=10,
        backoff=(0.01, 0.1),
    )
    async with model:
        await _ask(model, "warm up", warm_up, at_once)
        before, begun = _memory(), time.perf_counter()
        wrong = await _ask(model, "question", calls, at_once)
        seconds, growth = time.perf_counter() - begun, _memory() - before
    del model
    return wrong, seconds, growth, _descriptors() - open_before


async def _ask(model, word, calls, at_once):
    wrong, numbers = [], iter(range(calls))

    async def worker():
        for number in numbers:
            question = f"{word} {number} of {calls}"
            try:
                answer = (await model.ainvoke(question)).text
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
                answer = repr(error)
            if answer != f"echo: {question}":
                wrong.append(f"{question}: {answer}")

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return wrong


def _memory():
    """MiB of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _descriptors():
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))

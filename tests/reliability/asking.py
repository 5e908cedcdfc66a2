"""The eight entry points of the two models, each as one way to ask and to collect what came."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM

QUESTION = "one two three"
MODELS = {"chat": AzureMLOSSChatModel, "LLM": AzureMLOSSLLM}
METHODS = ("invoke", "ainvoke", "stream", "astream")
ENTRIES = [f"{model}.{method}" for model in MODELS for method in METHODS]
FAST = (0.01, 0.02)
"""Backoff for tests: seconds."""


@dataclass
class Asked:
    """What one call gave: its text, and the error that ended it."""

    text: str = ""
    error: Exception | None = None
    pieces: list[str] = field(default_factory=list)


def is_stream(entry):
    return entry.endswith("stream")


def is_async(entry):
    return ".a" in entry


def model_for(entry, url, key, **fields):
    """A model whose contract has streams, so that all entry points take the same road."""
    model = entry.partition(".")[0]
    path = "/v1/chat/completions" if model == "chat" else "/v1/completions"
    fields = {"max_retries": 2, "backoff": FAST, "model_family": "LLAMA"} | fields
    return MODELS[model](endpoint_url=url + path, endpoint_api_key=key, **fields)


def ask(entry, model, question=QUESTION, **options: Any) -> Asked:
    """Call an entry point; an error of any class is part of the result."""
    if is_async(entry):
        return asyncio.run(aask_and_close(entry, model, question, **options))
    asked = Asked()
    try:
        if is_stream(entry):
            for chunk in model.stream(question, **options):
                asked.pieces.append(text_of(chunk))
        else:
            asked.pieces.append(text_of(model.invoke(question, **options)))
    except Exception as error:  # noqa: BLE001 - the test looks at its class
        asked.error = error
    asked.text = "".join(asked.pieces)
    return asked


async def aask(entry, model, question=QUESTION, **options: Any) -> Asked:
    """The same inside a running loop."""
    asked = Asked()
    try:
        if is_stream(entry):
            async for chunk in model.astream(question, **options):
                asked.pieces.append(text_of(chunk))
        else:
            asked.pieces.append(text_of(await model.ainvoke(question, **options)))
    except Exception as error:  # noqa: BLE001 - the test looks at its class
        asked.error = error
    asked.text = "".join(asked.pieces)
    return asked


async def aask_and_close(entry, model, question=QUESTION, **options: Any) -> Asked:
    """Ask, and leave no connection to the end of the loop."""
    try:
        return await aask(entry, model, question, **options)
    finally:
        await model.aclose()


def ask_twice(entry, model, between, **options: Any) -> Asked:
    """Ask over one pool, call `between`, and ask again; the second is the result."""
    if not is_async(entry):
        assert ask(entry, model, **options).error is None
        between()
        return ask(entry, model, **options)

    async def both():
        try:
            assert (await aask(entry, model, **options)).error is None
            await asyncio.to_thread(between)
            await asyncio.sleep(0.05)  # the loop sees that the connection is gone
            return await aask(entry, model, **options)
        finally:
            await model.aclose()

    return asyncio.run(both())


def text_of(answer):
    """The text of a message or chunk; an LLM gives plain text."""
    return answer if isinstance(answer, str) else answer.text

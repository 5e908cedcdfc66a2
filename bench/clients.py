"""What is measured: raw HTTP clients, the framework alone, this package and its peers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import requests
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_azureml_oss import AzureMLOSSChatModel

KEY = "bench"
QUESTION = "Say hi."
BODY = {"messages": [{"role": "user", "content": QUESTION}], "model": "stub"}
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}


@dataclass
class Client:
    """One way to ask; what a client cannot do is None."""

    name: str
    ask: Callable[[], Any] | None = None
    ask_async: Callable[[], Awaitable[Any]] | None = None
    stream: Callable[[], Iterator[Any]] | None = None
    stream_async: Callable[[], AsyncIterator[Any]] | None = None
    close: Callable[[], Awaitable[Any]] | None = None


def of_model(name: str, model: BaseChatModel) -> Client:
    """A LangChain chat model."""
    return Client(
        name,
        ask=lambda: model.invoke(QUESTION),
        ask_async=lambda: model.ainvoke(QUESTION),
        stream=lambda: model.stream(QUESTION),
        stream_async=lambda: model.astream(QUESTION),
    )


def raw_requests(url: str) -> Client:
    """requests, as a careful programmer would use it: one session."""
    session = requests.Session()

    def ask() -> str:
        response = session.post(url, json=BODY, headers=HEADERS)
        return response.json()["choices"][0]["message"]["content"]

    def stream() -> Iterator[str]:
        body = {**BODY, "stream": True}
        with session.post(url, json=body, headers=HEADERS, stream=True) as response:
            for line in response.iter_lines(chunk_size=65_536):
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content", "")

    return Client("requests", ask=ask, stream=stream)


class _RawAiohttp:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        self._session = self._session or aiohttp.ClientSession(headers=HEADERS)
        return self._session

    async def ask(self) -> str:
        async with self._open().post(self._url, json=BODY) as response:
            return (await response.json())["choices"][0]["message"]["content"]

    async def stream(self) -> AsyncIterator[str]:
        async with self._open().post(self._url, json={**BODY, "stream": True}) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content", "")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def raw_aiohttp(url: str) -> Client:
    """Return a client that is aiohttp alone, with one session."""
    raw = _RawAiohttp(url)
    return Client("aiohttp", ask_async=raw.ask, stream_async=raw.stream, close=raw.close)


class _Instant(BaseChatModel):
    """Answers from memory: what is left is the framework's own cost."""

    chunks: int

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("Hello there!"))])

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        return self._generate()

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for _ in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk("word "))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream():
            yield chunk


def framework(chunks: int) -> Client:
    """langchain-core with a model that costs nothing."""
    return of_model("framework alone", _Instant(chunks=chunks))


def this_package(url: str) -> Client:
    """This package."""
    model = AzureMLOSSChatModel(endpoint_url=url, endpoint_api_key=KEY, model_family="LLAMA")
    client = of_model("this package", model)
    client.close = model.aclose
    return client


def peers(base: str) -> Iterator[Client]:
    """langchain-openai and langchain-community, where they are installed."""
    try:
        from langchain_openai import ChatOpenAI

        yield of_model(
            "langchain-openai", ChatOpenAI(base_url=f"{base}/v1", api_key=KEY, model="stub")
        )
    except ImportError:
        print("langchain-openai is not installed: left out.")
    try:
        from langchain_community.chat_models.azureml_endpoint import (
            AzureMLChatOnlineEndpoint,
            CustomOpenAIChatContentFormatter,
        )

        model = AzureMLChatOnlineEndpoint(
            endpoint_url=f"{base}/models/chat/completions",  # the only path it takes
            endpoint_api_type="serverless",
            endpoint_api_key=KEY,
            content_formatter=CustomOpenAIChatContentFormatter(),
        )
        whole = of_model("langchain-community", model)
        yield Client(whole.name, ask=whole.ask, ask_async=whole.ask_async)
    except ImportError:
        print("langchain-community is not installed: left out.")

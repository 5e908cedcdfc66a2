"""Who is measured: each is asked in the same words, and answers with text and token counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import aiohttp
import requests
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_azureml_oss import AzureMLOSSChatModel

KEY = "bench-key"
QUESTION = "What is CI?"
BODY = {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0.1}
HEADERS = {"Authorization": f"Bearer {KEY}"}


def contenders(url: str, chunks: int) -> dict[str, Any]:
    """Return what can be measured here, by name, in the order of the table."""
    found: dict[str, Any] = {
        "raw requests": RawRequests(url, chunks),
        "raw aiohttp": RawAiohttp(url, chunks),
        "framework alone": FrameworkAlone(chunks=chunks),
        "this package": AzureMLOSSChatModel(
            endpoint_url=f"{url}/chunks-{chunks}/v1/chat/completions",
            endpoint_api_key=KEY,
            model_family="LLAMA",
            temperature=0.1,
        ),
    }
    if find_spec("langchain_openai"):
        from langchain_openai import ChatOpenAI

        found["langchain-openai"] = ChatOpenAI(
            base_url=f"{url}/chunks-{chunks}/v1", api_key=KEY, model="stub", temperature=0.1
        )
    if find_spec("langchain_community"):
        from langchain_community.chat_models.azureml_endpoint import (
            AzureMLChatOnlineEndpoint,
            CustomOpenAIChatContentFormatter,
        )

        found["langchain-community"] = AzureMLChatOnlineEndpoint(
            endpoint_url=f"{url}/models/chat/completions",
            endpoint_api_type="serverless",
            endpoint_api_key=KEY,
            content_formatter=CustomOpenAIChatContentFormatter(),
        )
    return found


@dataclass
class RawRequests:
    """A pooled session, and nothing else."""

    url: str
    chunks: int
    session: requests.Session = field(default_factory=requests.Session)

    def invoke(self, _: str) -> str:
        """One answer."""
        url = f"{self.url}/v1/chat/completions"
        answer = self.session.post(url, json=BODY, headers=HEADERS, timeout=30)
        return str(answer.json()["choices"][0]["message"]["content"])

    def stream(self, _: str) -> Iterator[str]:
        """The events, parsed."""
        url = f"{self.url}/chunks-{self.chunks}/v1/chat/completions"
        body = {**BODY, "stream": True}
        with self.session.post(url, json=body, headers=HEADERS, timeout=30, stream=True) as answer:
            buffer = b""
            for data in answer.iter_content(65_536):
                *events, buffer = (buffer + data).split(b"\n\n")
                yield from map(_text, events)


@dataclass
class RawAiohttp:
    """Likewise; its session is made inside the loop."""

    url: str
    chunks: int
    session: aiohttp.ClientSession | None = None

    def _post(self, body: dict[str, Any]) -> Any:
        if self.session is None:
            self.session = aiohttp.ClientSession()
        url = f"{self.url}/chunks-{self.chunks}/v1/chat/completions"
        return self.session.post(url, json=body, headers=HEADERS)

    async def ainvoke(self, _: str) -> str:
        """One answer."""
        async with self._post(BODY) as answer:
            return str((await answer.json())["choices"][0]["message"]["content"])

    async def astream(self, _: str) -> AsyncIterator[str]:
        """The events, parsed."""
        async with self._post({**BODY, "stream": True}) as answer:
            buffer = b""
            async for data in answer.content.iter_any():
                *events, buffer = (buffer + data).split(b"\n\n")
                for event in events:
                    yield _text(event)

    async def aclose(self) -> None:
        """Close the session of this loop."""
        if self.session is not None:
            await self.session.close()
        self.session = None


def _text(event: bytes) -> str:
    if event == b"data: [DONE]":
        return ""
    return str(json.loads(event[6:])["choices"][0]["delta"].get("content", ""))


class FrameworkAlone(BaseChatModel):
    """langchain-core around an answer that costs nothing."""

    chunks: int

    @property
    def _llm_type(self) -> str:
        return "alone"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("four"))])

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        return self._generate()

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for _number in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(" word"))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for _number in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(" word"))

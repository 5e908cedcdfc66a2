"""What a GGUF model says about texts without going on with them: their vectors and tokens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from langchain_azureml_oss.local.engines.base import JSON, Embedded, EngineError, Token

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from langchain_azureml_oss.local.engines.base import EmbeddingInput


class LlamaReader:
    """Asks llama.cpp about texts.

    Args:
        server: The server that answers chats; it tells about tokens over its own HTTP port.
        key: What opens that port.
        load_embedder: Loads the file once more, for vectors: one server does not do both well.
        pool: Where blocking calls run.
    """

    def __init__(
        self, server: Any, key: str, load_embedder: Callable[[], Any], pool: Executor
    ) -> None:
        self._url = server.listening_address
        self._headers = {"Authorization": f"Bearer {key}"}
        self._load_embedder = load_embedder
        self._pool = pool

    async def context_tokens(self) -> int:
        """The window of a request."""
        [model] = (await self._ask("GET", "/v1/models"))["data"]
        return int(model["meta"]["n_ctx"])

    async def prompt(self, body: JSON) -> str:
        """What the chat template makes of messages and tools."""
        return str((await self._ask("POST", "/apply-template", body))["prompt"])

    async def tokenize(self, text: str, *, special: bool) -> list[Token]:
        """The tokens of a text; `special`: with those that the model wants at its beginning."""
        body = {"content": text, "add_special": special, "parse_special": True, "with_pieces": True}
        found = (await self._ask("POST", "/tokenize", body))["tokens"]
        return [Token(one["id"], _text(one["piece"])) for one in found]

    async def embed(self, inputs: list[EmbeddingInput], dimensions: int | None) -> Embedded:
        """A vector of unit length for each text or list of tokens."""
        answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, inputs)
        vectors = [one["embedding"] for one in sorted(answer["data"], key=lambda one: one["index"])]
        if dimensions not in {None, len(vectors[0])}:
            raise EngineError(400, f"The model's vectors have {len(vectors[0])} dimensions.")
        return Embedded(vectors, answer["usage"]["prompt_tokens"])

    def _embed(self, inputs: list[EmbeddingInput]) -> JSON:
        try:
            return checked(self._load_embedder().handle_embeddings({"input": inputs}))
        except ValueError as problem:
            raise EngineError(400, str(problem)) from problem
        except EngineError as problem:
            # llama.cpp takes a long text for a failure of its own.
            if "too large" in str(problem.body):
                raise EngineError(400, problem.body) from problem
            raise

    async def _ask(self, method: str, path: str, body: JSON | None = None) -> JSON:
        async with (
            aiohttp.ClientSession(self._url, headers=self._headers) as session,
            session.request(method, path, json=body) as response,
        ):
            return checked(await response.json())


def checked(answer: JSON) -> JSON:
    """An answer of llama.cpp; or raises the error that it is."""
    if "error" in answer:
        raise EngineError(int(answer["error"].get("code", 500)), answer)
    return answer


def _text(piece: str | list[int]) -> str:
    # A part of a character comes as its bytes.
    return piece if isinstance(piece, str) else bytes(piece).decode("utf-8", "replace")

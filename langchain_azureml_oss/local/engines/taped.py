"""Engines over a tape: one that records what another answers, and one that plays it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from langchain_azureml_oss.local.engines.base import JSON, Embedded, EngineError, only
from langchain_azureml_oss.local.tape import Exchange, Recorder, Tape

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Iterable

    from langchain_azureml_oss.local.engines.base import EmbeddingInput
    from langchain_azureml_oss.local.engines.upstream import UpstreamEngine


class RecordingEngine:
    """Answers as another engine does, and records every exchange that came to its end."""

    def __init__(
        self, engine: UpstreamEngine, path: str | os.PathLike[str], secrets: Iterable[str]
    ) -> None:
        self._engine = engine
        self.name = engine.name
        self._recorder = Recorder(path, engine.name, [*engine.secrets, *secrets])

    async def start(self) -> None:
        """Starts the other engine."""
        await self._engine.start()

    async def close(self) -> None:
        """Closes the other engine."""
        await self._engine.close()

    def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers a chat."""
        return self._recorded("chat", body, self._engine.chat(body))

    def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Goes on with a prompt."""
        return self._recorded("completion", body, self._engine.complete(body))

    async def embed(
        self, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
    ) -> Embedded:
        """Vectors."""
        asked = _embedding(inputs, dimensions, others)
        try:
            embedded = await self._engine.embed(inputs, dimensions, others)
        except EngineError as problem:
            self._recorder.write(Exchange("embeddings", asked, [], _said(problem)))
            raise
        answer = {"vectors": embedded.vectors, "tokens": embedded.tokens}
        self._recorder.write(Exchange("embeddings", asked, [answer]))
        return embedded

    async def _recorded(
        self, api: str, body: JSON, pieces: AsyncGenerator[JSON, None]
    ) -> AsyncGenerator[JSON, None]:
        answer: list[JSON] = []
        error = None
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    answer.append(piece)
                    # Whoever wants one object reads no further: it is on the tape before that.
                    if not body.get("stream"):
                        self._recorder.write(Exchange(api, body, answer))
                    yield piece
        except EngineError as problem:
            error = _said(problem)
            raise
        finally:
            if error or (body.get("stream") and answer and _is_whole(answer)):
                self._recorder.write(Exchange(api, body, answer, error))


class ReplayEngine:
    """Answers what is on a tape.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no tape.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._tape = Tape(path)
        self.name = self._tape.model

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to give back."""

    def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers a chat."""
        return self._play("chat", body)

    def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Goes on with a prompt."""
        return self._play("completion", body)

    async def embed(
        self, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
    ) -> Embedded:
        """Vectors."""
        pieces = self._play("embeddings", _embedding(inputs, dimensions, others))
        return Embedded(**await only(pieces))

    async def _play(self, api: str, body: JSON) -> AsyncGenerator[JSON, None]:
        exchange = self._tape.play(api, body)
        for piece in exchange.answer:
            yield piece
        if exchange.error:
            raise EngineError(**exchange.error)


def _embedding(inputs: list[EmbeddingInput], dimensions: int | None, others: JSON) -> JSON:
    return {"input": inputs, "dimensions": dimensions} | others


def _said(problem: EngineError) -> JSON:
    """An error as a tape has it."""
    return {
        "status": problem.status,
        "body": problem.body,
        "retry_after_s": problem.retry_after_s,
    }


def _is_whole(chunks: list[JSON]) -> bool:
    """Whether a stream came to its end; who asked may have left before."""
    return any(choice.get("finish_reason") for one in chunks for choice in one["choices"])

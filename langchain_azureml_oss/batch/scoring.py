"""Asks a model every question of a file, and goes on where an earlier run ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_azureml_oss.batch.answer_file import AnswerFile
from langchain_azureml_oss.batch.rows import Row, read_rows
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    ConnectionConfigError,
    EndpointConnectionError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedInputError,
)
from langchain_azureml_oss.llms import AzureMLOSSLLM

Outcome = dict[str, Any]
"""What is written of a row: `text` and what is known about the answer, or `error`."""

_KNOWN = ("model_name", "deployment", "finish_reason", "request_id")
_HOPELESS = (AuthenticationError, ConnectionConfigError, NotFoundError, PermissionDeniedError)
"""Every other row would end the same way."""
_LOST_IN_A_ROW = 10
"""Connections that fail one after the other, before it is believed that nobody is there."""


@dataclass(slots=True)
class Progress:
    """How far a run is; counts of rows."""

    total: int = 0
    """All rows of the file of questions."""
    kept: int = 0
    """Answered by an earlier run."""
    answered: int = 0
    """Answered by this one."""
    failed: int = 0
    usage: UsageMetadata | None = None
    """Tokens of this run, where the endpoint reports them."""
    first_failure: str = ""
    """Row and reason."""

    @property
    def done(self) -> int:
        """Rows that need no further question in this run."""
        return self.kept + self.answered + self.failed

    def note(self, row: Row, outcome: Outcome) -> None:
        """Count a row."""
        if error := outcome.get("error"):
            self.failed += 1
            self.first_failure = self.first_failure or (
                f"row {row.number}: {error['type']}: {error['message']}"
            )
        else:
            self.answered += 1
            if usage := outcome.get("usage"):
                self.usage = add_usage(self.usage, usage)


def score_file(
    model: AzureMLOSSChatModel | AzureMLOSSLLM,
    questions: str | Path,
    answers: str | Path,
    **options: Any,
) -> Progress:
    """Ask a model every question of a file; see `ascore_file`.

    Raises:
        RuntimeError: an event loop is running; await `ascore_file` there.
    """
    return asyncio.run(ascore_file(model, questions, answers, **options))


async def ascore_file(
    model: AzureMLOSSChatModel | AzureMLOSSLLM,
    questions: str | Path,
    answers: str | Path,
    *,
    concurrency: int = 8,
    system: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Ask a model every question of a file, and write the answers to another one.

    A row that fails does not stop the others: its error is written in the place of the answer. Run
    again, rows with an answer are left alone, and the others are asked.

    Args:
        model: A completion model takes prompts, several in a request where the contract does.
        questions: JSON Lines (`.jsonl`: objects with `prompt` or `messages`, or texts), `.csv` with
            a column `prompt`, or `.txt` with a prompt on each line.
        answers: JSON Lines, an object for each row: `row`, `input`, and `text` with what is known
            about the answer, or `error`.
        concurrency: Requests in flight.
        system: System message of rows that have none; for chat models.
        overwrite: Whether to drop the answers of an earlier run.
        on_progress: Called after each row.

    Returns:
        What was done.

    Raises:
        UnsupportedInputError: a row is malformed, or the file of answers belongs to other
            questions; nothing was sent.
        AzureMLOSSError: the key, the address or the deployment is wrong, or the endpoint cannot be
            reached, so that every other row would fail too. Answers that came are written.
    """
    source, target = Path(questions), Path(answers)
    asker = _ChatAsker(model, system) if isinstance(model, AzureMLOSSChatModel) else _Asker(model)
    total = _checked(source, target, asker)
    with AnswerFile(target, overwrite=overwrite) as file:
        kept = sum(file.has_answer(row) for row in read_rows(source))
        run = _Run(asker, file, Progress(total, kept), on_progress)
        rows = (row for row in read_rows(source) if not file.has_answer(row))
        await run.ask_all(_groups(rows, asker.size), concurrency)
    return run.progress


def _checked(source: Path, target: Path, asker: _Asker | _ChatAsker) -> int:
    """Return the number of rows; raise UnsupportedInputError where one cannot be asked."""
    total = 0
    for row in read_rows(source):
        asker.check(row)
        total += 1
    if target.exists() and target.samefile(source):
        raise UnsupportedInputError(f"{target.name} would overwrite the questions.")
    return total


class _Asker:
    """Asks a completion model."""

    def __init__(self, model: AzureMLOSSLLM) -> None:
        self._model = model
        self.size = model.prompts_per_request
        """Rows that are asked together."""

    def check(self, row: Row) -> None:
        """Raise UnsupportedInputError where a row is no question for this model."""
        row.prompt()

    async def ask(self, rows: Sequence[Row]) -> list[Outcome]:
        """Return the answers to some rows."""
        result = await self._model.agenerate([row.prompt() for row in rows])
        answers = [generations[0] for generations in result.generations]
        return [_outcome(one.text, one.generation_info or {}) for one in answers]


class _ChatAsker:
    """Asks a chat model."""

    size = 1

    def __init__(self, model: AzureMLOSSChatModel, system: str | None) -> None:
        self._model, self._system = model, system

    def check(self, row: Row) -> None:
        """Raise UnsupportedInputError where a row is no question for this model."""
        row.messages(self._system)

    async def ask(self, rows: Sequence[Row]) -> list[Outcome]:
        """Return the answer to a row."""
        (row,) = rows
        message = await self._model.ainvoke(row.messages(self._system))
        known = {**message.response_metadata, "usage_metadata": message.usage_metadata}
        reasoning = message.additional_kwargs.get("reasoning_content")
        return [_outcome(message.text, known, reasoning=reasoning)]


class _Run:
    """One run over the rows that have no answer yet."""

    def __init__(
        self,
        asker: _Asker | _ChatAsker,
        file: AnswerFile,
        progress: Progress,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._asker, self._file, self._on_progress = asker, file, on_progress
        self.progress = progress
        self._end: AzureMLOSSError | None = None
        """Why the rest is not asked."""
        self._lost = 0
        """Connections that failed since the last answer."""

    async def ask_all(self, groups: Iterator[list[Row]], concurrency: int) -> None:
        """Ask all rows, so many groups at once; what is in flight ends before this does."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(self._work(groups))
        if self._end is not None:
            raise self._end

    async def _work(self, groups: Iterator[list[Row]]) -> None:
        # The workers share the iterator, so each group goes to the next who is free.
        for rows in groups:
            await self._ask(rows)
            if self._end is not None:
                return

    async def _ask(self, rows: list[Row]) -> None:
        started = time.monotonic()
        try:
            outcomes = await self._asker.ask(rows)
            self._lost = 0
        except AzureMLOSSError as error:
            self._lost += isinstance(error, EndpointConnectionError)
            if isinstance(error, _HOPELESS) or self._lost >= _LOST_IN_A_ROW:
                self._end = self._end or error
            elif len(rows) > 1:  # the fault of one of them, perhaps
                for row in rows:
                    if self._end is None:
                        await self._ask([row])
                return
            outcomes = [_failure(error)] * len(rows)
        seconds = round(time.monotonic() - started, 3)
        for row, outcome in zip(rows, outcomes, strict=True):
            self._file.add(row, {**outcome, "seconds": seconds})
            self.progress.note(row, outcome)
            if self._on_progress is not None:
                self._on_progress(self.progress)


def _groups(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while group := list(islice(rows, size)):
        yield group


def _outcome(text: str, known: Mapping[str, Any], **more: Any) -> Outcome:
    outcome = {"text": text, **more, **{key: known.get(key) for key in _KNOWN}}
    outcome["usage"] = known.get("usage_metadata")
    return {key: value for key, value in outcome.items() if value is not None}


def _failure(error: AzureMLOSSError) -> Outcome:
    said = {"type": type(error).__name__, "message": str(error)}
    details = {name: getattr(error, name, None) for name in ("status", "request_id", "deployment")}
    return {"error": said | {k: v for k, v in details.items() if v is not None}}

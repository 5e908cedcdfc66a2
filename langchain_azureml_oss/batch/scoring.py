"""Asks a model every question of a file, and goes on where an earlier run ended."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_azureml_oss.batch.answer_file import AnswerFile
from langchain_azureml_oss.batch.rows import Row, read_rows
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.errors import (
    AuthenticationError,
    ConnectionConfigError,
    EndpointConnectionError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    UnsupportedInputError,
)
from langchain_azureml_oss.llms import AzureMLOSSLLM

Outcome = dict[str, Any]
"""What is written of a row: `text` and what is known about the answer, or `error`."""

_METADATA = ("model_name", "deployment", "finish_reason", "request_id")
_FATAL = (AuthenticationError, ConnectionConfigError, NotFoundError, PermissionDeniedError)
"""Every other row would end the same way."""
_OVERLOAD = frozenset({429, 502, 503, 504})
"""Statuses that are no fault of the request."""
_MAX_UNANSWERED = 10
"""Requests without any answer, one after the other, before the endpoint counts as gone."""


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
    *,
    concurrency: int = 8,
    system: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Ask a model every question of a file; see `ascore_file`.

    Raises:
        RuntimeError: an event loop is running; await `ascore_file` there.
    """
    run = ascore_file(
        model,
        questions,
        answers,
        concurrency=concurrency,
        system=system,
        overwrite=overwrite,
        on_progress=on_progress,
    )
    return asyncio.run(run)


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
        concurrency: Most requests in flight; where the endpoint says that they are too many, there
            are fewer.
        system: System message of rows that have none; for chat models.
        overwrite: Whether to drop the answers of an earlier run.
        on_progress: Called at the beginning and after each row.

    Returns:
        What was done.

    Raises:
        ValueError: `concurrency` is below 1, or a completion model was given a system message.
        UnsupportedInputError: a row is malformed, or the file of answers belongs to other
            questions, which is found before anything is sent; or an answer cannot be written.
        AzureMLOSSError: the key, the address or the deployment is wrong, or the endpoint does not
            answer, so that every other row would fail too. Answers that came are written.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}.")
    source, target = Path(questions), Path(answers)
    scorer = _scorer(model, system)
    total = _checked(source, target, scorer)
    with AnswerFile(target, overwrite=overwrite) as file:
        progress = Progress(total, kept=file.check(read_rows(source)))
        run = _Run(scorer, file, progress, on_progress or (lambda _: None))
        await run.score(_groups(_waiting(source, file), scorer.size), concurrency)
    return progress


def _checked(source: Path, target: Path, scorer: _ChatScorer | _CompletionScorer) -> int:
    """Return the number of rows; raise UnsupportedInputError where one cannot be asked."""
    total = 0
    for row in read_rows(source):
        scorer.check(row)
        total += 1
    if target.exists() and target.samefile(source):
        raise UnsupportedInputError(f"{target.name} would overwrite the questions.")
    return total


def _waiting(source: Path, file: AnswerFile) -> Iterator[Row]:
    """Yield the rows that have no answer; those that failed before come last."""
    asked, failed = file.numbers, file.failed
    new = (row for row in read_rows(source) if row.number not in asked)
    again = (row for row in read_rows(source) if row.number in failed)
    return chain(new, again) if failed else new


def _groups(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while group := list(islice(rows, size)):
        yield group


class _CompletionScorer:
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


class _ChatScorer:
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


def _scorer(
    model: AzureMLOSSChatModel | AzureMLOSSLLM, system: str | None
) -> _ChatScorer | _CompletionScorer:
    if isinstance(model, AzureMLOSSChatModel):
        return _ChatScorer(model, system)
    if system is not None:
        raise ValueError("A completion has no system message; pass a chat model.")
    return _CompletionScorer(model)


class _Run:
    """One run over the rows that have no answer yet."""

    def __init__(
        self,
        scorer: _ChatScorer | _CompletionScorer,
        file: AnswerFile,
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._scorer, self._file = scorer, file
        self._progress, self._on_progress = progress, on_progress
        self._postponed: deque[list[Row]] = deque()
        """Groups to be asked again: too many at the same time, or one by one."""
        self._workers = 0
        self._unanswered = 0
        self._end: Exception | None = None
        """Why the rest is not asked."""

    async def score(self, groups: Iterator[list[Row]], concurrency: int) -> None:
        """Ask all groups, so many at once; what is in flight ends before this does."""
        self._on_progress(self._progress)
        self._workers = concurrency
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(concurrency):
                    tasks.create_task(self._work(groups))
        except BaseExceptionGroup as failures:  # of the files, or of on_progress
            raise failures.exceptions[0] from None
        if self._end is not None:
            raise self._end

    async def _work(self, groups: Iterator[list[Row]]) -> None:
        # The workers share what waits, so each group goes to the next who is free.
        while self._end is None:
            rows = self._postponed.popleft() if self._postponed else next(groups, None)
            if rows is None:
                break
            try:
                await self._ask(rows, is_alone=self._workers == 1)
            except RateLimitError:
                self._postponed.append(rows)
                if self._workers > 1:  # one less from now on
                    break
        self._workers -= 1

    async def _ask(self, rows: list[Row], *, is_alone: bool) -> None:
        """Ask some rows, and write what came of them.

        Raises:
            RateLimitError: to the end of all tries, which may be the others' fault; nothing is
                written.
        """
        started = time.monotonic()
        try:
            outcomes = await self._scorer.ask(rows)
            self._unanswered = 0
        except Exception as error:
            status = getattr(error, "status", None)
            is_gone = status is None and isinstance(
                error, EndpointConnectionError | RequestTimeoutError
            )
            self._unanswered = self._unanswered + 1 if is_gone else 0
            if isinstance(error, RateLimitError) and not is_alone:
                raise
            if isinstance(error, _FATAL) or self._unanswered >= _MAX_UNANSWERED:
                self._end = self._end or error
            elif len(rows) > 1 and not is_gone and status not in _OVERLOAD:
                self._postponed.extend([row] for row in rows)  # it may be the fault of one
                return
            outcomes = [_failure(error)] * len(rows)
        self._write(rows, outcomes, time.monotonic() - started)

    def _write(self, rows: Sequence[Row], outcomes: Sequence[Outcome], seconds: float) -> None:
        for row, outcome in zip(rows, outcomes, strict=True):
            self._file.add(row, {**outcome, "seconds": round(seconds, 3)})
            self._progress.note(row, outcome)
            self._on_progress(self._progress)


def _outcome(text: str, known: Mapping[str, Any], **more: Any) -> Outcome:
    outcome = {"text": text, **more, **{key: known.get(key) for key in _METADATA}}
    outcome["usage"] = known.get("usage_metadata")
    return {key: value for key, value in outcome.items() if value is not None}


def _failure(error: Exception) -> Outcome:
    said = {"type": type(error).__name__, "message": str(error)}
    details = {name: getattr(error, name, None) for name in ("status", "request_id", "deployment")}
    return {"error": said | {k: v for k, v in details.items() if v is not None}}

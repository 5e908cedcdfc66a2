"""One run over the rows that have no answer: asks them, and writes what comes of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice

from langchain_core.exceptions import ModelRateLimitError

from langchain_azureml_oss.batch.duplicates import Duplicates
from langchain_azureml_oss.batch.outcomes import Outcome, of_failure
from langchain_azureml_oss.batch.pacing.limits import TokenEstimate
from langchain_azureml_oss.batch.pacing.pace import Ticket
from langchain_azureml_oss.batch.pacing.turnstile import End, Gate
from langchain_azureml_oss.batch.progress import Progress
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.batch.scorers import Question, Scorer
from langchain_azureml_oss.batch.sinks import Sink
from langchain_azureml_oss.errors import (
    AuthenticationError,
    ConnectionConfigError,
    EndpointConnectionError,
    NotFoundError,
    PermissionDeniedError,
    RequestTimeoutError,
    UnsupportedInputError,
)
from langchain_azureml_oss.exchange import is_paced

_FATAL = (AuthenticationError, ConnectionConfigError, NotFoundError, PermissionDeniedError)
"""Every other row would end the same way."""
_OVERLOAD = frozenset({429, 502, 503, 504})
"""Statuses that are no fault of the request."""
MAX_CONCURRENCY = 64
"""Most requests at the same time, where nobody says."""
MAX_UNANSWERED = 10
"""Requests without any answer, one after the other, before the endpoint counts as gone."""


@dataclass(slots=True)
class _Group:
    """Rows that are asked in one request."""

    rows: list[Row]
    refusals: int = 0


@dataclass(slots=True)
class _Request:
    """One on its way."""

    group: _Group
    questions: list[Question]
    expected: int
    """Tokens."""


@dataclass(kw_only=True)
class Run:
    """What a run needs; `score` does it."""

    scorer: Scorer
    gate: Gate
    file: Sink
    progress: Progress
    on_progress: Callable[[Progress], None] = lambda _: None
    estimate: TokenEstimate = field(default_factory=TokenEstimate)
    budget: int | None = None
    """Tokens, after which no further request starts."""
    duplicates: Duplicates | None = None
    most: int = MAX_CONCURRENCY
    """Requests at the same time, never more, whatever the gate allows."""
    patience: int = 6
    """Refusals of a request before it waits until it is alone, and of one that is."""

    def __post_init__(self) -> None:
        self._again: deque[_Group] = deque()
        """Refused, or to be asked one by one."""
        self._stubborn: deque[_Group] = deque()
        """Refused so often that they are asked when all others are done."""
        self._in_flight = self._expected = self._unanswered = 0
        self._workers = self._waiting = 0
        self._changed = asyncio.Event()
        self._end: Exception | None = None
        """Why the rest is not asked."""

    async def score(self, rows: Iterator[Row]) -> None:
        """Ask all rows; what is in flight ends before this does."""
        self.on_progress(self.progress)
        paced = is_paced.set(True)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._start_worker(tasks, self._groups(rows))
        except BaseExceptionGroup as failures:  # of the files, or of on_progress
            raise failures.exceptions[0] from None
        finally:
            is_paced.reset(paced)
        if self._end is not None:
            raise self._end

    def _start_worker(self, tasks: asyncio.TaskGroup, groups: Iterator[_Group]) -> None:
        self._workers += 1
        tasks.create_task(self._work(tasks, groups))

    async def _work(self, tasks: asyncio.TaskGroup, groups: Iterator[_Group]) -> None:
        """Send one request after the other, and get help as long as the gate lets more through.

        Where all workers that there may be are busy, the one whose request has ended sends the next
        at once. If a loop started a task for each, that would be several turns of the event loop
        later, behind whatever else came: requests would go out in bursts, and their answers wait
        for one another. Where the gate allows fewer, one worker waits there, and the others end.
        """
        while (request := await self._next(groups)) is not None:
            self._waiting += 1
            ticket = await self.gate.enter(request.expected)
            self._waiting -= 1
            if self._end is not None:
                await self.gate.leave(ticket, End("failed"))
                self._done_with(request)
                break
            if not self._waiting and self._workers < self.most:
                self._start_worker(tasks, groups)
            await self._ask(request, ticket)
            if self._waiting:
                break
        self._workers -= 1

    def _groups(self, rows: Iterator[Row]) -> Iterator[_Group]:
        """Yield rows that go into one request: neighbours with the same options."""
        if self.duplicates is not None:
            rows = self.duplicates.unique(rows)
        for _, alike in groupby(rows, key=lambda row: row.options):
            while group := list(islice(alike, self.scorer.size)):
                yield _Group(group)

    async def _next(self, groups: Iterator[_Group]) -> _Request | None:
        """Return what is to be sent next; None: there is nothing left, or a reason to end."""
        while self._end is None:
            self._copy()
            try:
                group = self._again.popleft() if self._again else next(groups, None)
            except UnsupportedInputError as error:  # the questions changed; let the others end
                self._end = error
                return None
            if group is None and not self._in_flight:
                self._copy()
                group = self._stubborn.popleft() if self._stubborn else None
                if group is None:
                    return None
            if group is None:  # one in flight may have to be sent again
                self._changed.clear()
                await self._changed.wait()
                continue
            questions = [self.scorer.question(row) for row in group.rows]
            characters = sum(question.characters for question in questions)
            expected = self.estimate.of(characters, len(questions))
            spent = self.progress.tokens + self._expected
            if self.budget is not None and spent + expected > self.budget:
                self.progress.stopped = f"The budget of {self.budget:,} tokens is used up"
                return None
            self._in_flight += 1
            self._expected += expected
            return _Request(group, questions, expected)
        return None

    def _done_with(self, request: _Request) -> None:
        self._in_flight -= 1
        self._expected -= request.expected
        self._changed.set()

    async def _ask(self, request: _Request, ticket: Ticket) -> None:
        """Send a request, and write what came of it, or keep it to be sent again."""
        started = time.monotonic()
        outcomes: list[Outcome] = []
        error: Exception | None = None
        end = End("failed")
        try:
            outcomes = await self.scorer.ask(request.questions)
            end = End("answered", None, request.expected, self._count_tokens(request, outcomes))
        except Exception as caught:  # noqa: BLE001 - a row that fails is a row
            error = caught
            if isinstance(caught, ModelRateLimitError):
                end = End("refused", getattr(caught, "retry_after", None))
        finally:
            state = await self.gate.leave(ticket, end)
            self._done_with(request)
        self.progress.height, self.progress.refusals = state.height, state.refusals
        is_over = ticket.place == 1 and state.lone_refusals > self.patience
        if end.kind == "refused" and not is_over:
            self._postpone(request.group)
            return
        if error is None:
            self._unanswered = 0
        elif self._failed(error, request.group):
            outcomes = [of_failure(error)] * len(request.group.rows)
        self._write(request.group.rows, outcomes, time.monotonic() - started)

    def _postpone(self, group: _Group) -> None:
        group.refusals += 1
        (self._again if group.refusals <= self.patience else self._stubborn).append(group)

    def _failed(self, error: Exception, group: _Group) -> bool:
        """Return whether this is what is written; otherwise the rows are asked one by one."""
        status = getattr(error, "status", None)
        is_gone = status is None and isinstance(
            error, EndpointConnectionError | RequestTimeoutError
        )
        is_gone |= isinstance(error, ModelRateLimitError)
        self._unanswered = self._unanswered + 1 if is_gone else 0
        if isinstance(error, _FATAL) or self._unanswered >= MAX_UNANSWERED:
            self._end = self._end or error
        elif len(group.rows) > 1 and not is_gone and status not in _OVERLOAD:
            self._again.extend(_Group([row]) for row in group.rows)  # it may be the fault of one
            return False
        return True

    def _count_tokens(self, request: _Request, outcomes: Sequence[Outcome]) -> int:
        """Return the tokens of a request, and learn how long answers are."""
        used = 0
        for question, outcome in zip(request.questions, outcomes, strict=True):
            usage = outcome.get("usage") or self.estimate.usage(question.characters, outcome)
            self.estimate.note(usage["output_tokens"])
            self.progress.output_tokens += usage["output_tokens"]
            used += usage["total_tokens"]
        self.progress.tokens += used
        return used

    def _write(self, rows: Sequence[Row], outcomes: Sequence[Outcome], seconds: float) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        for row, outcome in zip(rows, outcomes, strict=False):
            self._note(row, {**outcome, "seconds": round(seconds, 3), "at": at})
            if self.duplicates is None:
                continue
            if "error" in outcome:
                self._again.extend(_Group([one]) for one in self.duplicates.failed(row.number))
            else:
                self.duplicates.answered(row.number)

    def _copy(self) -> None:
        """Give rows the answers that the same questions have."""
        while self.duplicates is not None and self.duplicates.ready:
            row, first = self.duplicates.ready.pop()
            self._note(row, {**self.file.outcome(first), "same_as": first}, copied=True)

    def _note(self, row: Row, outcome: Outcome, *, copied: bool = False) -> None:
        self.file.add(row, outcome)
        self.progress.note(row, outcome, copied=copied)
        self.on_progress(self.progress)

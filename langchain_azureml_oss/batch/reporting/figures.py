"""How a run went, read from its file of answers; pure but for the reading."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from langchain_azureml_oss.batch.answer_file import resolved
from langchain_azureml_oss.batch.counts import Counts
from langchain_azureml_oss.batch.exports import lines_of, read_answers
from langchain_azureml_oss.batch.run_card import RunCard

PERCENTILES = (50, 90, 99)
_SLICES = 60
"""Into how many parts the time of a run is cut."""
_BETWEEN_RUNS = 60.0
"""Seconds without any request that are no pause of a run any more, where nobody knows when runs
began; they do not count."""


@dataclass(slots=True)
class Slice:
    """What ended in a part of the time."""

    start: float
    """Seconds since the first answer."""
    answered: int = 0
    seconds: list[float] = field(default_factory=list)
    """How long each request took."""
    tokens: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Report(Counts):
    """All of it; times in seconds."""

    rows: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    begin: datetime | None = None
    span: float = 0.0
    """Without what lies between two runs."""
    width: float = 0.0
    """Of a slice."""
    latencies: Mapping[int, float] = field(default_factory=dict)
    """Percentile -> seconds."""
    errors: Counter[str] = field(default_factory=Counter)
    deployments: Counter[str] = field(default_factory=Counter)
    slices: list[Slice] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.span if self.span else 0.0


def report_of(answers: Path) -> Report:
    """Read how a run went.

    Args:
        answers: What the run wrote: JSON Lines, or a table or OpenAI's responses, whose working
            file is beside.

    Raises:
        UnsupportedInputError: it is no such file.
    """
    found = lines_of(answers)
    return summed(read_answers(found), RunCard(resolved(found)).begins)


def summed(lines: Iterable[Mapping[str, Any]], begins: Sequence[Any] = ()) -> Report:
    """Return the report of some lines of a file of answers.

    Args:
        lines: The lines.
        begins: When runs began, as texts; the time before one without any request does not count.
    """
    found, events, seconds = Report(), list[tuple[float, float, int, str]](), list[float]()
    for line in lines:
        found.rows += 1
        error = (line.get("error") or {}).get("type", "")
        usage = line.get("usage") or {}
        took = line.get("seconds") or 0.0
        copied = "same_as" in line
        if error:
            found.errors[error] += 1
        else:
            found.count(line, copied=copied)
            found.deployments[line.get("deployment") or "unknown"] += 1
        tokens = 0
        if not copied:
            found.input_tokens += usage.get("input_tokens", 0)
            found.output_tokens += usage.get("output_tokens", 0)
            tokens = usage.get("total_tokens", 0)
            seconds.append(took)
        if (at := _moment(line.get("at"))) is not None:
            events.append((at.timestamp(), took, tokens, error))
    found.latencies = percentiles(seconds)
    moments = map(_moment, begins)
    _cut_time(found, events, sorted(m.timestamp() for m in moments if m is not None))
    return found


def percentiles(values: list[float]) -> dict[int, float]:
    """Return the values that so many percent do not exceed."""
    ranked = sorted(values)
    if not ranked:
        return {}
    return {p: ranked[min(len(ranked) - 1, -(-len(ranked) * p // 100) - 1)] for p in PERCENTILES}


def _cut_time(
    found: Report, events: list[tuple[float, float, int, str]], begins: list[float]
) -> None:
    if not events:
        return
    # A request began before it ended, so the run is a little longer than what lies between.
    first = min(at - took for at, took, _, _ in events)
    found.begin = datetime.fromtimestamp(first).astimezone()
    events = list(_without_pauses(events, first, begins))
    found.span = max(max(events)[0] - first, 0.001)
    found.width = found.span / _SLICES
    found.slices = [Slice(place * found.width) for place in range(_SLICES)]
    for at, took, tokens, error in events:
        part = found.slices[min(int((at - first) / found.width), _SLICES - 1)]
        part.tokens += tokens
        part.seconds.append(took)
        if error:
            part.errors[error] += 1
        else:
            part.answered += 1


def _without_pauses(
    events: list[tuple[float, float, int, str]], first: float, begins: list[float]
) -> Iterator[tuple[float, float, int, str]]:
    """Yield the events as if each run had begun when the one before it ended."""
    last, between = first, 0.0
    for at, took, tokens, error in sorted(events, key=lambda event: event[0] - event[1]):
        place = bisect_left(begins, last)
        is_between = place < len(begins) and begins[place] <= at - took
        if is_between or at - took - last > _BETWEEN_RUNS:
            between += at - took - last
        last = max(last, at)
        yield at - between, took, tokens, error


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None

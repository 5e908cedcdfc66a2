"""What a whole run would take, judged by a sample of its rows.

A sample of twenty ends before a run has its pace: it opens connections, begins with few requests at
once, and reads the whole file for them. So its time from begin to end says little. Its later half
tells two things that stay: how long a row takes, and how many rows were on their way at once. The
rate is the second by the first (Little's law).
"""

from __future__ import annotations

import math
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from langchain_azureml_oss.batch.exports import lines_of, read_answers
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.rows import read_rows
from langchain_azureml_oss.batch.run import MAX_CONCURRENCY
from langchain_azureml_oss.batch.scorers import Model, scorer_of
from langchain_azureml_oss.batch.scoring import ascore_file, blocking


class Estimate(NamedTuple):
    """About what a run takes."""

    rows: int
    requests: int
    input_tokens: int
    output_tokens: int
    seconds: float
    """At the rate of the end of the sample, and no faster than the limits allow."""
    sample: int
    """Rows that were asked to find out."""
    failed: int
    """Rows of these that failed."""
    reported: bool
    """Whether the endpoint told the tokens; otherwise four characters are one."""
    least_seconds: float
    """With as many requests at once as there may be, if each is answered as fast."""


async def aestimate_file(
    model: Model, questions: str | Path, *, sample: int = 20, **options: Any
) -> Estimate:
    """Ask some rows of a file, evenly spread, and say what all of them would take.

    The answers are dropped; the requests are real ones.

    Args:
        model: As for `score_file`.
        questions: Likewise.
        sample: How many rows.
        **options: Those of `score_file`.

    Raises:
        AzureMLOSSError: as `score_file` does.
    """
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder, "sample.jsonl")
        run = await ascore_file(model, questions, answers, sample=sample, **options)
        at_once, each = rows_at_once(read_answers(lines_of(answers)))
    rows = sum(1 for _ in read_rows(Path(questions)))
    share = rows / max(1, run.answered)
    usage = run.usage or {"input_tokens": 0, "output_tokens": 0}
    answer = usage["output_tokens"] if run.usage else run.output_tokens
    size = scorer_of(model, Form()).size
    requests = math.ceil(rows / size)
    tokens_in = round(share * (usage["input_tokens"] or run.tokens - answer))
    tokens_out = round(share * answer)
    bound = max(
        each if rows else 0.0,
        _minutes(requests, options.get("limit_requests")) * 60,
        _minutes(tokens_in + tokens_out, options.get("limit_tokens")) * 60,
    )
    most = (options.get("concurrency") or options.get("max_concurrency") or MAX_CONCURRENCY) * size
    return Estimate(
        rows=rows,
        requests=requests,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        seconds=round(max(bound, rows * each / at_once), 1),
        sample=run.total,
        failed=run.failed,
        reported=run.usage is not None,
        least_seconds=round(max(bound, rows * each / max(most, at_once)), 1),
    )


def rows_at_once(lines: Iterable[Mapping[str, Any]]) -> tuple[int, float]:
    """Return how many rows were on their way at once, and how many seconds one took.

    Both are those of the later half, by the time when a row was sent.

    Args:
        lines: Those of a file of answers.
    """
    times = sorted(
        (datetime.fromisoformat(line["at"]).timestamp() - line["seconds"], line["seconds"])
        for line in lines
    )
    if not times:
        return 1, 0.0
    begins = [begin for begin, _ in times]
    ends = sorted(begin + seconds for begin, seconds in times)
    later = times[len(times) // 2 :]
    # Half-way through a row, since milliseconds are rounded: where one ends, another begins.
    halves = [begin + seconds / 2 for begin, seconds in later]
    at_once = max(bisect_right(begins, half) - bisect_right(ends, half) for half in halves)
    return max(1, at_once), sum(seconds for _, seconds in later) / len(later)


def _minutes(amount: int, limit: int | None) -> float:
    return amount / limit if limit else 0.0


estimate_file = blocking(aestimate_file)

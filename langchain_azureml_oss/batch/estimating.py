"""What a whole run would take, judged by a sample of its rows."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.rows import read_rows
from langchain_azureml_oss.batch.scorers import Model, scorer_of
from langchain_azureml_oss.batch.scoring import ascore_file, blocking


class Estimate(NamedTuple):
    """About what a run takes."""

    rows: int
    requests: int
    input_tokens: int
    output_tokens: int
    seconds: float
    """At the rate of the sample."""
    sample: int
    """Rows that were asked to find out."""
    failed: int
    """Rows of these that failed."""
    reported: bool
    """Whether the endpoint told the tokens; otherwise four characters are one."""


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
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder, "sample.jsonl")
        run = await ascore_file(model, questions, answers, sample=sample, **options)
    seconds = time.monotonic() - started
    rows = sum(1 for _ in read_rows(Path(questions)))
    share = rows / max(1, run.answered)
    usage = run.usage or {"input_tokens": 0, "output_tokens": 0}
    answer = usage["output_tokens"] if run.usage else run.output_tokens
    return Estimate(
        rows=rows,
        requests=math.ceil(rows / scorer_of(model, Form()).size),
        input_tokens=round(share * (usage["input_tokens"] or run.tokens - answer)),
        output_tokens=round(share * answer),
        seconds=round(seconds * rows / max(1, run.done), 1),
        sample=run.total,
        failed=run.failed,
        reported=run.usage is not None,
    )


estimate_file = blocking(aestimate_file)

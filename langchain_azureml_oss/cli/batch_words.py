"""How a run of `azureml-oss batch` went, in words and in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_azureml_oss.batch import Progress


def words(progress: Progress, seconds: float) -> Iterator[str]:
    """Yield what is done, and what is to be known about it; a line each."""
    line = f"{progress.kept + progress.answered:,} of {progress.total:,} rows have an answer"
    if progress.kept:
        line += f", {progress.kept:,} of them by an earlier run"
    line += f"; {seconds:.1f} s"
    if usage := progress.usage:
        line += f": {usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out"
    yield line
    if progress.failed:
        kinds = ", ".join(f"{count:,} {name}" for name, count in progress.failures.most_common())
        yield f"Failed: {kinds}"
    if progress.copied:
        yield f"{progress.copied:,} rows have the answer of an earlier row with the same question."
    if progress.cut:
        yield f"{progress.cut:,} answers were cut at the bound of their length (--max-tokens)."
    if progress.open_ended:
        yield (
            f"The endpoint does not say of {progress.open_ended:,} answers why they ended; some may"
            " be cut."
        )


def as_json_object(progress: Progress, seconds: float, answers: Path) -> dict[str, Any]:
    """Return the same for machines."""
    return {
        "rows": progress.total,
        "kept": progress.kept,
        "answered": progress.answered,
        "failed": progress.failed,
        "copied": progress.copied,
        "cut": progress.cut,
        "open_ended": progress.open_ended,
        "refused": progress.refusals,
        "usage": progress.usage,
        "tokens": progress.tokens,
        "seconds": round(seconds, 3),
        "first_failure": progress.first_failure or None,
        "answers": str(answers),
    }


def counts(progress: Progress, retries: int) -> str:
    """Return what stands in the line of a run that goes on."""
    found = {
        "at once": progress.height,
        "failed": progress.failed,
        "tried again": retries + progress.refusals,
    }
    return ", ".join(f"{count:,} {name}" for name, count in found.items() if count)

"""Asks a model every question of a file, and goes on where an earlier run ended."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from langchain_azureml_oss.batch.answer_file import AnswerFile, resolved
from langchain_azureml_oss.batch.duplicates import Duplicates
from langchain_azureml_oss.batch.exports import check_target, export_for, working_file
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.machines.ray_engine import Cluster, score_on_ray
from langchain_azureml_oss.batch.openai_requests import is_request
from langchain_azureml_oss.batch.pacing.limits import Limits, TokenEstimate
from langchain_azureml_oss.batch.pacing.pace import Pace
from langchain_azureml_oss.batch.pacing.turnstile import Turnstile
from langchain_azureml_oss.batch.progress import Progress
from langchain_azureml_oss.batch.rows import Row, files_of, read_rows
from langchain_azureml_oss.batch.run import MAX_CONCURRENCY, Run
from langchain_azureml_oss.batch.run_card import RunCard, settings_of
from langchain_azureml_oss.batch.scorers import Model, Scorer, scorer_of
from langchain_azureml_oss.errors import UnsupportedInputError

P = ParamSpec("P")
T = TypeVar("T")

_RETRIES = 6
"""Refusals of a lone request before it counts as failed, where the model does not say."""


async def ascore_file(  # noqa: PLR0913 -- each is an option of the run
    model: Model,
    questions: str | Path,
    answers: str | Path,
    *,
    max_concurrency: int = MAX_CONCURRENCY,
    concurrency: int | None = None,
    system: str | None = None,
    column: str = "prompt",
    template: str | None = None,
    limit_requests: int | None = None,
    limit_tokens: int | None = None,
    budget_tokens: int | None = None,
    sample: int | None = None,
    dedupe: bool = False,
    overwrite: bool = False,
    mix: bool = False,
    engine: Literal["local", "ray"] = "local",
    actors: int = 2,
    ray_address: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Ask a model every question of a file, and write the answers to another one.

    A row that fails does not stop the others: its error is written in the place of the answer.
    Another run leaves rows with an answer alone, and asks the others.

    Args:
        model: A chat model; a completion or embedding model, which takes prompts, several in a
            request where the contract does; or any other Runnable, which takes a row's fields,
            such as `prompt | model.with_structured_output(Schema)`.
        questions: JSON Lines (`.jsonl`: objects with `prompt` or `messages`, or texts; or OpenAI's
            batch requests), `.csv` or `.parquet` with a column `prompt`, or `.txt` with a prompt on
            each line; a directory of such files, or a pattern such as `in/*.csv`.
        answers: JSON Lines, an object for each row: `row`, `input`, and `text`, `answer` or
            `vector` with what is known about it, or `error`. A `.csv` or `.parquet` is a table of
            these; requests of OpenAI's batch get its responses, and a file with its errors.
        max_concurrency: Most requests at the same time. How many there are is found out: more as
            long as they are answered, fewer after a 429.
        concurrency: The same, under its name of before.
        system: System message of rows that have none; for chat models.
        column: Where the text of a row stands that has no `messages`.
        template: Jinja template that makes this text of the row's columns. For a chat model, its
            lines such as `user:` begin turns; those in a column's value never do.
        limit_requests: Most requests a minute.
        limit_tokens: Most tokens a minute, in and out.
        budget_tokens: Tokens after which the run ends.
        sample: How many of the rows to ask, evenly spread; None: all.
        dedupe: Ask the same question once; the model's temperature must be 0.
        overwrite: Whether to drop the answers of an earlier run.
        mix: Whether answers that were made with other options may stay.
        engine: `ray` asks on the machines of a Ray cluster; see `score_dataset` about the key.
        actors: How many ask there.
        ray_address: Of the cluster; None: the one that is there, or one on this machine.
        on_progress: Called at the beginning and after each row.

    Returns:
        What was done.

    Raises:
        ValueError: an option makes no sense, or not for this model.
        UnsupportedInputError: a row is malformed, or the file of answers belongs to other
            questions or options, which is found before anything is sent; or an answer cannot be
            written.
        AzureMLOSSError: the key, the address or the deployment is wrong, or the endpoint does not
            answer, so that every other row would fail too. Answers that came are written.
    """
    most = concurrency if concurrency is not None else max_concurrency
    _check_counts(
        max_concurrency=most,
        limit_requests=limit_requests,
        limit_tokens=limit_tokens,
        budget_tokens=budget_tokens,
        sample=sample,
        actors=actors,
    )
    if engine == "ray" and (budget_tokens or dedupe):
        raise ValueError("budget_tokens and dedupe are for engine='local'.")
    form = Form(system=system, column=column, template=template)
    scorer = scorer_of(model, form)
    settings = settings_of(model, form)
    is_repeatable = settings.get("kind") == "embeddings"
    is_repeatable |= str(settings.get("temperature")) in {"0", "0.0"}
    if dedupe and not is_repeatable:
        raise ValueError("dedupe needs a model with temperature=0: others answer differently.")
    source, target = Path(questions), Path(answers)
    total, first = _checked(source, target, scorer)
    export = export_for(target, first.input if first else None)
    wanted = target
    if export is not None:
        check_target(wanted, overwrite=overwrite)
        target = working_file(wanted)
    is_asked = _sampled(total, sample)
    duplicates = Duplicates(scorer) if dedupe else None
    cluster = Cluster(
        actors=actors,
        address=ray_address,
        max_concurrency=most,
        limit_requests=limit_requests,
        limit_tokens=limit_tokens,
    )
    with AnswerFile(target, overwrite=overwrite) as file:
        kept = file.check(read_rows(source), duplicates.know if duplicates else lambda _: None)
        RunCard(resolved(target)).sign(settings, has_answers=kept > 0, mix=mix)
        waiting = _waiting(source, file, is_asked)
        left = sum(1 for _ in waiting) if sample else total - kept
        progress = Progress(kept + left, kept=kept)
        tell = on_progress or (lambda _: None)
        run = Run(
            scorer=scorer,
            gate=Turnstile(
                Pace(most, backoff=getattr(model, "backoff", (0.5, 8.0))),
                Limits(limit_requests, limit_tokens),
            ),
            file=file,
            progress=progress,
            on_progress=tell,
            estimate=TokenEstimate(getattr(model, "max_tokens", None)),
            budget=budget_tokens,
            duplicates=duplicates,
            most=most,
            patience=getattr(model, "max_retries", _RETRIES),
        )
        try:
            rows = _waiting(source, file, is_asked)
            if engine == "ray":
                await score_on_ray(model, rows, form, cluster, file, progress, tell)
            else:
                await run.score(rows)
        finally:
            file.close()
            if export is not None:
                export(target, wanted)
    return progress


def blocking(run: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return a function that awaits this one in an event loop of its own."""

    @functools.wraps(run)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(run(*args, **kwargs))

    call.__doc__ = f"{run.__doc__}\n    In an event loop, await `{run.__name__}`."
    return call


score_file = blocking(ascore_file)


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} must be at least 1, not {count}.")


def _checked(source: Path, target: Path, scorer: Scorer) -> tuple[int, Row | None]:
    """Return how many rows there are, and the first.

    Raises:
        UnsupportedInputError: one cannot be asked, or the answers would overwrite the questions.
    """
    total, first = 0, None
    for row in read_rows(source):
        first = first or row
        if is_request(first.input) and not is_request(row.input):
            raise UnsupportedInputError(
                f"Row {row.number} has no `custom_id` and `body`, as the requests before it have."
                " Keep other rows in another file."
            )
        scorer.question(row)
        total += 1
    target = resolved(target)
    if target.exists() and any(target.samefile(file) for file in files_of(source)):
        raise UnsupportedInputError(f"{target.name} would overwrite the questions.")
    return total, first


def _sampled(total: int, sample: int | None) -> Callable[[int], bool]:
    """Return which rows, counted from 0, are asked: all, or so many evenly spread."""
    if sample is None or sample >= total:
        return lambda _: True
    places = {place * total // sample for place in range(sample)}
    return places.__contains__


def _waiting(source: Path, file: AnswerFile, is_asked: Callable[[int], bool]) -> Iterator[Row]:
    """Yield the rows that have no answer; those that failed before come last."""

    def rows() -> Iterator[Row]:
        return (row for place, row in enumerate(read_rows(source)) if is_asked(place))

    asked, failed = file.numbers, file.failed
    new = (row for row in rows() if row.number not in asked)
    again = (row for row in rows() if row.number in failed)
    return chain(new, again) if failed else new

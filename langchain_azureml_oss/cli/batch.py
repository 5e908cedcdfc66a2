"""`azureml-oss batch`: a file of questions to a file of answers."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_azureml_oss.cli import batch_options as own
from langchain_azureml_oss.cli.answer_options import (
    MaxTokensOption,
    SystemOption,
    TemperatureOption,
)
from langchain_azureml_oss.cli.batch_report import show_report
from langchain_azureml_oss.cli.batch_streams import files_of_streams
from langchain_azureml_oss.cli.batch_words import as_json_object, counts, words
from langchain_azureml_oss.cli.connecting import (
    ConnectionOption,
    ContractOption,
    DeploymentOption,
    EndpointChoice,
    FamilyOption,
    UrlOption,
)
from langchain_azureml_oss.cli.problems import CommandError, reported
from langchain_azureml_oss.cli.progress import shown_progress
from langchain_azureml_oss.cli.terminal import Terminal

if TYPE_CHECKING:
    from langchain_azureml_oss.batch import Progress
    from langchain_azureml_oss.batch.scorers import Model

_TERMINATED = 128 + signal.SIGTERM
"""Exit status, as shells have it."""


def batch(  # noqa: PLR0913 -- each is an option of the command
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Questions: .jsonl (objects with `prompt` or `messages`, texts, or OpenAI's batch"
            " requests), .csv or .parquet with a column `prompt`, .txt with a prompt on each line;"
            " a directory or pattern of these; - for JSON Lines or text on standard input.",
            show_default=False,
        ),
    ],
    answers: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="Answers: JSON Lines, .csv or .parquet; - for standard output. If it is there,"
            " what it lacks is asked.",
            show_default=False,
        ),
    ] = None,
    *,
    connection: ConnectionOption = None,
    url: UrlOption = None,
    family: FamilyOption = None,
    deployment: DeploymentOption = None,
    contract: ContractOption = "auto",
    api: own.ApiOption = "chat",
    model: own.ModelOption = None,
    system: SystemOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    top_p: own.TopPOption = None,
    seed: own.SeedOption = None,
    stop: own.StopOption = None,
    model_kwargs: own.ModelKwargsOption = None,
    schema: own.SchemaOption = None,
    column: own.ColumnOption = "prompt",
    template: own.TemplateOption = None,
    sample: own.SampleOption = None,
    dedupe: own.DedupeOption = False,
    max_concurrency: own.MaxConcurrencyOption = 64,
    limit_requests: own.LimitRequestsOption = None,
    limit_tokens: own.LimitTokensOption = None,
    budget_tokens: own.BudgetOption = None,
    timeout: own.TimeoutOption = None,
    max_retries: own.MaxRetriesOption = 6,
    overwrite: own.OverwriteOption = False,
    mix: own.MixOption = False,
    dry_run: own.DryRunOption = False,
    report: own.ReportOption = False,
    engine: own.EngineOption = "local",
    actors: own.ActorsOption = 2,
    ray_address: own.RayAddressOption = None,
    as_json: own.JsonOption = False,
) -> None:
    """Ask every question of a file, and write the answers to another one.

    A row that fails does not stop the others. The same command again asks those that have no
    answer. The key comes from the connection or from AZUREML_ENDPOINT_API_KEY, never from an
    option.
    """
    terminal = Terminal(as_json=as_json)
    if report:
        if str(answers) == "-":
            msg = "standard output is for the figures; name a file for the page."
            raise typer.BadParameter(msg, param_hint="OUT")
        with reported(terminal):
            show_report(terminal, questions, answers)
        return
    if answers is None:
        raise typer.BadParameter("it is missing.", param_hint="OUT")
    if as_json and str(answers) == "-":
        msg = "standard output is for the answers (OUT is -)."
        raise typer.BadParameter(msg, param_hint="--json")
    if api != "chat" and (system or schema):
        hint = "--system" if system else "--schema"
        raise typer.BadParameter("it is for a chat model.", param_hint=hint)
    if dedupe and temperature != 0:
        msg = "the same question has the same answer only with --temperature 0."
        raise typer.BadParameter(msg, param_hint="--dedupe")
    if engine == "ray" and (dedupe or budget_tokens):
        hint = "--dedupe" if dedupe else "--budget-tokens"
        raise typer.BadParameter("it is for --engine local.", param_hint=hint)
    choice = EndpointChoice(
        connection=connection, url=url, family=family, deployment=deployment, contract=contract
    )
    settings = {
        "model": model,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "top_p": top_p,
        "seed": seed,
        "stop": stop or None,
        "model_kwargs": _json_object(model_kwargs, "--model-kwargs"),
        "timeout": timeout,
    }
    fields = {name: value for name, value in settings.items() if value is not None}
    rows = {"system": system, "column": column, "template": _text_of(template)}
    run = {
        "max_concurrency": max_concurrency,
        "limit_requests": limit_requests,
        "limit_tokens": limit_tokens,
    }
    ends = {
        "budget_tokens": budget_tokens,
        "sample": sample,
        "dedupe": dedupe,
        "overwrite": overwrite,
        "mix": mix,
    }
    machines = {"engine": engine, "actors": actors, "ray_address": ray_address}
    with reported(terminal), files_of_streams(questions, answers) as (source, target):
        fields |= choice.fields() | {
            "max_retries": max_retries,
            "max_connections": max(max_concurrency, 100),
        }
        asked = _model(api, fields, schema)
        if dry_run:
            _estimate(terminal, asked, source, rows | run)
        else:
            _run(terminal, asked, (source, target), rows | run | ends | machines)


def _json_object(text: str | None, hint: str) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise typer.BadParameter(f"it is not JSON: {error}.", param_hint=hint) from None
    if not isinstance(value, dict):
        raise typer.BadParameter("it is not a JSON object.", param_hint=hint)
    return value


def _text_of(option: str | None) -> str | None:
    """Return a text, or what stands in the file that `@FILE` names."""
    if option is None or not option.startswith("@"):
        return option
    try:
        return Path(option[1:]).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        msg = f"{option[1:]} cannot be read: {error}."
        raise typer.BadParameter(msg, param_hint="--template") from None


def _model(api: str, fields: dict[str, Any], schema: Path | None) -> Model:
    # The import takes a second; --help and wrong usage do without it.
    from langchain_azureml_oss import (  # noqa: PLC0415
        AzureMLOSSChatModel,
        AzureMLOSSEmbeddings,
        AzureMLOSSLLM,
    )

    if api == "completion":
        return AzureMLOSSLLM(**fields)
    if api == "embeddings":
        return AzureMLOSSEmbeddings(**fields)
    chat = AzureMLOSSChatModel(**fields)
    if schema is None:
        return chat
    try:
        form = _json_object(schema.read_text(encoding="utf-8"), "--schema")
        return chat.with_structured_output(
            {"title": schema.stem, **(form or {})}, method="json_schema"
        )
    except (OSError, ValueError) as error:
        raise CommandError(f"{schema} is no JSON schema that can be used: {error}.") from None


def _run(
    terminal: Terminal, model: Model, files: tuple[Path, Path], options: dict[str, Any]
) -> None:
    """Ask the rows, and say how it went.

    Raises:
        CommandError: a row failed, or the run ended before its last row.
        AzureMLOSSError: the input is wrong, or all rows would fail.
    """
    from langchain_azureml_oss.batch import score_file  # noqa: PLC0415 -- a second

    latest: Progress | None = None
    started = time.monotonic()
    again = "The same command" + (" without --overwrite" if options["overwrite"] else "")

    def report(progress: Progress) -> None:
        seconds = time.monotonic() - started
        if terminal.as_json:
            terminal.result(as_json_object(progress, seconds, files[1]))
        else:
            for line in words(progress, seconds):
                terminal.say(line)

    with (
        _ended_by_sigterm() as end,
        _counted_retries() as retries,
        shown_progress(terminal) as show,
    ):

        def note(progress: Progress) -> None:
            nonlocal latest
            latest = progress
            show(progress.done, progress.total, counts(progress, retries.count))

        try:
            progress = score_file(model, *files, **options, on_progress=note)
        except BaseException as error:
            if latest is not None:
                report(latest)
                terminal.say(f"{again} asks the others.")
            if isinstance(error, KeyboardInterrupt) and end.was_asked:
                raise CommandError("Terminated.", _TERMINATED) from None
            raise
    report(progress)
    if progress.stopped:
        raise CommandError(
            f"{progress.stopped}; {progress.left:,} rows were not asked. {again} asks them."
        )
    if progress.failed:
        rows, them = ("row", "it") if progress.failed == 1 else ("rows", "them")
        raise CommandError(
            f"{progress.failed:,} {rows} failed. {again} asks {them} again. The first was"
            f" {progress.first_failure}"
        )


def _estimate(terminal: Terminal, model: Model, questions: Path, options: dict[str, Any]) -> None:
    from langchain_azureml_oss.batch import estimate_file  # noqa: PLC0415 -- a second
    from langchain_azureml_oss.batch.reporting.page import time_text  # noqa: PLC0415

    with _counted_retries():
        found = estimate_file(model, questions, **options)
    if terminal.as_json:
        terminal.result(found._asdict())
        return
    tokens = "" if found.reported else " (estimated: the endpoint reports none)"
    terminal.write(
        f"{found.rows:,} rows, {found.requests:,} requests\n"
        f"about {found.input_tokens:,} tokens in, {found.output_tokens:,} out{tokens}\n"
        f"about {time_text(found.seconds)} at the rate that a sample of {found.sample} rows ended"
        f" with ({found.failed} failed)\n"
        f"at least {time_text(found.least_seconds)}, with {options['max_concurrency']} requests at"
        " once\n"
    )


class _End:
    was_asked = False


@contextmanager
def _ended_by_sigterm() -> Iterator[_End]:
    """Let SIGTERM end a run as Ctrl-C does: answers are kept, and it is said how to go on."""
    end = _End()

    def interrupt(*_: object) -> None:
        end.was_asked = True
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt  # a shell lets what a script starts in the background ignore it
        signal.raise_signal(signal.SIGINT)

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread
        yield end
        return
    try:
        yield end
    finally:
        signal.signal(signal.SIGTERM, before)


class _Retries(logging.Filter):
    """Counts what would be a line for each try; with thousands of rows, nobody reads those."""

    count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        self.count += 1
        return False


@contextmanager
def _counted_retries() -> Iterator[_Retries]:
    retries, logger = _Retries(), logging.getLogger("langchain_azureml_oss.exchange")
    logger.addFilter(retries)
    try:
        yield retries
    finally:
        logger.removeFilter(retries)

"""`azureml-oss batch`: a file of questions to a file of answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from langchain_azureml_oss.cli.answer_options import (
    PANEL,
    MaxTokensOption,
    SystemOption,
    TemperatureOption,
)
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
    from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM
    from langchain_azureml_oss.batch import Progress

_RUN = "Run"


def batch(  # noqa: PLR0913 -- each is an option of the command
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Questions: .jsonl (objects with `prompt` or `messages`, or texts), .csv with a"
            " column `prompt`, or .txt with a prompt on each line.",
            show_default=False,
        ),
    ],
    answers: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Answers: JSON Lines, an object for each row. If it is there, what it lacks is"
            " asked.",
            show_default=False,
        ),
    ],
    *,
    connection: ConnectionOption = None,
    url: UrlOption = None,
    family: FamilyOption = None,
    deployment: DeploymentOption = None,
    contract: ContractOption = "auto",
    api: Annotated[
        Literal["chat", "completion"],
        typer.Option(
            "--api",
            help="Prompts as a user's turns, or as texts to go on with; at /score, several of those"
            " go in one request.",
            rich_help_panel=PANEL,
        ),
    ] = "chat",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The name that is sent as `model`.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    system: SystemOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            min=1,
            metavar="NUMBER",
            help="Requests at the same time.",
            rich_help_panel=_RUN,
        ),
    ] = 8,
    max_retries: Annotated[
        int,
        typer.Option(
            "--max-retries",
            min=0,
            metavar="NUMBER",
            help="Tries of a row after the first.",
            rich_help_panel=_RUN,
        ),
    ] = 6,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Drop the answers of an earlier run.", rich_help_panel=_RUN
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON object about the run at the end; errors too.",
            rich_help_panel=_RUN,
        ),
    ] = False,
) -> None:
    """Ask every question of a file, and write the answers to another one.

    A row that fails does not stop the others. The same command again asks those that have no
    answer. The key comes from the connection or from AZUREML_ENDPOINT_API_KEY, never from an
    option.
    """
    if system and api == "completion":
        raise typer.BadParameter("a completion has no system message.", param_hint="--system")
    choice = EndpointChoice(
        connection=connection, url=url, family=family, deployment=deployment, contract=contract
    )
    settings = {"model": model, "temperature": temperature, "max_tokens": max_tokens}
    fields = {name: value for name, value in settings.items() if value is not None}
    terminal = Terminal(as_json=as_json)
    with reported(terminal):
        fields |= choice.fields() | {
            "max_retries": max_retries,
            "max_connections": max(concurrency, 100),
        }
        options = {"concurrency": concurrency, "system": system, "overwrite": overwrite}
        _run(terminal, _model(api, fields), (questions, answers), options)


def _model(api: str, fields: dict[str, Any]) -> AzureMLOSSChatModel | AzureMLOSSLLM:
    # The import takes a second; --help and wrong usage do without it.
    from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM  # noqa: PLC0415

    return AzureMLOSSChatModel(**fields) if api == "chat" else AzureMLOSSLLM(**fields)


def _run(
    terminal: Terminal,
    model: AzureMLOSSChatModel | AzureMLOSSLLM,
    files: tuple[Path, Path],
    options: dict[str, Any],
) -> None:
    """Ask the rows, and say how it went.

    Raises:
        CommandError: a row failed.
        AzureMLOSSError: the input is wrong, or all rows would fail.
    """
    from langchain_azureml_oss.batch import score_file  # noqa: PLC0415 -- a second

    latest: Progress | None = None
    started = time.monotonic()

    with _counted_retries() as retries, shown_progress(terminal) as show:

        def note(progress: Progress) -> None:
            nonlocal latest
            latest = progress
            show(progress.done, progress.total, _counts(progress, retries.count))

        try:
            progress = score_file(model, *files, **options, on_progress=note)
        except BaseException:
            if latest is not None:
                _report(terminal, latest, time.monotonic() - started, files[1])
                terminal.say(f"{_same_command(options)} asks the others.")
            raise
    _report(terminal, progress, time.monotonic() - started, files[1])
    if progress.failed:
        rows = "row" if progress.failed == 1 else "rows"
        raise CommandError(
            f"{progress.failed:,} {rows} failed. {_same_command(options)} asks them again. The"
            f" first was {progress.first_failure}"
        )


def _report(terminal: Terminal, progress: Progress, seconds: float, answers: Path) -> None:
    if terminal.as_json:
        terminal.result(
            {
                "rows": progress.total,
                "kept": progress.kept,
                "answered": progress.answered,
                "failed": progress.failed,
                "usage": progress.usage,
                "seconds": round(seconds, 3),
                "first_failure": progress.first_failure or None,
                "answers": str(answers),
            }
        )
    else:
        line = f"{progress.kept + progress.answered:,} of {progress.total:,} rows have an answer"
        if progress.kept:
            line += f", {progress.kept:,} of them by an earlier run"
        line += f"; {seconds:.1f} s"
        if usage := progress.usage:
            line += f": {usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out"
        terminal.say(line)


def _same_command(options: dict[str, Any]) -> str:
    return "The same command" + (" without --overwrite" if options["overwrite"] else "")


def _counts(progress: Progress, retries: int) -> str:
    counts = {"failed": progress.failed, "tried again": retries}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


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

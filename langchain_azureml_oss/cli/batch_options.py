"""The options of `azureml-oss batch` that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from langchain_azureml_oss.cli.answer_options import PANEL

RUN = "Run"
MACHINES = "Many machines"
ROWS = "Rows"

ApiOption = Annotated[
    Literal["chat", "completion"],
    typer.Option(
        "--api",
        help="Prompts as a user's turns, or as texts to go on with; at /score, several of those"
        " go in one request.",
        rich_help_panel=PANEL,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="The name that is sent as `model`.", rich_help_panel=PANEL
    ),
]
TopPOption = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        min=0,
        max=1,
        metavar="NUMBER",
        help="Choose among the likeliest words that have this probability together.",
        rich_help_panel=PANEL,
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="NUMBER",
        help="Makes chance repeatable, where the endpoint takes it.",
        rich_help_panel=PANEL,
    ),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(
        "--stop",
        metavar="TEXT",
        help="An answer ends before this text; may be given several times.",
        rich_help_panel=PANEL,
    ),
]
ModelKwargsOption = Annotated[
    str | None,
    typer.Option(
        "--model-kwargs",
        metavar="JSON",
        help="Whatever else is sent to the model: a JSON object.",
        rich_help_panel=PANEL,
    ),
]
SchemaOption = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        metavar="FILE.json",
        help="Answers have the form of this JSON schema; its fields become columns.",
        rich_help_panel=PANEL,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.001,
        metavar="SECONDS",
        help="Longest silence of the endpoint.",
        rich_help_panel=RUN,
    ),
]
MaxRetriesOption = Annotated[
    int,
    typer.Option(
        "--max-retries",
        min=0,
        metavar="NUMBER",
        help="Tries of a row after the first.",
        rich_help_panel=RUN,
    ),
]
MaxConcurrencyOption = Annotated[
    int,
    typer.Option(
        "--max-concurrency",
        "--concurrency",
        min=1,
        metavar="NUMBER",
        help="Most requests at the same time; how many there are is found out.",
        rich_help_panel=RUN,
    ),
]
LimitRequestsOption = Annotated[
    int | None,
    typer.Option(
        "--limit-requests",
        min=1,
        metavar="NUMBER",
        help="Most requests a minute.",
        rich_help_panel=RUN,
    ),
]
LimitTokensOption = Annotated[
    int | None,
    typer.Option(
        "--limit-tokens",
        min=1,
        metavar="NUMBER",
        help="Most tokens a minute, in and out.",
        rich_help_panel=RUN,
    ),
]
BudgetOption = Annotated[
    int | None,
    typer.Option(
        "--budget-tokens",
        min=1,
        metavar="NUMBER",
        help="End the run after so many tokens, in and out.",
        rich_help_panel=RUN,
    ),
]
ColumnOption = Annotated[
    str,
    typer.Option(
        "--column", metavar="NAME", help="Where the text of a row stands.", rich_help_panel=ROWS
    ),
]
TemplateOption = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="TEXT",
        help="Makes the text of a row of its columns: a Jinja template, or @FILE with one.",
        rich_help_panel=ROWS,
    ),
]
SampleOption = Annotated[
    int | None,
    typer.Option(
        "--sample",
        min=1,
        metavar="NUMBER",
        help="Ask so many of the rows, evenly spread.",
        rich_help_panel=ROWS,
    ),
]
DedupeOption = Annotated[
    bool,
    typer.Option(
        "--dedupe", help="Ask the same question once; for --temperature 0.", rich_help_panel=ROWS
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Drop the answers of an earlier run.", rich_help_panel=RUN),
]
MixOption = Annotated[
    bool,
    typer.Option(
        "--mix",
        help="Go on though the answers that are there were made with other options.",
        rich_help_panel=RUN,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Ask 20 of the rows, write nothing, and say how many tokens and how long all would"
        " take.",
        rich_help_panel=RUN,
    ),
]
ReportOption = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Ask nothing; show how the run went that made IN, a file of answers, and plot it to"
        " OUT, an HTML page, where that is given.",
        rich_help_panel=RUN,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json", help="One JSON object about the run at the end; errors too.", rich_help_panel=RUN
    ),
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine",
        help="Ask from this machine, or from those of a Ray cluster, each with the key of its own"
        " environment.",
        rich_help_panel=MACHINES,
    ),
]
ActorsOption = Annotated[
    int,
    typer.Option(
        "--actors",
        min=1,
        metavar="NUMBER",
        help="How many ask on the cluster; all bounds hold for them together.",
        rich_help_panel=MACHINES,
    ),
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="The cluster's head; otherwise the one that is there, or one on this machine.",
        rich_help_panel=MACHINES,
    ),
]

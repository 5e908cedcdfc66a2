"""The options of `azureml-oss batch` that no other command has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from langchain_azureml_oss.cli.answer_options import answer

run = partial(typer.Option, rich_help_panel="Run")
rows = partial(typer.Option, rich_help_panel="Rows")
machines = partial(typer.Option, rich_help_panel="Many machines")

ApiOption = Annotated[
    Literal["chat", "completion", "embeddings"],
    answer(
        "--api",
        help="Prompts as a user's turns, as texts to go on with (at /score, several of those go in"
        " one request), or as texts to make vectors of.",
    ),
]
ModelOption = Annotated[
    str | None, answer("--model", metavar="NAME", help="The name that is sent as `model`.")
]
TopPOption = Annotated[
    float | None,
    answer(
        "--top-p",
        min=0,
        max=1,
        metavar="NUMBER",
        help="Choose among the likeliest words that have this probability together.",
    ),
]
SeedOption = Annotated[
    int | None,
    answer(
        "--seed", metavar="NUMBER", help="Makes chance repeatable, where the endpoint takes it."
    ),
]
StopOption = Annotated[
    list[str] | None,
    answer(
        "--stop",
        metavar="TEXT",
        help="An answer ends before this text; may be given several times.",
    ),
]
ModelKwargsOption = Annotated[
    str | None,
    answer(
        "--model-kwargs", metavar="JSON", help="Whatever else is sent to the model: a JSON object."
    ),
]
SchemaOption = Annotated[
    Path | None,
    answer(
        "--schema",
        metavar="FILE.json",
        help="Answers have the form of this JSON schema; its fields become columns.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    run("--timeout", min=0.001, metavar="SECONDS", help="Longest silence of the endpoint."),
]
MaxRetriesOption = Annotated[
    int, run("--max-retries", min=0, metavar="NUMBER", help="Tries of a row after the first.")
]
MaxConcurrencyOption = Annotated[
    int,
    run(
        "--max-concurrency",
        "--concurrency",
        min=1,
        metavar="NUMBER",
        help="Most requests at the same time; how many there are is found out.",
    ),
]
LimitRequestsOption = Annotated[
    int | None, run("--limit-requests", min=1, metavar="NUMBER", help="Most requests a minute.")
]
LimitTokensOption = Annotated[
    int | None,
    run("--limit-tokens", min=1, metavar="NUMBER", help="Most tokens a minute, in and out."),
]
BudgetOption = Annotated[
    int | None,
    run(
        "--budget-tokens",
        min=1,
        metavar="NUMBER",
        help="End the run after so many tokens, in and out.",
    ),
]
ColumnOption = Annotated[
    str, rows("--column", metavar="NAME", help="Where the text of a row stands.")
]
TemplateOption = Annotated[
    str | None,
    rows(
        "--template",
        metavar="TEXT",
        help="Makes the text of a row of its columns: a Jinja template, or @FILE with one.",
    ),
]
SampleOption = Annotated[
    int | None,
    rows("--sample", min=1, metavar="NUMBER", help="Ask so many of the rows, evenly spread."),
]
DedupeOption = Annotated[
    bool, rows("--dedupe", help="Ask the same question once; for --temperature 0.")
]
OverwriteOption = Annotated[bool, run("--overwrite", help="Drop the answers of an earlier run.")]
MixOption = Annotated[
    bool, run("--mix", help="Go on though the answers that are there were made with other options.")
]
DryRunOption = Annotated[
    bool,
    run(
        "--dry-run",
        help="Ask 20 of the rows, write nothing, and say how many tokens and how long all would"
        " take.",
    ),
]
ReportOption = Annotated[
    bool,
    run(
        "--report",
        help="Ask nothing; show how the run went that made IN, a file of answers, and plot it to"
        " OUT, an HTML page, where that is given.",
    ),
]
JsonOption = Annotated[
    bool, run("--json", help="One JSON object about the run at the end; errors too.")
]
EngineOption = Annotated[
    Literal["local", "ray"],
    machines(
        "--engine",
        help="Ask from this machine, or from those of a Ray cluster, each with the key of its own"
        " environment.",
    ),
]
ActorsOption = Annotated[
    int,
    machines(
        "--actors",
        min=1,
        metavar="NUMBER",
        help="How many ask on the cluster; all bounds hold for them together.",
    ),
]
RayAddressOption = Annotated[
    str | None,
    machines(
        "--ray-address",
        metavar="ADDRESS",
        help="The cluster's head; otherwise the one that is there, or one on this machine.",
    ),
]

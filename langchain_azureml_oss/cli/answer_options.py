"""The options that say how a model is to answer, for every command that asks one."""

from __future__ import annotations

from typing import Annotated

import typer

PANEL = "Answer"

SystemOption = Annotated[
    str | None,
    typer.Option(
        "--system", metavar="TEXT", help="How the model is to behave.", rich_help_panel=PANEL
    ),
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        min=0,
        metavar="NUMBER",
        help="0: always the likeliest words.",
        rich_help_panel=PANEL,
    ),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        min=1,
        metavar="NUMBER",
        help="The answer's longest length.",
        rich_help_panel=PANEL,
    ),
]

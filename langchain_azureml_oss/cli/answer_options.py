"""The options that say how a model is to answer, for every command that asks one."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

answer = partial(typer.Option, rich_help_panel="Answer")
"""Makes an option of this panel of --help."""

SystemOption = Annotated[
    str | None, answer("--system", metavar="TEXT", help="How the model is to behave.")
]
TemperatureOption = Annotated[
    float | None,
    answer("--temperature", min=0, metavar="NUMBER", help="0: always the likeliest words."),
]
MaxTokensOption = Annotated[
    int | None, answer("--max-tokens", min=1, metavar="NUMBER", help="The answer's longest length.")
]

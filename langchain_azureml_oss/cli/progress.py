"""How far a long run is, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from langchain_azureml_oss.cli.terminal import Terminal

_LINE_SECONDS = 10
"""How often a line is written to what is no terminal."""

Show = Callable[[int, int, str], None]
"""Takes how many are done, how many there are, and what else is to be said."""


@contextmanager
def shown_progress(terminal: Terminal) -> Iterator[Show]:
    """Show a bar on a terminal, a line from time to time elsewhere, and nothing with `--json`."""
    if terminal.as_json:
        yield lambda *_: None
    elif terminal.has_styles:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(
            *columns, TimeRemainingColumn(), console=terminal.console, transient=True
        ) as bar:
            task = bar.add_task("", total=None)
            yield lambda done, total, text: bar.update(
                task, completed=done, total=total, description=text
            )
    else:
        yield _Lines(terminal).show


class _Lines:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._next = time.monotonic() + _LINE_SECONDS

    def show(self, done: int, total: int, text: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_SECONDS
            self._terminal.say(f"{done:,} of {total:,} rows{text and f', {text}'}")

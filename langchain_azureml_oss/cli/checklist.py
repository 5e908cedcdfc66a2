"""Shows the doctor's report to a person."""

from __future__ import annotations

import shutil
import sys
import textwrap

from rich.console import Console
from rich.text import Text

from langchain_azureml_oss.cli.terminal import takes_styles
from langchain_azureml_oss.doctor import ESSENTIAL, TITLES, Line, Report
from langchain_azureml_oss.errors import harmless, on_one_line

_STYLES = {"ok": "green", "failed": "bold red", "skipped": "yellow"}
_STATE_WIDTH = max(map(len, _STYLES)) + 2
_TITLE_WIDTH = max(map(len, TITLES.values())) + 2
_INDENT = _STATE_WIDTH + _TITLE_WIDTH
_WIDEST = 120
"""Characters; longer lines are hard to read."""


def show(report: Report) -> None:
    """Write the checklist, the verdict and the lines to paste to standard output."""
    styles = takes_styles(sys.stdout)
    console = Console(
        file=sys.stdout,
        force_terminal=styles,
        color_system="auto" if styles else None,
        highlight=False,
        soft_wrap=True,
    )
    # What is no terminal is read by programs, one check in a line.
    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else 0
    for line in report.lines:
        console.print(checklist_text(line, width))
    console.print()
    console.print(_verdict(report, width))
    if report.python:
        console.print(Text("Paste this:", style="dim") if report.usable else "This should work:")
        console.print()
        console.print(Text(harmless(report.python)))


def checklist_text(line: Line, width: int) -> Text:
    """Return a check as text.

    Args:
        line: The check.
        width: Characters of the terminal; 0: lines are not broken.
    """
    text = Text()
    text.append(f"{line.state:<{_STATE_WIDTH}}", _STYLES[line.state])
    text.append(f"{TITLES[line.name]:<{_TITLE_WIDTH}}", "bold")
    text.append(_wrapped(line.found, width), "dim" if line.state == "skipped" else "")
    if line.advice:
        text.append(f"\n{' ' * _INDENT}")
        text.append(_wrapped(f"-> {line.advice}", width), "cyan")
    return text


def _verdict(report: Report, width: int) -> Text:
    count = len(report.requests)
    requests = f"{count} request{'' if count == 1 else 's'} sent"
    if report.usable:
        return Text.assemble(("The endpoint can be used.", "bold green"), f" ({requests})")
    needed = {*ESSENTIAL, "chat", "completion"}
    failed = [TITLES[x.name] for x in report.lines if x.state == "failed" and x.name in needed]
    words = f"The endpoint cannot be used as it is configured: {', '.join(failed)}."
    broken = "\n".join(textwrap.wrap(words, width)) if width else words
    return Text.assemble((broken, "bold red"), "\n" if width else " ", f"({requests})")


def _wrapped(text: str, width: int) -> str:
    text = on_one_line(text)
    if not width:
        return text
    room = max(width - _INDENT, 30)
    # A URL stays whole, so that it can be copied.
    broken = textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False)
    return f"\n{' ' * _INDENT}".join(broken)

"""What the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

from langchain_azureml_oss.errors import escaped, harmless


def as_json_line(value: Mapping[str, Any]) -> str:
    """Return an object as a line of JSON, in which orders are escaped: none is lost, or obeyed."""
    return escaped(json.dumps(value, ensure_ascii=False)) + "\n"


def takes_styles(stream: TextIO) -> bool:
    """Whether colours and movement are welcome on a stream.

    rich would also colour what is no terminal (`FORCE_COLOR`), and keeps bold type with `NO_COLOR`;
    programs that read the output trip over either.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Terminal:
    """The two streams of one run of a command.

    Args:
        as_json: One JSON object is the result, or the error. Warnings become a part of it, so that
            standard error can be parsed.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.notes: list[str] = []
        self._out = sys.stdout
        self._out_is_terminal = self._out.isatty()
        self._line_is_open = False
        self._status: Status | None = None
        self.has_styles = takes_styles(sys.stderr)
        self.console = Console(  # standard error
            file=sys.stderr,
            force_terminal=self.has_styles,
            color_system="auto" if self.has_styles else None,
            highlight=False,
            soft_wrap=True,
        )

    def write(self, text: str) -> None:
        """Write a part of an answer to standard output, at once."""
        if self._out_is_terminal:
            text = harmless(text)
        if not text:
            return
        self._stop_waiting()
        self._out.write(text)
        self._out.flush()
        self._line_is_open = not text.endswith("\n")

    def end_line(self) -> None:
        """End the line of standard output, unless it has ended."""
        if self._line_is_open:
            self.write("\n")

    def result(self, value: Mapping[str, Any]) -> None:
        """Write an object as one line of JSON to standard output."""
        found = {**value, "notes": self.notes} if self.notes else value
        self._out.write(as_json_line(found))
        self._out.flush()

    def say(self, text: str) -> None:
        """Say something that only people want to know."""
        if not self.as_json:
            self._say(Text(text, style="dim"))

    def warn(self, text: str) -> None:
        """Say something that is good to know, though nothing failed."""
        if self.as_json:
            self.notes.append(text)
        else:
            self._say(Text.assemble(("Note: ", "yellow"), text))

    def fail(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        """Say what went wrong.

        Args:
            message: For people.
            details: For machines, together with the message.
        """
        if self.as_json:
            found: dict[str, Any] = {"error": {**(details or {}), "message": message}}
            if self.notes:
                found["notes"] = self.notes
            sys.stderr.write(as_json_line(found))
        else:
            self._say(Text.assemble(("Error: ", "bold red"), message))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something is going on, until the first words of an answer."""
        if self.has_styles and not self.as_json:
            self._status = self.console.status(Text(text, style="dim"), spinner_style="dim")
            self._status.start()
        try:
            yield
        finally:
            self._stop_waiting()

    def _say(self, text: Text) -> None:
        self._stop_waiting()
        if self._out_is_terminal:
            self.end_line()
        text.plain = harmless(text.plain)
        self.console.print(text)

    def _stop_waiting(self) -> None:
        status, self._status = self._status, None
        if status is not None:
            status.stop()

"""What went wrong -> one message on standard error and the exit status."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from langchain_azureml_oss.cli.terminal import Terminal
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ConnectionConfigError,
    StreamInterruptedError,
)

FAILED = 1
"""Exit status: the endpoint or the input failed."""
WRONG_USAGE = 2
"""Exit status: the command was called in a wrong way, or its configuration is wrong."""
INTERRUPTED = 130
"""Exit status: Ctrl-C, as shells have it (128 and the number of SIGINT)."""


class CommandError(Exception):
    """Something went wrong that is no error of an endpoint.

    Attributes:
        exit_status: How the command ends.
    """

    def __init__(self, message: str, exit_status: int = FAILED) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@contextmanager
def reported(terminal: Terminal) -> Iterator[None]:
    """Report warnings and retries as they come, and turn errors into an exit status."""
    with _notes_of_the_package(terminal), warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: terminal.warn(str(message))
        try:
            yield
        except (AzureMLOSSError, CommandError) as error:
            report(terminal, error)
            raise typer.Exit(exit_status(error)) from None
        except KeyboardInterrupt:
            if terminal.as_json:
                terminal.fail("Interrupted.", {"type": "Interrupted"})
            terminal.say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None


def exit_status(error: AzureMLOSSError | CommandError) -> int:
    """Return the exit status for an error."""
    if isinstance(error, CommandError):
        return error.exit_status
    return WRONG_USAGE if isinstance(error, ConnectionConfigError) else FAILED


def report(terminal: Terminal, error: AzureMLOSSError | CommandError) -> None:
    """Say what went wrong, for people or for machines."""
    message, details = str(error), details_of(error)
    known = [
        f"{name.replace('_', ' ')} {value}"
        for name in ("deployment", "request_id")
        if (value := details.get(name)) and str(value) not in message
    ]
    if known and not terminal.as_json:
        message += f"\n({', '.join(known)})"
    terminal.fail(message, details)


def details_of(error: AzureMLOSSError | CommandError) -> dict[str, Any]:
    """Return what machines want to know about an error."""
    if isinstance(error, CommandError):
        return {"type": "CommandError"}
    details: dict[str, Any] = {"type": type(error).__name__}
    for name in ("status", "request_id", "deployment", "is_retryable"):
        details[name] = getattr(error, name, None)
    if isinstance(error, StreamInterruptedError):
        details["text"] = error.text
    return details


class _Notes(logging.Handler):
    """Shows what the package logs, such as that it tries again."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        # Without the traceback: who needs it configures logging.
        self._terminal.warn(record.getMessage())


@contextmanager
def _notes_of_the_package(terminal: Terminal) -> Iterator[None]:
    logger = logging.getLogger("langchain_azureml_oss")
    handler = _Notes(terminal)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)

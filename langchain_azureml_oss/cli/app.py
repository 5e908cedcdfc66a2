"""The commands, put together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.cli.batch import batch
from langchain_azureml_oss.cli.chat import chat
from langchain_azureml_oss.cli.doctor import doctor
from langchain_azureml_oss.cli.endpoints import endpoints
from langchain_azureml_oss.cli.serve import serve
from langchain_azureml_oss.cli.terminal import Terminal, takes_styles

_COMMANDS = (chat, serve, doctor, batch, endpoints)


def build_app() -> typer.Typer:
    """Return the command, for the streams that there are now."""
    styles = takes_styles(sys.stdout) and takes_styles(sys.stderr)
    app = typer.Typer(
        cls=_Commands,
        add_completion=False,
        # Its tracebacks show the values of variables, and one of them is the key.
        pretty_exceptions_enable=False,
        # typer would also colour what is no terminal, in the presence of some variables.
        rich_markup_mode="rich" if styles else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(no_args_is_help=True)(_about)
    for command in _COMMANDS:
        app.command()(command)
    return app


def _show_version(asked: bool) -> None:  # noqa: FBT001 -- called by typer
    if asked:
        typer.echo(f"langchain-azureml-oss {__version__}")
        raise typer.Exit


def _about(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Open models on Azure ML online endpoints, from the command line."""


class _Commands(TyperGroup):
    """Says in JSON, too, that the command was called in a wrong way."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        arguments = sys.argv[1:] if args is None else list(args)
        if "--json" not in arguments:
            return super().main(args, *more, **options)
        try:
            status = super().main(args, *more, **{**options, "standalone_mode": False})
        except Exception as error:
            # typer's own errors, whose classes have moved from one release to the next.
            if not (hasattr(error, "format_message") and hasattr(error, "exit_code")):
                raise
            details = {"type": "UsageError"}
            Terminal(as_json=True).fail(error.format_message(), details)
            status = error.exit_code
        sys.exit(status or 0)

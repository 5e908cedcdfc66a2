"""The `azureml-oss` command: a file for each subcommand, and what they share.

Imports any room below. Internal.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command, and end the process with its exit status."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    try:
        # Not before now: who uses the package as a library needs neither typer nor rich.
        from langchain_azureml_oss.cli.app import build_app  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"rich", "typer"}:
            raise
        sys.stderr.write(
            f"azureml-oss needs {missing}, which is not installed:"
            ' pip install "langchain-azureml-oss[cli]"\n'
        )
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        # An answer may hold what the terminal's encoding has no letter for.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    build_app()()

"""`azureml-oss endpoints`: what a workspace has."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_azureml_oss.cli.problems import WRONG_USAGE, CommandError, reported
from langchain_azureml_oss.cli.terminal import Terminal, takes_styles
from langchain_azureml_oss.errors import on_one_line

if TYPE_CHECKING:
    from langchain_azureml_oss.connections.workspace import Endpoint

_OPTIONS = {
    "subscription_id": "--subscription",
    "resource_group": "--resource-group",
    "workspace_name": "--workspace",
}
_PANEL = "Workspace"
_UNBROKEN = 10_000
"""Characters: a width at which no line is broken."""
_COLUMNS = ("Name", "Kind", "State", "Family", "Deployments", "Default", "Scoring URL")
_PROBLEM = "Problem"
_TITLE_WIDTH = max(map(len, _COLUMNS)) + 2
_STATE_STYLES = {"succeeded": "green", "online": "green", "failed": "bold red"}


def endpoints(
    *,
    subscription: Annotated[
        str | None,
        typer.Option(
            "--subscription",
            metavar="ID",
            help="The subscription's id; otherwise AZUREML_ARM_SUBSCRIPTION.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    resource_group: Annotated[
        str | None,
        typer.Option(
            "--resource-group",
            metavar="NAME",
            help="The resource group; otherwise AZUREML_ARM_RESOURCEGROUP.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            "--workspace",
            metavar="NAME",
            help="The workspace; otherwise AZUREML_ARM_WORKSPACE_NAME.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of the table; errors too.")
    ] = False,
) -> None:
    """List a workspace's endpoints with family, deployments and scoring URL.

    Signs in as azure-identity's DefaultAzureCredential does, such as with `az login`. No key is
    fetched.
    """
    terminal = Terminal(as_json=as_json)
    with reported(terminal):
        # These imports take a second; --help and wrong usage do without them.
        from langchain_azureml_oss.connections.workspace import (  # noqa: PLC0415
            WORKSPACE_ENVIRONMENT,
            list_endpoints,
        )

        where = {
            "subscription_id": subscription,
            "resource_group": resource_group,
            "workspace_name": workspace,
        }
        _check_completeness(where, WORKSPACE_ENVIRONMENT)
        with terminal.waiting("Reading the workspace ..."):
            found = list_endpoints(**where)
        if as_json:
            terminal.result({"endpoints": [_as_json(endpoint) for endpoint in found]})
        elif found:
            show(found, _console())
        else:
            terminal.say("The workspace has no endpoints.")


def _check_completeness(where: dict[str, str | None], variables: Any) -> None:
    """Say what is missing in the words of the command line.

    Raises:
        CommandError: it is not said which workspace.
    """
    absent = [key for key, value in where.items() if not (value or os.environ.get(variables[key]))]
    if absent:
        ways = [f"{_OPTIONS[key]} (or {variables[key]})" for key in absent]
        msg = f"It is not said which workspace; missing: {', '.join(ways)}."
        raise CommandError(msg, WRONG_USAGE)


def _as_json(endpoint: Endpoint) -> dict[str, Any]:
    return asdict(endpoint)


def _console() -> Console:
    is_terminal, styles = sys.stdout.isatty(), takes_styles(sys.stdout)
    return Console(
        file=sys.stdout,
        force_terminal=styles,
        color_system="auto" if styles else None,
        highlight=False,
        # What is no terminal is read by programs, one endpoint in a line.
        width=None if is_terminal else _UNBROKEN,
    )


def show(found: Sequence[Endpoint], console: Console) -> None:
    """Write the endpoints as a table, or one below the other where that is too wide."""
    table = as_table(found)
    unbroken = console.options.update(max_width=_UNBROKEN)
    fits = console.measure(table, options=unbroken).maximum <= console.width
    console.print(table if fits else as_blocks(found), soft_wrap=not fits)


def as_blocks(found: Sequence[Endpoint]) -> Text:
    """Return the endpoints one below the other, for terminals too narrow for the table."""
    text = Text()
    for endpoint in found:
        name, kind, state, *cells = _cells(endpoint)
        text.append(on_one_line(name), "cyan")
        text.append(f"  {kind}  ")
        text.append(f"{on_one_line(state)}\n", _STATE_STYLES.get(state.lower(), ""))
        for title, cell in zip(_COLUMNS[3:], cells, strict=True):
            text.append(f"  {title:<{_TITLE_WIDTH}}", "bold").append(f"{on_one_line(cell)}\n")
        if endpoint.error:
            text.append(f"  {_PROBLEM:<{_TITLE_WIDTH}}", "bold")
            text.append(f"{on_one_line(endpoint.error)}\n", "red")
    text.rstrip()
    return text


def as_table(found: Sequence[Endpoint]) -> Table:
    """Return the endpoints as a table, with a column of problems where there are any."""
    problems = any(endpoint.error for endpoint in found)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in (*_COLUMNS, *([_PROBLEM] if problems else [])):
        table.add_column(name, no_wrap=True)
    for endpoint in found:
        cells = [Text(on_one_line(cell)) for cell in _cells(endpoint)]
        cells[0].stylize("cyan")
        cells[2].stylize(_STATE_STYLES.get(cells[2].plain.lower(), ""))
        if problems:
            cells.append(Text(on_one_line(endpoint.error or ""), style="red"))
        table.add_row(*cells)
    return table


def _cells(endpoint: Endpoint) -> list[str]:
    shares = [f"{one.name} {one.traffic} %" for one in endpoint.deployments]
    return [
        endpoint.name,
        endpoint.kind,
        endpoint.provisioning_state or "-",
        endpoint.family.value if endpoint.family else "-",
        ", ".join(shares) or "-",
        endpoint.default_deployment or "-",
        endpoint.scoring_url or "-",
    ]

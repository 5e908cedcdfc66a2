"""`azureml-oss doctor`: options, and what to say at the end."""

from __future__ import annotations

from typing import Annotated

import typer

from langchain_azureml_oss.cli.connecting import (
    ConnectionOption,
    ContractOption,
    DeploymentOption,
    EndpointChoice,
    FamilyOption,
    UrlOption,
)
from langchain_azureml_oss.cli.problems import FAILED, reported
from langchain_azureml_oss.cli.terminal import Terminal


def doctor(
    *,
    connection: ConnectionOption = None,
    url: UrlOption = None,
    family: FamilyOption = None,
    deployment: DeploymentOption = None,
    contract: ContractOption = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of the checklist.")
    ] = False,
) -> None:
    """Say what is wrong with a connection, and which contract the endpoint speaks.

    Sends at most 8 small requests, and ends with the Python lines that work. The key comes from
    the connection or from AZUREML_ENDPOINT_API_KEY, never from an option; at most its first and
    last two letters are shown. Exit status 0: the endpoint can be used as it is configured.
    """
    terminal = Terminal(as_json=as_json)
    with reported(terminal):
        _check_names(family, contract)
        # These imports take a second; --help and wrong usage do without them.
        from langchain_azureml_oss.cli.checklist import show  # noqa: PLC0415
        from langchain_azureml_oss.doctor import carry_out, examine, gather  # noqa: PLC0415

        choice = EndpointChoice(
            connection=connection, url=url, family=family, deployment=deployment, contract=contract
        )
        with terminal.waiting("Examining the endpoint ..."):
            setup = gather(**vars(choice))
            report = carry_out(examine(setup), setup)
        if as_json:
            terminal.result(report.as_json())
        else:
            show(report)
        if not report.usable:
            raise typer.Exit(FAILED)


def _check_names(family: str | None, contract: str) -> None:
    """Refuse options that name what does not exist.

    Raises:
        BadParameter: there is no such family or contract.
    """
    from langchain_azureml_oss.errors import ConnectionConfigError  # noqa: PLC0415 -- a second
    from langchain_azureml_oss.families import family as family_named  # noqa: PLC0415
    from langchain_azureml_oss.formatters import formatter  # noqa: PLC0415

    try:
        if family is not None:
            family_named(family)
    except ConnectionConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--family") from None
    try:
        if contract != "auto":
            formatter(contract)
    except ConnectionConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--contract") from None

"""The options that say which endpoint to call, for every command that calls one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from langchain_azureml_oss.errors import ConnectionConfigError

_endpoint = partial(typer.Option, rich_help_panel="Endpoint")

ConnectionOption = Annotated[
    str | None,
    _endpoint(
        "--connection",
        metavar="SELECTOR_OR_YAML",
        help="A connection's YAML file, or a selector such as connection/NAME,"
        " localConnection/NAME, onlineEndpoint/NAME or serverlessEndpoint/NAME.",
    ),
]
UrlOption = Annotated[
    str | None,
    _endpoint(
        "--url",
        metavar="URL",
        help="The endpoint's URL with its path; otherwise AZUREML_ENDPOINT_URL.",
    ),
]
FamilyOption = Annotated[
    str | None,
    _endpoint(
        "--family",
        metavar="NAME",
        help="The model's family, such as LLAMA or FALCON; otherwise AZUREML_MODEL_FAMILY.",
    ),
]
DeploymentOption = Annotated[
    str | None,
    _endpoint(
        "--deployment",
        metavar="NAME",
        help="The deployment to ask; otherwise AZUREML_DEPLOYMENT_NAME, and without that the"
        " endpoint's traffic rules decide.",
    ),
]
ContractOption = Annotated[
    str,
    _endpoint(
        "--contract",
        metavar="NAME",
        help="What the endpoint speaks, such as score or openai; auto looks at the URL.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class EndpointChoice:
    """What the user said about the endpoint; the environment fills the gaps."""

    connection: str | None = None
    url: str | None = None
    family: str | None = None
    deployment: str | None = None
    contract: str = "auto"

    def fields(self) -> dict[str, Any]:
        """Return the fields of a model that calls this endpoint.

        Raises:
            ConnectionConfigError: there is no such connection, or too little is known.
        """
        from langchain_azureml_oss.connections import named_connection  # noqa: PLC0415 -- a second

        if self.connection is None:
            self._check_completeness()
        return {
            "connection": named_connection(self.connection) if self.connection else None,
            "endpoint_url": self.url,
            "model_family": self.family,
            "deployment_name": self.deployment,
            "contract": self.contract,
        }

    def _check_completeness(self) -> None:
        """Say what is missing in the words of the command line, rather than in those of Python."""
        from langchain_azureml_oss.connections import ENVIRONMENT  # noqa: PLC0415 -- a second

        known = {"endpoint_url": self.url, "model_family": self.family}
        options = {"endpoint_url": "--url", "model_family": "--family"}
        required = ("endpoint_url", "endpoint_api_key", "model_family")
        absent = [k for k in required if not (known.get(k) or os.environ.get(ENVIRONMENT[k]))]
        if not absent:
            return
        verb = "is" if len(absent) == 1 else "are"
        lines = [f"{_listed(absent)} {verb} missing. A connection needs three values:"]
        for key in required:
            state = "missing" if key in absent else "found"
            option = f"or {options[key]}" if key in options else ""
            lines.append(f"  {key:<18}{state:<9}{ENVIRONMENT[key]:<26}{option}".rstrip())
        lines.append(
            "Set these environment variables, or pass --connection with a connection's YAML file or"
            " a selector such as connection/NAME. azureml-oss chat --local needs none of them."
        )
        raise ConnectionConfigError("\n".join(lines))


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

"""What is to be examined: the values of the connection, and where each of them came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_azureml_oss.connections import (
    ENVIRONMENT,
    REQUIRED,
    Authorizer,
    CustomConnection,
    authorizer,
    from_environment,
    named_connection,
    there_instead,
    without_secrets,
)
from langchain_azureml_oss.endpoint import named_deployment
from langchain_azureml_oss.errors import AzureMLOSSError, ConnectionConfigError
from langchain_azureml_oss.families import FamilyProfile, profile
from langchain_azureml_oss.families import family as family_named

OPTIONS: Mapping[str, str] = {
    "endpoint_url": "--url",
    "model_family": "--family",
    "deployment_name": "--deployment",
}
"""Key of a connection -> option of the command."""

_SHOWN_ENDS = 12
"""Characters from which on a key is long enough to show two at either end."""


@dataclass(kw_only=True)
class Setup:
    """What was found. Where something is missing or wrong, `problems` says so."""

    url: str = ""
    key: str = field(default="", repr=False)
    credential: Any = field(default=None, repr=False)
    family: FamilyProfile | None = None
    deployment: str | None = None
    contract: str = "auto"
    origins: dict[str, str] = field(default_factory=dict)
    """Key of a connection -> where its value came from."""
    connection: str | None = None
    """The connection as Python, for the lines to paste."""
    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    @property
    def can_call(self) -> bool:
        """Whether a request can be made; the family only says how to write one."""
        try:
            self.authorizer()
            return bool(self.url and (self.key or self.credential))
        except ConnectionConfigError:
            return False

    @property
    def deployment_instead(self) -> str | None:
        """What the lines to paste name, where the configured deployment is not there.

        What the connection or the environment has is taken unless another is named.
        """
        is_passed = self.origins.get("deployment_name") in {None, OPTIONS["deployment_name"]}
        return None if is_passed else "default"

    def authorizer(self) -> Authorizer:
        """Return what authorizes the requests."""
        return authorizer(self.key or None, self.credential)

    def summary(self) -> str:
        """Return what was found, and where."""
        shown = {
            "endpoint_url": without_secrets(self.url),
            "endpoint_api_key": ends_of(self.key) if self.credential is None else "a credential",
            "model_family": self.family.name if self.family else "",
            "deployment_name": self.deployment or "",
            "contract": self.contract,
        }
        origins = self.origins | ({} if self.contract == "auto" else {"contract": "--contract"})
        return "; ".join(
            f"{key} {shown[key]} from {origin}" for key, origin in origins.items() if shown[key]
        )


def ends_of(secret: str) -> str:
    """Return two characters of either end of a secret; none of a short one."""
    return f"{secret[:2]}…{secret[-2:]}" if len(secret) >= _SHOWN_ENDS else "(hidden)"


def gather(
    *,
    connection: str | None = None,
    url: str | None = None,
    family: str | None = None,
    deployment: str | None = None,
    contract: str = "auto",
) -> Setup:
    """Read what was given, the connection and the environment, in this order of precedence.

    `connection` is a YAML file or a selector; the others are what the models' fields are.
    """
    setup = Setup(contract=contract)
    found = None
    if connection:
        try:
            found = CustomConnection.of(named_connection(connection))
        except AzureMLOSSError as error:
            setup.problems.append(str(error))
            setup.advice.append("--url and AZUREML_ENDPOINT_API_KEY do without a connection.")
            return setup
        is_file = Path(connection).expanduser().is_file()
        selector = repr(connection)
        setup.connection = f"CustomConnection.from_yaml({selector})" if is_file else selector
    given = {"endpoint_url": url, "model_family": family, "deployment_name": deployment}
    values: dict[str, Any] = {}
    known = set()
    for key in ENVIRONMENT:
        try:
            value = next(_values(key, given.get(key), found), None)
        except ConnectionConfigError as error:
            setup.problems.append(str(error))
            known.add(key)
        else:
            if value is not None:
                values[key], setup.origins[key] = value
    if found is not None and found.credential is not None:
        setup.credential = found.credential
        setup.origins["endpoint_api_key"] = found.described
        known.add("endpoint_api_key")
    _take(setup, values)
    _name_absent(setup, known | values.keys(), found)
    return setup


def _values(
    key: str, given: str | None, connection: CustomConnection | None
) -> Iterator[tuple[Any, str]]:
    """Yield what was given for a key, and where; what wins comes first."""
    if given:
        yield given, OPTIONS[key]
    if given is None and connection is not None and (value := connection.get(key)):
        yield value, connection.described
    if value := from_environment(key):
        yield value, ENVIRONMENT[key]


def _take(setup: Setup, values: Mapping[str, Any]) -> None:
    """Put the values into the setup, and note what is wrong."""
    setup.url = str(values.get("endpoint_url", "")).strip()
    secret = values.get("endpoint_api_key", "")
    setup.key = secret if isinstance(secret, str) else secret.get_secret_value()
    try:
        if "model_family" in values:
            setup.family = profile(family_named(values["model_family"]))
        setup.deployment = named_deployment(values.get("deployment_name"))
        if setup.key or setup.credential is not None:
            setup.authorizer()
    except ConnectionConfigError as error:
        setup.problems.append(str(error))


def _name_absent(setup: Setup, known: set[str], connection: CustomConnection | None) -> None:
    """Note what is missing, and the ways to give it."""
    absent = [key for key in REQUIRED if key not in known]
    for key in absent:
        option = f" or pass {OPTIONS[key]}" if key in OPTIONS else ""
        instead = f" {there_instead(key, connection)}" if connection is not None else ""
        setup.problems.append(f"{key} is missing.{instead}")
        setup.advice.append(f"For {key}: set {ENVIRONMENT[key]}{option}.")
    if "endpoint_api_key" in absent:
        setup.advice.append(
            "The key is in Azure ML studio: Endpoints, the endpoint, the tab Consume; or:"
            " az ml online-endpoint get-credentials --name NAME."
        )
    if "endpoint_url" in absent:
        setup.advice.append("--connection takes a connection that holds all of them.")

"""Where to call, and with whose key: prompt flow's CustomConnection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from langchain_azureml_oss.connections.files import check_type, is_masked, is_reference
from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.connections.urls import check_url, without_secret_query
from langchain_azureml_oss.errors import ConnectionConfigError, named, quoted
from langchain_azureml_oss.families import FamilyProfile, ModelFamily, family

ENVIRONMENT: Mapping[str, str] = {
    "endpoint_url": "AZUREML_ENDPOINT_URL",
    "endpoint_api_key": "AZUREML_ENDPOINT_API_KEY",
    "model_family": "AZUREML_MODEL_FAMILY",
    "deployment_name": "AZUREML_DEPLOYMENT_NAME",
}
"""Key of a connection -> environment variable."""

REQUIRED = ("endpoint_url", "endpoint_api_key", "model_family")
"""The three keys of prompt flow's connection for open models."""

_HIDDEN = "**********"  # as pydantic has it

SELECTORS: Mapping[str, str] = {
    "connection": "connection/NAME",
    "localConnection": "localConnection/NAME",
    "onlineEndpoint": "onlineEndpoint/NAME[/DEPLOYMENT]",
    "serverlessEndpoint": "serverlessEndpoint/NAME",
}
"""What a selector begins with -> its form. Source: prompt flow's tool for open models."""


class CustomConnection:
    """Where an endpoint is, with whose key, and which family of model is behind it.

    The shape is that of prompt flow's CustomConnection. Nothing is checked for completeness here,
    since a model may add what is missing from its own arguments or the environment.

    Args:
        configs: `endpoint_url` and `model_family`; other keys are kept.
        secrets: `endpoint_api_key`; other keys are kept. Values may be text or SecretStr.
        name: What the connection is called, for messages.
        credential: What gives a token instead of a key; see the models' field of that name.
        source: Where the connection was read, for messages: a file or a selector.

    Raises:
        ConnectionConfigError: configs or secrets are no mapping, a secret is not text, or the key
            is masked. Other values are looked at when they are read.
    """

    def __init__(
        self,
        configs: Mapping[str, Any] | None = None,
        secrets: Mapping[str, Any] | None = None,
        name: str | None = None,
        *,
        credential: Any = None,
        source: str | None = None,
    ) -> None:
        self.name = name
        self.credential = credential
        self.source = source
        self.configs: dict[str, Any] = self._mapping("configs", configs)
        # A key in the wrong compartment is found all the same, and must not be shown.
        misplaced = {"endpoint_api_key": self.configs.pop("endpoint_api_key", None)}
        self.secrets: dict[str, SecretStr] = {
            key: self._secret(key, value)
            for key, value in {**misplaced, **self._mapping("secrets", secrets)}.items()
            if value is not None
        }
        for key in ("endpoint_url", "model_family"):
            if key in self.secrets:
                self.configs.setdefault(key, self.secrets.pop(key).get_secret_value())
        if is_masked(self.secrets.get("endpoint_api_key")):
            msg = (
                f"endpoint_api_key of {self.described} is masked: it holds a placeholder in the"
                " place of the key. Load the connection together with its secrets."
            )
            raise ConnectionConfigError(msg)
        if is_reference(self.secrets.get("endpoint_api_key")):
            msg = (
                f"endpoint_api_key of {self.described} is ${{env:...}}, a variable's name in the"
                " place of the key. Only files are looked up, by from_file; prompt flow's store"
                " keeps the text. Store the key: pf connection update --name NAME --set"
                " secrets.endpoint_api_key=KEY."
            )
            raise ConnectionConfigError(msg)

    @property
    def described(self) -> str:
        """The connection in the words of a message: its name, and where it was read."""
        name = f" {quoted(self.name)}" if self.name else ""
        return f"the connection{name}{f' ({named(self.source)})' if self.source else ''}"

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint's URL."""
        return self._text("endpoint_url")

    @property
    def endpoint_api_key(self) -> SecretStr | None:
        """The endpoint's key; None where a credential takes its place."""
        key = self.secrets.get("endpoint_api_key")
        return key if key and key.get_secret_value() else None

    @property
    def model_family(self) -> ModelFamily | FamilyProfile | None:
        """The model's family."""
        value = self.configs.get("model_family")
        return family(value) if value else None

    def get(self, key: str) -> Any:
        """Return the value of one of the required keys, or of `deployment_name`."""
        return getattr(self, key) if key in REQUIRED else self._text(key)

    def _text(self, key: str) -> str | None:
        value = self.configs.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong_type(key, value, "text")
        return value or None

    def _mapping(self, name: str, value: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, Mapping):
            raise self._wrong_type(name, value, "a mapping, such as {'endpoint_url': '...'}")
        return dict(value or {})

    def _secret(self, key: str, value: Any) -> SecretStr:
        if not isinstance(value, str | SecretStr):
            raise self._wrong_type(key, value, "text")
        return value if isinstance(value, SecretStr) else SecretStr(value)

    def _wrong_type(self, what: str, value: Any, wanted: str) -> ConnectionConfigError:
        kind = type(value).__name__
        return ConnectionConfigError(
            f"{named(what)} of {self.described} is {kind}; it must be {wanted}."
        )

    @classmethod
    def from_env(cls, credential: Any = None) -> CustomConnection:
        """Read AZUREML_ENDPOINT_URL, AZUREML_ENDPOINT_API_KEY and AZUREML_MODEL_FAMILY.

        AZUREML_DEPLOYMENT_NAME is read too, where it is set.

        Args:
            credential: What gives a token; then no key is needed.

        Raises:
            ConnectionConfigError: one of the three is not set, the URL is none, or the family is
                unknown.
        """
        found = {key: value for key in ENVIRONMENT if (value := from_environment(key))}
        needed = REQUIRED if credential is None else ("endpoint_url", "model_family")
        if absent := [key for key in needed if key not in found]:
            variables = ", ".join(ENVIRONMENT[key] for key in absent)
            msg = (
                f"{', '.join(absent)} missing; looked in the environment variables {variables},"
                f" not set. A connection needs {', '.join(REQUIRED)}."
            )
            if absent == ["endpoint_api_key"]:
                msg += " from_env(credential=...) takes a credential in the place of the key."
            raise ConnectionConfigError(msg)
        connection = cls.of(found)
        connection.credential, connection.source = credential, "environment"
        check_url(found["endpoint_url"], allow_http=True)
        family(found["model_family"])
        return connection

    @classmethod
    def from_yaml(cls, path: str | Path) -> CustomConnection:
        """Read prompt flow's file of a custom connection; `${env:NAME}` is looked up.

        Raises:
            ConnectionConfigError: the file is not there or is no such file; it holds a placeholder,
                or names a variable that is not set.
        """
        from langchain_azureml_oss.connections.files import read_file  # noqa: PLC0415 - seldom used

        connection = cls.of(read_file(path))
        connection.source = f"file {quoted(str(path))}"
        return connection

    @classmethod
    def from_file(cls, path: str | Path, name: str | None = None) -> CustomConnection:
        """Read one of prompt flow's files: YAML, `connections.json`, or `.env`.

        Args:
            path: The file; its name ends in `.json` or `.env`, or it is YAML.
            name: Which connection of a `connections.json`; None: the only one.

        Raises:
            ConnectionConfigError: as for `from_yaml`; also, there is no connection of this name.
        """
        from langchain_azureml_oss.connections import json_and_env  # noqa: PLC0415 - seldom used

        file = str(path).lower()
        if file.endswith(".json"):
            connection = cls.of(json_and_env.read_json(path, name))
        elif file.endswith(".env"):
            connection = cls.of(json_and_env.read_env(path, ENVIRONMENT))
        else:
            return cls.from_yaml(path)
        connection.source = f"file {quoted(str(path))}"
        return connection

    @classmethod
    def from_promptflow(cls, name: str) -> CustomConnection:
        """Read a custom connection of prompt flow's local store. Needs the extra `promptflow`.

        Raises:
            ConnectionConfigError: no such connection, one of another type, or prompt flow is
                not installed or cannot read its own store.
        """
        from langchain_azureml_oss.connections.promptflow_store import read_stored  # noqa: PLC0415 - optional

        return cls(**read_stored(name))

    @classmethod
    def from_workspace(
        cls,
        endpoint_name: str,
        deployment_name: str | None = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        credential: Any = None,
    ) -> CustomConnection:
        """Look an endpoint of an Azure ML workspace up. Needs the extra `azure`.

        Its key is fetched now and kept in memory only. An endpoint with token authentication gives
        a connection with a `credential` in the place of the key.

        Args:
            endpoint_name: An online endpoint, managed or Kubernetes, or a serverless one.
            deployment_name: The deployment to call; None: the endpoint's traffic rules decide.
            subscription_id: Environment: AZUREML_ARM_SUBSCRIPTION.
            resource_group: Environment: AZUREML_ARM_RESOURCEGROUP.
            workspace_name: Environment: AZUREML_ARM_WORKSPACE_NAME.
            credential: azure-core TokenCredential; None: azure-identity's DefaultAzureCredential.

        Raises:
            ConnectionConfigError: the workspace, the endpoint or the deployment is not known.
            AuthenticationError: Azure gave no token, or refused it.
            PermissionDeniedError: the identity may not read the endpoint or its key.
        """
        from langchain_azureml_oss.connections import workspace  # noqa: PLC0415 - optional

        where = workspace.Workspace.of(subscription_id, resource_group, workspace_name)
        return cls(
            **workspace.read_endpoint(
                endpoint_name, deployment_name, workspace=where, credential=credential
            )
        )

    @classmethod
    def _selected(cls, selector: str) -> CustomConnection:
        """Return the connection that a selector string names."""
        kind, *names = (part.strip() for part in selector.split("/"))
        kind = next((one for one in SELECTORS if one.casefold() == kind.casefold()), kind)
        most = 2 if kind == "onlineEndpoint" else 1
        if kind not in SELECTORS or not 1 <= len(names) <= most or not all(names):
            near = nearest(kind, SELECTORS)
            hint = f" Did you mean {SELECTORS[near]}?" if near else ""
            msg = (
                f"connection {quoted(selector)} is no selector; a selector is one of"
                f" {', '.join(SELECTORS.values())}.{hint} A URL goes to endpoint_url=, and a file"
                " to CustomConnection.from_yaml(path)."
            )
            raise ConnectionConfigError(msg)
        if kind == "localConnection":
            return cls.from_promptflow(*names)
        from langchain_azureml_oss.connections import workspace  # noqa: PLC0415 - optional

        where = workspace.Workspace.of()
        if kind == "connection":
            return cls(**workspace.read_connection(*names, workspace=where))
        return cls(**workspace.read_endpoint(*names, workspace=where, kind=kind))

    @classmethod
    def of(cls, value: Any) -> CustomConnection:
        """Return the connection in what a user passed as `connection=`.

        Args:
            value: A CustomConnection; any object with `configs` and `secrets`, such as prompt
                flow's; a mapping, nested (`configs`, `secrets`) or flat (the three keys); or a
                selector string, see `SELECTORS`.

        Raises:
            ConnectionConfigError: it is none of these, or a connection of another type.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls._selected(value)
        check_type(value)
        if isinstance(value, Mapping):
            nested = {key: value.get(key) for key in ("configs", "secrets")}
            flat = {
                key: item
                for key, item in value.items()
                if key not in {"configs", "secrets", "name", "type", "$schema", "module"}
            }
            made = cls(nested["configs"], nested["secrets"], value.get("name"))
            return cls({**flat, **made.configs}, made.secrets, made.name) if flat else made
        if hasattr(value, "configs") and hasattr(value, "secrets"):
            return cls(value.configs, value.secrets, getattr(value, "name", None))
        msg = (
            f"connection is {type(value).__name__}; it must be a CustomConnection, a mapping with"
            f" {', '.join(REQUIRED)}, an object with configs and secrets, or a selector string."
        )
        raise ConnectionConfigError(msg)

    def __repr__(self) -> str:
        """Show everything but the secrets; what has an unknown name may be one."""
        credential = f", credential={type(self.credential).__name__}" if self.credential else ""
        shown = {
            key: quoted(without_secret_query(value)[0] if key == "endpoint_url" else value)
            if key in ENVIRONMENT
            else repr(_HIDDEN)
            for key, value in self.configs.items()
        }
        configs = ", ".join(f"{quoted(key)}: {value}" for key, value in shown.items())
        secrets = ", ".join(f"{quoted(key)}: {_HIDDEN!r}" for key in self.secrets)
        name = None if self.name is None else quoted(self.name)
        return (
            f"CustomConnection(name={name}, configs={{{configs}}}, secrets={{{secrets}}}"
            f"{credential})"
        )

    def __eq__(self, other: object) -> bool:
        """Compare what is sent; where it was read makes no difference."""
        return isinstance(other, CustomConnection) and {**vars(self), "source": None} == {
            **vars(other),
            "source": None,
        }

    __hash__ = None  # type: ignore[assignment]


def from_environment(key: str) -> str | None:
    """Return what the environment says for a key; blank counts as not set."""
    return os.environ.get(ENVIRONMENT[key]) or None

"""An endpoint or a stored connection of a workspace -> what a CustomConnection is made of."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from langchain_azureml_oss.connections.files import check_type
from langchain_azureml_oss.connections.workspace.azure_client import (
    Workspace,
    azure_errors,
    connect,
    default_credential,
    known_names,
    post,
    unknown_name,
)
from langchain_azureml_oss.connections.workspace.endpoints import (
    Deployment,
    Endpoint,
    find_endpoint,
)
from langchain_azureml_oss.errors import (
    ConnectionConfigError,
    NotFoundError,
    on_one_line,
    quoted,
)

logger = logging.getLogger(__name__)

_FLOW_MARK = "azureml.flow."  # begins the names of metadata that are prompt flow's own


def read_endpoint(
    name: str,
    deployment: str | None = None,
    *,
    workspace: Workspace,
    kind: str | None = None,
    credential: Any = None,
) -> dict[str, Any]:
    """Return the connection to an endpoint, as keyword arguments; its key is fetched here.

    Args:
        name: The endpoint's name.
        deployment: The deployment to call; None: the traffic rules decide.
        workspace: Where the endpoint is.
        kind: `onlineEndpoint` or `serverlessEndpoint`; None: either.
        credential: As for `list_endpoints`.

    Raises:
        ConnectionConfigError: no such endpoint or deployment, or it cannot be called yet.
        AzureMLOSSError: what Azure refuses, or could not do; see `list_endpoints`.
    """
    credential = credential or default_credential()
    client = connect(workspace, credential)
    endpoint = find_endpoint(client, name, workspace, kind)
    if not endpoint.scoring_url:
        msg = (
            f"The endpoint {quoted(name)} has no scoring URL; its state is"
            f" {endpoint.provisioning_state or 'unknown'}. {endpoint.error or ''}".strip()
        )
        raise ConnectionConfigError(msg)
    chosen = _choose(endpoint, deployment)
    family = chosen.family if chosen else endpoint.family
    configs = {"endpoint_url": endpoint.scoring_url}
    if family is not None:
        configs["model_family"] = family.value
    else:
        logger.warning(
            "The family of endpoint %s is not known. %s",
            *(quoted(name), on_one_line(endpoint.error or "")),
        )
    # Without a header the traffic rules decide, and where no deployment has traffic they say 404.
    if chosen and (deployment or not chosen.traffic):
        configs["deployment_name"] = chosen.name
    selector = "serverlessEndpoint" if endpoint.kind == "serverless" else "onlineEndpoint"
    made = {"configs": configs, "name": name, "source": f"{selector}/{name}"}
    if endpoint.auth_mode == "aad_token":
        return {**made, "credential": credential}
    if endpoint.auth_mode == "aml_token":
        return {**made, "credential": EndpointToken(name, workspace, credential)}
    with azure_errors(f"the keys of endpoint {quoted(name)}", name):
        if endpoint.kind == "serverless":
            key = client.serverless_endpoints.get_keys(name).primary_key
        else:
            key = client.online_endpoints.get_keys(name).primary_key
    return {**made, "secrets": {"endpoint_api_key": key}}


def read_connection(name: str, *, workspace: Workspace, credential: Any = None) -> dict[str, Any]:
    """Return a custom connection of the workspace with its secrets, as keyword arguments.

    Raises:
        ConnectionConfigError: no such connection, or one of another type.
        AzureMLOSSError: what Azure refuses, or could not do; see `list_endpoints`.
    """
    credential = credential or default_credential()
    client = connect(workspace, credential)
    path = f"{workspace.path}/connections/{quote(name, safe='')}/listsecrets"
    try:
        with azure_errors(f"the connection {quoted(name)}", name):
            found = post(client, credential, path)["properties"]
    except NotFoundError:
        raise unknown_name("connection", name, workspace, client.connections.list) from None
    metadata = found.get("metadata") or {}
    # Source: promptflow-core 1.18, WorkspaceConnectionProvider: configs are metadata, secrets keys.
    kind = str(found.get("category"))
    if kind.casefold() == "customkeys":
        # Old connections of every type are kept as custom keys, with their type in the metadata.
        kind = metadata.get(f"{_FLOW_MARK}connection_type", "Custom")
    check_type({"name": name, "type": kind})
    return {
        "configs": {k: v for k, v in metadata.items() if not k.startswith(_FLOW_MARK)},
        "secrets": (found.get("credentials") or {}).get("keys"),
        "name": name,
        "source": f"connection/{name}",
    }


def list_connection_names(workspace: Workspace, credential: Any = None) -> list[str]:
    """Return the names of the workspace's custom connections to open models; no key is fetched.

    Raises:
        AzureMLOSSError: what Azure refuses, or could not do; see `list_endpoints`.
    """
    client = connect(workspace, credential or default_credential())
    with azure_errors(f"the connections of workspace {workspace.workspace_name!r}"):
        found = list(client.connections.list())
    metadata = {one.name: getattr(one, "tags", None) or one.metadata or {} for one in found}
    return sorted(name for name, data in metadata.items() if "model_family" in data)


class EndpointToken:
    """Tokens of an endpoint whose `auth_mode` is `aml_token`: an azure-core TokenCredential.

    Azure ML issues them to whoever may read the endpoint's keys; they live for hours.
    """

    def __init__(self, name: str, workspace: Workspace, credential: Any) -> None:
        self._name = name
        self._workspace = workspace
        self._credential = credential

    def get_token(self, *scopes: str, **_: Any) -> Any:
        """Return a new token, an azure-core AccessToken; the scopes make no difference."""
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - optional

        client = connect(self._workspace, self._credential)
        with azure_errors(f"a token of endpoint {quoted(self._name)}", self._name):
            given = client.online_endpoints.get_keys(self._name)
        return AccessToken(given.access_token, int(given.expiry_time_utc or 0))


def _choose(endpoint: Endpoint, name: str | None) -> Deployment | None:
    """Return the deployment of this name, or the default one."""
    if not name:
        return endpoint.deployments[0] if endpoint.deployments else None
    for deployment in endpoint.deployments:
        if deployment.name == name:
            return deployment
    names = [deployment.name for deployment in endpoint.deployments]
    msg = (
        f"The endpoint {endpoint.name!r} has no deployment {quoted(name)}; it has"
        f" {known_names(name, names)}"
    )
    raise ConnectionConfigError(f"{msg} {endpoint.error}" if endpoint.error else msg)

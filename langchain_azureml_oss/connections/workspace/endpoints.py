"""Online and serverless endpoints of a workspace, and the families of their models."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from langchain_azureml_oss.connections.workspace.azure_client import (
    Workspace,
    azure_errors,
    connect,
    default_credential,
    unknown_name,
)
from langchain_azureml_oss.errors import NotFoundError, on_one_line, quoted
from langchain_azureml_oss.families import MODEL_NAMES as MODEL_NAMES  # noqa: PLC0414 - an old place of it
from langchain_azureml_oss.families import ModelFamily

logger = logging.getLogger(__name__)

_READERS = 8  # endpoints whose deployments are read at the same time


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of an online endpoint.

    Attributes:
        traffic: Percent of the calls that name no deployment.
        model: The model's id; None: not known, or the model is part of the environment.
        family: The model's family; OPENAI where the model's name tells nothing.
    """

    name: str
    traffic: int = 0
    model: str | None = None
    family: ModelFamily | None = None
    provisioning_state: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of a workspace.

    Attributes:
        kind: `managed`, `kubernetes` or `serverless`.
        auth_mode: `key`, `aml_token` or `aad_token`.
        deployments: Highest share of traffic first, then by name. Serverless ones have none.
        default_deployment: The first of them.
        model: The id of the default deployment's model, or of the serverless endpoint's.
        family: That model's family.
        error: What could not be read; the rest is known all the same.
    """

    name: str
    kind: str
    scoring_url: str | None = None
    auth_mode: str | None = None
    provisioning_state: str | None = None
    deployments: tuple[Deployment, ...] = ()
    default_deployment: str | None = None
    model: str | None = None
    family: ModelFamily | None = None
    error: str | None = None


def family_of(model_id: str | None) -> ModelFamily:
    """Return the family that a model's id tells of; OPENAI, said in a log line, for any other.

    Args:
        model_id: Such as `azureml://registries/azureml-meta/models/Llama-2-7b-chat/versions/18`.
    """
    parts = (model_id or "").split("/")
    name = parts[parts.index("models") + 1] if "models" in parts[:-1] else parts[-1]
    for beginning, family in MODEL_NAMES.items():
        if name.lower().startswith(beginning):
            return family
    logger.warning(
        "The model %r is of no family that its name tells; it is taken for OPENAI, a plain chat"
        " model. Set model_family for another.",
        model_id,
    )
    return ModelFamily.OPENAI


def list_endpoints(
    *,
    subscription_id: str | None = None,
    resource_group: str | None = None,
    workspace_name: str | None = None,
    credential: Any = None,
) -> list[Endpoint]:
    """Return the workspace's online and serverless endpoints, by name; no key is fetched.

    Args:
        subscription_id: Environment: AZUREML_ARM_SUBSCRIPTION.
        resource_group: Environment: AZUREML_ARM_RESOURCEGROUP.
        workspace_name: Environment: AZUREML_ARM_WORKSPACE_NAME.
        credential: azure-core TokenCredential; None: azure-identity's DefaultAzureCredential.

    Raises:
        ConnectionConfigError: the workspace is not known.
        AuthenticationError: Azure gave no token, or refused it.
        PermissionDeniedError: the identity may not read the workspace.
    """
    workspace = Workspace.of(subscription_id, resource_group, workspace_name)
    client = connect(workspace, credential or default_credential())
    with azure_errors(f"the endpoints of workspace {workspace.workspace_name!r}"):
        online = list(client.online_endpoints.list())
    try:
        with azure_errors("serverless endpoints"):
            serverless = [_serverless(found) for found in client.serverless_endpoints.list()]
    # Not every region has them, nor may every identity see them.
    except Exception as error:  # noqa: BLE001 - they must not hide the others
        logger.warning("The serverless endpoints are left out: %s", on_one_line(str(error)))
        serverless = []
    with ThreadPoolExecutor(_READERS) as pool:
        read = list(pool.map(lambda found: _online(client, found), online))
    return sorted([*read, *serverless], key=lambda endpoint: endpoint.name)


def find_endpoint(client: Any, name: str, workspace: Workspace, kind: str | None) -> Endpoint:
    """Return the endpoint of this name.

    Raises:
        ConnectionConfigError: the workspace has none of this name; those it has are named.
    """
    kinds = {"onlineEndpoint": "online_endpoints", "serverlessEndpoint": "serverless_endpoints"}
    names = [kinds[kind]] if kind else list(kinds.values())
    for operations in names:
        try:
            with azure_errors(f"the endpoint {quoted(name)}", name):
                found = getattr(client, operations).get(name)
        except NotFoundError:
            continue
        return _serverless(found) if operations.startswith("s") else _online(client, found)
    raise unknown_name(
        "endpoint", name, workspace, *(getattr(client, operations).list for operations in names)
    )


def _online(client: Any, found: Any) -> Endpoint:
    """Return what is known of an online endpoint; nothing is raised."""
    from azure.ai.ml.entities import KubernetesOnlineEndpoint  # noqa: PLC0415 - optional

    shares = {name: int(share) for name, share in (found.traffic or {}).items()}
    error = None
    try:
        with azure_errors(f"the deployments of endpoint {found.name!r}"):
            deployments = [
                Deployment(
                    name=item.name,
                    traffic=shares.get(item.name, 0),
                    model=item.model,
                    family=family_of(item.model),
                    provisioning_state=_state(item),
                )
                for item in client.online_deployments.list(found.name)
            ]
    except Exception as problem:  # noqa: BLE001 - one broken endpoint must not hide the others
        error = f"{type(problem).__name__}: {problem}"
        deployments = [Deployment(name, share) for name, share in shares.items()]
    deployments.sort(key=lambda deployment: (-deployment.traffic, deployment.name))
    first = deployments[0] if deployments else Deployment("")
    return Endpoint(
        name=found.name,
        kind="kubernetes" if isinstance(found, KubernetesOnlineEndpoint) else "managed",
        scoring_url=found.scoring_uri or None,
        auth_mode=found.auth_mode,
        provisioning_state=_state(found),
        deployments=tuple(deployments),
        default_deployment=first.name or None,
        model=first.model,
        family=first.family,
        error=error,
    )


def _serverless(found: Any) -> Endpoint:
    mode = (found.auth_mode or "key").lower()
    return Endpoint(
        name=found.name,
        kind="serverless",
        scoring_url=found.scoring_uri or None,
        auth_mode="aad_token" if mode.startswith("aad") else mode,
        provisioning_state=_state(found),
        model=found.model_id,
        family=family_of(found.model_id),
    )


def _state(found: Any) -> str | None:
    """Return the provisioning state as text, which is an enum's member or text in any case."""
    state = found.provisioning_state
    return str(getattr(state, "value", state)).capitalize() if state else None

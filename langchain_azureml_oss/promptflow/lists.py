"""What a flow may choose from: endpoints, connections and deployments, for prompt flow's editors.

An editor shows an error in the place of a list, so nothing is raised here: what cannot be read is
left out, with a line in the log. Nothing is kept, neither in a file nor in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from langchain_azureml_oss.errors import AzureMLOSSError, on_one_line

logger = logging.getLogger(__name__)

Entry = dict[str, str]
"""`value` is what a flow gets, `display_value` and `description` are what is shown."""


def list_endpoint_names(
    subscription_id: str | None = None,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    **_: Any,
) -> list[Entry]:
    """Return what the tool's `endpoint_name` can be: local connections first, then a workspace's.

    Args:
        subscription_id: Environment: AZUREML_ARM_SUBSCRIPTION; and so on, as for `list_endpoints`.
        resource_group_name: Likewise.
        workspace_name: Likewise.
    """
    triad = (subscription_id, resource_group_name, workspace_name)
    return [
        *_read("prompt flow's local connections", _local_connections),
        *_read("the workspace's connections", lambda: _workspace_connections(*triad)),
        *_read("the workspace's endpoints", lambda: _endpoints(*triad)),
    ]


def list_deployment_names(
    endpoint_name: str | None = None,
    subscription_id: str | None = None,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    **_: Any,
) -> list[Entry]:
    """Return the deployments of the endpoint that was chosen; `default` is the traffic rules' own.

    Args:
        endpoint_name: Such as `onlineEndpoint/NAME`; others have no deployments that are known.
        subscription_id: As for `list_endpoint_names`.
        resource_group_name: Likewise.
        workspace_name: Likewise.
    """
    kind, _slash, name = (endpoint_name or "").partition("/")
    if kind.strip().casefold() != "onlineendpoint" or not name:
        return []
    triad = (subscription_id, resource_group_name, workspace_name)
    return _read("the endpoint's deployments", lambda: _deployments(name.strip(), *triad))


def _read(what: str, read: Callable[[], list[Entry]]) -> list[Entry]:
    try:
        return read()
    except AzureMLOSSError as error:
        logger.info("Left out of the list: %s. %s", what, on_one_line(str(error)))
    except Exception as error:  # noqa: BLE001 - Azure's own, and what prompt flow's store raises
        logger.warning("Left out of the list: %s. %s", what, type(error).__name__)
    return []


def _local_connections() -> list[Entry]:
    from langchain_azureml_oss.connections import stored_names  # noqa: PLC0415 - seldom used

    return [_entry("localConnection", name, "Local connection") for name in stored_names()]


def _workspace_connections(*triad: str | None) -> list[Entry]:
    from langchain_azureml_oss.connections import workspace  # noqa: PLC0415 - optional

    names = workspace.list_connection_names(workspace.Workspace.of(*triad))
    return [_entry("connection", name, "Connection") for name in names]


def _found(*triad: str | None) -> Any:
    from langchain_azureml_oss.connections import workspace  # noqa: PLC0415 - optional

    subscription_id, resource_group, workspace_name = triad
    return workspace.list_endpoints(
        subscription_id=subscription_id,
        resource_group=resource_group,
        workspace_name=workspace_name,
    )


def _endpoints(*triad: str | None) -> list[Entry]:
    return [
        _entry("serverlessEndpoint", endpoint.name, "Serverless endpoint")
        if endpoint.kind == "serverless"
        else _entry("onlineEndpoint", endpoint.name, "Online endpoint")
        for endpoint in _found(*triad)
    ]


def _deployments(name: str, *triad: str | None) -> list[Entry]:
    (endpoint,) = [one for one in _found(*triad) if one.name == name and one.kind != "serverless"]
    rules = {"value": "default", "display_value": "default", "description": "By the traffic rules"}
    return [
        rules,
        *(
            {
                "value": one.name,
                "display_value": one.name,
                "description": f"{one.traffic} % of the traffic, {one.model or 'model not known'}",
            }
            for one in endpoint.deployments
        ),
    ]


def _entry(kind: str, name: str, words: str) -> Entry:
    return {
        "value": f"{kind}/{name}",
        "display_value": f"[{words}] {name}",
        "description": f"{words} {name}",
    }

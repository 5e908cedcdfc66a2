"""The way to Azure: which workspace, as whom, and what its refusals mean."""

from __future__ import annotations

import inspect
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    ConnectionConfigError,
    EndpointConnectionError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    is_like_a_key,
    quoted,
    redact,
)

WORKSPACE_ENVIRONMENT: Mapping[str, str] = {
    "subscription_id": "AZUREML_ARM_SUBSCRIPTION",
    "resource_group": "AZUREML_ARM_RESOURCEGROUP",
    "workspace_name": "AZUREML_ARM_WORKSPACE_NAME",
}
"""Argument -> environment variable; Azure ML sets these on its own computers."""

_API_VERSION = "2024-04-01-preview"  # of connections; the same that azure-ai-ml speaks
_REFUSALS: Mapping[int, tuple[type[AzureMLOSSError], str]] = {
    401: (AuthenticationError, " Sign in (`az login`), or pass credential=."),
    403: (PermissionDeniedError, " The identity needs the role AzureML Data Scientist there."),
    404: (NotFoundError, ""),
    429: (RateLimitError, ""),
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """Which workspace."""

    subscription_id: str
    resource_group: str
    workspace_name: str

    @classmethod
    def of(
        cls,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
    ) -> Workspace:
        """Return the workspace of these arguments, and of the environment for those not given.

        Raises:
            ConnectionConfigError: something is in neither; all of it is named.
        """
        given = {
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "workspace_name": workspace_name,
        }
        found = {key: given[key] or os.environ.get(WORKSPACE_ENVIRONMENT[key]) for key in given}
        absent = [
            f"{key} (the argument, or the environment variable {WORKSPACE_ENVIRONMENT[key]})"
            for key, value in found.items()
            if not value
        ]
        if absent:
            msg = f"It is not said which Azure ML workspace: {', '.join(absent)} missing."
            raise ConnectionConfigError(msg)
        return cls(**{key: str(value) for key, value in found.items()})

    @property
    def path(self) -> str:
        """The workspace's path in Azure Resource Manager."""
        return (
            f"/subscriptions/{quote(self.subscription_id)}/resourceGroups/"
            f"{quote(self.resource_group)}/providers/Microsoft.MachineLearningServices/workspaces/"
            f"{quote(self.workspace_name)}"
        )


def default_credential() -> Any:
    """Return azure-identity's DefaultAzureCredential."""
    with _extra():
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - optional
    return DefaultAzureCredential()


def connect(workspace: Workspace, credential: Any) -> Any:
    """Return azure-ai-ml's client for the workspace.

    Raises:
        ConnectionConfigError: the credential is not one that azure-ai-ml takes, or azure-ai-ml is
            not installed.
    """
    get_token = getattr(credential, "get_token", None)
    if get_token is None or inspect.iscoroutinefunction(get_token):
        msg = (
            f"credential is {type(credential).__name__}; to read a workspace it must be a sync"
            " credential with get_token(scope), as those of azure.identity are."
        )
        raise ConnectionConfigError(msg)
    with _extra():
        from azure.ai.ml import MLClient  # noqa: PLC0415 - optional
    with azure_errors("the workspace's cloud"):
        return MLClient(
            credential,
            workspace.subscription_id,
            workspace.resource_group,
            workspace.workspace_name,
            enable_telemetry=False,
            show_progress=False,
        )


def post(client: Any, credential: Any, path: str) -> dict[str, Any]:
    """Post to Azure Resource Manager, for what azure-ai-ml does not give: custom keys."""
    from azure.core import PipelineClient  # noqa: PLC0415 - optional
    from azure.core.pipeline.policies import (  # noqa: PLC0415 - optional
        BearerTokenCredentialPolicy,
        RetryPolicy,
    )
    from azure.core.rest import HttpRequest  # noqa: PLC0415 - optional

    # azure-ai-ml knows which cloud this is, and has no public name for it.
    base = getattr(client, "_base_url", None) or "https://management.azure.com"
    policies = [RetryPolicy(), BearerTokenCredentialPolicy(credential, f"{base}/.default")]
    request = HttpRequest("POST", base + path, params={"api-version": _API_VERSION})
    arm: Any = PipelineClient(base, policies=policies)
    with arm:
        response = arm.send_request(request)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
    return answer


@contextmanager
def azure_errors(what: str, name: str = "") -> Iterator[None]:
    """Turn the errors of Azure's packages into this package's.

    Args:
        what: What is asked for.
        name: What the caller called it, which may be a key in a name's place.
    """
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - optional

    # azure-ai-ml says on standard error that serverless endpoints are an experiment of its own.
    notices = logging.getLogger("azure.ai.ml._utils._experimental")
    notices.addFilter(_drop)
    try:
        yield
    except AzureError as error:
        raise _told(error, what, name if is_like_a_key(name) else "") from None
    finally:
        notices.removeFilter(_drop)


def _drop(_: logging.LogRecord) -> bool:
    return False


def unknown_name(
    what: str, name: str, workspace: Workspace, *readers: Callable[[], Iterable[Any]]
) -> ConnectionConfigError:
    """Return the error for a name that the workspace does not have."""
    try:
        with azure_errors(f"the workspace {workspace.workspace_name!r}"):
            known = known_names(name, sorted(item.name for read in readers for item in read()))
    except AzureMLOSSError as error:
        known = f"names that could not be read. {error}"
    return ConnectionConfigError(
        f"The workspace {workspace.workspace_name!r} (resource group {workspace.resource_group!r},"
        f" subscription {workspace.subscription_id!r}) has no {what} {quoted(name)}; it has {known}"
    )


def known_names(name: str, names: list[str]) -> str:
    """Return a sentence's end: these names, and the one that is nearest to `name`."""
    near = nearest(name, names)
    return f"{', '.join(names) or 'none'}." + (f" Did you mean {quoted(near)}?" if near else "")


def _told(error: Any, what: str, secret: str) -> AzureMLOSSError:
    from azure.core.exceptions import (  # noqa: PLC0415 - optional
        ClientAuthenticationError,
        ServiceRequestError,
        ServiceResponseError,
    )

    status = getattr(error, "status_code", None)
    cls: type[AzureMLOSSError]
    if isinstance(error, ClientAuthenticationError):
        cls, hint = AuthenticationError, " Sign in (`az login`), or pass credential=."
    elif isinstance(error, ServiceRequestError | ServiceResponseError):
        cls, hint = EndpointConnectionError, ""
    elif status is None:  # azure-ai-ml's own, about what it was given
        cls, hint = ConnectionConfigError, ""
    else:
        default = ServerError if status >= 500 else InvalidRequestError
        cls, hint = _REFUSALS.get(status, (default, ""))
    reason = redact(str(error).strip().partition("\n")[0], secret)
    if hint and not reason.endswith("."):
        reason += "."
    return cls(f"Azure did not give {what}: {reason}{hint}", status=status)


@contextmanager
def _extra() -> Iterator[None]:
    """Say what to install where an import fails."""
    try:
        # azure-ai-ml's dependencies warn while they are imported. Where warnings are errors, that
        # would leave half of its modules behind.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        msg = (
            "Reading an Azure ML workspace needs the packages azure-ai-ml and azure-identity"
            f' (pip install "langchain-azureml-oss[azure]"): {error}'
        )
        raise ConnectionConfigError(msg) from None

"""Endpoints, deployments and connections of an Azure ML workspace, through azure-ai-ml.

Everything here returns plain data. Keys are fetched for one connection at a time, and kept nowhere.
"""

from langchain_azureml_oss.connections.workspace.azure_client import (
    WORKSPACE_ENVIRONMENT,
    Workspace,
)
from langchain_azureml_oss.connections.workspace.endpoints import (
    MODEL_NAMES,
    Deployment,
    Endpoint,
    family_of,
    list_endpoints,
)
from langchain_azureml_oss.connections.workspace.loading import (
    EndpointToken,
    list_connection_names,
    read_connection,
    read_endpoint,
)

__all__ = [
    "MODEL_NAMES",
    "WORKSPACE_ENVIRONMENT",
    "Deployment",
    "Endpoint",
    "EndpointToken",
    "Workspace",
    "family_of",
    "list_connection_names",
    "list_endpoints",
    "read_connection",
    "read_endpoint",
]

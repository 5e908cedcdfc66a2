"""Where an endpoint is, and with whose key.

`connection.py` is prompt flow's CustomConnection; `files.py`, `promptflow_store.py` and the room
`workspace/` are where one is read from; `urls.py` has the rules for URLs, `credentials.py` turns a
key or a credential into the secret that is sent. Imports `wire`, `errors`, `families` and
`formatters`. Public: `CustomConnection`.
"""

from langchain_azureml_oss.connections.connection import (
    ENVIRONMENT,
    REQUIRED,
    CustomConnection,
    contract_for,
    from_environment,
    missing,
    there_instead,
)
from langchain_azureml_oss.connections.credentials import DEFAULT_SCOPE, Authorizer, authorizer
from langchain_azureml_oss.connections.files import check_type
from langchain_azureml_oss.connections.named import named_connection
from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.connections.urls import (
    check_url,
    is_loopback,
    not_an_endpoint,
    without_secrets,
)

__all__ = [
    "DEFAULT_SCOPE",
    "ENVIRONMENT",
    "REQUIRED",
    "Authorizer",
    "CustomConnection",
    "authorizer",
    "check_type",
    "check_url",
    "contract_for",
    "from_environment",
    "is_loopback",
    "missing",
    "named_connection",
    "nearest",
    "not_an_endpoint",
    "there_instead",
    "without_secrets",
]

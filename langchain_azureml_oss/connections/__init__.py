"""Where an endpoint is, and with whose key.

`connection.py` is prompt flow's CustomConnection; `files.py`, `json_and_env.py`,
`promptflow_store.py` and the room `workspace/` are where one is read from, `absent_keys.py` what is
said where something is missing; `urls.py` has the rules for URLs, `proxies.py` finds the proxy on
the way, `credentials.py` turns a key or a credential into the secret that is sent. Imports `wire`,
`errors` and `families`. Public:
`CustomConnection`.
"""

from langchain_azureml_oss.connections.absent_keys import missing, there_instead
from langchain_azureml_oss.connections.connection import (
    ENVIRONMENT,
    REQUIRED,
    CustomConnection,
    from_environment,
)
from langchain_azureml_oss.connections.credentials import (
    DEFAULT_SCOPE,
    Authorizer,
    authorizer,
    jwt_expiry,
)
from langchain_azureml_oss.connections.files import check_type
from langchain_azureml_oss.connections.named import named_connection
from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.connections.promptflow_store import stored_names
from langchain_azureml_oss.connections.proxies import environment_proxies
from langchain_azureml_oss.connections.urls import (
    base_of,
    beside,
    check_url,
    is_loopback,
    not_an_endpoint,
    without_secret_query,
    without_secrets,
)

__all__ = [
    "DEFAULT_SCOPE",
    "ENVIRONMENT",
    "REQUIRED",
    "Authorizer",
    "CustomConnection",
    "authorizer",
    "base_of",
    "beside",
    "check_type",
    "check_url",
    "environment_proxies",
    "from_environment",
    "is_loopback",
    "jwt_expiry",
    "missing",
    "named_connection",
    "nearest",
    "not_an_endpoint",
    "stored_names",
    "there_instead",
    "without_secret_query",
    "without_secrets",
]

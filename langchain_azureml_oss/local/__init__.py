"""A local Azure ML online endpoint: the data plane for developers without a subscription.

    from langchain_azureml_oss.local import LocalEndpoint

    with LocalEndpoint(model="smollm2") as endpoint:
        connection = endpoint.connection("LLAMA")

`LocalEndpoint` speaks what Microsoft's servers speak (`/score` and the OpenAI-style routes), behind
a front door with keys, deployments and request ids, and can fail on demand in the ways that real
endpoints do. With an upstream it is a gateway for OpenAI's clients, whose answers can be recorded
and replayed. `pytest_plugin.py` has fixtures over it. Public. Imports `errors`, `families`,
`connections`, `chat_models`, `llms` and `embeddings`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_azureml_oss.local.endpoint import LocalEndpoint
    from langchain_azureml_oss.local.engines import MissingEngineError
    from langchain_azureml_oss.local.engines.base import EngineError
    from langchain_azureml_oss.local.faults import FAULTS
    from langchain_azureml_oss.local.request_log import RecordedRequest

__all__ = ["FAULTS", "EngineError", "LocalEndpoint", "MissingEngineError", "RecordedRequest"]

_HOMES = {
    "FAULTS": "faults",
    "EngineError": "engines.base",
    "LocalEndpoint": "endpoint",
    "MissingEngineError": "engines",
    "RecordedRequest": "request_log",
}


# The server needs aiohttp.web and its friends: only those who start one pay for the import.
def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""A connection by the name that a command line gives it: a file, or a selector."""

from __future__ import annotations

from pathlib import Path

from langchain_azureml_oss.connections.connection import CustomConnection
from langchain_azureml_oss.errors import ConnectionConfigError, quoted


def named_connection(selector: str) -> CustomConnection | str:
    """Return what `connection=` takes: a file's connection, or the selector itself.

    Raises:
        ConnectionConfigError: there is no such file, or it holds no connection.
    """
    path = Path(selector).expanduser()
    if path.suffix.lower() not in {".yaml", ".yml", ".json"} and not path.is_file():
        return selector
    if not path.is_file():
        raise ConnectionConfigError(f"There is no connection file {quoted(selector)}.")
    return CustomConnection.from_file(path)

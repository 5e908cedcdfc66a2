"""Prompt flow's other files of connections: `connections.json`, and `.env`.

Source: promptflow-core 1.18, DictConnectionProvider (`{name: {type, value, secret_keys}}`), and
`pf connection create --file .env`, which takes each line for a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from langchain_azureml_oss.connections.files import checked
from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.errors import ConnectionConfigError, quoted
from langchain_azureml_oss.wire import decode_json


def read_json(path: str | Path, name: str | None = None) -> dict[str, Any]:
    """Return a connection of a `connections.json`, as a nested mapping.

    Args:
        path: The file.
        name: Which of its connections; None: the only one.

    Raises:
        ConnectionConfigError: the file is not there or is no such file, or has no such connection.
    """
    where = f"The connection file {quoted(str(path))}"
    text = _read(path)
    try:
        found = decode_json(text.encode())
    except (ValueError, RecursionError):
        raise ConnectionConfigError(f"{where} is not JSON.") from None
    if not isinstance(found, Mapping) or not all(
        isinstance(one, Mapping) for one in found.values()
    ):
        msg = f"{where} must hold {{name: {{type, value, secret_keys}}}}."
        raise ConnectionConfigError(msg)
    if name is None and len(found) == 1:
        (name,) = found
    if name not in found:
        near = nearest(name, found) if name else None
        hint = f" Did you mean {quoted(near)}?" if near else ""
        names = ", ".join(map(quoted, found)) or "none"
        msg = f"{where} has the connections {names}; say which by name=.{hint}"
        raise ConnectionConfigError(msg)
    entry = found[name]
    value, secret_keys = entry.get("value"), entry.get("secret_keys") or []
    if not isinstance(value, Mapping) or not isinstance(secret_keys, list):
        msg = (
            f"{where}: {quoted(name)} must have a value, which is a mapping, and a list of"
            " secret_keys."
        )
        raise ConnectionConfigError(msg)
    is_secret = {"endpoint_api_key", *map(str, secret_keys)}
    data = {
        "name": name,
        "type": entry.get("type"),
        "configs": {key: one for key, one in value.items() if key not in is_secret},
        "secrets": {key: one for key, one in value.items() if key in is_secret},
    }
    return checked(data, where)


def read_env(path: str | Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the connection in a `.env` file, as a flat mapping. The environment is not touched.

    Args:
        path: The file.
        variables: Key of a connection -> the environment variable that may hold it too.

    Raises:
        ConnectionConfigError: the file is not there, or python-dotenv is not installed.
    """
    text = _read(path)
    try:
        from dotenv import dotenv_values  # noqa: PLC0415 - optional
    except ImportError as error:
        msg = (
            "A .env file needs the package python-dotenv, which comes with"
            f' pip install "langchain-azureml-oss[promptflow]": {error}'
        )
        raise ConnectionConfigError(msg) from None
    lines = dotenv_values(stream=StringIO(text), interpolate=False)
    given = {key.casefold(): value for key, value in lines.items() if value}
    found = {
        key: given.get(variable.casefold()) or given.get(key.casefold())
        for key, variable in variables.items()
    }
    kept = {key: value for key, value in found.items() if value}
    return checked({**kept, "name": Path(path).name}, f"The connection file {quoted(str(path))}")


def _read(path: str | Path) -> str:
    shown = quoted(str(path))
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConnectionConfigError(f"There is no connection file {shown}.") from None
    except OSError as error:
        msg = f"The connection file {shown} cannot be read: {error.strerror or error}."
        raise ConnectionConfigError(msg) from None
    except UnicodeError:
        msg = f"The connection file {shown} is not text in UTF-8."
        raise ConnectionConfigError(msg) from None

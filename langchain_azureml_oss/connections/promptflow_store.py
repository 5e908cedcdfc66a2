"""Custom connections of prompt flow's local store, through prompt flow's own client."""

from __future__ import annotations

import warnings
from typing import Any

from langchain_azureml_oss.connections.files import check_type
from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.errors import (
    ConnectionConfigError,
    is_like_a_key,
    named,
    quoted,
    redact,
)


def read_stored(name: str) -> dict[str, Any]:
    """Return a custom connection of the store, its secrets decrypted, as keyword arguments.

    Raises:
        ConnectionConfigError: no connection of this name, or one of another type; prompt flow is
            not installed, or cannot read its store.
    """
    connections = _connections()
    try:
        # None instead of an error: prompt flow has no public name for that error.
        found = connections.get(name, with_secrets=True, raise_error=False)
    except Exception as error:  # noqa: BLE001 - the database's, the keyring's and prompt flow's own
        said = redact(str(error), name) if is_like_a_key(name) else error
        problem = f"{type(error).__name__}: {said}".splitlines()[0]
    else:
        problem = ""
    if problem:
        msg = (
            f"Prompt flow cannot read the connection {quoted(name)} from its local store: {problem}"
        )
        raise ConnectionConfigError(msg)
    if found is None:
        raise _unknown(name, connections)
    check_type(found)
    return {
        "configs": found.configs,
        "secrets": found.secrets,
        "name": name,
        "source": f"localConnection/{name}",
    }


def stored_names() -> list[str]:
    """Return the names of the store's connections to open models, in order; no secret is read.

    Raises:
        ConnectionConfigError: prompt flow is not installed, or cannot read its store.
    """
    try:
        found = _connections().list(all_results=True)
    except ConnectionConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - the database's and prompt flow's own
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConnectionConfigError(f"Prompt flow cannot list its store: {problem}") from None
    return sorted(
        one.name for one in found if "model_family" in (getattr(one, "configs", None) or {})
    )


def _connections() -> Any:
    """Return the operations on the local store's connections."""
    try:
        # Prompt flow's dependencies warn while they are imported. Where warnings are errors, that
        # would leave half of its modules behind.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from promptflow.client import PFClient  # noqa: PLC0415 - optional
    except ImportError as error:
        msg = (
            "Prompt flow's local store needs the package promptflow-devkit"
            f' (pip install "langchain-azureml-oss[promptflow]"): {error}'
        )
        raise ConnectionConfigError(msg) from None
    # Named outright: the user's configuration may point to a workspace instead.
    return PFClient(connection_provider="local").connections


def _unknown(name: str, connections: Any) -> ConnectionConfigError:
    names = sorted(connection.name for connection in connections.list(all_results=True))
    near = nearest(name, names)
    return ConnectionConfigError(
        f"Prompt flow's local store has no connection {quoted(name)}; it has"
        f" {', '.join(map(named, names)) or 'none at all'}."
        + (f" Did you mean {quoted(near)}?" if near else "")
        + " `pf connection create --file FILE` adds one."
    )

"""What is said about a key that was found nowhere: where it was looked for, and what was there."""

from __future__ import annotations

from langchain_azureml_oss.connections.connection import ENVIRONMENT, REQUIRED, CustomConnection
from langchain_azureml_oss.connections.nearest import nearest
from langchain_azureml_oss.errors import ConnectionConfigError, named, quoted
from langchain_azureml_oss.families import KNOWN_FAMILIES


def there_instead(key: str, connection: CustomConnection) -> str:
    """Return which keys a connection has that lacks this one, and which of them may be meant."""
    names = [str(name) for name in (*connection.configs, *connection.secrets)]
    listed = ", ".join(f"{name} (empty)" if name == key else named(name) for name in names)
    near = nearest(key, (name for name in names if name not in REQUIRED))
    hint = f" Did you mean {key!r} where it says {quoted(near)}?" if near else ""
    return f"The connection has {listed or 'no keys'}.{hint}"


def missing(key: str, connection: CustomConnection | None, *others: str) -> ConnectionConfigError:
    """Return the error for a key that was found nowhere: what was there, and where it may be.

    Args:
        key: The first that is missing.
        connection: Where it might have been.
        others: What is missing too.
    """
    places = [f"the argument {key}=", f"the environment variable {ENVIRONMENT[key]}"]
    found = ""
    if connection is not None:
        places.insert(1, connection.described)
        found = f" {there_instead(key, connection)}"
    too = f" Missing too: {', '.join(others)}." if others else ""
    families = f" {KNOWN_FAMILIES}" if "model_family" in {key, *others} else ""
    other = " An Entra ID credential= may take its place." if key == "endpoint_api_key" else ""
    return ConnectionConfigError(
        f"{key} is missing; looked in {', '.join(places)}.{found}"
        f"{too} A connection needs {', '.join(REQUIRED)}.{other}{families}"
    )

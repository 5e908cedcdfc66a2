"""Prompt flow's form of a connection: its YAML file, its types, and its marks for absent secrets.

Source: https://microsoft.github.io/promptflow/how-to-guides/manage-connections.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from langchain_azureml_oss.errors import ConnectionConfigError, named, quoted

_PLACEHOLDERS = frozenset({"<no-change>", "<user-input>"})
# No `${` inside a name: else each beginning of one would be read to the end of the text.
_VARIABLE = re.compile(r"\$\{env:((?:[^}$]|\$(?!\{))*+)\}")
_CUSTOM = frozenset({"custom", "customconnection", "notset"})
"""Types of custom connections; prompt flow's strongly typed ones have `NotSet`."""
_COMPARTMENTS = ("configs", "secrets")


def is_masked(value: Any) -> bool:
    """Whether a secret is only the mark of one: a row of `*`, `<no-change>` or `<user-input>`."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return isinstance(text, str) and (text in _PLACEHOLDERS or (bool(text) and not text.strip("*")))


def is_reference(value: Any) -> bool:
    """Whether a secret is only the name of one, `${env:NAME}`, which prompt flow's store keeps."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return isinstance(text, str) and bool(_VARIABLE.fullmatch(text.strip()))


def check_type(connection: Any) -> None:
    """Refuse prompt flow's connections of other types, which have `configs` and `secrets` too.

    Raises:
        ConnectionConfigError: `type` is text, and not that of a custom connection.
    """
    if isinstance(connection, Mapping):
        kind, name = connection.get("type"), connection.get("name")
    else:
        kind, name = getattr(connection, "type", None), getattr(connection, "name", None)
    if isinstance(kind, str) and kind.casefold() not in _CUSTOM:
        msg = (
            f"The connection{f' {quoted(name)}' if name else ''} is of type {quoted(kind)}; an open"
            " model needs a custom connection: endpoint_url, endpoint_api_key and model_family."
        )
        raise ConnectionConfigError(msg)


def read_file(path: str | Path) -> dict[str, Any]:
    """Return what a connection's file says, with `${env:NAME}` looked up.

    Raises:
        ConnectionConfigError: the file is not there or is no such file; it holds a placeholder, or
            names a variable that is not set. The message names the file and the key.
    """
    return checked(_parse(path), f"The connection file {quoted(str(path))}")


def checked(data: dict[str, Any], where: str) -> dict[str, Any]:
    """Return what a file says of a connection, with `${env:NAME}` looked up; `data` is changed.

    Args:
        data: `name`, `type`, `configs` and `secrets`.
        where: What messages call the file.

    Raises:
        ConnectionConfigError: as for `read_file`.
    """
    try:
        check_type(data)
    except ConnectionConfigError as error:
        raise ConnectionConfigError(f"{where}: {error}") from None
    for compartment in _COMPARTMENTS:
        if not isinstance(data.get(compartment) or {}, Mapping):
            msg = f"{where}: {compartment} must be a list of `key: value` lines, indented."
            raise ConnectionConfigError(msg)
    for holder, key, label in _entries(data):
        holder[key] = _resolved(holder[key], f"{where}: {label}")
        is_secret = label.startswith("secrets.") or key == "endpoint_api_key"
        _check_value(holder[key], f"{where}: {label}", is_secret=is_secret)
    return data


def _parse(path: str | Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - comes with langchain-core

    shown = quoted(str(path))
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConnectionConfigError(f"There is no connection file {shown}.") from None
    except OSError as error:
        msg = f"The connection file {shown} cannot be read: {error.strerror or error}."
        raise ConnectionConfigError(msg) from None
    except UnicodeError:
        msg = f"The connection file {shown} is not text in UTF-8."
        raise ConnectionConfigError(msg) from None
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        _check_size(node)
        twice = _given_twice(node)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        # The parser's own words quote the line, and that may be the one with the key.
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        msg = (
            f"The connection file {shown} is not YAML{place}. Values with special characters need"
            " quotes."
        )
        raise ConnectionConfigError(msg) from None
    except (ValueError, RecursionError, LookupError, AttributeError, TypeError):
        # Dates that there are not, values that are not of the type that stands before them, and
        # nesting without end.
        msg = f"The connection file {shown} is not YAML that makes sense; put values in quotes."
        raise ConnectionConfigError(msg) from None
    if twice is not None:
        line = twice.start_mark.line + 1
        msg = (
            f"The connection file {shown} has {quoted(str(twice.value))} a second time in"
            f" line {line}."
        )
        raise ConnectionConfigError(msg)
    if not isinstance(data, dict):
        msg = (
            f"The connection file {shown} holds {type(data).__name__}, not `key: value` lines with"
            " name, type, configs and secrets."
        )
        raise ConnectionConfigError(msg)
    return {
        key: dict(value) if key in _COMPARTMENTS and isinstance(value, Mapping) else value
        for key, value in data.items()
    }


_MOST_NODES = 10_000
"""Values in a connection file; it has about ten."""


def _check_size(node: Any) -> None:
    """Refuse a file whose aliases make much of little, or hold themselves.

    Raises:
        ValueError: it holds more values than any connection.
    """
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = _MOST_NODES  # of a node inside itself
            value = node.value if getattr(node, "id", "scalar") != "scalar" else ()
            parts = (
                part for item in value for part in (item if isinstance(item, tuple) else [item])
            )
            sizes[id(node)] = 1 + sum(map(size, parts))
        return sizes[id(node)]

    if size(node) > _MOST_NODES:
        msg = f"more than {_MOST_NODES} values"
        raise ValueError(msg)


def _given_twice(node: Any) -> Any:
    """Return the node of a key that its mapping has already, of which YAML would take the last."""
    seen = set()
    for key, value in node.value if getattr(node, "id", "") == "mapping" else ():
        if str(key.value) in seen:
            return key
        seen.add(str(key.value))
        inner = _given_twice(value)
        if inner is not None:
            return inner
    return None


def _entries(data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (mapping, key, what messages call it) for each value."""
    for key in list(data):
        if key not in _COMPARTMENTS:
            yield data, key, named(key)
        elif data[key]:
            for inner in list(data[key]):
                yield data[key], inner, f"{key}.{named(inner)}"


def _resolved(value: Any, label: str) -> Any:
    """Put the values of environment variables in the place of their names."""
    if not isinstance(value, str):
        return value

    def look_up(match: re.Match[str]) -> str:
        name = match[1].strip()
        found = os.environ.get(name)
        if not found:
            msg = (
                f"{label} is taken from the environment variable {quoted(name)}, which is not set."
            )
            raise ConnectionConfigError(msg)
        return found

    return _VARIABLE.sub(look_up, value)


def _check_value(value: Any, label: str, *, is_secret: bool) -> None:
    is_placeholder = isinstance(value, str) and value in _PLACEHOLDERS
    if is_placeholder or (is_secret and is_masked(value)):
        msg = (
            f"{label} holds a placeholder in the place of the {'secret' if is_secret else 'value'}."
            " Write ${env:NAME} there, and set the variable NAME."
        )
        raise ConnectionConfigError(msg)
    # An unquoted 0123 or 1e5 is a number to YAML, and would be sent as another text.
    if is_secret and value is not None and not isinstance(value, str):
        msg = f"{label} is {type(value).__name__} to YAML, not text; put the secret in quotes."
        raise ConnectionConfigError(msg)

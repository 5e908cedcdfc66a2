"""Keys among the settings of the model: refused, since traces, caches and dumps hold settings.

What a value is cannot be known, so its name decides: of some no server makes anything but a secret,
of others (`eos_token`, `cache_key`) only the value tells. The key of the connection itself is found
under any name. A secret under a name that says nothing of it is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from langchain_azureml_oss.errors import (
    ConnectionConfigError,
    frames_forgotten,
    is_like_a_key,
    named,
)
from langchain_azureml_oss.wire import looks_secret

_SURELY = re.compile(
    r"api[-_]?key|secret|passw|pwd|credential|authorization|bearer|cookie|connection[-_]?string"
    r"|(?:access|account|private|shared|subscription|endpoint)[-_]?key"
    r"|(?<![a-z])(?:access|auth|refresh|sas|aad|ad)[-_]?token",
    re.IGNORECASE,
)
_USERS_NAMES = frozenset(
    {
        *("tools", "functions", "response_format", "json_schema", "schema"),
        *("guided_json", "structured_outputs", "metadata", "prompt_cache_key"),
    }
)
"""What holds names of a user's own, such as a schema's, or only sounds like a secret."""
_SHORTEST = 8
"""Characters of a key; shorter ones may stand in a setting by chance."""


def refuse_secrets(settings: Mapping[str, Any], where: str, key: SecretStr | None) -> None:
    """Refuse settings that hold a secret, at any depth.

    Args:
        settings: As the caller gave them; JSON.
        where: What the caller calls them.
        key: The connection's own.

    Raises:
        ConnectionConfigError: names the place, and shows no value.
    """
    with frames_forgotten:
        found = _first_secret(settings, key)
    if found is not None:
        msg = (
            f"{where}: {found} Settings are sent to the model, and traces and dumps hold them. The"
            " endpoint's key goes to endpoint_api_key=, a token to credential=, another secret into"
            " default_headers=."
        )
        raise ConnectionConfigError(msg)


def is_secret(name: str, value: Any) -> bool:
    """Whether a setting of this name would be refused, of the model and of a call alike."""
    with frames_forgotten:
        return bool(_SURELY.search(name)) or _first_secret({name: value}, None) is not None


def _first_secret(settings: Mapping[str, Any], key: SecretStr | None) -> str | None:
    """Return where a secret stands, and why it is taken for one."""
    own = key.get_secret_value() if key is not None else ""
    for path, value, has_names in _texts(settings):
        name = path[-1] if has_names else ""
        if len(own) >= _SHORTEST and any(own in text for text in (value, *path)):
            return f"{_place(path)} holds the key of the connection."
        if _SURELY.search(name) or (looks_secret(name) and is_like_a_key(value)):
            return f"{_place(path)} has the name of a secret."
    return None


def _place(path: tuple[str, ...]) -> str:
    return ".".join(map(named, path))


def _texts(settings: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Yield each text, the names that lead to it, and whether these are the settings' own."""
    left: list[tuple[tuple[str, ...], Any, bool]] = [((), settings, True)]
    seen = set()  # a list may hold itself, which is refused elsewhere
    while left:
        path, value, has_names = left.pop()
        if id(value) in seen:
            continue
        if isinstance(value, Mapping | list | tuple):
            seen.add(id(value))
        if isinstance(value, str):
            yield path, value, has_names
        elif isinstance(value, Mapping):
            left += (
                ((*path, str(name)), inner, has_names and name not in _USERS_NAMES)
                for name, inner in value.items()
            )
        elif isinstance(value, list | tuple):
            left += ((path, inner, has_names) for inner in value)

"""Settings as callers name them -> the names that a contract knows. Nothing is ever mutated."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_azureml_oss.errors import ConnectionConfigError, quoted

SPELLINGS: Mapping[str, str] = {
    "max_new_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
}
"""Other spellings of a setting -> its name here."""

_QUESTIONS = frozenset({"messages", "prompt", "prompts", "input_data", "inputs", "input_string"})
_LEAST: Mapping[str, int] = {"max_tokens": 1, "temperature": 0}

ContractNames = Mapping[str, tuple[str, ...]]
"""A setting's name here -> the spellings that a contract takes, its own first; an empty tuple for
a setting that the contract does not have. A setting without a row is sent as it is."""


class Setting(NamedTuple):
    """A value, and the spelling under which it should stay, if the contract takes it."""

    value: Any
    spelling: str | None = None


class AsTheyAre(NamedTuple):
    """Settings that keep their spelling, such as `model_kwargs`; others get the contract's own."""

    settings: Mapping[str, Any]


def merge(*sources: Mapping[str, Any] | AsTheyAre) -> dict[str, Setting]:
    """Return one setting for each name, whatever the spelling; the later source wins.

    None means: not sent, whatever an earlier source says.
    """
    merged: dict[str, Setting] = {}
    for source in sources:
        as_they_are = source.settings if isinstance(source, AsTheyAre) else {}
        own = source if not isinstance(source, AsTheyAre) else {}
        # OpenAI's client puts what it has no argument for into `extra_body`.
        extra = {**as_they_are, **own}.get("extra_body")
        nested = extra if isinstance(extra, Mapping) else {}
        merged |= {_name(key): Setting(value, key) for key, value in as_they_are.items()}
        merged |= {_name(key): Setting(value) for key, value in own.items()}
        merged |= {_name(key): Setting(value, key) for key, value in nested.items()}
        if nested or extra == {}:
            del merged["extra_body"]
    return {name: setting for name, setting in merged.items() if setting.value is not None}


_as_json = json.JSONEncoder(allow_nan=False).encode


def check(settings: Mapping[str, Setting]) -> None:
    """Check what no contract can send, or no server can mean.

    Raises:
        ConnectionConfigError: a setting in the place of the question, one that is no JSON, or a
            number that makes no sense; its key is named.
    """
    for name, setting in settings.items():
        value, shown = setting.value, setting.spelling or name
        if name in _QUESTIONS:
            msg = f"{shown!r} is the question itself, and no setting: pass it to invoke()."
            raise ConnectionConfigError(msg)
        try:
            _as_json(value)
        except (TypeError, ValueError, RecursionError) as error:
            msg = (
                f"{quoted(shown)} holds what JSON does not have ({type(value).__name__}): {error}."
            )
            raise ConnectionConfigError(msg) from None
        least = _LEAST.get(name)
        if least is not None and isinstance(value, int | float) and value < least:
            msg = f"{shown}={value!r} makes no sense: it must be {least} or more."
            raise ConnectionConfigError(msg)


def spell(settings: Mapping[str, Setting], names: ContractNames, contract: str) -> dict[str, Any]:
    """Return the settings under the names that a contract knows; the others are left out.

    Args:
        settings: From `merge`.
        names: What the contract calls the settings.
        contract: Its name, for the warning about a setting that it does not have.
    """
    sent = {}
    for name, setting in settings.items():
        taken = names.get(name, (setting.spelling or name,))
        if taken:
            sent[setting.spelling if setting.spelling in taken else taken[0]] = setting.value
        else:
            # Python shows a warning of the same words once for each place that caused it.
            warnings.warn(f"The contract {contract!r} has no {name!r}: not sent.", stacklevel=2)
    return sent


def _name(spelling: str) -> str:
    return SPELLINGS.get(spelling, spelling)

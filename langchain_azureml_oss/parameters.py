"""Settings as callers name them -> the names that a contract knows. Nothing is ever mutated."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

SPELLINGS: Mapping[str, str] = {
    "max_new_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
}
"""Other spellings of a setting -> its name here."""

ContractNames = Mapping[str, tuple[str, ...]]
"""A setting's name here -> the spellings that a contract takes, its own first; an empty tuple for
a setting that the contract does not have. A setting without a row is sent as it is."""


class Setting(NamedTuple):
    """A value, and the spelling under which it should stay, if the contract takes it."""

    value: Any
    spelling: str | None = None


def merge(
    as_they_are: Iterable[Mapping[str, Any]], named: Iterable[Mapping[str, Any]]
) -> dict[str, Setting]:
    """Return one setting for each name, whatever the spelling; the later source wins.

    None means: not sent, whatever an earlier source says.

    Args:
        as_they_are: Settings that keep their spelling, such as `model_kwargs`.
        named: Settings that get the contract's own spelling: fields, then the call's arguments.
    """
    merged: dict[str, Setting] = {}
    for source in as_they_are:
        merged.update({_name(key): Setting(value, key) for key, value in source.items()})
    for source in named:
        merged.update({_name(key): Setting(value) for key, value in source.items()})
    return {name: setting for name, setting in merged.items() if setting.value is not None}


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

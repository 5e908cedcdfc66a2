"""Settings as callers name them -> the names that a contract knows. Nothing is ever mutated."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
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


class AsTheyAre(NamedTuple):
    """Settings that keep their spelling, such as `model_kwargs`; others get the contract's own."""

    settings: Mapping[str, Any]


def merge(*sources: Mapping[str, Any] | AsTheyAre) -> dict[str, Setting]:
    """Return one setting for each name, whatever the spelling; the later source wins.

    None means: not sent, whatever an earlier source says.
    """
    merged: dict[str, Setting] = {}
    for source in sources:
        if isinstance(source, AsTheyAre):
            kept = {_name(key): Setting(value, key) for key, value in source.settings.items()}
        else:
            kept = {_name(key): Setting(value) for key, value in source.items()}
        merged |= kept
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

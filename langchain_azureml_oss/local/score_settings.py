"""The parameters of `POST /score`: under which names they come, and what they may be.

Microsoft's server answers what it cannot use with `{}`, and so does the local endpoint, whose log
says which parameter was wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from langchain_azureml_oss.local.engines.base import JSON, EngineError
from langchain_azureml_oss.local.engines.openai_settings import check_settings

# The names which the server knows, and what the engines call them. All others are dropped.
NAMES = {
    "max_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "max_new_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "stop": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
LATER = ("tools", "tool_choice")
"""What later servers know besides."""
MOST_TOKENS = 2**31 - 1
"""Engines count in 32 bits."""


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return fits, f"a whole number from {low} to {high}"


def _number(low: float, high: float) -> tuple[Callable[[Any], bool], str]:
    def fits(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and low <= value <= high and math.isfinite(value)

    return fits, f"a number from {low:g}{'' if high == math.inf else f' to {high:g}'}"


_FORMS = {
    "max_tokens": _whole(0, MOST_TOKENS),
    "temperature": _number(0, math.inf),
    "top_p": _number(0, 1),
    "top_k": _whole(-1, MOST_TOKENS),
    "seed": _whole(-(2**63), 2**63 - 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "return_full_text": (lambda value: isinstance(value, bool), "true or false"),
}


def wrong_parameter(parameters: JSON, *, extended: bool) -> str | None:
    """Return what is wrong with a parameter that the server reads, if one is.

    It is of a wrong kind, or out of its bounds; null is one that was not sent.
    """
    for theirs, value in parameters.items():
        fits, form = _FORMS.get(NAMES.get(theirs, theirs), (None, ""))
        if fits is not None and value is not None and not fits(value):
            return f"{theirs} must be {form}."
    others = ("stop", *LATER) if extended else ("stop",)
    try:
        check_settings({name: parameters[name] for name in others if name in parameters})
    except EngineError as problem:
        return str(problem.body)
    return None

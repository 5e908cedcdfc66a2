"""Answers that are no filled form, though they fit its schema.

A schema takes nearly everything where all fields may be left out, or where every text is right. So
it is told by what the model was shown: a blank or the example that comes back as it stood, or names
of which none is the form's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.tools.added_turns import EXAMPLE
from langchain_azureml_oss.tools.blank_forms import fields_of, left_blank


def unfilled(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return why an answer is no filled form, in words for the model; None where it may be one.

    An object without anything may: it says that nothing is known.
    """
    if isinstance(value, Mapping) and value:
        if shows_a_copy(schema) and EXAMPLE.arguments.items() <= value.items():
            return "it was copied from the example; write what was asked for instead"
        fields = fields_of(schema)
        if fields.are_all and not any(name in value for name in fields.names):
            return f"it has none of the form's fields, which are {', '.join(fields.names)}"
    return left_blank(value, schema)


def shows_a_copy(schema: Mapping[str, Any]) -> bool:
    """Whether the example, copied, can be told from an answer: the form has none of its fields."""
    return EXAMPLE.arguments.keys().isdisjoint(fields_of(schema).names)

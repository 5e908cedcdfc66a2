"""JSON answers without the server's help: the form is shown, the answer is read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from langchain_azureml_oss.tools.added_turns import EXAMPLE, after_examples, with_request
from langchain_azureml_oss.tools.blank_forms import blank_form
from langchain_azureml_oss.tools.schemas import misfit
from langchain_azureml_oss.tools.unfilled import shows_a_copy, unfilled
from langchain_azureml_oss.wire import WireMessage, encode_json, lenient_json

Method = Literal["function_calling", "json_schema", "json_mode"]
"""How a form of the answer is asked for."""


class PromptedJson(NamedTuple):
    """A form for the answer: any JSON object, or one that fits a schema."""

    schema: Mapping[str, Any] | None = None

    @property
    def instructions(self) -> str:
        """What the model is told, behind the user's last words."""
        return f"Answer {self.form}"

    @property
    def form(self) -> str:
        """How it is to answer."""
        if self.schema is None:
            return "with nothing but one JSON object."
        form, notes = blank_form(self.schema)
        return "\n".join([f"with nothing but a JSON object like this: {form}", *notes])

    def shown(self, messages: Sequence[WireMessage]) -> list[WireMessage]:
        """Return the conversation in which the model is told so, behind an example of a form."""
        told = with_request(messages, self.instructions)
        if self.schema is None or not shows_a_copy(self.schema):
            return told
        asked = PromptedJson(EXAMPLE.function["parameters"]).instructions
        example = (f"{EXAMPLE.question}\n\n{asked}", json.dumps(EXAMPLE.arguments))
        return after_examples(told, example)

    def read(self, text: str) -> tuple[str, str | None]:
        """Return the JSON in an answer, and what is wrong with it; prose around it is left out."""
        value, written = _first_object(text)
        if value is None:
            return text, "there is no JSON object in it"
        if not self.schema:
            return written, None
        return written, misfit(value, self.schema) or unfilled(value, self.schema)


FORMATS = frozenset({"json_schema", "json_object"})
"""Kinds of `response_format` that can be asked for in words."""


def response_format(
    wanted: Mapping[str, Any] | None, refused: Collection[str]
) -> tuple[Mapping[str, Any] | None, PromptedJson | None]:
    """Return the `response_format` to send, and what is to be shown to the model instead.

    Args:
        wanted: OpenAI's `response_format`.
        refused: `json_schema` and `json_object`, as far as the server does not take them.
    """
    kind = wanted.get("type") if wanted else None
    if wanted is None or kind not in FORMATS or kind not in refused:
        return wanted, None
    schema = (wanted.get("json_schema") or {}).get("schema")
    plainer = {"type": "json_object"} if "json_object" not in refused else None
    return plainer, PromptedJson(schema)


_OBJECT = re.compile(r"\{\s*[\"'}]")
_LOOKS = 8
"""How many times over, together, an answer is looked through for objects that turn out not to be
JSON. Prose with braces takes one or two."""


def json_in(text: str) -> Any:
    """Return the JSON of an answer, which may have a fence or words around it.

    Raises:
        ValueError: there is none.
    """
    try:
        return lenient_json.loads(text)
    except ValueError:
        written, reason = PromptedJson().read(text)
        if reason:
            raise ValueError(reason) from None
        return lenient_json.loads(written)


def _first_object(text: str) -> tuple[dict[str, Any] | None, str]:
    place, budget = 0, _LOOKS * len(text)
    while budget >= 0 and (found := _OBJECT.search(text, place)) is not None:
        start = found.start()
        end = lenient_json.end_of_value(text, start) or len(text)
        budget -= end - start
        try:
            value = lenient_json.loads(text[start:end])
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value, encode_json(value).decode()
        place = start + 1
    return None, text

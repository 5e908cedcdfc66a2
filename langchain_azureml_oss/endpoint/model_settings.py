"""Fields that are sent to the model, under the names that the contract knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.language_models.base import LangSmithParams
from langchain_core.load.serializable import Serializable
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from langchain_azureml_oss.errors import ConnectionConfigError


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _named_tokens(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    for place, bias in enumerate(value.values(), 1):
        try:
            float(bias)
        except (TypeError, ValueError):  # pydantic's error would repeat the name beside it
            msg = f"logit_bias holds numbers under tokens; number {place} of them is none."
            raise ConnectionConfigError(msg) from None
    # OpenAI's clients take ids that are numbers; in JSON, names are texts.
    return {str(k): v for k, v in value.items()}


READ_FROM: Mapping[str, Callable[[Any], Any]] = {"stop": _listed, "logit_bias": _named_tokens}
"""What makes the field's type of the other forms in which a caller may give it."""

_Penalty = Annotated[float, Field(ge=-2, le=2)]


class ModelSettings(Serializable):
    """What the model is told about its answer; None: not sent, so the server's default applies."""

    temperature: float | None = None
    """Randomness. 0 is the likeliest words; the catalog's server takes up to 1."""
    max_tokens: int | None = None
    """Longest answer, in tokens. At `/score`, as little as 16 come back without it."""
    top_p: float | None = None
    """Share of the likeliest words that are drawn from."""
    seed: int | None = None
    """Makes draws repeatable, where the server can."""
    stop: list[str] | None = None
    """Texts at which the answer ends; applied to the answer too, for servers that do not."""
    n: int | None = Field(default=None, ge=1)
    """How many answers to one question."""
    logprobs: bool | int | None = None
    """Whether the answer comes with log probabilities; how many, where it continues a text."""
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    """How many of the likeliest tokens come with log probabilities, at each place."""
    frequency_penalty: _Penalty | None = None
    """From -2 to 2: above 0, words become less likely each time that they were said."""
    presence_penalty: _Penalty | None = None
    """From -2 to 2: above 0, words become less likely once they were said."""
    logit_bias: dict[str, float] | None = None
    """Token id -> what is added to its score, from -100 to 100."""
    reasoning_effort: str | None = None
    """How long a reasoning model thinks, in the server's words: `low`, `medium`, `high`."""
    service_tier: str | None = None
    """Which tier of service answers, where the server has several."""

    if TYPE_CHECKING:  # of BaseLanguageModel, of which each of the models is its own kind
        custom_get_token_ids: Callable[[str], list[int]] | None = PrivateAttr()

        def _add_version(self, pkg: str, version: str) -> None: ...

        def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
            raise NotImplementedError

    @field_validator(*READ_FROM, mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        return READ_FROM[info.field_name or ""](value)


SETTINGS = tuple(ModelSettings.__annotations__)
"""Fields that are sent to the model."""

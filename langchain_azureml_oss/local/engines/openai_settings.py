"""The settings of an OpenAI body, checked before they become arguments of a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator

from langchain_azureml_oss.local.engines.base import JSON, EngineError


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)


class _Function(_Part):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(_Part):
    type: str
    function: _Function | None = None

    @model_validator(mode="after")
    def _has_a_function(self) -> Self:
        if self.type == "function" and self.function is None:
            raise ValueError("a tool of this type has a function")
        return self


class _Schema(_Part):
    schema_: dict[str, Any]

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))


class _Format(_Part):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None

    @model_validator(mode="after")
    def _has_a_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("it has no json_schema")
        return self


class _Name(_Part):
    name: str


class _Choice(_Part):
    function: _Name


class _Settings(_Part):
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: StrictInt | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=128)] | None = None  # OpenAI's bounds
    seed: StrictInt | None = None
    stop: str | list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | _Choice | None = None
    response_format: _Format | None = None


def check_settings(settings: JSON) -> None:
    """Checks the kinds of what a client sent.

    Raises:
        EngineError: 400, one of them is of a wrong kind.
    """
    try:
        _Settings.model_validate(settings)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        raise EngineError(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None

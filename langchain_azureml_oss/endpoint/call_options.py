"""What one call may say: options that never reach the body, and settings of the model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from langchain_azureml_oss.endpoint.arguments import ALIASES as OTHER_NAMES
from langchain_azureml_oss.endpoint.arguments import refuse
from langchain_azureml_oss.endpoint.fields import PAIRS, EndpointFields
from langchain_azureml_oss.endpoint.headers import with_more
from langchain_azureml_oss.endpoint.model_settings import READ_FROM, SETTINGS
from langchain_azureml_oss.endpoint.secret_settings import refuse_secrets
from langchain_azureml_oss.errors import ConnectionConfigError, quoted

OPTIONS = (
    *("timeout", "deadline", "max_retries", "backoff", "retry_read_timeouts"),
    *("deployment_name", "model", "stream_usage"),
    *PAIRS,
)
"""Fields that a call may override and that are not settings of the model."""

_FIELDS = {
    name: EndpointFields.model_fields[name] for name in (*OPTIONS, *SETTINGS, "model_kwargs")
}

ALIASES = {alias: name for alias, name in OTHER_NAMES.items() if name in OPTIONS}
"""Their other names."""


@functools.cache
def _check(name: str) -> TypeAdapter[Any]:
    field = _FIELDS[name]
    return TypeAdapter(
        Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    )


@functools.cache
def fixed_fields(cls: type[EndpointFields]) -> frozenset[str]:
    """Return what is said when a model is made and for no call, so that no key is sent to it."""
    package = __name__.partition(".")[0]
    bases = (base for base in cls.__mro__ if base.__module__.startswith(package))
    own = {name for base in bases for name in base.__annotations__}
    free = {*SETTINGS, *OPTIONS, "model_kwargs", "streaming"}
    fixed = own.intersection(cls.model_fields) - free
    return frozenset({*fixed, *(alias for alias, name in OTHER_NAMES.items() if name in fixed)})


def check_names(model: EndpointFields, given: Mapping[str, Any]) -> None:
    """Check a call's arguments by their names; for secrets, before traces are given them.

    Raises:
        ConnectionConfigError: one is said when the model is made, means something else here, or
            holds a secret.
    """
    if not given:  # as nearly always: most settings are fields
        return
    settings = {name: value for name, value in given.items() if name not in OPTIONS}
    misplaced = fixed_fields(type(model)).intersection(settings)
    if misplaced:
        msg = f"{', '.join(sorted(misplaced))}: fixed when the model is made, not for one call."
        raise ConnectionConfigError(msg)
    for spelling, value in given.items():
        name = OTHER_NAMES.get(spelling, spelling)
        if name in PAIRS:
            with_more(getattr(model, name), value, name)
        elif name not in _FIELDS:
            refuse(spelling, value)
    refuse_secrets(settings, "arguments of a call", model.endpoint_api_key)


def check_forms(settings: Mapping[str, Any]) -> None:
    """Check what is read here before it is sent.

    Raises:
        ConnectionConfigError: a setting of a call has another form than it must have.
    """
    for name, (fits, form) in _FORMS.items():
        value = settings.get(name)
        if value is not None and not fits(value):
            msg = f"{name} of a call is {form}, not {quoted(value)}."
            raise ConnectionConfigError(msg)


def _are_texts(value: Any) -> bool:
    texts = isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)
    return isinstance(value, str) or texts


def _is_format(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return False
    form = value.get("json_schema", {})
    return isinstance(form, Mapping) and isinstance(form.get("schema", {}), Mapping)


_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "stop": (_are_texts, "a text or a list of texts"),
    "response_format": (
        _is_format,
        "a mapping like {'type': 'json_object'} (a class goes to with_structured_output())",
    ),
}


def call_options(model: EndpointFields, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a call, checked as the constructor checks them.

    Args:
        model: Has the values of what the call does not say.
        given: The call's arguments. None takes an option back to the model's own; `deadline`,
            `deployment_name` and `model` may be None themselves. Headers and a query are added to
            the model's own.

    Raises:
        ConnectionConfigError: a value that the constructor would refuse.
    """
    options = {name: getattr(model, name) for name in OPTIONS}
    for name in filter(given.__contains__, OPTIONS):
        value = given[name]
        if name in PAIRS:
            options[name] = with_more(options[name], value, name)
            continue
        if value is options[name] or (value is None and _FIELDS[name].default is not None):
            continue
        options[name] = _checked(name, name, value)
    return options


def call_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call says to the model, checked as the constructor checks it.

    Args:
        given: The call's arguments but its options.

    Raises:
        ConnectionConfigError: a value that the constructor would refuse.
    """
    settings = {}
    for spelling, value in given.items():
        name = OTHER_NAMES.get(spelling, spelling)
        is_checked = name in _FIELDS and value is not None
        settings[spelling] = _checked(name, spelling, value) if is_checked else value
    return settings


def _checked(name: str, spelling: str, value: Any) -> Any:
    try:
        return _check(name).validate_python(READ_FROM.get(name, lambda given: given)(value))
    except ValidationError as error:
        said = "; ".join(item["msg"] for item in error.errors(include_url=False))
    # Raised here, since pydantic's error holds the value.
    msg = f"{spelling}={quoted(value)} makes no sense in a call: {said}."
    raise ConnectionConfigError(msg)

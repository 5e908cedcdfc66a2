"""Values whose own methods raise: the error is this package's, and does not say what they said."""

from __future__ import annotations

import traceback

import pytest

from langchain_azureml_oss import escape_roles, messages_from_prompt
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError, named, quoted
from langchain_azureml_oss.promptflow import open_source_llm
from langchain_azureml_oss.promptflow.rendering import conversation, prompt_of

SECRET = "what the value said of itself"


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError(SECRET)

    __repr__ = __str__


class Hostile:
    """Raises an error of each kind from every method that a template asks."""

    def __init__(self, error):
        self.error = error

    def __str__(self):
        raise self.error

    __repr__ = __str__
    __html__ = __str__

    def __format__(self, _):
        raise self.error

    def __getitem__(self, _):
        raise self.error

    def __iter__(self):
        raise self.error


class Lazy(Hostile):
    """Also raises when it is asked what it has."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.error


class Picture(Hostile):
    source_url = None

    def to_base64(self, **_):
        raise self.error


class OfText(str):
    __slots__ = ()

    def strip(self, *_):
        raise RuntimeError(SECRET)

    replace = strip


ERRORS = [
    RuntimeError(SECRET),
    ValueError(SECRET),
    KeyError(SECRET),
    HostileError(),
    OSError(SECRET),
]
VALUES = [make(error) for make in (Hostile, Lazy, Picture) for error in ERRORS] + [OfText("a")]
TEMPLATES = [
    "{{x}}",
    "{{x[0]}}",
    "{% for one in x %}{{one}}{% endfor %}",
    "{{x|string}}",
    "{{x.a}}",
]


def assert_ours(act):
    with pytest.raises(UnsupportedInputError) as told:
        act()
    shown = "".join(traceback.format_exception(told.value)) + str(told.value)
    assert SECRET not in shown


def raises_or_not(act):
    """Some templates do not ask what raises; then there is nothing to tell."""
    try:
        act()
    except UnsupportedInputError:
        assert_ours(act)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_variable_of_a_prompt_flow_template(value):
    assert_ours(lambda: conversation("user:\n{{x}}", {"x": value}))
    for template in TEMPLATES:
        raises_or_not(lambda text=template: conversation(f"user:\n{text}", {"x": value}))
        raises_or_not(lambda text=template: prompt_of(text, {"x": value}))
        raises_or_not(lambda text=template: prompt_of(text, {"x": [value]}))


@pytest.mark.parametrize("api", ["chat", "completion"])
@pytest.mark.parametrize("value", VALUES[:-1], ids=lambda value: type(value).__name__)
def test_a_variable_of_the_tool(value, api):
    own = {
        "endpoint_url": "https://a.b/score",
        "model_family": "LLAMA",
        "endpoint_api_key": "k" * 9,
    }
    assert_ours(lambda: open_source_llm("user:\n{{x}}", api=api, connection=own, x=value))


@pytest.mark.parametrize("value", VALUES[:-1], ids=lambda value: type(value).__name__)
def test_a_column_of_a_batch_template(value):
    row = Row(1, {"x": value})
    for template in TEMPLATES:
        form = Form(template=template)
        raises_or_not(lambda form=form: form.prompt(row))
        raises_or_not(lambda form=form: form.messages(row))
    assert_ours(lambda: Form(template="{{x}}").prompt(row))
    assert_ours(lambda: Form(template="{{x}}").messages(row))


@pytest.mark.parametrize("value", [*VALUES[:-1], 5, None, ["a"]], ids=lambda v: type(v).__name__)
def test_what_is_no_text_has_no_roles(value):
    assert_ours(lambda: escape_roles(value))
    assert_ours(lambda: messages_from_prompt(value))


@pytest.mark.parametrize("value", VALUES[:-1], ids=lambda value: type(value).__name__)
def test_a_value_in_a_message(value):
    assert quoted(value) == f"(a value of type {type(value).__name__} that cannot be shown)"
    assert SECRET not in named(value)


def test_jinjas_own_words_are_shown():
    with pytest.raises(UnsupportedInputError, match="UndefinedError: 'y' is undefined"):
        prompt_of("{{y.z}}", {})
    with pytest.raises(UnsupportedInputError, match="UndefinedError: 'y' is undefined"):
        Form(template="{{y}}").prompt(Row(1, {"x": 1}))

"""Settings as callers name them -> the names that a contract knows."""

from __future__ import annotations

import warnings

import pytest

from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.formatters import contract_names, formatter
from langchain_azureml_oss.formatters.parameters import AsTheyAre, merge, spell

NAMES = {"max_tokens": ("max_new_tokens", "max_gen_len"), "seed": ()}


def spelled(as_they_are=(), named=(), names=NAMES):
    return spell(merge(*map(AsTheyAre, as_they_are), *named), names, "mine")


def test_a_setting_gets_the_contracts_name():
    assert spelled(named=[{"max_tokens": 5, "top_p": 0.5}]) == {"max_new_tokens": 5, "top_p": 0.5}


@pytest.mark.parametrize(
    "name", ["max_tokens", "max_new_tokens", "max_gen_len", "max_completion_tokens"]
)
def test_every_spelling_is_the_same_setting(name):
    assert spelled(named=[{"max_tokens": 5}, {name: 6}]) == {"max_new_tokens": 6}
    assert spelled(as_they_are=[{name: 6}], named=[{"max_tokens": 5}]) == {"max_new_tokens": 5}


def test_model_kwargs_keep_a_spelling_that_the_contract_takes():
    assert spelled([{"max_gen_len": 5, "odd": {"a": 1}}]) == {"max_gen_len": 5, "odd": {"a": 1}}


def test_model_kwargs_get_the_contracts_name_for_one_that_it_does_not_take():
    assert spelled([{"max_tokens": 5}]) == {"max_new_tokens": 5}


def test_the_later_source_wins():
    assert spelled([{"top_p": 1}, {"top_p": 2}], [{"top_p": 3}, {"top_p": 4}]) == {"top_p": 4}


def test_a_later_source_wins_whether_it_keeps_its_spelling_or_not():
    sources = [{"max_tokens": 1, "seed": 2}, AsTheyAre({"max_gen_len": 3}), {"top_p": 4}]
    assert spell(merge(*sources), {}, "mine") == {"max_gen_len": 3, "seed": 2, "top_p": 4}


def test_none_means_not_sent():
    assert spelled([{"top_p": 1}], [{"top_p": None}]) == {}


@pytest.mark.parametrize("value", [0, 0.0, False, "", []], ids=repr)
def test_what_is_false_is_sent(value):
    assert spelled([{"x": value}]) == {"x": value}


def test_a_setting_that_the_contract_does_not_have_is_dropped_with_one_warning():
    with pytest.warns(UserWarning, match=r"'mine'.*'seed'") as caught:
        assert spelled(named=[{"seed": 1, "top_p": 2}]) == {"top_p": 2}
    assert len(caught) == 1


def test_nothing_of_the_callers_is_changed():
    inner = {"a": [1]}
    sources = [{"max_tokens": 5, "x": inner}], [{"seed": None, "y": 1}]
    spelled(*sources)
    assert sources == ([{"max_tokens": 5, "x": {"a": [1]}}], [{"seed": None, "y": 1}])


# docs/contracts.md: at /score it is max_new_tokens, in OpenAI-style bodies max_tokens.
LENGTHS = dict.fromkeys(contract_names(), "max_new_tokens") | {"openai": "max_tokens"}


@pytest.mark.parametrize(("name", "expected"), LENGTHS.items())
def test_each_contract_has_its_name_for_the_length(name, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sent = spell(merge({"max_tokens": 5}), formatter(name).parameter_names, name)
    assert sent == {expected: 5}


@pytest.mark.parametrize(
    "settings",
    [
        *({"messages": []}, {"prompt": "x"}, {"inputs": []}, {"input_data": {}}),
        *({"top_k": float("nan")}, {"deep": {"a": [float("inf")]}}, {"o": 1j}, {"s": {1}}),
        *({"max_tokens": 0}, {"max_new_tokens": -1}, {"max_gen_len": 0}, {"temperature": -0.1}),
        *({"extra_body": {"prompt": "x"}}, {"extra_body": {"max_tokens": 0}}),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_by_its_key(make_chat, make_llm, plug, answer, settings):
    (key,) = settings.get("extra_body", settings)
    for make in (make_chat, make_llm):
        with pytest.raises(ConnectionConfigError, match=key):
            make(model_kwargs=settings)
        model = make()
        replay = plug(model, answer({"output": "x"}))
        with pytest.raises(ConnectionConfigError, match=key):
            model.invoke("x", model_kwargs=settings)
        assert not replay.requests


def test_extra_body_is_unpacked(make_chat, plug, sent, answer, completion):
    url = "https://h.example/v1/chat/completions"
    chat = make_chat(endpoint_url=url, model_kwargs={"extra_body": {"top_k": 5, "min_p": 0.1}})
    replay = plug(chat, answer(completion()), answer(completion()))
    chat.invoke("x")
    first = sent(replay)
    assert (first["top_k"], first["min_p"]) == (5, 0.1)
    chat.invoke("x", extra_body={"top_k": 6})
    second = sent(replay, 1)
    assert (second["top_k"], "extra_body" in second) == (6, False)

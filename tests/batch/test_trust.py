"""What a night's work rests on: options that are known, rows once, ends that are counted."""

from __future__ import annotations

import json
import os

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from langchain_azureml_oss import errors
from langchain_azureml_oss.batch import score_file
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.run_card import card_path, settings_of
from langchain_azureml_oss.local import LocalEndpoint


@pytest.fixture
def rows(tmp_path):
    def make(*rows):
        source = tmp_path / "questions.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return source, tmp_path / "answers.jsonl"

    return make


@pytest.fixture
def endpoint():
    with LocalEndpoint("echo", retry_after_s=0.0) as running:
        yield running


@pytest.fixture
def chat_at(make_chat):
    def make(endpoint, **fields):
        keys = {"endpoint_url": endpoint.url + "/v1", "endpoint_api_key": endpoint.api_key}
        return make_chat(**keys, **{"backoff": (0, 0), "model_family": "OPENAI"} | fields)

    return make


def answers_of(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_resume_with_other_options_is_refused_and_says_which(endpoint, chat_at, rows):
    files = rows({"prompt": "a"}, {"prompt": "b"})
    score_file(chat_at(endpoint, temperature=0), *files, sample=1)
    others = {"temperature": 0.5, "model": "phi", "model_kwargs": {"top_k": 3}}
    with pytest.raises(errors.UnsupportedInputError) as caught:
        score_file(chat_at(endpoint, **others), *files)
    said = str(caught.value)
    assert "temperature: 0.0 then, 0.5 now" in said
    assert "model: not given then, phi now" in said
    assert 'model_kwargs: {} then, {"top_k": 3} now' in said
    assert "--mix" in said
    score_file(chat_at(endpoint, temperature=0, max_retries=9, timeout=7), *files)
    assert len(endpoint.requests) == 2


def test_another_version_of_the_package_is_another_option(endpoint, chat_at, rows):
    files = rows({"prompt": "a"})
    score_file(chat_at(endpoint), *files)
    card = card_path(files[1])
    card.write_text(card.read_text().replace('"package version": "', '"package version": "0.0.'))
    with pytest.raises(errors.UnsupportedInputError, match=r"package version: 0\.0\."):
        score_file(chat_at(endpoint), *files)
    score_file(chat_at(endpoint), *files, overwrite=True)


def test_options_may_change_as_long_as_nothing_is_answered(endpoint, chat_at, rows):
    files = rows({"prompt": "a"})
    with pytest.raises(errors.NotFoundError):
        score_file(chat_at(endpoint, deployment_name="purple"), *files)
    assert score_file(chat_at(endpoint), *files).answered == 1


@pytest.mark.parametrize("card", [b"", b"{", b"[]", b'{"runs": [{"settings": 3}]}', b"\xff"])
def test_a_card_that_is_spoiled_stops_nothing(endpoint, chat_at, rows, card):
    files = rows({"prompt": "a"}, {"prompt": "b"})
    score_file(chat_at(endpoint), *files, sample=1)
    card_path(files[1]).write_bytes(card)
    assert score_file(chat_at(endpoint), *files).answered == 1


def test_whoever_may_read_the_answers_may_read_the_card(endpoint, chat_at, rows):
    """So that a colleague goes on with them."""
    source, target = rows({"prompt": "a"})
    card = target.with_name(target.name + ".run.json")
    before = os.umask(0o027)
    try:
        score_file(chat_at(endpoint), source, target)
    finally:
        os.umask(before)
    assert (target.stat().st_mode & 0o777, card.stat().st_mode & 0o777) == (0o640, 0o640)


def test_no_key_and_no_query_is_on_the_card(make_chat, key):
    url = f"https://ep.inference.ml.azure.com/score?code={key}"
    chat = make_chat(endpoint_url=url, default_headers={"x-key": key})
    for model in (chat, ChatPromptTemplate.from_template("{a}") | chat):
        assert key not in json.dumps(settings_of(model, Form()))


def test_the_card_of_a_chain_is_the_same_in_another_process(make_chat):
    def chain(**fields):
        return ChatPromptTemplate.from_template("{a}") | make_chat(**fields) | (lambda m: m.text)

    first = settings_of(chain(), Form())
    assert first == settings_of(chain(max_retries=9), Form())
    assert first != settings_of(chain(seed=1), Form())
    assert first["endpoint"].startswith("https://")


def test_the_same_question_is_asked_once(endpoint, chat_at, rows):
    files = rows(*({"id": n, "prompt": f"question {n % 3}"} for n in range(30)))
    chat = chat_at(endpoint, temperature=0)
    progress = score_file(chat, *files, dedupe=True)
    assert (progress.answered, progress.copied, len(endpoint.requests)) == (30, 27, 3)
    answers = answers_of(files[1])
    assert [one["text"] for one in answers] == [f"echo: question {n % 3}" for n in range(30)]
    assert [one["input"]["id"] for one in answers] == list(range(30))
    files[0].write_text(files[0].read_text() + '{"prompt": "question 1"}\n')
    assert score_file(chat, *files, dedupe=True).copied == 1
    assert len(endpoint.requests) == 3


def test_rows_that_wait_for_one_that_fails_are_asked(endpoint, chat_at, rows):
    files = rows(*({"prompt": "a"} for _ in range(4)))
    endpoint.fail_next("500", times=2)
    chat = chat_at(endpoint, temperature=0, max_retries=0)
    progress = score_file(chat, *files, dedupe=True)
    assert (progress.answered, progress.failed, len(endpoint.requests)) == (2, 2, 3)


def test_asking_once_needs_a_temperature_of_0(endpoint, chat_at, rows):
    with pytest.raises(ValueError, match="temperature=0"):
        score_file(chat_at(endpoint), *rows({"prompt": "a"}), dedupe=True)


def test_a_sample_is_evenly_spread_and_a_part_of_the_whole(endpoint, chat_at, rows):
    files = rows(*({"prompt": f"q{n}"} for n in range(1, 101)))
    progress = score_file(chat_at(endpoint), *files, sample=4)
    assert (progress.total, progress.answered) == (4, 4)
    assert [one["row"] for one in answers_of(files[1])] == [1, 26, 51, 76]
    assert score_file(chat_at(endpoint), *files).kept == 4


def test_cut_answers_are_counted(chat_at, rows):
    with LocalEndpoint("echo") as endpoint:
        files = rows({"prompt": "a b c d e f g h"}, {"prompt": "a"})
        progress = score_file(chat_at(endpoint, max_tokens=3), *files)
        assert (progress.cut, progress.open_ended) == (1, 0)
        assert [one["finish_reason"] for one in answers_of(files[1])] == ["length", "stop"]


def test_where_a_contract_does_not_tell_it_is_said(endpoint, make_chat, rows):
    keys = {"endpoint_url": endpoint.scoring_url, "endpoint_api_key": endpoint.api_key}
    progress = score_file(make_chat(**keys), *rows({"prompt": "a"}))
    assert (progress.cut, progress.open_ended) == (0, 1)


def test_a_budget_holds_though_the_endpoint_tells_no_tokens(endpoint, make_chat, rows):
    keys = {"endpoint_url": endpoint.scoring_url, "endpoint_api_key": endpoint.api_key}
    files = rows(*({"prompt": "a" * 400} for _ in range(50)))
    progress = score_file(make_chat(**keys, max_tokens=100), *files, budget_tokens=2_000)
    assert progress.usage is None
    assert progress.tokens <= 2_000
    assert 5 <= progress.answered <= 10
    assert progress.left == 50 - progress.answered
    assert "budget of 2,000 tokens" in progress.stopped


class City(BaseModel):
    name: str
    people: int


@pytest.mark.parametrize("include_raw", [False, True])
def test_a_structured_answer(chat_at, rows, include_raw):
    said = iter(['{"name": "Oslo", "people": 700000}', "no JSON"])
    with LocalEndpoint("scripted", script=lambda _: next(said)) as endpoint:
        model = chat_at(endpoint)
        form = model.with_structured_output(City, method="json_mode", include_raw=include_raw)
        chain = ChatPromptTemplate.from_template("Where is {place}?") | form
        files = rows({"place": "the fjord"}, {"place": "it"})
        progress = score_file(chain, *files, max_concurrency=1)
        assert "the fjord" in json.dumps(endpoint.requests[0].body)
    first, second = answers_of(files[1])
    assert first["answer"] == {"name": "Oslo", "people": 700000}
    assert first["usage"]["total_tokens"] > 0
    assert first["finish_reason"] == "stop"
    assert second["error"]["type"] == "OutputParserException"
    assert (progress.answered, progress.failed) == (1, 1)
    assert progress.usage == first["usage"]


def test_a_model_with_a_form_takes_the_prompt(chat_at, rows):
    with LocalEndpoint("scripted", script=['{"name": "Oslo", "people": 7}']) as endpoint:
        form = chat_at(endpoint).with_structured_output(City, method="json_mode")
        progress = score_file(form, *rows({"prompt": "Which city?"}), system="Use JSON.")
        assert progress.answered == 1
        roles = [turn["role"] for turn in endpoint.requests[0].body["messages"]]
        assert roles == ["system", "user"]


def test_a_chain_that_ends_in_text_and_a_429_inside_it(endpoint, chat_at, rows):
    endpoint.fail_next("429", times=3)
    chain = ChatPromptTemplate.from_template("{a}") | chat_at(endpoint) | StrOutputParser()
    files = rows(*({"a": str(n)} for n in range(20)))
    progress = score_file(chain, *files)
    assert (progress.answered, progress.refusals) == (20, 3)
    assert answers_of(files[1])[3]["text"] == "echo: 3"


@pytest.mark.parametrize("option", [{"dedupe": True}, {"budget_tokens": 9}])
def test_what_a_cluster_does_not_do_is_said(endpoint, chat_at, rows, option):
    with pytest.raises(ValueError, match="for engine='local'"):
        score_file(chat_at(endpoint), *rows({"prompt": "a"}), engine="ray", **option)


@pytest.mark.parametrize("option", [{"template": "{{ a }}"}, {"system": "a"}, {"column": "a"}])
def test_a_chain_of_fields_has_no_use_for_a_template(endpoint, chat_at, rows, option):
    chain = ChatPromptTemplate.from_template("{prompt}") | chat_at(endpoint)
    with pytest.raises(ValueError, match="takes the row's fields"):
        score_file(chain, *rows({"prompt": "a"}), **option)


def test_what_is_no_model_at_all(rows):
    files = rows({"a": 1}, {"a": 2})
    score_file(RunnableLambda(lambda row: {"twice": row["a"] * 2}), *files)
    assert [one["answer"] for one in answers_of(files[1])] == [{"twice": 2}, {"twice": 4}]

"""Every golden exchange, sync and async: what is sent, and what is made of the response."""

from __future__ import annotations

import logging

import pytest
from exchanges import CONTRACTS, ask, messages, sent, summary

from langchain_azureml_oss.formatters import contract_names

EXCHANGES = [
    pytest.param(file, exchange, id=f"{file['contract']}-{file['api']}-{exchange['name']}")
    for file in CONTRACTS.values()
    for exchange in file["exchanges"]
]
WORLDS = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@pytest.fixture
def run(make_chat, make_llm, plug, answer, events, key):
    """Asks what an exchange asks; returns the answer and what was sent."""

    def go(file, exchange, *, is_async):
        make = make_llm if file["api"] == "completion" else make_chat
        fields = {"endpoint_url": file["endpoint_urls"][0]} | exchange["model"]
        if file["contract"] not in {"score", "openai"}:
            fields["contract"] = file["contract"]
        model = make(**fields)
        question = dict(exchange["ask"])
        if "messages" in question:
            question["messages"] = messages(question["messages"])
        responses = [step["response"] for step in exchange["wire"]]
        replay = plug(
            model,
            *(
                events(*one["events"])
                if "events" in one
                else answer(one["body"], one["status"], **one.get("headers", {}))
                for one in responses
            ),
        )
        said = ask(model, is_async=is_async, **question)
        return model, said, [sent(request, key) for request in replay.requests]

    return go


@WORLDS
@pytest.mark.parametrize(("file", "exchange"), EXCHANGES)
def test_an_exchange_is_as_recorded(run, caplog, file, exchange, is_async):
    with caplog.at_level(logging.WARNING, "langchain_azureml_oss.formatters"):
        _, said, requests = run(file, exchange, is_async=is_async)
    assert requests == [step["request"] for step in exchange["wire"]]
    expected = exchange["answer"]
    if file["api"] == "completion":
        assert said == [[text] for text in expected["texts"]]
    else:
        known = {"model_name": exchange["model"]["model_family"].lower()} | expected
        if deployment := exchange["model"].get("deployment_name"):
            known = {"deployment": deployment} | known | {"model_name": deployment}
        assert summary(said) == known
    words = exchange.get("logs", [])
    assert len(caplog.records) == len(words)
    assert all(word in caplog.text for word in words)


@WORLDS
def test_what_was_refused_is_not_sent_again(run, plug, events, is_async):
    """`stream_options` is tried once, and remembered."""
    file = CONTRACTS["openai.chat"]
    (exchange,) = [
        e for e in file["exchanges"] if e["name"] == "a server that refuses stream_options"
    ]
    model, _, _ = run(file, exchange, is_async=is_async)
    replay = plug(model, events(*exchange["wire"][1]["response"]["events"]))
    ask(model, is_async=is_async, messages="Say hi.", stream=True)
    (request,) = replay.requests
    assert b"stream_options" not in request.body
    assert "extra-parameters" not in request.headers


def test_every_contract_and_api_has_its_file():
    expected = {f"{name}.{api}" for name in contract_names() for api in ("chat", "completion")}
    assert set(CONTRACTS) == expected
    for name, file in CONTRACTS.items():
        assert f"{file['contract']}.{file['api']}" == name
        assert file["exchanges"]


def test_a_wrong_expectation_is_found(run):
    """The runner can fail: one byte of a golden body makes a difference."""
    file = CONTRACTS["score.chat"]
    exchange = file["exchanges"][0]
    _, _, (request,) = run(file, exchange, is_async=False)
    request["body"]["input_data"]["input_string"][0]["content"] += " "
    assert request != exchange["wire"][0]["request"]

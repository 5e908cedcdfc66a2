"""The ways that the exchange can go are those that its essay draws: all of them, and no other."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from langchain_azureml_oss import errors
from langchain_azureml_oss.exchange import generator
from langchain_azureml_oss.transports import steps as driven

OK = {"output": "Hello!"}
RESET = errors.EndpointConnectionError("reset")
OPENAI = "https://h.example/v1/chat/completions"


def drawn():
    """(command, the next one) of each arrow in the essay."""
    arrows = re.findall(r"(?m)^    ([\w, ]+?) +-> (\w+)", generator.__doc__)
    return {(one, after) for before, after in arrows for one in before.split(", ")}


@pytest.fixture
def walked(monkeypatch):
    """(command, the next one) of every step that an exchange takes in this test."""
    steps = set()

    def watched(call):
        before, inner, outcome = "start", generator.exchange(call), None
        try:
            while True:
                command = inner.send(outcome)
                steps.add((before, type(command).__name__))
                before = type(command).__name__
                outcome = yield command
        except StopIteration:
            steps.add((before, "end"))
        except errors.AzureMLOSSError:
            steps.add((before, "end"))
            raise

    monkeypatch.setattr(driven, "exchange", watched)
    return steps


@pytest.fixture
def go(make_chat, plug):
    """Asks a chat model over these responses, however that ends."""

    def call(*responses, stream=False, **fields):
        chat = make_chat(**fields)
        plug(chat, *responses)
        with suppress(errors.AzureMLOSSError):
            _ = list(chat.stream("x")) if stream else chat.invoke("x")

    return call


def test_every_way_is_drawn_and_every_drawn_way_is_gone(go, walked, answer, events, delta):
    tokens = iter(["t1", "t2"])
    refusal = answer({"detail": "Extra parameters ['stream_options'] are not allowed"}, 400)
    broken = events(delta("Hel"), done=False)
    broken.body.append(RESET)
    inside = b'event: error\ndata: {"message": "no"}\n\n'

    go(answer("busy", 503), answer(OK, cuts=(3,)))
    go(RESET, answer(OK))
    go(RESET, max_retries=0)
    go(answer("no", 400))
    go(answer("no", 401), answer(OK), credential=lambda: next(tokens))
    go(events(delta("Hello!", "stop")), stream=True, base_url=OPENAI)
    go(refusal, events(delta("Hello!", "stop")), stream=True, base_url=OPENAI)
    go(broken, stream=True, base_url=OPENAI)
    # What comes and what goes wrong in one piece: the results are given out, then the error.
    go(events(delta("Hel"), inside, cuts=()), stream=True, base_url=OPENAI)

    assert walked == drawn()

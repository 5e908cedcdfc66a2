"""Who sends the next request of a run, and how much of langchain-core has a part in one."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import InMemoryRateLimiter
from test_scoring import answers_of, prompts

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.batch import score_file
from langchain_azureml_oss.batch.pacing.limits import Limits
from langchain_azureml_oss.batch.pacing.pace import Pace
from langchain_azureml_oss.batch.pacing.turnstile import Turnstile
from langchain_azureml_oss.batch.progress import Progress
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.batch.run import Run
from langchain_azureml_oss.batch.scorers import Question
from langchain_azureml_oss.batch.sinks import MemorySink
from langchain_azureml_oss.errors import RateLimitError
from langchain_azureml_oss.local import LocalEndpoint


class ByHand:
    """A scorer whose requests end when the test says so."""

    size = 1

    def __init__(self):
        self.events, self.asked, self.at_once, self.most = [], {}, 0, 0

    def question(self, row):
        return Question(row.number)

    async def ask(self, questions):
        number = questions[0].given
        self.events.append(f"send {number}")
        self.asked[number] = asyncio.get_running_loop().create_future()
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            text = await self.asked[number]
        finally:
            self.at_once -= 1
        self.events.append(f"read {number}")
        return [{"text": text}]

    def end(self, *numbers):
        for number in numbers:
            self.asked.pop(number).set_result("yes")


async def started(scorer, rows, *, most, pace=None):
    """Start a run, and return its task and its answers, when the first requests were sent."""
    sink = MemorySink()
    run = Run(
        scorer=scorer,
        gate=Turnstile(pace or Pace(most), Limits()),
        file=sink,
        progress=Progress(rows),
        most=most,
    )
    task = asyncio.create_task(run.score(Row(n, {"prompt": "?"}) for n in range(1, rows + 1)))
    await turns(8)
    return task, sink


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_next_request_is_sent_before_another_answer_is_read():
    scorer = ByHand()
    task, sink = await started(scorer, 6, most=3)
    assert scorer.events == ["send 1", "send 2", "send 3"]
    scorer.events.clear()
    scorer.end(1, 2, 3)  # in the same turn of the loop
    await turns(1)
    assert scorer.events == ["read 1", "send 4", "read 2", "send 5", "read 3", "send 6"]
    scorer.end(4, 5, 6)
    await asyncio.wait_for(task, 5)
    assert sorted(sink.outcomes) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("height", [1, 3, 8])
async def test_all_rows_are_asked_once_whatever_the_gate_allows(height):
    scorer = ByHand()
    pace = Pace(height, start=1)
    task, sink = await started(scorer, 50, most=8, pace=pace)
    for _ in range(200):
        scorer.end(*list(scorer.asked))
        await turns(3)
    await asyncio.wait_for(task, 5)
    assert sorted(sink.outcomes) == list(range(1, 51))
    sent = [event for event in scorer.events if event.startswith("send")]
    assert sent == [f"send {n}" for n in range(1, 51)]
    assert scorer.most == height


async def test_a_refused_request_is_sent_again_by_who_is_left():
    scorer = ByHand()
    task, sink = await started(scorer, 2, most=2, pace=Pace(2, backoff=(0, 0)))
    refused = RateLimitError("Too many.")
    scorer.asked.pop(1).set_exception(refused)
    scorer.end(2)
    for _ in range(100):
        await asyncio.sleep(0.001)
        scorer.end(*list(scorer.asked))
        if task.done():
            break
    await task
    assert sorted(sink.outcomes) == [1, 2]
    assert scorer.events.count("send 1") == 2


class Heard(BaseCallbackHandler):
    def __init__(self):
        self.ends = 0

    def on_llm_end(self, *_, **__):
        self.ends += 1


@pytest.fixture
def way(monkeypatch):
    """Counts the calls that go through all of langchain-core."""
    calls, all_of_it = [], BaseChatModel.agenerate

    async def counted(self, *arguments, **options):
        calls.append(1)
        return await all_of_it(self, *arguments, **options)

    monkeypatch.setattr(BaseChatModel, "agenerate", counted)
    return calls


@pytest.fixture
def ask(tmp_path, make_chat, way):
    """Asks five rows in a way of the test's own; returns the answers and the counted calls."""

    def make(cls=AzureMLOSSChatModel, rows=None, **fields):
        source, target = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows or prompts(5)))
        with LocalEndpoint("echo") as endpoint:
            fields |= {"endpoint_url": endpoint.url + "/v1", "endpoint_api_key": endpoint.api_key}
            score_file(cls(model_family="OPENAI", **fields), source, target)
        return [one["text"] for one in answers_of(target)], len(way)

    return make


ECHOES = [f"echo: question {n}" for n in range(1, 6)]


def test_a_row_that_nobody_hears_of_goes_the_short_way(ask):
    assert ask() == (ECHOES, 0)


def test_callbacks_of_the_model_hear_of_each_row(ask):
    heard = Heard()
    assert ask(callbacks=[heard]) == (ECHOES, 5)
    assert heard.ends == 5


def test_callbacks_of_the_surroundings_hear_of_each_row(ask):
    with get_usage_metadata_callback() as usage:
        assert ask() == (ECHOES, 5)
    assert sum(one["total_tokens"] for one in usage.usage_metadata.values()) > 0


def test_a_cache_is_asked_and_filled(ask):
    cache = InMemoryCache()
    set_llm_cache(cache)
    try:
        assert ask(rows=[{"prompt": "hi"}] * 3)[1] == 3
    finally:
        set_llm_cache(None)
    assert len(cache._cache) == 1


@pytest.mark.parametrize(
    "fields",
    [{"rate_limiter": InMemoryRateLimiter(requests_per_second=1_000)}, {"streaming": True}],
)
def test_limiters_and_streams_go_the_long_way(ask, fields):
    assert ask(**fields) == (ECHOES, 5)


def test_a_subclass_has_its_own_way(ask):
    class Louder(AzureMLOSSChatModel):
        async def ainvoke(self, *arguments, **options):
            answer = await super().ainvoke(*arguments, **options)
            return answer.model_copy(update={"content": answer.text.upper()})

    assert ask(Louder) == ([text.upper() for text in ECHOES], 5)


def test_a_content_of_blocks_goes_the_long_way(ask):
    content = [{"type": "text", "text": "question 1"}]
    rows = [{"messages": [{"role": "user", "content": content}]}]
    assert ask(rows=rows) == (ECHOES[:1], 1)

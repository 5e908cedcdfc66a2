"""Bulk scoring against a local endpoint: answers, failures, resume, and when a run gives up."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from langchain_azureml_oss import AzureMLOSSChatModel, errors
from langchain_azureml_oss.batch import ascore_file, score_file, scoring
from langchain_azureml_oss.local import LocalEndpoint


@pytest.fixture
def files(tmp_path):
    """Writes the rows to a file of questions, and returns it with the file of answers."""

    def make(rows):
        source = tmp_path / "questions.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return source, tmp_path / "answers.jsonl"

    return make


@pytest.fixture
def endpoint():
    with LocalEndpoint("echo", deployments={"blue": 100}, retry_after_s=0.0) as running:
        yield running


@pytest.fixture
def chat_at(make_chat):
    def make(endpoint, path="/score", **fields):
        keys = {"endpoint_url": endpoint.url + path, "endpoint_api_key": endpoint.api_key}
        return make_chat(**keys, **{"backoff": (0, 0)} | fields)

    return make


@pytest.fixture
def llm_at(make_llm):
    def make(endpoint, **fields):
        keys = {"endpoint_url": endpoint.scoring_url, "endpoint_api_key": endpoint.api_key}
        return make_llm(**keys, **{"backoff": (0, 0)} | fields)

    return make


def answers_of(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def prompts(count):
    return [{"id": f"q{n}", "prompt": f"question {n}"} for n in range(1, count + 1)]


def test_every_row_has_its_own_answer(endpoint, chat_at, files):
    source, target = files(prompts(200))
    progress = score_file(chat_at(endpoint), source, target, concurrency=20)
    assert (progress.total, progress.answered, progress.failed, progress.kept) == (200, 200, 0, 0)
    for number, answer in enumerate(answers_of(target), 1):
        assert answer["row"] == number
        assert answer["input"] == {"id": f"q{number}", "prompt": f"question {number}"}
        assert answer["text"] == f"echo: question {number}"
        assert answer["deployment"] == "blue"
        assert answer["request_id"]
        assert answer["seconds"] >= 0


def test_what_the_server_says_about_an_answer_is_kept(endpoint, chat_at, files):
    source, target = files([{"messages": [{"role": "user", "content": "a b c"}]}])
    chat = chat_at(endpoint, "/v1/chat/completions", model_family="OPENAI")
    progress = score_file(chat, source, target, system="Be brief.")
    (answer,) = answers_of(target)
    assert answer["finish_reason"] == "stop"
    assert answer["usage"]["output_tokens"] > 0
    assert progress.usage == answer["usage"]
    (sent,) = [request.body["messages"] for request in endpoint.requests]
    assert [turn["role"] for turn in sent] == ["system", "user"]


def test_completions_share_requests(endpoint, llm_at, files):
    source, target = files(prompts(45))
    progress = score_file(llm_at(endpoint), source, target)
    assert progress.answered == 45
    assert len(endpoint.requests) == 3
    assert [answer["text"] for answer in answers_of(target)] == [
        f" echo: question {n}" for n in range(1, 46)
    ]


def test_one_bad_prompt_does_not_take_its_neighbours_along(endpoint, llm_at, files):
    endpoint.fail_next("500", times=2)  # the request of all five; then the first by itself
    source, target = files(prompts(5))
    progress = score_file(llm_at(endpoint, max_retries=0), source, target, concurrency=1)
    assert (progress.answered, progress.failed) == (4, 1)
    assert progress.first_failure.startswith("row 1: ServerError: ")
    first, *others = answers_of(target)
    assert (first["error"]["type"], first["error"]["status"]) == ("ServerError", 500)
    assert all("text" in answer for answer in others)


@pytest.mark.parametrize("fault", ["503", "reset"])
def test_prompts_are_not_asked_one_by_one_where_none_of_them_is_at_fault(
    endpoint, llm_at, files, fault
):
    endpoint.fail_next(fault)
    progress = score_file(llm_at(endpoint, max_retries=0), *files(prompts(5)), concurrency=1)
    assert (progress.answered, progress.failed) == (0, 5)
    assert len(endpoint.requests) == 1


def test_a_second_run_asks_what_failed_and_nothing_else(endpoint, chat_at, files):
    source, target = files(prompts(10))
    endpoint.fail_next("500")
    endpoint.fail_next("503")
    chat = chat_at(endpoint, max_retries=0)
    first = score_file(chat, source, target)
    assert (first.answered, first.failed) == (8, 2)
    before = len(endpoint.requests)
    second = score_file(chat, source, target)
    assert (second.kept, second.answered, second.failed) == (8, 2, 0)
    assert len(endpoint.requests) - before == 2
    assert [answer["text"] for answer in answers_of(target)] == [
        f"echo: question {n}" for n in range(1, 11)
    ]
    third = score_file(chat, source, target)
    assert (third.kept, third.done, third.total) == (10, 10, 10)


def test_faults_that_pass_are_tried_again(chat_at, files):
    faults = {"429": 0.1, "500": 0.05, "reset": 0.05, "inner429": 0.05}
    with LocalEndpoint("echo", faults=faults, retry_after_s=0.0, seed=5) as endpoint:
        source, target = files(prompts(100))
        progress = score_file(chat_at(endpoint, max_retries=10), source, target)
        assert progress.answered == 100
        assert len(endpoint.requests) > 110


def test_requests_in_flight_are_bounded(endpoint, chat_at, files, monkeypatch):
    in_flight, most = 0, 0
    chat = chat_at(endpoint)
    ask = type(chat)._agenerate

    async def watched(self, *args, **kwargs):
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        try:
            return await ask(self, *args, **kwargs)
        finally:
            in_flight -= 1

    monkeypatch.setattr(type(chat), "_agenerate", watched)
    score_file(chat, *files(prompts(30)), concurrency=3)
    assert most == 3


@pytest.mark.parametrize(
    ("fields", "cls"),
    [
        ({"endpoint_api_key": "not-the-key"}, errors.AuthenticationError),
        ({"deployment_name": "purple"}, errors.NotFoundError),
    ],
)
def test_a_run_that_all_rows_would_fail_ends_early(
    endpoint, make_chat, files, fields, cls, key, shows
):
    keys = {"endpoint_url": endpoint.scoring_url, "endpoint_api_key": endpoint.api_key}
    source, target = files(prompts(100))
    with pytest.raises(cls) as caught:
        score_file(make_chat(**keys | fields), source, target, concurrency=4)
    assert len(endpoint.requests) == 4
    assert [set(answer) for answer in answers_of(target)] == [
        {"row", "input", "error", "seconds", "at"}
    ] * 4
    assert endpoint.api_key not in target.read_text() + shows(caught.value)


def test_an_endpoint_that_is_gone_ends_a_run(endpoint, chat_at, files):
    source, target = files(prompts(100))
    chat = chat_at(endpoint, max_retries=0)
    endpoint.stop()
    with pytest.raises(errors.EndpointConnectionError):
        score_file(chat, source, target, concurrency=1)
    assert len(answers_of(target)) == 10


def test_lost_connections_between_answers_do_not_end_a_run(endpoint, chat_at, files):
    source, target = files(prompts(60))
    endpoint.fail_next("reset", times=9)
    progress = score_file(chat_at(endpoint, max_retries=0), source, target, concurrency=1)
    assert (progress.answered, progress.failed) == (51, 9)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{"prompt": "a"}, {"question": "b"}],
            "Row 2 has no text in `prompt`; it has question.*--column, column=.*--template, templ",
        ),
        (
            [{"model": "a", "messages": []}],
            "Row 1 has an empty list of `messages`, and no text in `prompt`; it has model, mess",
        ),
        ([{"messages": [{"role": "gossip", "content": "a"}]}], "Row 1: `messages` is not valid"),
    ],
)
def test_a_malformed_row_is_found_before_anything_is_sent(endpoint, chat_at, files, rows, said):
    source, target = files(rows)
    with pytest.raises(errors.UnsupportedInputError, match=said):
        score_file(chat_at(endpoint), source, target)
    assert endpoint.requests == []
    assert not target.exists()


def test_a_completion_model_takes_prompts(endpoint, llm_at, files):
    source, target = files([{"messages": [{"role": "user", "content": "a"}]}])
    with pytest.raises(errors.UnsupportedInputError, match="Row 1 has no text in `prompt`"):
        score_file(llm_at(endpoint), source, target)


def test_the_questions_are_never_overwritten(endpoint, chat_at, files):
    source, _ = files(prompts(2))
    before = source.read_bytes()
    for target in (source, source.parent / "." / source.name):
        with pytest.raises(errors.UnsupportedInputError, match="would overwrite the questions"):
            score_file(chat_at(endpoint), source, target, overwrite=True)
    assert source.read_bytes() == before


async def test_a_run_that_is_cancelled_keeps_its_answers(endpoint, chat_at, files):
    source, target = files(prompts(100))
    reached = asyncio.Event()
    run = asyncio.create_task(
        ascore_file(
            chat_at(endpoint),
            source,
            target,
            concurrency=2,
            on_progress=lambda progress: progress.done == 20 and reached.set(),
        )
    )
    await asyncio.wait_for(reached.wait(), 10)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    numbers = [answer["row"] for answer in answers_of(target)]
    assert 20 <= len(numbers) < 100
    assert numbers == sorted(numbers)
    progress = await ascore_file(chat_at(endpoint), source, target)
    assert (progress.kept, progress.done) == (len(numbers), 100)


def test_questions_are_read_as_they_are_asked(endpoint, chat_at, files, monkeypatch):
    """So that their file may be larger than the memory."""
    read, numbers = scoring.read_rows, []

    def watched(path):
        for row in read(path):
            numbers.append(row.number)
            yield row

    monkeypatch.setattr(scoring, "read_rows", watched)
    ahead = []
    score_file(
        chat_at(endpoint),
        *files(prompts(300)),
        concurrency=5,
        # The file was read twice before: to look for mistakes, and for answers that are there.
        on_progress=lambda progress: ahead.append(len(numbers) - 600 - progress.done),
    )
    assert max(ahead) <= 5


class Limited(AzureMLOSSChatModel):
    """An endpoint that takes so many requests at the same time."""

    capacity: int
    refuse_first: int = 0
    _in_flight: int = PrivateAttr(0)

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        self._in_flight += 1
        try:
            await asyncio.sleep(0.001)
            if self._in_flight > self.capacity or self.refuse_first:
                self.refuse_first = max(0, self.refuse_first - 1)
                raise errors.RateLimitError("Too many.", status=429)
            return ChatResult(generations=[ChatGeneration(message=AIMessage(messages[-1].text))])
        finally:
            self._in_flight -= 1


def limited(capacity):
    return Limited(
        endpoint_url="https://ep.eastus2.inference.ml.azure.com/score",
        endpoint_api_key="not a key",
        model_family="PHI",
        capacity=capacity,
        backoff=(0, 0),
    )


@pytest.mark.parametrize("capacity", [1, 2, 5, 8])
def test_fewer_are_asked_at_once_where_they_are_too_many(files, capacity):
    source, target = files(prompts(60))
    progress = score_file(limited(capacity), source, target, concurrency=8)
    assert (progress.answered, progress.failed) == (60, 0)
    assert [answer["text"] for answer in answers_of(target)] == [
        f"question {n}" for n in range(1, 61)
    ]


def test_an_endpoint_that_takes_nothing_ends_a_run(files):
    source, target = files(prompts(30))
    with pytest.raises(errors.RateLimitError):
        score_file(limited(0), source, target, concurrency=8)
    assert [set(answer) & {"text", "error"} for answer in answers_of(target)] == [{"error"}] * 10


def test_up_again_after_a_429(files):
    """All 16 places are used in the end, though the first request was refused."""
    model, seen = limited(16), []
    source, target = files(prompts(1_000))
    model.refuse_first = 1
    progress = score_file(
        model, source, target, on_progress=lambda progress: seen.append(progress.height)
    )
    assert (progress.answered, progress.failed) == (1_000, 0)
    assert progress.refusals < 300
    assert max(seen[:100]) < 16 <= max(seen)


def test_connections_that_are_never_made_end_a_run(endpoint, chat_at, files, monkeypatch):
    chat, asked = chat_at(endpoint), []

    async def lost(self, *_, **__):
        asked.append(1)
        raise errors.RequestTimeoutError("No connection to the endpoint in time.")

    monkeypatch.setattr(type(chat), "_agenerate", lost)
    source, target = files(prompts(100))
    with pytest.raises(errors.RequestTimeoutError):
        score_file(chat, source, target, concurrency=2)
    assert 10 <= len(asked) <= 11


def test_rows_that_failed_before_are_asked_last(endpoint, chat_at, files):
    source, target = files(prompts(4))
    chat = chat_at(endpoint, max_retries=0)
    endpoint.fail_next("500", times=2)
    score_file(chat, source, target, concurrency=1)
    source.write_text("".join(json.dumps(row) + "\n" for row in prompts(6)))
    score_file(chat, source, target, concurrency=1)
    asked = [one.body["input_data"]["input_string"][0]["content"] for one in endpoint.requests]
    assert asked[4:] == ["question 5", "question 6", "question 1", "question 2"]


def test_what_one_row_provokes_stops_no_other(endpoint, chat_at, files, monkeypatch):
    chat = chat_at(endpoint)
    ask = type(chat)._agenerate

    async def odd(self, messages, *args, **kwargs):
        if messages[-1].text == "question 2":
            raise TypeError("sequence item 0: expected str instance, int found")
        return await ask(self, messages, *args, **kwargs)

    monkeypatch.setattr(type(chat), "_agenerate", odd)
    source, target = files(prompts(3))
    progress = score_file(chat, source, target)
    assert (progress.answered, progress.failed) == (2, 1)
    assert answers_of(target)[1]["error"]["type"] == "TypeError"


def test_questions_that_change_during_a_run_are_an_error_of_their_own(endpoint, chat_at, files):
    source, target = files(prompts(500))

    def spoil(progress):
        if progress.done == 5:
            with source.open("a") as file:
                file.write("no json\n")

    with pytest.raises(errors.UnsupportedInputError, match="Row 501 is not JSON"):
        score_file(chat_at(endpoint), source, target, concurrency=1, on_progress=spoil)
    assert len(answers_of(target)) == 500


@pytest.mark.parametrize("concurrency", [0, -1])
def test_nobody_to_ask_is_a_mistake(endpoint, chat_at, files, concurrency):
    with pytest.raises(ValueError, match="at least 1"):
        score_file(chat_at(endpoint), *files(prompts(1)), concurrency=concurrency)


def test_a_completion_has_no_system_message(endpoint, llm_at, files):
    with pytest.raises(ValueError, match="no system message"):
        score_file(llm_at(endpoint), *files(prompts(1)), system="Be brief.")

"""The engines without weights, and the folding of streams."""

from __future__ import annotations

import asyncio
import time

import pytest

from langchain_azureml_oss.local import EngineError, LocalEndpoint
from langchain_azureml_oss.local.engines.answers import words
from langchain_azureml_oss.local.engines.folding import fold

V1 = "/v1/chat/completions"
CALL = {"id": "call_1", "name": "weather", "args": {"city": "Roma", "days": 3}}
ARGUMENTS = '{"city": "Roma", "days": 3}'


@pytest.mark.parametrize("text", ["", "a", " a  b\n", "\n\n", "a\tb c"])
def test_words_lose_nothing(text):
    assert "".join(words(text)) == text


def test_a_script_in_turn(post, chat):
    with LocalEndpoint("scripted", script=["one", {"content": "two"}]) as endpoint:
        answers = [post(endpoint, V1, chat()) for _ in range(3)]
    contents = [one.json()["choices"][0]["message"]["content"] for one in answers[:2]]
    assert contents == ["one", "two"]
    assert answers[2].status_code == 500
    assert "no more replies; it had 2" in answers[2].json()["error"]["message"]


def test_a_script_begins_anew_with_each_start(post, chat):
    endpoint = LocalEndpoint("scripted", script=["one"])
    for _ in range(2):
        with endpoint:
            assert post(endpoint, V1, chat()).status_code == 200


def test_a_function_sees_the_body(post, chat):
    def script(body):
        return body["messages"][-1]["content"].upper()

    with LocalEndpoint("scripted", script=script) as endpoint:
        answer = post(endpoint, V1, chat("abc")).json()
        text = post(endpoint, "/score", {"input_data": {"input_string": chat("x")["messages"]}})
    assert answer["choices"][0]["message"]["content"] == "ABC"
    assert text.json() == {"output": "X"}


def test_an_asynchronous_function_may_wait(post, chat):
    async def script(body):
        await asyncio.sleep(0.01)
        return "later"

    with LocalEndpoint("scripted", script=script) as endpoint:
        answer = post(endpoint, V1, chat()).json()
    assert answer["choices"][0]["message"]["content"] == "later"


FULL = {
    "content": "Let me see.",
    "reasoning_content": "Hm, the weather.",
    "tool_calls": [CALL, {"function": {"name": "now", "arguments": "{}"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


def test_a_full_reply(post, chat):
    with LocalEndpoint("scripted", script=[FULL]) as endpoint:
        answer = post(endpoint, V1, chat()).json()
    [choice] = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Let me see."
    assert choice["message"]["reasoning_content"] == "Hm, the weather."
    first, second = choice["message"]["tool_calls"]
    assert first == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": ARGUMENTS},
    }
    assert second["id"].startswith("call_")
    assert answer["usage"] == FULL["usage"]


def test_a_full_reply_streamed(post, chat, events):
    options = {"stream_options": {"include_usage": True}}
    headers = {"extra-parameters": "pass-through"}
    with LocalEndpoint("scripted", script=[FULL]) as endpoint:
        *chunks, _ = events(post(endpoint, V1, chat(stream=True, **options), headers))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    kinds = [next(iter(delta)) for delta in deltas if delta and "role" not in delta]
    # In this order, and each in more than one piece.
    assert sorted(kinds, key=["reasoning_content", "content", "tool_calls"].index) == kinds
    assert all(kinds.count(kind) > 1 for kind in set(kinds))
    fragments = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    first = [one["function"]["arguments"] for one in fragments if one["index"] == 0]
    assert len(first) > 3
    assert "".join(first) == ARGUMENTS
    # Put together again, it is what an answer in one piece says.
    folded = fold(chunks)
    message = folded["choices"][0]["message"]
    assert message["content"] == "Let me see."
    assert message["reasoning_content"] == "Hm, the weather."
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["weather", "now"]
    assert message["tool_calls"][0]["function"]["arguments"] == ARGUMENTS
    assert folded["choices"][0]["finish_reason"] == "tool_calls"
    assert folded["usage"] == FULL["usage"]
    assert folded["object"] == "chat.completion"


def test_a_reply_that_is_an_error(post, chat):
    with LocalEndpoint("scripted", script=[EngineError(429, "later")]) as endpoint:
        answer = post(endpoint, V1, chat())
    assert answer.status_code == 429
    assert answer.json()["error"]["message"] == "later"


@pytest.mark.parametrize("arguments", [{"model": "scripted"}, {"model": "echo", "script": []}])
def test_script_and_scripted_belong_together(arguments):
    with pytest.raises(ValueError, match="belong together"):
        LocalEndpoint(**arguments)


def test_a_completion_with_logprobs(echo, post):
    body = {"prompt": "1 2", "logprobs": 0}
    headers = {"extra-parameters": "pass-through"}
    [choice] = post(echo, "/v1/completions", body, headers).json()["choices"]
    assert choice["logprobs"]["tokens"] == [" echo:", " 1", " 2"]
    assert choice["logprobs"]["text_offset"] == [0, 6, 8]


async def test_requests_do_not_wait_for_each_other(chat):
    import aiohttp

    with LocalEndpoint("echo", token_delay_s=0.05) as endpoint:
        headers = {"Authorization": f"Bearer {endpoint.api_key}"}

        async def one(session):
            body = chat("a b c", stream=True)
            async with session.post(endpoint.url + V1, json=body, headers=headers) as answer:
                return await answer.text()

        start = time.monotonic()
        async with aiohttp.ClientSession() as session:
            texts = await asyncio.gather(*(one(session) for _ in range(20)))
        # One after the other they would take 20 times 0.25 s.
        assert time.monotonic() - start < 3
    assert all(text.endswith("data: [DONE]\n\n") for text in texts)


class Failing:
    """Says two words and fails."""

    name = "failing"

    async def start(self):
        pass

    async def close(self):
        pass

    async def chat(self, body):
        for word in ("one", " two"):
            yield {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        raise RuntimeError("boom")


def test_an_engine_that_fails_in_mid_stream(post, chat, caplog):
    endpoint = LocalEndpoint("echo")
    endpoint._engine = Failing()
    with endpoint:
        answer = post(endpoint, V1, chat(stream=True))
    assert answer.status_code == 200
    words, _, end = answer.text.partition("event: error\n")
    assert words.count('"content"') == 2
    assert end.endswith("data: [DONE]\n\n")
    assert "boom" not in answer.text
    assert "boom" in caplog.text


def test_clients_that_leave_are_no_errors(echo, post, chat, caplog):
    long = chat("word " * 2000, stream=True)
    for size in range(1, 30):
        answer = post(echo, V1, long, stream=True)
        next(answer.iter_content(size * 50))
        answer.close()
    assert post(echo, V1, chat()).status_code == 200
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]

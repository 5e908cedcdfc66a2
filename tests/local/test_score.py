"""`POST /score`, contract by contract, against what was observed of Microsoft's server."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.local import EngineError, LocalEndpoint

LONG = " ".join(str(n) for n in range(40))


def score(strings, **parameters):
    return {"input_data": {"input_string": strings, "parameters": parameters}}


def test_a_chat(echo, post):
    body = score([{"role": "system", "content": "x"}, {"role": "user", "content": "a b"}])
    assert post(echo, "/score", body).json() == {"output": "echo: a b"}


def test_several_prompts_and_their_full_text(echo, post):
    answer = post(echo, "/score", score(["1 2", "A"], max_new_tokens=3))
    assert answer.json() == [{"0": "1 2 echo: 1 2", "1": "A echo: A"}]


def test_without_the_prompt(echo, post):
    answer = post(echo, "/score", score(["1 2"], return_full_text=False))
    assert answer.json() == [{"0": " echo: 1 2"}]


@pytest.mark.parametrize("name", ["max_new_tokens", "max_gen_len", "max_tokens"])
def test_names_of_the_limit(echo, post, name):
    body = score(["1 2"], **{name: 2}, return_full_text=False)
    assert post(echo, "/score", body).json() == [{"0": " echo: 1"}]


def test_sixteen_tokens_when_no_limit_is_given(echo, post):
    [answer] = post(echo, "/score", score([LONG], return_full_text=False)).json()
    assert len(answer["0"].split()) == 16


def test_parameters_beside_input_data_count_for_nothing(echo, post):
    body = {"input_data": {"input_string": ["1 2"]}, "parameters": {"max_new_tokens": 1}}
    assert post(echo, "/score", body).json() == [{"0": "1 2 echo: 1 2"}]


def test_it_never_streams(echo, post):
    answer = post(echo, "/score", score(["1"], stream=True) | {"stream": True})
    assert answer.json() == [{"0": "1 echo: 1"}]


def test_stop(echo, post):
    body = score(["1 2 3"], stop=[" 2"], return_full_text=False)
    assert post(echo, "/score", body).json() == [{"0": " echo: 1"}]


def test_score_params(echo, post):
    body = {"input_data": ["1 2", "A"], "params": {"max_new_tokens": 2}}
    assert post(echo, "/score", body).json() == ["1 2 echo: 1", "A echo: A"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"input_data": "text"},
        score("text"),
        score([]),
        score([1, 2]),
        score(["text", {"role": "user", "content": "mixed"}]),
        score([{"role": "user"}]),
        score([{"role": "user", "content": [{"type": "text", "text": "parts"}]}]),
        score(["text"], max_new_tokens="8"),
        {"input_data": {"input_string": ["text"], "parameters": "none"}},
        {"inputs": {"input_string": ["text"]}},
    ],
)
def test_a_wrong_shape_is_answered_with_nothing(echo, post, body):
    answer = post(echo, "/score", body)
    assert (answer.status_code, answer.json()) == (200, {})


WHOLE = [1.5, -1, True, False, "8", "x", "", [], {}, [1], float("nan"), float("inf"), 1e308, 2**40]
NUMBERS = [True, "0.5", "", [], {}, float("nan"), float("inf"), -float("inf"), -3]
WRONG = {
    **dict.fromkeys(("max_tokens", "max_new_tokens", "max_gen_len"), WHOLE),
    "top_k": [value for value in WHOLE if value != -1] + [-2],
    "seed": [1.5, True, "7", [], {}, float("nan"), 2**70],
    **dict.fromkeys(("temperature", "frequency_penalty", "presence_penalty"), NUMBERS),
    "top_p": [*NUMBERS, 1.5],
    "return_full_text": ["false", 0, 1, [], {}, float("nan")],
    "stop": [1, True, {}, [1], [None], [["x"]], float("nan")],
}


@pytest.mark.parametrize(("name", "values"), WRONG.items(), ids=WRONG)
@pytest.mark.parametrize("inputs", [["hi"], [{"role": "user", "content": "hi"}]])
def test_a_wrong_parameter_is_answered_with_nothing_and_named_in_the_log(
    echo, post, caplog, inputs, name, values
):
    """As Microsoft's server does, but for the log."""
    for value in values:
        caplog.clear()
        answer = post(echo, "/score", score(inputs, **{name: value}))
        assert (answer.status_code, answer.json()) == (200, {}), value
        assert name in caplog.text, value


@pytest.mark.parametrize(
    ("contract", "body"),
    [
        ("score", {"input_data": ["hi"], "params": {"max_new_tokens": 1.5}}),
        ("gpt2-2023", {"inputs": {"input_string": ["hi"]}, "parameters": {"max_new_tokens": 1.5}}),
        ("falcon-2023", {"inputs": ["hi"], "parameters": {"max_new_tokens": 1.5}}),
        (
            "dolly-2023",
            {"input_data": {"input_string": ["hi"]}, "parameters": {"max_new_tokens": 1.5}},
        ),
    ],
)
def test_so_it_is_with_every_contract(post, caplog, contract, body):
    with LocalEndpoint("echo", contract=contract) as endpoint:
        answer = post(endpoint, "/score", body)
    assert (answer.status_code, answer.json()) == (200, {})
    assert "max_new_tokens must be a whole number" in caplog.text


@pytest.mark.parametrize(
    "parameters",
    [
        dict.fromkeys(WRONG),
        {"temperature": 0, "top_p": 1, "top_k": -1, "seed": -1, "presence_penalty": -2.0},
        {"max_tokens": 0, "temperature": 7.5, "stop": [], "return_full_text": False},
        {"min_p": "unknown", "n": "many", "stream": float("nan")},
    ],
)
def test_right_and_unknown_parameters_are_taken(echo, post, parameters):
    assert post(echo, "/score", score(["hi"], **parameters)).json() != {}


def test_malformed_json(echo, post):
    answer = post(echo, "/score", b'{"input_data": ')
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error["code"] == "Internal Server Error"
    assert error["status"] == 500
    assert error["message"]


def test_not_utf_8(echo, post):
    assert post(echo, "/score", b'{"input_data": "\xff"}').status_code == 400


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("keyed", [{"0": "a echo: a", "1": "b echo: b"}]),
        ("list", ["a echo: a", "b echo: b"]),
        (
            "extended",
            {
                "output": ["a echo: a"],
                "finish_reason": "stop",
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            },
        ),
    ],
)
def test_shapes_of_completions(post, shape, expected):
    with LocalEndpoint("echo", completion_shape=shape) as endpoint:
        assert post(endpoint, "/score", score(["a", "b"])).json() == expected


def test_a_server_that_loses_prompts(post):
    with LocalEndpoint("echo", first_prompt_only=True) as endpoint:
        assert post(endpoint, "/score", score(["a", "b"])).json() == [{"0": "a echo: a"}]


def test_the_extended_chat_reply_and_its_parts(post):
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    with LocalEndpoint("echo", extended=True, families="llama-3") as endpoint:
        answer = post(endpoint, "/score", score([{"role": "user", "content": parts}])).json()
    assert answer.pop("id")
    assert answer == {
        "output": "echo: a b",
        "message": {"role": "assistant", "content": "echo: a b"},
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
        "model": "llama-3",
    }


def test_tool_calls_and_reasoning_in_the_extended_reply(post):
    script = [{"reasoning_content": "Hm.", "tool_calls": [{"id": "1", "name": "f", "args": {}}]}]
    with LocalEndpoint("scripted", script=script, extended=True) as endpoint:
        answer = post(endpoint, "/score", score([{"role": "user", "content": "x"}])).json()
    assert answer["output"] == ""
    assert answer["finish_reason"] == "tool_calls"
    assert answer["reasoning_content"] == "Hm."
    assert answer["tool_calls"] == [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]


REFUSAL = EngineError(400, {"error": {"message": "too long"}})


@pytest.mark.parametrize(
    ("extended", "expected"),
    [
        (False, {"output": "None"}),
        (
            True,
            {
                "output": None,
                "error": {"status_code": 400, "body": {"error": {"message": "too long"}}},
            },
        ),
    ],
)
def test_a_chat_that_the_engine_refuses(post, extended, expected):
    with LocalEndpoint("scripted", script=[REFUSAL], extended=extended) as endpoint:
        answer = post(endpoint, "/score", score([{"role": "user", "content": "x"}]))
    assert (answer.status_code, answer.json()) == (200, expected)


def test_a_prompt_that_the_engine_refuses(post):
    def script(body):
        return REFUSAL if body["prompt"] == "bad" else "!"

    with LocalEndpoint("scripted", script=script) as endpoint:
        answer = post(endpoint, "/score", score(["bad", "good"]))
    assert answer.json() == [{"0": None, "1": "good!"}]


BY_CONTRACT = {
    "gpt2-2023": {"inputs": {"input_string": ["a", "b"]}, "parameters": {"max_new_tokens": 1}},
    "falcon-2023": {"inputs": ["a", "b"], "parameters": {"max_new_tokens": 1}},
    "dolly-2023": {
        "input_data": {"input_string": ["a", "b"]},
        "parameters": {"max_new_tokens": 1},
    },
}


@pytest.mark.parametrize(
    ("contract", "shape", "expected"),
    [
        ("gpt2-2023", None, [{"0": "a echo:", "1": "b echo:"}]),
        ("falcon-2023", None, [{"generated_text": "a echo:"}, {"generated_text": "b echo:"}]),
        (
            "falcon-2023",
            "keyed",
            [{"0": {"generated_text": "a echo:"}, "1": {"generated_text": "b echo:"}}],
        ),
        ("dolly-2023", None, ["a echo:", "b echo:"]),
    ],
)
def test_contracts_of_2023(post, contract, shape, expected):
    with LocalEndpoint("echo", contract=contract, completion_shape=shape) as endpoint:
        assert post(endpoint, "/score", BY_CONTRACT[contract]).json() == expected


@pytest.mark.parametrize("contract", sorted(BY_CONTRACT))
@pytest.mark.parametrize("other", sorted(BY_CONTRACT))
def test_a_contract_does_not_take_the_requests_of_another(post, contract, other):
    with LocalEndpoint("echo", contract=contract) as endpoint:
        answer = post(endpoint, "/score", BY_CONTRACT[other]).json()
    assert (answer != {}) == (contract == other)


def test_a_completion_model_takes_messages_for_prompts(post):
    messages = [{"role": "user", "content": "Say hi."}, {"role": "user", "content": "Again."}]
    with LocalEndpoint("echo", task="completion") as endpoint:
        body = {"input_data": {"input_string": messages, "parameters": {"max_new_tokens": 2}}}
        [answer] = post(endpoint, "/score", body).json()
    assert list(answer) == ["0", "1"]
    assert answer["0"].startswith("{'role': 'user', 'content': 'Say hi.'}")


def test_a_chat_model_finds_nothing_to_do_for_prompts(post):
    with LocalEndpoint("echo", task="chat") as endpoint:
        answer = post(endpoint, "/score", {"input_data": {"input_string": ["1 2 3"]}})
    assert (answer.status_code, answer.json()) == (200, {})

"""What the endpoint tells about its model, as vLLM, llama.cpp and Microsoft's server tell it."""

from __future__ import annotations

import pytest
import requests

from langchain_azureml_oss.local import LocalEndpoint

HI = [{"role": "user", "content": "Say hi."}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def get(endpoint, path):
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    return requests.get(endpoint.url + path, headers=headers, timeout=30)


def test_vllm_tells_its_window_and_counts(post):
    with LocalEndpoint("echo", n_ctx=4096, families="my-model") as endpoint:
        [model] = get(endpoint, "/v1/models").json()["data"]
        assert model["id"] == "my-model"
        assert model["max_model_len"] == 4096
        asked = {"prompt": "one two one", "return_token_strs": True}
        counted = post(endpoint, "/tokenize", asked).json()
        assert counted["count"] == len(counted["tokens"]) == 3
        assert counted["max_model_len"] == 4096
        assert counted["token_strs"] == ["one", " two", " one"]
        assert post(endpoint, "/tokenize", {"prompt": ""}).json()["count"] == 0


def test_vllm_counts_messages_and_tools(echo, post):
    def count(**body):
        answer = post(echo, "/tokenize", body).json()
        assert answer["token_strs"] is None
        return answer["count"]

    assert count(messages=HI) == 4
    assert count(messages=HI, add_generation_prompt=False) == 3
    assert count(messages=HI, tools=[TOOL]) > 8


def test_llama_cpp_has_another_shape(post):
    with LocalEndpoint("echo", server="llama.cpp", n_ctx=512) as endpoint:
        [model] = get(endpoint, "/v1/models").json()["data"]
        assert model["meta"]["n_ctx"] == 512
        assert "max_model_len" not in model
        plain = post(endpoint, "/tokenize", {"content": "one two"}).json()
        pieces = post(endpoint, "/tokenize", {"content": "one two", "with_pieces": True}).json()
        assert [one["id"] for one in pieces["tokens"]] == plain["tokens"]
        assert [one["piece"] for one in pieces["tokens"]] == ["one", " two"]
        prompt = post(endpoint, "/apply-template", {"messages": HI}).json()["prompt"]
        assert prompt == "user: Say hi.\nassistant:"


def test_microsoft_s_server_has_info_only(post):
    with LocalEndpoint("echo", server="azure") as endpoint:
        assert get(endpoint, "/info").json()["model_name"] == "echo"
        assert get(endpoint, "/v1/models").status_code == 404
        assert post(endpoint, "/tokenize", {"prompt": "a"}).status_code == 404


def test_models_needs_the_key(echo):
    assert requests.get(echo.url + "/v1/models", timeout=30).status_code == 401


@pytest.mark.parametrize("body", [{}, {"prompt": ["a"]}, {"messages": []}, {"messages": "a"}, []])
def test_what_has_no_text_is_refused(echo, post, body):
    assert post(echo, "/tokenize", body).status_code == 422


def test_an_unknown_server_is_refused():
    with pytest.raises(ValueError, match=r"server='tgi'.*'vllm', 'llama.cpp', 'azure'"):
        LocalEndpoint("echo", server="tgi")


@pytest.mark.model
def test_the_real_model_counts_what_it_is_going_to_read(post):
    with LocalEndpoint("smollm2") as endpoint:
        [model] = get(endpoint, "/v1/models").json()["data"]
        assert model["max_model_len"] == 8192
        asked = {"messages": HI, "return_token_strs": True}
        counted = post(endpoint, "/tokenize", asked).json()
        assert "".join(counted["token_strs"]).endswith("Say hi.<|im_end|>\n<|im_start|>assistant\n")
        body = {"messages": HI, "max_tokens": 1}
        usage = post(endpoint, "/v1/chat/completions", body).json()["usage"]
        assert usage["prompt_tokens"] == counted["count"]
        part = post(endpoint, "/tokenize", {"prompt": "\U0001f98a", "return_token_strs": True})
        assert part.json()["count"] == len(part.json()["token_strs"]) > 1
        wrong = [{"role": "user", "content": [{"type": "gossip"}]}]
        assert post(endpoint, "/tokenize", {"messages": wrong}).status_code in {400, 422}

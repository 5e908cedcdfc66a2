"""Every golden error, sync, async and streamed: its class, its words, and whether to try again."""

from __future__ import annotations

import pytest
from exchanges import ask, load_all

from langchain_azureml_oss import errors
from langchain_azureml_oss.errors import AzureMLOSSError

HOST = "https://ep.eastus2.inference.ml.azure.com"
FILES = load_all("errors")
CASES = [
    pytest.param(case, id=f"{name}-{case['name']}") for name, file in FILES.items() for case in file
]
ENTRIES = pytest.mark.parametrize(
    ("is_async", "stream"),
    [(False, False), (True, False), (False, True), (True, True)],
    ids=["invoke", "ainvoke", "stream", "astream"],
)


@pytest.fixture
def raised(make_chat, make_llm, plug, answer):
    """The error that a response becomes."""

    def go(case, *, make=make_chat, tries=1, **how):
        path = "/v1/chat/completions" if case["contract"] == "openai" else "/score"
        model = make(
            endpoint_url=HOST + path,
            contract=case["contract"],
            model_family="LLAMA",
            max_retries=tries - 1,
        )
        response = case["response"]
        body = response["text"].encode() if "text" in response else response["body"]
        headers = {name.replace("-", "_"): v for name, v in response.get("headers", {}).items()}
        replay = plug(model, *[answer(body, response["status"], **headers)] * tries)
        with pytest.raises(AzureMLOSSError) as caught:
            ask(model, **how)
        return caught.value, replay

    return go


def check(error, expected):
    assert type(error) is getattr(errors, expected["class"])
    assert error.is_retryable is expected["is_retryable"]
    assert [words for words in expected["says"] if words not in str(error)] == []
    assert [words for words in expected.get("hides", []) if words in str(error)] == []
    for name, value in expected.get("attributes", {}).items():
        assert (name, getattr(error, name)) == (name, value)


@ENTRIES
@pytest.mark.parametrize("case", CASES)
def test_an_error_is_as_recorded(raised, case, is_async, stream):
    error, _ = raised(case, is_async=is_async, stream=stream, messages="Say hi.")
    check(error, case["error"])
    assert error.status == case["response"]["status"] or case["response"]["status"] == 200


@pytest.mark.parametrize("is_async", [False, True], ids=["generate", "agenerate"])
@pytest.mark.parametrize("case", CASES)
def test_a_completion_fails_alike(raised, make_llm, case, is_async):
    error, _ = raised(case, make=make_llm, is_async=is_async, prompts=["Say hi."])
    check(error, case["error"])


@pytest.mark.parametrize("case", CASES)
def test_only_what_may_pass_is_tried_again(raised, case):
    error, replay = raised(case, tries=3, is_async=False, messages="Say hi.")
    assert len(replay.requests) == (3 if case["error"]["is_retryable"] else 1)
    assert len(replay.waits) == len(replay.requests) - 1
    check(error, case["error"])


def test_each_engine_has_its_words():
    """vLLM, llama.cpp, text-generation-inference and Azure AI Content Safety."""
    found = {
        (case["error"]["class"], engine)
        for case in FILES["refusals"]
        for engine in ("vLLM", "llama.cpp", "text-generation-inference", "Azure AI Content Safety")
        if case["name"].startswith(engine)
    }
    assert found == {
        *(("ContextLengthError", e) for e in ("vLLM", "llama.cpp", "text-generation-inference")),
        ("ContentFilterError", "Azure AI Content Safety"),
    }


@pytest.mark.parametrize("depth", [300, 500, 1000, 5000])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("open_", ["[", '{"error":', '{"output":'])
@pytest.mark.parametrize("contract", ["score", "openai"])
def test_a_body_of_any_depth_is_an_error_of_this_package(raised, contract, open_, status, depth):
    text = open_ * depth + "1" + {"[": "]", "{": "}"}[open_[0]] * depth
    case = {"contract": contract, "response": {"status": status, "text": text}}
    error, _ = raised(case, is_async=False, messages="Say hi.")
    assert len(str(error)) < 1_000

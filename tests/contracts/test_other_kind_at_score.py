"""A deployment of the other kind at /score: the error says what to write, and that works."""

from __future__ import annotations

import json
import re

import pytest

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM
from langchain_azureml_oss.errors import AzureMLOSSError

REFUSED = {"detail": "task_type chat-completion not available with text generation API."}
CHAT_ANSWERS = {"empty object": ({}, 200), "400": (REFUSED, 400), "424": (REFUSED, 424)}
CLASSES = {"AzureMLOSSLLM": AzureMLOSSLLM, "AzureMLOSSChatModel": AzureMLOSSChatModel}
FIELDS = {"endpoint_url": "https://ep.eastus2.inference.ml.azure.com/score", "max_retries": 0}


def advised(error, name, family):
    """The model that the error's words make."""
    line = re.search(rf"{name}\(\.\.\.(?:, (\w+)=\"(\w+)\")?\)", str(error))
    assert line, error
    fields = {"model_family": family} | ({line[1]: line[2]} if line[1] else {})
    other = re.search(r"families (.*?), which .*model_family=\"(\w+)\"", str(error))
    if other and family in other[1]:
        fields["model_family"] = other[2]
    return CLASSES[name](endpoint_api_key="k", **FIELDS, **fields)


def sent(replay):
    return json.loads(replay.requests[-1].body)["input_data"]["input_string"]


@pytest.mark.parametrize("family", ["LLAMA", "FALCON", "GPT2", "DOLLY"])
@pytest.mark.parametrize("reply", CHAT_ANSWERS)
@pytest.mark.parametrize("name", CLASSES)
def test_a_prompt_at_a_chat_deployment(plug, answer, name, reply, family):
    body, status = CHAT_ANSWERS[reply]
    model = AzureMLOSSLLM(endpoint_api_key="k", model_family=family, **FIELDS)
    plug(model, answer(body, status))
    with pytest.raises(AzureMLOSSError) as caught:
        model.invoke("Hi.")
    other = advised(caught.value, name, family)
    replay = plug(other, answer({"output": "Hello."}))
    said = other.invoke("Hi.")
    assert getattr(said, "text", said) == "Hello."
    assert sent(replay) == [{"role": "user", "content": "Hi."}]


@pytest.mark.parametrize(
    ("model", "question"),
    [
        (AzureMLOSSChatModel, [("system", "Be brief."), ("user", "Hi.")]),
        (AzureMLOSSLLM, "system:\nBe brief.\n\nuser:\nHi."),
    ],
    ids=["chat model", "completions in the chat API"],
)
def test_a_conversation_at_a_text_deployment(plug, answer, model, question):
    fields = {"api": "chat"} if model is AzureMLOSSLLM else {}
    asked = model(endpoint_api_key="k", model_family="LLAMA", **FIELDS, **fields)
    plug(asked, answer([{"0": "a", "1": "b"}]))
    with pytest.raises(AzureMLOSSError) as caught:
        asked.invoke(question)
    other = advised(caught.value, "AzureMLOSSLLM", "LLAMA")
    replay = plug(other, answer([{"0": "Hello."}]))
    assert other.invoke("Hi.") == "Hello."
    assert sent(replay) == ["Hi."]

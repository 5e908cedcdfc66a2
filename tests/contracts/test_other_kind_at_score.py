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


WAYS = ["invoke", "stream", "ainvoke", "astream", "batch"]


async def asked(model, question, way):
    """The texts that come."""
    if way == "invoke":
        return [model.invoke(question)]
    if way == "ainvoke":
        return [await model.ainvoke(question)]
    if way == "batch":
        return model.batch([question])
    if way == "stream":
        return list(model.stream(question))
    return [part async for part in model.astream(question)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["LLAMA", "FALCON", "GPT2", "DOLLY"])
@pytest.mark.parametrize("reply", CHAT_ANSWERS)
@pytest.mark.parametrize("name", CLASSES)
async def test_a_prompt_at_a_chat_deployment(plug, answer, name, reply, family, way):
    body, status = CHAT_ANSWERS[reply]
    model = AzureMLOSSLLM(endpoint_api_key="k", model_family=family, **FIELDS)
    plug(model, answer(body, status))
    with pytest.raises(AzureMLOSSError) as caught:
        await asked(model, "Hi.", way)
    other = advised(caught.value, name, family)
    replay = plug(other, answer({"output": "Hello."}))
    (said,) = await asked(other, "Hi.", "invoke")
    assert getattr(said, "text", said) == "Hello."
    assert sent(replay) == [{"role": "user", "content": "Hi."}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["FALCON", "GPT2", "DOLLY"])
async def test_a_conversation_in_a_template_at_a_chat_deployment(plug, answer, family, way):
    """The chat model of a completion family sends a prompt, too."""
    model = AzureMLOSSChatModel(endpoint_api_key="k", model_family=family, **FIELDS)
    plug(model, answer({}))
    with pytest.raises(AzureMLOSSError) as caught:
        await asked(model, "Hi.", way)
    other = advised(caught.value, "AzureMLOSSChatModel", family)
    plug(other, answer({"output": "Hello."}))
    assert other.invoke("Hi.").text == "Hello."


TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}]
CONVERSATIONS = {
    AzureMLOSSChatModel: [("system", "Be brief."), ("user", "Hi.")],
    AzureMLOSSLLM: "system:\nBe brief.\n\nuser:\nHi.",
}
AS_WRITTEN = f"{TURNS[0]} I am a model."
TEXT_ANSWERS = {
    "a text for each": [{"0": "a", "1": "b"}],
    "a list": ["a", "b"],
    "one text": [{"0": AS_WRITTEN}],
    "the first alone, in a list": {"output": [AS_WRITTEN], "finish_reason": "length"},
    "the first alone": {"output": AS_WRITTEN},
    "transformers": [[{"generated_text": AS_WRITTEN}]],
    "a score.py": json.dumps([{"0": AS_WRITTEN, "1": "b"}]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reply", TEXT_ANSWERS)
@pytest.mark.parametrize("model", CONVERSATIONS, ids=["chat model", "completions in the chat API"])
async def test_a_conversation_at_a_text_deployment(plug, answer, model, reply, way):
    fields = {"api": "chat"} if model is AzureMLOSSLLM else {}
    chat = model(endpoint_api_key="k", model_family="LLAMA", **FIELDS, **fields)
    plug(chat, answer(TEXT_ANSWERS[reply]))
    with pytest.raises(AzureMLOSSError) as caught:
        await asked(chat, CONVERSATIONS[model], way)
    other = advised(caught.value, "AzureMLOSSLLM", "LLAMA")
    replay = plug(other, answer([{"0": "Hello."}]))
    assert other.invoke("Hi.") == "Hello."
    assert sent(replay) == ["Hi."]


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_that_quotes_a_message_in_its_middle_is_one(plug, answer, way):
    chat = AzureMLOSSChatModel(endpoint_api_key="k", model_family="LLAMA", **FIELDS)
    plug(chat, answer({"output": f"You wrote {TURNS[0]}."}))
    said = await asked(chat, CONVERSATIONS[AzureMLOSSChatModel], way)
    assert "".join(part.text for part in said) == f"You wrote {TURNS[0]}."

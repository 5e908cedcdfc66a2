"""langchain-community's Azure ML code runs on this package after its import line is changed."""

from __future__ import annotations

import json
import pickle
import warnings

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps, loads
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, compat
from langchain_azureml_oss.errors import ConnectionConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of itself while imported
    import langchain_community.chat_models.azureml_endpoint as old_chat
    import langchain_community.llms.azureml_endpoint as old_llms

SERVERLESS = "https://ep.eastus2.inference.ai.azure.com/models/chat/completions"
NEW_LINE = "ignore:langchain-community's class is kept:DeprecationWarning"
pytestmark = [
    pytest.mark.filterwarnings(NEW_LINE),
    pytest.mark.filterwarnings("ignore:.*will be deprecated in the future"),
]


# -- the documented snippets, but for their import line --------------------------------------------

SNIPPETS = {
    "chat": """
from langchain_azureml_oss.compat import (
    AzureMLChatOnlineEndpoint, AzureMLEndpointApiType, CustomOpenAIChatContentFormatter)
from langchain_core.messages import HumanMessage

chat = AzureMLChatOnlineEndpoint(
    endpoint_url="https://<your-endpoint>.<your_region>.inference.ml.azure.com/score",
    endpoint_api_type=AzureMLEndpointApiType.dedicated,
    endpoint_api_key="my-api-key",
    content_formatter=CustomOpenAIChatContentFormatter(),
)
response = chat.invoke(
    [HumanMessage(content="Will the Collatz conjecture ever be solved?")]
)
""",
    "chat with model_kwargs": """
from langchain_azureml_oss.compat import (
    AzureMLChatOnlineEndpoint, AzureMLEndpointApiType, CustomOpenAIChatContentFormatter)
from langchain_core.messages import HumanMessage

chat = AzureMLChatOnlineEndpoint(
    endpoint_url="https://<your-endpoint>.<your_region>.inference.ml.azure.com/score",
    endpoint_api_type=AzureMLEndpointApiType.dedicated,
    endpoint_api_key="my-api-key",
    content_formatter=CustomOpenAIChatContentFormatter(),
    model_kwargs={"temperature": 0.8},
)
response = chat.invoke(
    [HumanMessage(content="Will the Collatz conjecture ever be solved?")],
    max_tokens=512,
)
""",
    "completion": """
from langchain_azureml_oss.compat import (
    AzureMLEndpointApiType, AzureMLOnlineEndpoint, CustomOpenAIContentFormatter)

llm = AzureMLOnlineEndpoint(
    endpoint_url="https://<your-endpoint>.<your_region>.inference.ml.azure.com/score",
    endpoint_api_type=AzureMLEndpointApiType.dedicated,
    endpoint_api_key="my-api-key",
    content_formatter=CustomOpenAIContentFormatter(),
    model_kwargs={"temperature": 0.8, "max_new_tokens": 400},
)
response = llm.invoke("Write me a song about sparkling water:")
""",
    "chain": """
import os

from langchain_azureml_oss.compat import AzureMLOnlineEndpoint, DollyContentFormatter
from langchain_core.prompts import PromptTemplate

formatter_template = "Write a {word_count} word essay about {topic}."

prompt = PromptTemplate(
    input_variables=["word_count", "topic"], template=formatter_template
)

content_formatter = DollyContentFormatter()

llm = AzureMLOnlineEndpoint(
    endpoint_api_key="my-api-key",
    endpoint_url="https://<your-endpoint>.<your_region>.inference.ml.azure.com/score",
    model_kwargs={"temperature": 0.8, "max_new_tokens": 300},
    content_formatter=content_formatter,
)

chain = prompt | llm
response = chain.invoke({"word_count": 100, "topic": "how to make friends"})
""",
    "custom formatter": """
import json
import os
from typing import Dict

from langchain_azureml_oss.compat import AzureMLOnlineEndpoint, ContentFormatterBase


class CustomFormatter(ContentFormatterBase):
    content_type = "application/json"
    accepts = "application/json"

    def format_request_payload(self, prompt: str, model_kwargs: Dict, api_type) -> bytes:
        input_str = json.dumps(
            {
                "input_data": {"input_string": [prompt], "parameters": model_kwargs},
            }
        )
        return str.encode(input_str)

    def format_response_payload(self, output: bytes, api_type) -> str:
        response_json = json.loads(output)
        return response_json[0]["0"]


content_formatter = CustomFormatter()

llm = AzureMLOnlineEndpoint(
    endpoint_api_type="dedicated",
    endpoint_api_key="my-api-key",
    endpoint_url="https://<your-endpoint>.<your_region>.inference.ml.azure.com/score",
    model_kwargs={"temperature": 0.8, "max_new_tokens": 300},
    content_formatter=content_formatter,
)
response = llm.invoke("Write me a song about sparkling water:")
""",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_documented_snippet_runs(name, endpoint):
    code = SNIPPETS[name].replace(
        "https://<your-endpoint>.<your_region>.inference.ml.azure.com/score", endpoint.scoring_url
    )
    names = {}
    exec(code.replace("my-api-key", endpoint.api_key), names)
    response = names["response"]
    assert getattr(response, "text", response)
    body = endpoint.requests[-1].body
    # Dolly's contract has them beside the input.
    parameters = {**body.get("parameters", {}), **body["input_data"].get("parameters", {})}
    assert parameters.get("temperature", 0.8) == 0.8
    assert ("max_new_tokens" in parameters) == (name != "chat")


SERVERLESS_SNIPPETS = {
    "chat": """
chat = AzureMLChatOnlineEndpoint(
    endpoint_url="URL/v1/chat/completions",
    endpoint_api_type=AzureMLEndpointApiType.serverless,
    endpoint_api_key="my-api-key",
    content_formatter=CustomOpenAIChatContentFormatter(),
)
response = chat.invoke(
    [HumanMessage(content="Will the Collatz conjecture ever be solved?")]
).text
""",
    "completion": """
llm = AzureMLOnlineEndpoint(
    endpoint_url="URL/v1/completions",
    endpoint_api_type=AzureMLEndpointApiType.serverless,
    endpoint_api_key="my-api-key",
    content_formatter=CustomOpenAIContentFormatter(),
    model_kwargs={"temperature": 0.8, "max_new_tokens": 400},
)
response = llm.invoke("Write me a song about sparkling water:")
""",
}


@pytest.mark.parametrize("name", SERVERLESS_SNIPPETS)
def test_a_documented_snippet_for_a_serverless_endpoint_runs(name, endpoint):
    names = {**vars(compat), "HumanMessage": HumanMessage}
    code = SERVERLESS_SNIPPETS[name].replace("URL", endpoint.url)
    exec(code.replace("my-api-key", endpoint.api_key), names)
    assert "echo" in names["response"]
    body = endpoint.requests[-1].body
    assert ("messages" in body) == (name == "chat")
    assert body.get("max_tokens") == (None if name == "chat" else 400)


# -- side by side ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "formatter", ["CustomOpenAIChatContentFormatter", "LlamaChatContentFormatter"]
)
def test_the_chat_models_answer_alike(where, formatter):
    messages = [SystemMessage("Be brief."), HumanMessage("What is CI?")]
    old = old_chat.AzureMLChatOnlineEndpoint(
        content_formatter=getattr(old_chat, formatter)(), **where
    )
    new = compat.AzureMLChatOnlineEndpoint(content_formatter=getattr(compat, formatter)(), **where)
    assert new.invoke(messages).text == old.invoke(messages).text == "echo: What is CI?"
    # And with the object of the other package.
    mixed = compat.AzureMLChatOnlineEndpoint(content_formatter=old.content_formatter, **where)
    assert mixed.invoke(messages).text == old.invoke(messages).text


@pytest.mark.parametrize(
    "name",
    [
        *("CustomOpenAIContentFormatter", "GPT2ContentFormatter", "HFContentFormatter"),
        *("DollyContentFormatter", "LlamaContentFormatter", "OSSContentFormatter"),
    ],
)
def test_the_formatters_of_both_packages_read_the_same_answers(name):
    answers = {
        "HFContentFormatter": b'[{"0": {"generated_text": "Hi"}}]',
        "DollyContentFormatter": b'["Hi"]',
    }
    body = answers.get(name, b'[{"0": "Hi"}]')
    old, new = getattr(old_llms, name)(), getattr(compat, name)()
    kind, new_kind = old_llms.AzureMLEndpointApiType, compat.AzureMLEndpointApiType
    said = old.format_response_payload(body, kind.dedicated).text
    assert new.format_response_payload(body, new_kind.dedicated).text == said == "Hi"
    was = json.loads(old.format_request_payload("Hi", {"a": 1}, kind.dedicated))
    now = json.loads(new.format_request_payload("Hi", {"a": 1}, new_kind.dedicated))
    assert now.keys() == was.keys()  # but without the quotes that the old one puts around a prompt
    assert [kind.value for kind in new.supported_api_types] == [
        kind.value for kind in old.supported_api_types
    ]


# -- what the old classes did wrong ----------------------------------------------------------------


def test_arguments_of_a_call_do_not_leak_into_the_next(where, endpoint):
    kwargs = {"temperature": 0.8}
    chat = compat.AzureMLChatOnlineEndpoint(
        content_formatter=compat.CustomOpenAIChatContentFormatter(), model_kwargs=kwargs, **where
    )
    chat.invoke("a", max_tokens=5, stop=["x"])
    chat.invoke("b")
    assert endpoint.requests[-1].body["input_data"]["parameters"] == {"temperature": 0.8}
    assert kwargs == {"temperature": 0.8}


@pytest.mark.parametrize("text", ['say "hi"\n\\', "tab\t"])
def test_a_prompt_is_escaped_once(where, endpoint, text):
    llm = compat.AzureMLOnlineEndpoint(
        content_formatter=compat.CustomOpenAIContentFormatter(), **where
    )
    llm.invoke(text)
    assert endpoint.requests[-1].body["input_data"]["input_string"] == [text]
    assert compat.ContentFormatterBase.escape_special_characters(text) == text


def test_a_stream_keeps_its_deployment(where, endpoint):
    where["endpoint_url"] = f"{endpoint.url}/v1/chat/completions"
    chat = compat.AzureMLChatOnlineEndpoint(
        content_formatter=compat.CustomOpenAIChatContentFormatter(),
        endpoint_api_type="serverless",
        deployment_name="green",
        **where,
    )
    assert "".join(chunk.text for chunk in chat.stream("Hi there")) == "echo: Hi there"
    assert endpoint.requests[-1].headers["azureml-model-deployment"] == "green"
    assert endpoint.requests[-1].body["stream"] is True


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["realtime", "dedicated", compat.AzureMLEndpointApiType.realtime])
@pytest.mark.parametrize("name", ["MistralChatContentFormatter", "LlamaChatContentFormatter"])
def test_the_old_word_for_dedicated(where, given, name):
    chat = compat.AzureMLChatOnlineEndpoint(
        content_formatter=getattr(compat, name)(), endpoint_api_type=given, **where
    )
    assert (chat.contract, chat.invoke("Hi").text) == ("score", "echo: Hi")


def test_the_arguments_find_their_fields(where, key):
    chat = compat.AzureMLChatOnlineEndpoint(
        endpoint_url=SERVERLESS,
        endpoint_api_key=key,
        endpoint_api_type="serverless",
        content_formatter=compat.MistralChatContentFormatter(),
        timeout=7,
        max_retries=2,
        deployment_name="",
        http_client=None,
    )
    assert (chat.contract, chat.model_family, chat.timeout) == ("openai", "MISTRAL", 7)
    assert (chat.max_retries, chat.deployment_name) == (2, None)
    assert isinstance(chat, AzureMLOSSChatModel)
    assert issubclass(compat.AzureMLOnlineEndpoint, AzureMLOSSLLM)


def test_the_environment_of_old(monkeypatch, where):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", where["endpoint_url"])
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", where["endpoint_api_key"])
    monkeypatch.setenv("AZUREML_ENDPOINT_API_TYPE", "dedicated")
    monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "green")
    monkeypatch.setenv("AZUREML_TIMEOUT", "9")
    chat = compat.AzureMLChatOnlineEndpoint(
        content_formatter=compat.CustomOpenAIChatContentFormatter()
    )
    assert (chat.timeout, chat.deployment_name) == (9, "green")
    assert chat.invoke("Hi").response_metadata["deployment"] == "green"


@pytest.mark.parametrize(
    "wrong", [{"endpoint_api_type": "telepathy"}, {"endpoint_api_type": "serverless"}]
)
def test_what_makes_no_sense_is_refused(where, wrong):
    with pytest.raises(ConnectionConfigError, match=r"endpoint_api_type|serverless endpoints"):
        compat.AzureMLOnlineEndpoint(
            content_formatter=compat.GPT2ContentFormatter(), **wrong, **where
        )


NOTHING = {
    "model_kwargs": None,
    "max_retries": None,
    "timeout": None,
    "deployment_name": None,
    "endpoint_api_type": None,
    "content_formatter": None,
}


def test_none_is_what_the_old_classes_had_where_nothing_was_given(where):
    assert compat.AzureMLChatOnlineEndpoint(**NOTHING, **where).invoke("Hi").text == "echo: Hi"
    assert compat.AzureMLOnlineEndpoint(**NOTHING, **where).invoke("Hi") == " echo: Hi"


class Hearing(BaseCallbackHandler):
    """Keeps the prompts that it hears of."""

    def __init__(self, heard):
        self.heard = heard

    def on_llm_start(self, serialized, prompts, **_):
        self.heard += prompts


class NeedsMore(compat.ContentFormatterBase):
    """Its class alone is not enough."""

    def __init__(self, more):
        self.more = more


def test_models_are_called_and_formatters_given_as_classes(where):
    """As LangChain's own pages of 2023 and 2024 have it."""
    chat = compat.AzureMLChatOnlineEndpoint(content_formatter=compat.LlamaContentFormatter, **where)
    assert chat(messages=[HumanMessage("Hi there")], stop=["there"]).text == "echo: Hi "
    llm = compat.AzureMLOnlineEndpoint(content_formatter=compat.LlamaContentFormatter, **where)
    assert llm("Hi there", stop=["there"]) == " echo: Hi "
    heard = []
    told = Hearing(heard)
    assert llm("Hi", callbacks=[told]) == " echo: Hi"
    assert heard == ["Hi"]
    with pytest.raises(ConnectionConfigError, match="is the class NeedsMore; give an object"):
        compat.AzureMLChatOnlineEndpoint(content_formatter=NeedsMore, **where)


@pytest.mark.parametrize("given", ["LLAMA", object()])
def test_what_is_no_formatter_is_refused(where, given):
    with pytest.raises(ConnectionConfigError, match=r"must be an object such as .*Formatter\(\)"):
        compat.AzureMLChatOnlineEndpoint(content_formatter=given, **where)


def test_a_url_of_the_other_type_of_endpoint_is_refused(where):
    """As the old class did; the endpoint would say 422."""
    where["endpoint_url"] = SERVERLESS
    with pytest.raises(ConnectionConfigError, match='endpoint_api_type="serverless"'):
        compat.AzureMLChatOnlineEndpoint(
            content_formatter=compat.CustomOpenAIChatContentFormatter(), **where
        )


@pytest.mark.filterwarnings("always::DeprecationWarning")
def test_one_warning_shows_the_new_line(where, key):
    with pytest.warns(DeprecationWarning, match="the new line is") as caught:
        compat.AzureMLChatOnlineEndpoint(
            content_formatter=compat.LlamaChatContentFormatter(), max_retries=2, **where
        )
    (warning,) = caught
    assert warning.filename == __file__
    line = (
        "AzureMLOSSChatModel(endpoint_url=..., endpoint_api_key=..., model_family='LLAMA',"
        " contract='score', max_retries=...)"
    )
    assert line in str(warning.message)
    assert where["endpoint_api_key"] not in str(warning.message)
    code = line.replace("max_retries=...", "max_retries=2")
    code = code.replace("endpoint_url=...", f"endpoint_url={where['endpoint_url']!r}")
    code = code.replace("endpoint_api_key=...", f"endpoint_api_key={where['endpoint_api_key']!r}")
    assert eval(code, {"AzureMLOSSChatModel": AzureMLOSSChatModel}).invoke("Hi").text == "echo: Hi"


# -- the new classes, given something old ----------------------------------------------------------


@pytest.mark.parametrize("model", [AzureMLOSSChatModel, AzureMLOSSLLM])
@pytest.mark.parametrize(
    "old",
    [
        {"endpoint_api_type": "serverless"},
        {"content_formatter": old_llms.GPT2ContentFormatter()},
        {"content_formatter": compat.GPT2ContentFormatter()},
        {"content_formatter": type("Mine", (compat.ContentFormatterBase,), {})()},
    ],
)
def test_the_new_classes_say_what_to_write_instead(where, model, old):
    (name,) = old
    with pytest.raises(ConnectionConfigError, match=rf"{name}.*langchain_azureml_oss\.compat") as e:
        model(model_family="LLAMA", **old, **where)
    assert where["endpoint_api_key"] not in str(e.value)


def test_dumps_pickles_and_copies(where, endpoint):
    chat = compat.AzureMLChatOnlineEndpoint(
        content_formatter=compat.LlamaChatContentFormatter(), **where
    )
    text = dumps(chat)
    assert endpoint.api_key not in text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = loads(
            text,
            allowed_objects=[compat.AzureMLChatOnlineEndpoint],
            valid_namespaces=["langchain_azureml_oss"],
            secrets_map={"AZUREML_ENDPOINT_API_KEY": endpoint.api_key},
        )
    for model in (again, pickle.loads(pickle.dumps(chat)), chat.model_copy()):
        assert model.invoke("Hi").text == "echo: Hi"

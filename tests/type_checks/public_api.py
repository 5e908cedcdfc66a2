"""The public API as users write it, for type checkers: `python -m tests.type_checks` runs them.

Every line that is wrong says which error it gives, and a comment without its error is one itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, assert_type

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import Runnable
from pydantic import BaseModel, SecretStr

from langchain_azureml_oss import (
    AzureMLOSSChatModel,
    AzureMLOSSEmbeddings,
    AzureMLOSSLLM,
    ContentFormatter,
    CustomConnection,
    FamilyProfile,
    ModelFamily,
    register,
)
from langchain_azureml_oss.errors import AzureMLOSSError


def constructors(formatter: ContentFormatter, handler: BaseCallbackHandler) -> None:
    """Every argument of both models."""
    chat = AzureMLOSSChatModel(
        connection=CustomConnection(configs={}, secrets={}),
        endpoint_url="https://my-ep.eastus2.inference.ml.azure.com/score",
        endpoint_api_key="...",
        model_family="LLAMA",
        deployment_name="blue",
        credential=lambda: "token",
        credential_scope="https://ml.azure.com/.default",
        contract="openai",
        content_formatter=formatter,
        reasoning_tags=("<think>", "</think>"),
        token_counting="server",
        model="llama",
        temperature=0.4,
        max_tokens=5,
        top_p=0.9,
        seed=1,
        stop=["."],
        n=1,
        logprobs=True,
        top_logprobs=2,
        frequency_penalty=0.5,
        presence_penalty=-1,
        logit_bias={50256: -100},
        reasoning_effort="low",
        service_tier="default",
        model_kwargs={"top_k": 5},
        timeout=(5, 60),
        deadline=300,
        max_retries=0,
        backoff=(0.1, 1),
        retry_read_timeouts=True,
        on_retry=lambda retry: retry.attempt + retry.wait,
        max_response_bytes=1024,
        max_connections=10,
        default_headers={"x-team": "a"},
        default_query={"api-version": "1"},
        extra_query={"sig": SecretStr("...")},
        allow_http=False,
        ca_bundle="ca.pem",
        client_cert=("cert.pem", "key.pem"),
        streaming=True,
        stream_usage=False,
        tool_calling="prompted",
        name="mine",
        cache=False,
        verbose=False,
        callbacks=[handler],
        tags=["a"],
        metadata={"b": 1},
        custom_get_token_ids=lambda text: [len(text)],
        rate_limiter=InMemoryRateLimiter(),
        disable_streaming="tool_calling",
        output_version="v1",
        profile={"max_input_tokens": 4096},
    )
    assert_type(chat, AzureMLOSSChatModel)
    AzureMLOSSChatModel(
        base_url="https://my-ep.eastus2.inference.ml.azure.com/score",
        api_key=SecretStr("..."),
        model_family=ModelFamily.LLAMA,
        model_name="llama",
        max_new_tokens=5,
        stop_sequences="stop",
        request_timeout=5,
        extra_body={"top_k": 5},
        extra_headers={"api-key": SecretStr("...")},
    )
    AzureMLOSSChatModel(max_completion_tokens=5)
    llm = AzureMLOSSLLM(connection="connection/mine", api="chat", batch_size=5, max_tokens=5)
    assert_type(llm, AzureMLOSSLLM)
    AzureMLOSSLLM(connection={"endpoint_url": "...", "model_family": "GPT2"}, top_p=0.5)
    embeddings = AzureMLOSSEmbeddings(
        base_url="https://my-ep.eastus2.inference.ml.azure.com/score",
        api_key="...",
        model="clip",
        contract="score-params",
        input_columns=["image", "text"],
        dimensions=512,
        batch_size=8,
        query_kwargs={"input_type": "query"},
        model_kwargs={"input_type": "document"},
        timeout=5,
    )
    assert_type(embeddings, AzureMLOSSEmbeddings)
    assert_type(embeddings.input_columns, tuple[str, ...])
    assert_type(register(), None)


def fields(chat: AzureMLOSSChatModel) -> None:
    """What a model keeps."""
    assert_type(chat.endpoint_url, str | None)
    assert_type(chat.endpoint_api_key, SecretStr | None)
    assert_type(chat.model_family, ModelFamily | FamilyProfile | None)
    assert_type(chat.temperature, float | None)
    assert_type(chat.max_tokens, int | None)
    assert_type(chat.stop, list[str] | None)
    assert_type(chat.max_retries, int)


def wrong() -> None:
    """What a checker is to find."""
    AzureMLOSSChatModel(temprature=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    AzureMLOSSChatModel(connection=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AzureMLOSSLLM(api="speech")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AzureMLOSSEmbeddings(dimensions="a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AzureMLOSSEmbeddings(columns=["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    AzureMLOSSLLM(tool_calling="auto")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Weather(BaseModel):
    """A tool's arguments, and the form of an answer."""

    city: str


class Mine(AzureMLOSSChatModel):
    """A class of the user's own."""

    team: str = "a"


async def calls(chat: AzureMLOSSChatModel, llm: AzureMLOSSLLM) -> None:
    """What comes back."""
    assert_type(chat.invoke("hi"), AIMessage)
    assert_type(await chat.ainvoke([("user", "hi")]), AIMessage)
    assert_type(chat.batch(["hi"]), list[AIMessage])
    assert_type(chat.stream("hi"), Iterator[AIMessageChunk])
    assert_type(chat.astream("hi"), AsyncIterator[AIMessageChunk])
    assert_type(chat.bind_tools([Weather]), Runnable[LanguageModelInput, AIMessage])
    assert_type(chat.with_structured_output(Weather), Runnable[LanguageModelInput, Any])
    assert_type(chat.get_num_tokens("hi"), int)
    assert_type(llm.invoke("hi"), str)
    assert_type(await llm.abatch(["hi"]), list[str])
    assert_type(llm.prompts_per_request, int)
    assert_type(chat.model_copy(update={"seed": 1}), AzureMLOSSChatModel)
    with chat as same:
        assert_type(same, AzureMLOSSChatModel)
    async with llm as itself:
        assert_type(itself, AzureMLOSSLLM)
    assert_type(Mine(team="b", temperature=0.5).team, str)


async def embeddings(model: AzureMLOSSEmbeddings) -> None:
    """Vectors."""
    assert_type(model.embed_documents(["a"]), list[list[float]])
    assert_type(model.embed_query("a"), list[float])
    assert_type(await model.aembed_documents(["a"]), list[list[float]])
    assert_type(await model.aembed_query("a"), list[float])


async def asking(chat: AzureMLOSSChatModel) -> None:
    """What a server tells about itself, and what an error says."""
    assert_type(chat.discover(), AzureMLOSSChatModel)
    assert_type(await chat.adiscover(), AzureMLOSSChatModel)
    assert_type(chat.get_num_tokens_from_messages([], tools=[Weather]), int)
    try:
        chat.invoke("hi")
    except AzureMLOSSError as error:
        assert_type(error.status, int | None)
        assert_type(error.request_id, str | None)
        assert_type(error.deployment, str | None)
        assert_type(error.retry_after, float | None)
        assert_type(error.is_retryable, bool)


def connections(keys: Sequence[str]) -> None:
    """Where they are read from."""
    connection = CustomConnection.from_env()
    assert_type(connection, CustomConnection)
    assert_type(connection.endpoint_api_key, SecretStr | None)
    assert_type(CustomConnection.from_yaml("connection.yaml"), CustomConnection)
    assert_type(CustomConnection.from_workspace(keys[0]), CustomConnection)

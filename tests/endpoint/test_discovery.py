"""What a server tells about itself, and what a model makes of it; tokens that a server counts."""

from __future__ import annotations

import asyncio

import pytest
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, HumanMessage

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM
from langchain_azureml_oss.errors import (
    AuthenticationError,
    EndpointConnectionError,
    NotFoundError,
    ResponseFormatError,
)
from langchain_azureml_oss.local import LocalEndpoint

HI = [HumanMessage("Say hi.")]


def now() -> str:
    """Return the time."""


@pytest.fixture(params=["sync", "async"])
def discover(request):
    """Asks in one of the two worlds."""

    async def in_a_loop(model):
        try:
            return await model.adiscover()
        finally:
            await model.aclose()

    def ask(model):
        if request.param == "async":
            return asyncio.run(in_a_loop(model))
        with model:
            return model.discover()

    return ask


def chat_on(endpoint, path="/v1/chat/completions", **fields):
    return AzureMLOSSChatModel(connection=endpoint.connection("LLAMA", path), **fields)


@pytest.mark.parametrize("server", ["vllm", "llama.cpp"])
def test_it_learns_name_window_and_tokenizer(discover, server):
    with LocalEndpoint("echo", server=server, n_ctx=3000, families="my-model") as endpoint:
        chat = chat_on(endpoint)
        known = discover(chat)
        assert (known.model, known.token_counting) == ("my-model", "server")
        assert known.profile["max_input_tokens"] == 3000
        assert known.profile["tool_calling"]
        assert len(endpoint.requests) <= 6
        assert (chat.model, chat.token_counting) == (None, "estimate")
        assert "max_input_tokens" not in chat.profile
        middleware = SummarizationMiddleware(known, trigger=("fraction", 0.8))
        assert middleware._get_profile_limits() == 3000
        with pytest.raises(ValueError, match="profile"):
            SummarizationMiddleware(chat, trigger=("fraction", 0.8))


def test_it_learns_at_score_too(discover):
    with LocalEndpoint("echo", n_ctx=3000) as endpoint:
        known = discover(chat_on(endpoint, "/score"))
        assert known.profile["max_input_tokens"] == 3000
        assert len(endpoint.requests) <= 3


def test_what_cannot_be_learned_stays(discover):
    with LocalEndpoint("echo", server="azure") as endpoint:
        chat = chat_on(endpoint)
        known = discover(chat)
        assert (known.token_counting, known.profile) == ("estimate", chat.profile)
        assert known.model == "echo"


def test_the_users_words_win(discover):
    with LocalEndpoint("echo", n_ctx=3000) as endpoint:
        own = {"max_input_tokens": 10}
        chat = chat_on(endpoint, profile=own, model="mine", token_counting="estimate")
        known = discover(chat)
        assert (known.profile, known.model, known.token_counting) == (own, "mine", "estimate")


def test_a_second_discovery_replaces_the_first(plug, make_chat, answer):
    def models(window):
        return answer({"data": [{"id": "m", "max_model_len": window}]})

    chat = make_chat()
    plug(chat, models(100), answer({}, status=404))
    known = chat.discover()
    plug(known, models(200), answer({}, status=404))
    assert known.discover().profile["max_input_tokens"] == 200


def test_refused_features_are_known_before_they_are_sent(plug, make_chat, answer, completion, key):
    no_tools = {"detail": "Tools and tool_choice are not supported."}
    no_schema = {"detail": [{"loc": ["body", "response_format"], "msg": "json_schema"}]}
    chat = make_chat(endpoint_url="https://ep.eastus2.inference.ml.azure.com/v1/chat/completions")
    replay = plug(
        chat,
        answer({"data": [{"id": "m", "max_model_len": 9}]}),
        answer({"count": 1}),
        answer(no_tools, status=400),
        answer(no_schema, status=422),
        answer(completion()),
    )
    known = chat.discover()
    assert known._refused == {"tools", "json_schema"}
    assert chat._refused == set()
    first = replay.requests[0]
    assert (first.method, first.body) == ("GET", b"")
    assert first.url == "https://ep.eastus2.inference.ml.azure.com/v1/models"
    assert first.headers["authorization"] == f"Bearer {key}"
    assert [request.method for request in replay.requests[1:]] == ["POST"] * 4


@pytest.mark.parametrize(
    "told",
    [
        *([], "words", {}, {"data": "m"}, {"data": [3, None]}, {"data": [{"id": 3}]}),
        *({"data": [{"max_model_len": True}]}, {"data": [{"max_model_len": -1}]}),
        *({"data": [{"max_model_len": 10**30}]}, {"data": [{"id": "x" * 10_000}]}),
        *({"data": [{"id": "a", "max_model_len": 1}, {"id": "b", "max_model_len": 2}]}, b"<html>"),
        *(b"[" * 100_000, {"data": [{"meta": [1]}]}),
    ],
)
def test_foreign_words_teach_nothing(plug, make_chat, answer, told):
    chat = make_chat()
    plug(chat, answer(told), answer({}, status=404), answer(told))
    known = chat.discover()
    assert (known.model, known.token_counting) == (None, "estimate")
    assert known.profile == chat.profile


def test_of_several_models_the_named_one_tells(plug, make_chat, answer):
    chat = make_chat(model="b")
    listed = [{"id": "a", "max_model_len": 1}, {"id": "b", "max_model_len": 2}]
    plug(chat, answer({"data": listed}), answer({}, status=404))
    assert chat.discover().profile["max_input_tokens"] == 2


def test_an_endpoint_that_cannot_be_asked_is_an_error(discover, plug, make_chat, answer):
    chat = make_chat()
    plug(chat, answer({}, status=401))
    with pytest.raises(AuthenticationError):
        chat.discover()
    with LocalEndpoint("echo") as endpoint:
        chat = chat_on(endpoint)
    with pytest.raises(EndpointConnectionError):
        discover(chat)


# --- Tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["vllm", "llama.cpp"])
def test_the_server_counts(server):
    with LocalEndpoint("echo", server=server) as endpoint:
        with chat_on(endpoint, token_counting="server") as chat:
            assert chat.get_num_tokens("one two one") == 3
            assert chat.get_num_tokens("") == 0
            assert chat.get_num_tokens_from_messages(HI) == 4
            with_tools = chat.get_num_tokens_from_messages(HI, tools=[now])
            assert with_tools > 8
            before = len(endpoint.requests)
            assert chat.get_num_tokens_from_messages(HI) == 4
            # llama.cpp is asked for a prompt, and for its tokens.
            assert len(endpoint.requests) - before == (1 if server == "vllm" else 2)
        with AzureMLOSSLLM(connection=endpoint.connection("GPT2"), token_counting="server") as llm:
            assert llm.get_num_tokens("one two") == 2


def test_the_estimate_counts_tools_and_asks_nobody(plug, make_chat):
    chat = make_chat()
    replay = plug(chat)
    plain = chat.get_num_tokens_from_messages([*HI, AIMessage("Hi.")])
    assert 5 < plain < chat.get_num_tokens_from_messages([*HI, AIMessage("Hi.")], tools=[now])
    assert chat.get_num_tokens("abcdefgh") == 2
    assert replay.requests == []


def test_the_users_tokenizer_counts_all(plug, make_chat):
    chat = make_chat(token_counting="server", custom_get_token_ids=lambda text: [0] * len(text))
    replay = plug(chat)
    assert chat.get_num_tokens("abc") == 3
    assert chat.get_num_tokens_from_messages(HI) == len("human: Say hi.")
    assert chat.get_num_tokens_from_messages(HI, tools=[now]) > 50
    assert replay.requests == []


def test_an_endpoint_without_a_tokenizer_says_what_to_do():
    with (
        LocalEndpoint("echo", server="azure") as endpoint,
        chat_on(endpoint, token_counting="server") as chat,
        pytest.raises(NotFoundError, match=r"token_counting='server'.*'estimate'"),
    ):
        chat.get_num_tokens("a")


@pytest.mark.parametrize("told", [{}, {"count": "3"}, {"count": True}, {"count": -1}, [], b"{"])
def test_an_answer_without_a_count_is_an_error(plug, make_chat, answer, told):
    chat = make_chat(token_counting="server")
    plug(chat, answer(told))
    with pytest.raises(ResponseFormatError, match="tokenize"):
        chat.get_num_tokens("a")


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("whose", ["the user's", "the server's", "the table's"])
def test_a_dump_has_the_profile_that_no_table_has(discover, whose):
    with LocalEndpoint("echo") as endpoint:
        given = {"profile": {"max_input_tokens": 9}} if whose == "the user's" else {}
        model = chat_on(endpoint, **given)
        model = discover(model) if whose == "the server's" else model
        loaded = load(
            dumpd(model),
            allowed_objects=[AzureMLOSSChatModel],
            valid_namespaces=["langchain_azureml_oss"],
            secrets_map={"AZUREML_ENDPOINT_API_KEY": endpoint.api_key},
        )
    assert loaded.profile == model.profile
    assert loaded.token_counting == model.token_counting
    assert ("profile" in dumpd(model)["kwargs"]) == (whose != "the table's")

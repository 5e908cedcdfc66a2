"""Embeddings: what is sent, what is read, in batches and in both worlds."""

from __future__ import annotations

import asyncio
import json
import pickle

import pytest
from langchain_core.load import dumpd, load
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_azureml_oss import AzureMLOSSEmbeddings, CustomConnection
from langchain_azureml_oss.errors import (
    ConnectionConfigError,
    InvalidRequestError,
    RateLimitError,
    ResponseFormatError,
    UnsupportedInputError,
)
from langchain_azureml_oss.local import LocalEndpoint

HOST = "https://ep.eastus2.inference.ml.azure.com"
SCORE, OPENAI = f"{HOST}/score", f"{HOST}/v1/embeddings"


def make(url=OPENAI, **fields):
    return AzureMLOSSEmbeddings(endpoint_url=url, endpoint_api_key="sk-test", **fields)


@pytest.fixture(params=["sync", "async"])
def embed(request):
    """Asks for the vectors of texts in one of the two worlds."""
    if request.param == "sync":
        return lambda model, texts: model.embed_documents(texts)
    return lambda model, texts: asyncio.run(model.aembed_documents(texts))


def openai_answer(*vectors, places=None):
    places = places or range(len(vectors))
    data = [
        {"object": "embedding", "index": i, "embedding": v}
        for i, v in zip(places, vectors, strict=True)
    ]
    return {"object": "list", "data": data, "model": "bge", "usage": {"total_tokens": 3}}


class TestStandard(EmbeddingsUnitTests):
    @property
    def embeddings_class(self):
        return AzureMLOSSEmbeddings

    @property
    def embedding_model_params(self):
        return {"endpoint_url": OPENAI, "endpoint_api_key": "sk-test"}

    @property
    def init_from_env_params(self):
        environment = {"AZUREML_ENDPOINT_URL": OPENAI, "AZUREML_ENDPOINT_API_KEY": "sk-test"}
        return environment, {}, {"endpoint_url": OPENAI, "endpoint_api_key": "sk-test"}


# --- What is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        (OPENAI, OPENAI),
        (f"{HOST}/v1", OPENAI),
        (HOST, OPENAI),
        (f"{HOST}/embeddings?api-version=1", f"{HOST}/embeddings?api-version=1"),
        (f"{HOST}/v1/chat/completions", OPENAI),
        (f"{HOST}/v1/completions", OPENAI),
        (f"{HOST}/models", f"{HOST}/models/embeddings"),
        (f"{HOST}/embed", f"{HOST}/embeddings"),  # the scoring route of a catalog deployment
        (f"{HOST}/v1/embed", OPENAI),  # Cohere's own
    ],
)
def test_openai_s_body_goes_to_the_embeddings_path(plug, answer, sent, url, sent_to):
    model = make(url, model="bge", dimensions=2)
    replay = plug(model, answer(openai_answer([1.0, 2.0])))
    assert model.embed_query("hi") == [1.0, 2.0]
    assert replay.requests[0].url == sent_to
    assert sent(replay) == {"input": ["hi"], "model": "bge", "dimensions": 2}
    assert "extra-parameters" not in replay.requests[0].headers
    assert replay.requests[0].headers["authorization"] == "Bearer sk-test"


def test_score_has_texts_in_its_input_string(plug, answer, sent):
    model = make(SCORE, deployment_name="blue")
    replay = plug(model, answer([[1, 2], [3, 4]]))
    assert model.embed_documents(["a", "b"]) == [[1.0, 2.0], [3.0, 4.0]]
    assert sent(replay) == {"input_data": {"input_string": ["a", "b"]}}
    assert replay.requests[0].headers["azureml-model-deployment"] == "blue"


TABLE = ["image", "text"]
"""The input columns of CLIP and MedImageInsight, as their cards name them."""


@pytest.mark.parametrize(
    ("columns", "data"),
    [
        ([], ["a", "b"]),
        (TABLE, {"columns": TABLE, "index": [0, 1], "data": [["", "a"], ["", "b"]]}),
        (["input"], {"columns": ["input"], "index": [0, 1], "data": [["a"], ["b"]]}),
    ],
    ids=["texts", "clip", "one column"],
)
def test_mlflow_models_have_texts_or_a_table_in_their_input_data(
    plug, answer, sent, embed, columns, data
):
    given = {"normalize_embeddings": True}
    plain = make(SCORE, contract="score-params", input_columns=columns)
    model = plain.model_copy(update={"model_kwargs": given})
    for made, params in ((plain, {}), (model, {"params": given})):
        replay = plug(made, answer([[1, 2], [3, 4]]))
        assert embed(made, ["a", "b"]) == [[1.0, 2.0], [3.0, 4.0]]
        assert sent(replay) == {"input_data": data, **params}


@pytest.mark.parametrize("url", [SCORE, OPENAI])
def test_columns_go_with_their_contract_alone(url):
    with pytest.raises(ConnectionConfigError, match="contract='score-params'"):
        make(url, input_columns=["text"])


def test_columns_without_their_contract_say_what_to_pass():
    with pytest.raises(ConnectionConfigError, match="pass contract='score-params' too"):
        make(SCORE, input_columns=["text"])


def test_one_column_is_a_tuple_of_one():
    with pytest.raises(ValueError, match=r"write input_columns=\('text',\)"):
        make(SCORE, contract="score-params", input_columns="text")


def test_settings_reach_the_model(plug, answer, sent):
    settings = {"model_kwargs": {"input_type": "document"}, "query_kwargs": {"input_type": "query"}}
    model, at_score = make(**settings), make(SCORE, **settings)
    replay = plug(model, answer(openai_answer([1.0])), answer(openai_answer([1.0])))
    model.embed_documents(["a"])
    model.embed_query("a")
    assert [sent(replay, place)["input_type"] for place in (0, 1)] == ["document", "query"]
    replay = plug(at_score, answer([[1.0]]))
    at_score.embed_query("a")
    data = {"input_string": ["a"], "parameters": {"input_type": "query"}}
    assert sent(replay) == {"input_data": data}


def test_an_extra_setting_is_passed_through(plug, answer):
    model = make(model_kwargs={"truncate": "END"})
    replay = plug(model, answer(openai_answer([1.0])))
    model.embed_query("a")
    assert replay.requests[0].headers["extra-parameters"] == "pass-through"


def test_many_texts_go_in_batches_and_come_in_their_order(embed):
    with LocalEndpoint("echo", task="embeddings") as endpoint:
        model = AzureMLOSSEmbeddings(connection=endpoint.connection("LLAMA"), batch_size=3)
        texts = [f"text number {number}" for number in range(7)]
        assert embed(model, texts) == [model.embed_query(text) for text in texts]
        sizes = [len(request.body["input_data"]["input_string"]) for request in endpoint.requests]
        assert sorted(sizes[:3]) == [1, 3, 3]
        model.close()


def test_no_texts_are_no_request(plug, embed):
    model = make()
    replay = plug(model)
    assert embed(model, []) == []
    assert replay.requests == []


@pytest.mark.parametrize("texts", ["one text", ["a", 3], [["a"]], [None]])
def test_what_is_no_text_is_refused(plug, embed, texts):
    model = make()
    replay = plug(model)
    with pytest.raises(UnsupportedInputError, match="a list of str"):
        embed(model, texts)
    assert replay.requests == []


# --- What is read ---------------------------------------------------------------------------------

TWO = [[1.0, 2.5], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("url", "contract"), [(SCORE, "score"), (OPENAI, "openai"), (SCORE, "score-params")]
)
@pytest.mark.parametrize(
    "body",
    [
        TWO,
        [[1, 2.5], [3, 4]],
        openai_answer(*TWO),
        openai_answer(*reversed(TWO), places=[1, 0]),
        {"data": [{"embedding": vector} for vector in TWO]},
        {"0": TWO[0], "1": TWO[1]},
        [{"1": TWO[1], "0": TWO[0]}],
        json.dumps(TWO),
        {"predictions": TWO},
        {"predictions": openai_answer(*TWO)},
        [{"text_features": vector} for vector in TWO],
        {"image_features": [[9.0, 9.0]], "text_features": TWO, "scaling_factor": 4.5},
        [{"image_features": [[9.0, 9.0]]}, {"text_features": TWO}, {"scaling_factor": 4.5}],
    ],
    ids=[
        *("list", "integers", "openai", "any order", "no index", "numbered", "in a list", "text"),
        *("mlflow", "mlflow's embeddings task", "clip", "medimageinsight", "the same as onnx"),
    ],
)
def test_every_shape_is_read_with_every_contract(plug, answer, embed, url, contract, body):
    model = make(url, contract=contract)
    plug(model, answer(body))
    assert embed(model, ["a", "b"]) == TWO


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], None, 3, "words", [1.0, 2.0], [[], []], [None, None], [["a"], ["b"]]),
        *([[True], [False]], [[[1.0]], [[2.0]]], {"output": TWO}, {"1": TWO[0], "2": TWO[1]}),
        [{"0": "the meaning", "1": "of life"}],  # a model that was deployed for text generation
        *({"data": {}}, {"data": [{"index": 0, "embedding": "AAAA"}]}, {"data": [3]}),
        *(openai_answer(*TWO, places=[0, 0]), openai_answer(*TWO, places=[1, 2])),
        *(openai_answer(*TWO, places=[[], {}]), b"[[1.0, NaN], [1.0, 2.0]]", b"[" * 100_000),
        *({"predictions": None}, {"predictions": 3}, {"text_features": 3}, {"text_features": []}),
        *([{"text_features": "a"}, {"text_features": [[1.0], 2.0]}], [{"image_features": [1.0]}]),
        *(b"[[1e999], [1.0]]", [[10**400], [1]], b"<html>", b""),
    ],
)
def test_another_shape_is_an_error_that_says_what_was_expected(plug, answer, embed, body):
    model = make(SCORE)
    plug(model, answer(body))
    with pytest.raises(ResponseFormatError, match="list of numbers for each text"):
        embed(model, ["a", "b"])


def test_each_text_has_its_vector_or_none_has(plug, answer, embed):
    model = make()
    plug(model, answer(openai_answer([1.0], [2.0])))
    with pytest.raises(ResponseFormatError, match="3 texts were sent, and 2 vectors came"):
        embed(model, ["a", "b", "c"])


@pytest.mark.parametrize("batch_size", [1, 2])
def test_vectors_are_of_one_length(plug, answer, embed, batch_size):
    model = make(SCORE, batch_size=batch_size)
    one, other = [1.0, 2.0], [1.0]
    plug(model, *([answer([one]), answer([other])] if batch_size == 1 else [answer([one, other])]))
    with pytest.raises(ResponseFormatError, match=r"several lengths \(1 to 2\)"):
        embed(model, ["a", "b"])


@pytest.mark.parametrize("url", [SCORE, OPENAI])
def test_dimensions_are_checked(plug, answer, embed, url):
    model = make(url, dimensions=3)
    plug(model, answer([[1.0, 2.0]]))
    with pytest.raises(ResponseFormatError, match=r"dimensions=3 was asked for.* have 2"):
        embed(model, ["a"])


def test_an_error_inside_a_200_is_that_error(plug, answer, embed):
    model = make(SCORE, max_retries=0)
    plug(model, answer({"error": {"status_code": 429, "body": "slow down"}}))
    with pytest.raises(RateLimitError):
        embed(model, ["a"])


def test_a_busy_server_is_asked_again(plug, answer, embed):
    model = make()
    replay = plug(model, answer({}, status=429), answer(openai_answer([1.0])))
    assert embed(model, ["a"]) == [[1.0]]
    assert len(replay.requests) == 2


def test_a_chat_model_has_no_vectors(embed):
    with LocalEndpoint("echo", task="chat") as endpoint:
        model = make(f"{endpoint.url}/v1/embeddings", max_retries=0)
        model = model.model_copy(update={"endpoint_api_key": None, "credential": endpoint_key})
        endpoint_key.key = endpoint.api_key
        with pytest.raises(InvalidRequestError, match="not available with embeddings API"):
            embed(model, ["a"])
        model.close()


def endpoint_key():
    return endpoint_key.key


# --- The fields -----------------------------------------------------------------------------------


def test_no_family_has_to_be_named():
    configs, secrets = {"endpoint_url": SCORE}, {"endpoint_api_key": "sk-test"}
    model = AzureMLOSSEmbeddings(connection=CustomConnection(configs=configs, secrets=secrets))
    assert model._formatter.name == "score"
    with pytest.raises(ConnectionConfigError, match="endpoint_url is missing"):
        AzureMLOSSEmbeddings(endpoint_api_key="sk-test")


@pytest.mark.parametrize("contract", ["falcon-2023", "gpt2-2023", "gossip"])
def test_a_contract_without_vectors_is_refused(contract):
    with pytest.raises(ConnectionConfigError, match=contract):
        make(contract=contract)


def test_a_setting_of_chat_models_is_not_sent(plug, answer, sent):
    with pytest.warns(UserWarning, match="temperature: no setting of an embedding model"):
        model = make(temperature=0.5)
    replay = plug(model, answer(openai_answer([1.0])))
    model.embed_query("a")
    assert sent(replay) == {"input": ["a"]}


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_it_is_dumped_loaded_and_pickled_without_the_key(monkeypatch):
    model = make(dimensions=8, query_kwargs={"input_type": "query"})
    dumped = dumpd(model)
    assert "sk-test" not in json.dumps(dumped) + repr(model)
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "sk-other")
    names = ["langchain_azureml_oss"]
    loaded = load(dumped, valid_namespaces=names, allowed_objects="all", secrets_from_env=True)
    assert (loaded.dimensions, loaded.query_kwargs) == (8, {"input_type": "query"})
    assert pickle.loads(pickle.dumps(model)).endpoint_url == OPENAI


def test_tokens_are_estimated():
    assert make().get_num_tokens("abcdefgh") == 2
    assert make(custom_get_token_ids=lambda text: [1] * len(text)).get_num_tokens("abc") == 3

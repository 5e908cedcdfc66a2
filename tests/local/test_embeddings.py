"""Vectors at `/v1/embeddings` and at the `/score` of an embedding model."""

from __future__ import annotations

import math

import openai
import pytest

from langchain_azureml_oss import AzureMLOSSEmbeddings
from langchain_azureml_oss.local import LocalEndpoint

PATH = "/v1/embeddings"


def length(vector):
    return math.sqrt(sum(number * number for number in vector))


def likeness(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def vectors(response):
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["object"] == "list"
    assert [one["index"] for one in body["data"]] == list(range(len(body["data"])))
    return [one["embedding"] for one in body["data"]]


@pytest.mark.parametrize("path", [PATH, "/embeddings"])
def test_texts_become_vectors_of_unit_length(echo, post, path):
    answer = post(echo, path, {"input": ["the red fox", "", "!"]})
    assert [length(one) for one in vectors(answer)] == pytest.approx([1, 1, 1])
    assert answer.json()["model"] == "echo"
    assert answer.json()["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


def test_the_same_text_is_the_same_vector_everywhere(echo, post):
    [first] = vectors(post(echo, PATH, {"input": "A red fox."}))
    with LocalEndpoint("scripted", script=[]) as other:
        [second, third] = vectors(post(other, PATH, {"input": ["a red fox", "A blue whale."]}))
    assert first == second != third
    assert first[:3] == pytest.approx([0.1124129, 0.0340066, 0.1460613], abs=1e-6)


def test_texts_with_words_in_common_are_near(echo, post):
    texts = ["Where do foxes live?", "Foxes live in the wood.", "Interest rates rose."]
    question, near, far = vectors(post(echo, PATH, {"input": texts}))
    assert likeness(question, near) > likeness(question, far) + 0.2


TEXTS = ["the red fox", "a blue whale"]


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (TEXTS, []),
        ({"columns": ["input"], "index": [0, 1], "data": [[text] for text in TEXTS]}, ["input"]),
        (
            {"columns": ["image", "text"], "index": [0, 1], "data": [["", text] for text in TEXTS]},
            ["image", "text"],
        ),
    ],
    ids=["list", "table", "clip"],
)
def test_an_mlflow_model_is_answered_as_its_kind(post, data, columns):
    with LocalEndpoint("echo", task="embeddings") as endpoint:
        answer = post(endpoint, "/score", {"input_data": data, "params": {}}).json()
        expected = post(endpoint, "/score", {"input_data": {"input_string": TEXTS}}).json()
        if "image" in columns:
            expected = [{"text_features": vector} for vector in expected]
        assert answer == expected
        model = AzureMLOSSEmbeddings(
            connection=endpoint.connection(), contract="score-params", input_columns=columns
        )
        assert len(model.embed_documents(TEXTS)) == len(TEXTS)
        model.close()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        ["a", 3],
        {"columns": ["a"]},
        {"columns": [], "data": [[]]},
        {"columns": 3, "data": [[3]]},
    ],
)
def test_what_is_no_text_is_answered_nothing(post, data):
    with LocalEndpoint("echo", task="embeddings") as endpoint:
        assert post(endpoint, "/score", {"input_data": data}).json() == {}


@pytest.mark.parametrize("dimensions", [1, 8, 1000])
def test_dimensions_are_kept_to(echo, post, dimensions):
    [vector] = vectors(post(echo, PATH, {"input": "a b", "dimensions": dimensions}))
    assert len(vector) == dimensions
    assert length(vector) == pytest.approx(1)


@pytest.mark.parametrize(("tokens", "texts"), [([1, 2], 1), ([[1, 2], [3]], 2)])
def test_tokens_are_taken_too(echo, post, tokens, texts):
    assert len(vectors(post(echo, PATH, {"input": tokens}))) == texts


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": []},
        {"input": ["a", 3]},
        {"input": [["a"]]},
        {"input": {"text": "a"}},
        {"input": ["a"] * 2049},
        {"input": "a", "dimensions": 0},
        {"input": "a", "dimensions": True},
        {"input": "a", "dimensions": 10**9},
        {"input": "a", "encoding_format": "base32"},
        {"input": [-1]},
        [],
        b"{",
    ],
)
def test_a_wrong_request_is_refused(echo, post, body):
    assert post(echo, PATH, body).status_code == 422


def test_a_text_has_a_window(post):
    with LocalEndpoint("echo", n_ctx=4) as endpoint:
        assert post(endpoint, PATH, {"input": ["a b c d", "a"]}).status_code == 200
        refused = post(endpoint, PATH, {"input": ["a", "a b c d e"]})
    assert refused.status_code == 400
    assert "maximum context length is 4 tokens, not 5" in refused.text


def test_a_lone_surrogate_is_a_text_like_others(echo, post):
    assert len(vectors(post(echo, PATH, rb'{"input": "a \ud83d b"}'))) == 1


def test_openai_s_client_reads_them(echo):
    # It asks for base64, and decodes it.
    client = openai.OpenAI(base_url=f"{echo.url}/v1", api_key=echo.api_key)
    asked = client.embeddings.create(model="echo", input=["a red fox"], dimensions=16)
    plain = client.embeddings.create(
        model="echo", input=["a red fox"], dimensions=16, encoding_format="float"
    )
    assert asked.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)


def test_a_chat_model_has_no_vectors(post):
    with LocalEndpoint("echo", task="chat") as endpoint:
        refused = post(endpoint, PATH, {"input": "a"})
    assert refused.status_code == 400
    assert "not available with embeddings API" in refused.text


@pytest.mark.parametrize(
    ("path", "asked", "api"),
    [
        ("/v1/chat/completions", {"messages": []}, "chat completion"),
        ("/v1/completions", {"prompt": "1"}, "text generation"),
    ],
)
def test_an_embedding_model_names_its_own_task_where_it_is_asked_for_a_text(post, path, asked, api):
    with LocalEndpoint("echo", task="embeddings") as endpoint:
        refused = post(endpoint, path, asked)
    assert f"task_type embeddings not available with {api} API." in refused.text


def test_an_embedding_model_has_nothing_else(post, chat):
    with LocalEndpoint("echo", task="embeddings") as endpoint:
        texts = ["a red fox", "a blue whale"]
        asked = vectors(post(endpoint, PATH, {"input": texts}))
        score = {"input_data": {"input_string": texts}}
        assert post(endpoint, "/score", score).json() == asked
        for wrong in ({}, [], {"input_data": {}}, {"input_data": {"input_string": [3]}}):
            assert post(endpoint, "/score", wrong).json() == {}
        assert post(endpoint, "/v1/chat/completions", chat()).status_code == 400
        assert post(endpoint, "/v1/completions", {"prompt": "a"}).status_code == 400


@pytest.mark.model
def test_the_real_model_has_vectors(post):
    with LocalEndpoint("smollm2") as endpoint:
        texts = ["The cat sat on the mat.", "A kitten lay on the rug.", "SELECT id FROM users;"]
        answer = post(endpoint, PATH, {"input": texts})
        cat, kitten, query = vectors(answer)
        assert [len(cat), length(cat)] == [576, pytest.approx(1, abs=1e-4)]
        assert likeness(cat, kitten) > likeness(cat, query)
        assert answer.json()["model"] == "smollm2"
        assert answer.json()["usage"]["prompt_tokens"] > 15
        tokens = post(endpoint, "/tokenize", {"prompt": texts[0]}).json()["tokens"]
        [same] = vectors(post(endpoint, PATH, {"input": tokens}))
        assert likeness(cat, same) == pytest.approx(1, abs=1e-3)
        for wrong, words in [
            ({"input": "a", "dimensions": 8}, "576 dimensions"),
            ({"input": "word " * 3000}, "too large"),
            ({"input": ""}, "cannot be empty"),
            ({"input": [10**6]}, ""),
        ]:
            refused = post(endpoint, PATH, wrong)
            assert (refused.status_code, words in refused.text) == (400, True)

"""Vectors through a gateway, and what it passes on besides: deployments, and when to ask again."""

from __future__ import annotations

import openai
import pytest
from langchain_openai import OpenAIEmbeddings

from langchain_azureml_oss import AzureMLOSSEmbeddings
from langchain_azureml_oss.local import EngineError, LocalEndpoint

CHAT = "/v1/chat/completions"
VECTORS = "/v1/embeddings"
HI = [{"role": "user", "content": "Say hi."}]
TEXTS = ["the red fox", "interest rates"]
BLUE_AND_GREEN = {"deployments": {"blue": 100, "green": 0}}
GREEN = {"azureml-model-deployment": "green"}


def embed(openai_client, **more):
    return openai_client.embeddings.create(**{"model": "any", "input": TEXTS} | more)


def own_vectors(endpoint, path=VECTORS):
    model = AzureMLOSSEmbeddings(connection=endpoint.connection("LLAMA", path))
    return model.embed_documents(TEXTS)


def same(vectors):
    # OpenAI's client asks for four bytes a number.
    return [pytest.approx(vector, abs=1e-6) for vector in vectors]


@pytest.mark.parametrize(
    ("at", "upstream"), [(CHAT, {}), (VECTORS, {}), ("/score", {"task": "embeddings"})]
)
def test_vectors(gateway, client, at, upstream):
    with gateway(path=at, upstream=upstream) as endpoint:
        expected = own_vectors(endpoint.behind, at)
        answer = embed(client(endpoint))
        assert [one.embedding for one in answer.data] == same(expected)
        assert [one.index for one in answer.data] == [0, 1]
        assert answer.model == "llama"
        assert answer.usage is None  # nobody counted
        as_text = embed(client(endpoint), input=TEXTS[0], encoding_format="float")
        assert [one.embedding for one in as_text.data] == same(expected[:1])


def test_settings_go_on_to_the_upstream(gateway, client):
    with gateway(path=VECTORS) as endpoint:
        asked = embed(client(endpoint), dimensions=16, extra_body={"input_type": "query"})
        assert [len(one.embedding) for one in asked.data] == [16, 16]
        sent = endpoint.behind.requests[-1].body
    assert sent == {"input": TEXTS, "dimensions": 16, "input_type": "query"}


def test_langchain_s_openai_embeddings(gateway):
    with gateway(path=CHAT) as endpoint:
        model = OpenAIEmbeddings(
            base_url=f"{endpoint.url}/v1",
            api_key=endpoint.api_key,
            model="any",
            check_embedding_ctx_length=False,
        )
        expected = own_vectors(endpoint.behind)
        assert model.embed_documents(TEXTS) == same(expected)
        assert model.embed_query(TEXTS[0]) == same(expected)[0]


def test_tokens_are_refused_with_the_way_out(gateway, client):
    with gateway(path=CHAT) as endpoint:
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
            embed(client(endpoint), input=[[1, 2], [3]])
        assert endpoint.behind.requests == []


@pytest.mark.parametrize(
    ("at", "upstream", "status", "words"),
    [
        ("/score", {}, 502, "A chat model has no vectors"),
        (CHAT, {"task": "chat"}, 400, "not available with embeddings API"),
        (CHAT, {"faults": {"503": 1}}, 503, "Injected fault"),
        (CHAT, {"faults": {"reset": 1}}, 502, "connection"),
    ],
)
def test_errors_are_openai_s(gateway, client, at, upstream, status, words):
    with gateway(path=at, upstream={"retry_after_s": 0} | upstream) as endpoint:
        with pytest.raises(openai.APIStatusError, match=words) as caught:
            embed(client(endpoint))
        assert (caught.value.status_code, set(caught.value.body)) == (
            status,
            {"message", "type", "param", "code"},
        )
        assert endpoint.behind.api_key not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint_url": "https://a.example.com/score", "timeout": 1e-9},
        {"model_kwargs": {"input": "b"}, "query_kwargs": 3, "stream": True},
        {"temperature": "warm", "contract": "gossip", "headers": {"a": "b"}, "batch_size": 0},
    ],
)
def test_settings_of_the_model_are_no_fields_of_a_request(gateway, post, fields, recwarn):
    with gateway(path=CHAT) as endpoint:
        answer = post(endpoint, VECTORS, {"input": TEXTS} | fields)
        assert len(answer.json()["data"]) == 2
        assert endpoint.behind.requests[-1].body == {"input": TEXTS} | fields
    assert recwarn.list == []


@pytest.mark.parametrize(
    "fields",
    [
        *({}, {"input": []}, {"input": 3}, {"input": None}, {"input": [[]]}, {"input": [True]}),
        *({"input": "a", "dimensions": 0}, {"input": "a", "encoding_format": "gossip"}),
    ],
)
def test_a_wrong_request_is_said(gateway, post, fields):
    with gateway(path=CHAT) as endpoint:
        answer = post(endpoint, VECTORS, fields)
        assert answer.status_code == 422
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert endpoint.behind.requests == []


def test_vectors_and_their_errors_are_on_the_tape(gateway, client, post, tmp_path):
    def ask(endpoint):
        asked = [{"input": TEXTS}, {"input": TEXTS, "dimensions": 8}, {"input": [""] * 2049}]
        found = [post(endpoint, VECTORS, body) for body in asked]
        return [(one.status_code, one.json()) for one in found]

    tape = tmp_path / "cassette.jsonl"
    with gateway(path=CHAT, record=tape) as endpoint:
        recorded = ask(endpoint)
        assert [status for status, _ in recorded] == [200, 200, 422]
    with LocalEndpoint(replay=tape) as endpoint:
        assert ask(endpoint) == recorded
        other = post(endpoint, VECTORS, {"input": TEXTS[:1]}).json()["error"]["message"]
        assert "This embeddings request is not on the tape" in other

    refusing = {"faults": {"429": 1}, "retry_after_s": 0.01}
    with gateway(path=CHAT, upstream=refusing, record=tape) as endpoint:
        before = post(endpoint, VECTORS, {"input": TEXTS})
    with LocalEndpoint(replay=tape) as endpoint:
        again = post(endpoint, VECTORS, {"input": TEXTS})
    for answer in (before, again):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "0.01")
    assert again.json() == before.json()


@pytest.mark.parametrize("stream", [False, True])
def test_a_deployment_is_the_upstream_s(gateway, client, path, stream):
    with gateway(path=path, upstream=BLUE_AND_GREEN) as endpoint:
        create = client(endpoint).chat.completions.with_raw_response.create
        for headers, deployment in [({}, "blue"), (GREEN, "green")]:
            asked = create(model="any", messages=HI, stream=stream, extra_headers=headers)
            _ = list(asked.parse()) if stream else None
            assert endpoint.behind.requests[-1].deployment == deployment
            # The gateway says what was asked for, and nothing where nobody asked.
            assert asked.headers.get("azureml-model-deployment") == headers.get(*GREEN)
        with pytest.raises(openai.NotFoundError, match="no deployment named 'red'"):
            create(
                model="any", messages=HI, stream=stream, extra_headers=dict.fromkeys(GREEN, "red")
            )


def test_a_deployment_for_completions_vectors_and_score(gateway, client, make_chat, make_llm):
    with gateway(path=CHAT, upstream=BLUE_AND_GREEN) as endpoint:
        seen = endpoint.behind.requests
        client(endpoint).completions.create(model="any", prompt="a", extra_headers=GREEN)
        embed(client(endpoint), extra_headers=GREEN)
        connection = endpoint.connection()
        make_chat(connection=connection, deployment_name="green").invoke("Hi")
        make_llm(connection=connection, deployment_name="green").batch(["a", "b"])
        seen = endpoint.behind.requests
    assert [one.deployment for one in seen] == ["green"] * 5


@pytest.mark.parametrize("name", ["gr\u00fcn", "a\tb"])
def test_a_deployment_that_no_header_carries(gateway, post, name):
    with gateway(path=CHAT) as endpoint:
        answer = post(endpoint, CHAT, {"messages": HI}, {"azureml-model-deployment": name.encode()})
        assert answer.status_code == 404
        assert endpoint.behind.requests == []


def test_the_header_alone_names_a_deployment(gateway, post):
    with gateway(path=CHAT, upstream=BLUE_AND_GREEN) as endpoint:
        for at, body in ((CHAT, {"messages": HI}), (VECTORS, {"input": "a"})):
            assert post(endpoint, at, body | GREEN).status_code == 200
        assert [one.deployment for one in endpoint.behind.requests] == ["blue", "blue"]


@pytest.mark.parametrize(
    ("at", "body"),
    [
        (CHAT, {"messages": HI}),
        (CHAT, {"messages": HI, "stream": True}),
        ("/v1/completions", {"prompt": "a"}),
        (VECTORS, {"input": "a"}),
        ("/score", {"input_data": {"input_string": HI}}),
        ("/score", {"input_data": {"input_string": ["a"]}}),
    ],
)
def test_when_to_ask_again_is_passed_on(gateway, post, at, body):
    behind = {"faults": {"429": 1}, "retry_after_s": 0.01}
    with gateway(path=CHAT, upstream=behind) as endpoint:
        answer = post(endpoint, at, body)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "0.01")


def test_a_script_says_when_to_ask_again(post):
    script = [EngineError(429, "Too many requests.", retry_after_s=7), EngineError(429, "Again.")]
    with LocalEndpoint("scripted", script=script) as endpoint:
        found = [post(endpoint, CHAT, {"messages": HI}).headers.get("Retry-After") for _ in "12"]
    assert found == ["7", None]

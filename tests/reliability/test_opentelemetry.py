"""OpenTelemetry's spans of a call, from LangSmith, requests and aiohttp: none holds the key."""

from __future__ import annotations

import pytest
from langchain_core.tracers import LangChainTracer
from langsmith import Client
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langchain_azureml_oss.local import LocalEndpoint

from .asking import ENTRIES, ask, model_for

KEY = "sk-7Hq2vR9tLwX4bN8m"
OTHER_KEY = "sk-9Kw4zT1mQdY6cJ3p"


@pytest.fixture
def spans():
    """Those of all that is asked while the test runs."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client = Client(
        api_url="https://traces.invalid",
        api_key="traces",
        info={},
        tracing_mode="otel",
        otel_tracer_provider=provider,
    )
    instrumentors = [RequestsInstrumentor(), AioHttpClientInstrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)

    def ended():
        client.flush()
        return exporter.get_finished_spans()

    yield LangChainTracer(client=client), ended
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
    client.cleanup()


@pytest.mark.parametrize("key", [KEY, OTHER_KEY], ids=["answered", "refused"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_spans_hold_no_key(entry, key, spans):
    tracer, ended = spans
    with LocalEndpoint("echo", api_key=KEY) as endpoint:
        asked = ask(entry, model_for(entry, endpoint.url, key), config={"callbacks": [tracer]})
    tracer.wait_for_futures()
    found = [span.to_json() for span in ended()]
    assert (asked.error is None) == (key == KEY)
    assert any("langsmith" in span and "one two three" in span for span in found)
    assert any('"http.method": "POST"' in span for span in found)
    assert [span for span in found if key in span] == []

"""What prompt flow's traces say of an answer, as its own UI and its own run reports read them."""

from __future__ import annotations

import logging

import flows
import promptflow.client
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

pytestmark = [
    # Prompt flow's own, and those of what it is made of.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TWICE = flows.LATER + flows.LATER.partition("nodes:\n")[2].replace(
    "name: open_model_llm", "name: again"
)


@pytest.fixture
def spans(monkeypatch):
    """The spans of the flows that a test runs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setenv("PF_DISABLE_TRACING", "false")
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    return exporter.get_finished_spans


@pytest.fixture
def stored(endpoint, store):
    """The connection `mine`, to a server that counts tokens."""
    store("mine", f"{endpoint.url}/v1/chat/completions")


@pytest.fixture
def ui(monkeypatch):
    """Prompt flow's UI lists what its collector has stored."""
    from promptflow._sdk import _tracing

    monkeypatch.setattr(_tracing, "_try_write_trace_to_cosmosdb", lambda *_: None)

    def lines(spans):
        _tracing.process_otlp_trace_request(
            encode_spans(spans), dict, logging.getLogger(__name__), lambda: None
        )
        traces = promptflow.client.PFClient(connection_provider="local").traces
        (root,) = [span for span in spans if span.parent is None]
        trace_id = f"0x{root.context.trace_id:032x}"
        return traces.list_line_runs(trace_ids=[trace_id])

    return lines


def tokens(span):
    return {
        name.rpartition(".")[2]: count
        for name, count in span.attributes.items()
        if "cumulative_token_count" in name
    }


@pytest.mark.parametrize("dag", [flows.FIRST, flows.LATER, TWICE], ids=["first", "later", "twice"])
@pytest.mark.usefixtures("stored")
def test_the_ui_lists_a_flow_with_its_tokens(flow, spans, ui, endpoint, dag):
    flow(dag, chat=flows.CHAT)(question="What is CI?")
    *nodes, root = spans()
    for node in nodes:
        assert node.attributes["span_type"] == "Function"
        assert node.attributes["azureml.deployment"] == "blue"
        assert node.attributes["llm.response.model"] == "echo"
        assert node.attributes["llm.usage.prompt_tokens"] > 0
        assert node.attributes["llm.usage.total_tokens"] == tokens(node)["total"]
    assert len(nodes) == 1 + (dag is TWICE)
    assert tokens(root)["total"] == sum(tokens(node)["total"] for node in nodes)
    (line,) = ui(spans())
    assert line.cumulative_token_count == tokens(root)
    assert endpoint.api_key not in "".join(span.to_json() for span in spans())


@pytest.mark.usefixtures("stored")
def test_the_span_of_a_node_that_streams(flow, spans):
    loaded = flow(flows.LATER, chat=flows.CHAT)
    loaded.context.streaming = True
    assert "".join(loaded(question="Hi")["answer"]) == "echo: Hi"
    (node,) = [span for span in spans() if span.name == "open_model_llm"]
    assert node.attributes["azureml.deployment"] == "blue"
    assert node.attributes["llm.usage.total_tokens"] == tokens(node)["total"] > 0


@pytest.mark.usefixtures("stored")
def test_a_run_reports_its_tokens(flow, spans, tmp_path):
    """`pf run` and the metrics of a flow take them from the record of calls, not from spans."""
    from promptflow.executor import FlowExecutor

    flow(flows.LATER, chat=flows.CHAT)
    executor = FlowExecutor.create(tmp_path / "flow" / "flow.dag.yaml", {})
    result = executor.exec_line({"question": "What is CI?", "chat_history": []})
    assert result.output == {"answer": "echo: What is CI?"}
    metrics = result.run_info.system_metrics
    assert metrics["total_tokens"] == metrics["prompt_tokens"] + metrics["completion_tokens"] > 0


@pytest.mark.usefixtures("mine")
def test_a_server_that_counts_no_tokens(flow, spans):
    flow(flows.LATER, chat=flows.CHAT)(question="Hi")
    node, root = spans()
    assert node.attributes["azureml.deployment"] == "blue"
    assert tokens(node) == tokens(root) == {}

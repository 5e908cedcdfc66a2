"""What prompt flow's traces are told of an answer. Imported by the tool alone.

Prompt flow reads the tokens of OpenAI's client only. It is told of others' by the ways that it has
for those: its collector, which adds up a flow's tokens for the root span that its UI lists, and the
record of a call to a model, from which `pf run` takes the metrics of a run.
Source: promptflow-tracing 1.18, _trace.py and _openai_utils.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from opentelemetry.trace import Span
from promptflow.tracing._trace import token_collector
from promptflow.tracing._tracer import Tracer
from promptflow.tracing.contracts.trace import Trace, TraceType


def tell_span(span: Span, details: Mapping[str, Any]) -> None:
    """Write into a node's span who answered, and for how many tokens, by prompt flow's names."""
    if not span.is_recording():
        return  # all spans of a disabled trace have the same id
    tokens = _tokens(details)
    found = {
        "llm.response.model": details.get("model_name"),
        "azureml.deployment": details.get("deployment"),
        "azureml.request_id": details.get("request_id"),
        **{f"llm.usage.{name}": count for name, count in tokens.items()},
    }
    span.set_attributes({name: value for name, value in found.items() if value is not None})
    usage = SimpleNamespace(dict=lambda: tokens)
    token_collector.collect_openai_tokens(span, SimpleNamespace(usage=usage))


def tell_run(details: Mapping[str, Any]) -> None:
    """Record the call to the model, where a flow is being recorded; not what was asked or said."""
    tokens = _tokens(details)
    if tokens:
        name = str(details.get("model_name"))
        Tracer.push(Trace(name=name, type=TraceType.LLM, inputs={}))
        Tracer.pop({"usage": tokens, "deployment": details.get("deployment")})


def _tokens(details: Mapping[str, Any]) -> dict[str, int]:
    usage = details.get("usage_metadata") or {}
    counts = {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
    }
    return {name: count for name, count in counts.items() if count is not None}

"""The endpoints under the suites, each started when it is first asked for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from agents.competent_model import competent

from langchain_azureml_oss.local import LocalEndpoint

TEMPLATE = Path(__file__).with_name("tools.jinja").read_text(encoding="utf-8")
"""SmolLM2's own template ignores tools. This one shows their signatures, with four examples, and
asks for one call after a user turn and for a sentence after a result; or it shows one example of
JSON, where that is asked for."""

_running: list[LocalEndpoint] = []


def stop_endpoints():
    while _running:
        _running.pop().stop()
    _endpoint.cache_clear()


def endpoint(model, **options):
    """The one endpoint with these options."""
    return _endpoint(model, tuple(sorted(options.items())))


@cache
def _endpoint(model, options):
    if model == "echo":
        started = LocalEndpoint(model, **dict(options))
    elif model == "scripted":
        started = LocalEndpoint("scripted", script=competent, **dict(options))
    else:
        started = LocalEndpoint(model, chat_template=TEMPLATE, n_ctx=4096, **dict(options))
    _running.append(started.start())
    return started

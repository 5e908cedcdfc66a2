"""The engines behind a local endpoint, and how a model's name picks one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_azureml_oss.local.engines.echo import EchoEngine
from langchain_azureml_oss.local.engines.llama import LlamaEngine, MissingEngineError
from langchain_azureml_oss.local.engines.scripted import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_azureml_oss.local.engines.base import Engine
    from langchain_azureml_oss.local.options import EndpointOptions

__all__ = ["MissingEngineError", "open_engine"]

_ENGINES: dict[str, Callable[[EndpointOptions], Engine]] = {
    "echo": EchoEngine,
    "scripted": ScriptedEngine,
    "smollm2": LlamaEngine,
}


def open_engine(options: EndpointOptions) -> Engine:
    """The engine of a gateway, else of `options.model`: a name, or the path of a GGUF file.

    Raises:
        ConnectionConfigError: The upstream's connection is incomplete or wrong.
        FileNotFoundError: The model is neither a known name nor a file; or there is no such tape.
        MissingEngineError: A package that the engine needs is not installed.
    """
    if options.is_gateway:
        return _open_gateway(options)
    return _ENGINES.get(str(options.model), LlamaEngine)(options)


def _open_gateway(options: EndpointOptions) -> Engine:
    # With the models come langchain-core and its friends, which a model of our own does without.
    from langchain_azureml_oss.local.engines.taped import (  # noqa: PLC0415
        RecordingEngine,
        ReplayEngine,
    )

    if options.replay is not None:
        return ReplayEngine(options.replay)
    from langchain_azureml_oss.local.engines.upstream import UpstreamEngine  # noqa: PLC0415

    upstream = UpstreamEngine(options.upstream)
    if options.record is None:
        return upstream
    return RecordingEngine(upstream, options.record, [options.api_key])

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
    """The engine of `options.model`; a name that is no engine's is the path of a GGUF file.

    Raises:
        FileNotFoundError: The model is neither a known name nor a file.
        MissingEngineError: A package that the engine needs is not installed.
    """
    return _ENGINES.get(str(options.model), LlamaEngine)(options)

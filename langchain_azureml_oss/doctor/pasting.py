"""The Python lines that make a working model of what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.connections import ENVIRONMENT
from langchain_azureml_oss.doctor.candidates import Probe
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.families import FamilyProfile

_MAX_TOKENS = 256
"""Without a number, many servers stop after 16 tokens."""

_MODELS = {
    "chat": ("chat", "AzureMLOSSChatModel", 'print(chat.invoke("Say hi.").text)'),
    "completion": ("llm", "AzureMLOSSLLM", 'print(llm.invoke("1 2 3"))'),
    "embeddings": (
        "embeddings",
        "AzureMLOSSEmbeddings",
        'print(embeddings.embed_query("Hi.")[:3])',
    ),
}
"""API -> the variable in the lines, the class, and a first call."""

Models = Mapping[str, Mapping[str, Any] | None]


def recommended(found: Findings, row: FamilyProfile) -> Models:
    """Return the arguments of either model that work; None where nothing does."""
    chat, completion = found.best_chat, found.probes.get("completion")
    # A completion model can speak to a chat API too; then role marks make turns of its prompts.
    api = {"api": "completion" if completion else "chat"}
    deployment = found.deployment or found.setup.deployment_instead
    asked = {"chat": (chat, {}), "completion": (completion or chat, api)}
    models: dict[str, Mapping[str, Any] | None] = {
        name: {**probe.arguments(row, deployment), **more, "max_tokens": _MAX_TOKENS}
        if probe
        else None
        for name, (probe, more) in asked.items()
    }
    if found.vectors and not found.probes:
        models["embeddings"] = _of_vectors(found, found.vectors, deployment)
    return models


def _of_vectors(found: Findings, told: Probe, deployment: str | None) -> Mapping[str, Any]:
    """Return the arguments of an embedding model, which needs no family."""
    arguments = {"endpoint_url": found.setup.url if told.role == "configured" else told.target}
    if deployment is not None:
        arguments["deployment_name"] = deployment
    if told.contract == "score-params":  # never guessed from a URL
        arguments["contract"] = told.contract
    return arguments


def python_lines(models: Models, setup: Setup) -> str:
    """Return a program that makes the models and asks one of them something; no key is in it."""
    made = {api: arguments for api, arguments in models.items() if arguments is not None}
    if not made:
        return ""
    used = [_MODELS[api][1] for api in made]
    head, first, last = [], {"connection": setup.connection}, {}
    if "CustomConnection" in (setup.connection or ""):
        used.append("CustomConnection")
    if not setup.connection:
        key = f'os.environ["{ENVIRONMENT["endpoint_api_key"]}"]'
        head, first, last = ["import os", ""], {}, {"endpoint_api_key": key}
    lines = [*head, f"from langchain_azureml_oss import {', '.join(used)}"]
    for api, arguments in made.items():
        variable, cls, _ = _MODELS[api]
        given = {name: _literal(value) for name, value in arguments.items()}
        written = [f"    {name}={value}," for name, value in {**first, **given, **last}.items()]
        lines += ["", f"{variable} = {cls}(", *written, ")"]
    first_made = next(iter(made))
    return "\n".join([*lines, "", _MODELS[first_made][2]])


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)

"""The Python lines that make a working model of what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.connections import ENVIRONMENT
from langchain_azureml_oss.doctor.candidates import Probe
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters import Api, formatter

_MAX_TOKENS = 256
"""Without a number, many servers stop after 16 tokens."""


def recommended(
    found: Mapping[Api, Probe], best_chat: Probe | None, row: FamilyProfile, setup: Setup
) -> dict[str, dict[str, Any] | None]:
    """Return the arguments of either model that work; None where nothing does.

    Args:
        found: What answers, for each API.
        best_chat: What answers chats and can do the most.
        row: The family.
        setup: What was configured.
    """
    completion = found.get("completion")
    chat = best_chat or found.get("chat")
    if chat is None and completion is not None and _goes_as_prompt(completion, row):
        chat = completion
    common = {"model_family": row.name, "deployment_name": setup.deployment}

    def arguments(probe: Probe | None, api: Api | None) -> dict[str, Any] | None:
        if probe is None:
            return None
        found = {
            "endpoint_url": probe.target,
            **common,
            "contract": probe.contract,
            "api": api,
            "max_tokens": _MAX_TOKENS,
        }
        return {key: value for key, value in found.items() if value is not None}

    # A completion model can speak to a chat API too; then role marks make turns of its prompts.
    llm = arguments(completion, "completion") if completion else arguments(chat, "chat")
    return {"chat": arguments(chat, None), "completion": llm}


def _goes_as_prompt(completion: Probe, row: FamilyProfile) -> bool:
    """Whether a chat model sends conversations to this completion API, in the family's template."""
    return not (row.chat and formatter(completion.contract).traits.chat)


def python_lines(models: Mapping[str, Mapping[str, Any] | None], setup: Setup) -> str:
    """Return a program that makes the models and asks one of them something; no key is in it."""
    made = [
        (variable, cls, models[name])
        for variable, cls, name in (
            ("chat", "AzureMLOSSChatModel", "chat"),
            ("llm", "AzureMLOSSLLM", "completion"),
        )
    ]
    lines, used = [], []
    for variable, cls, arguments in made:
        if arguments is None:
            continue
        used.append(cls)
        lines += ["", f"{variable} = {cls}("]
        if setup.connection:
            lines.append(f"    connection={setup.connection},")
        lines += [f"    {name}={_literal(value)}," for name, value in arguments.items()]
        if not setup.connection:
            variable_name = ENVIRONMENT["endpoint_api_key"]
            lines.append(f'    endpoint_api_key=os.environ["{variable_name}"],')
        lines.append(")")
    if not lines:
        return ""
    if "CustomConnection" in (setup.connection or ""):
        used.append("CustomConnection")
    head = [] if setup.connection else ["import os", ""]
    head.append(f"from langchain_azureml_oss import {', '.join(used)}")
    call = 'print(chat.invoke("Say hi.").text)' if models["chat"] else 'print(llm.invoke("1 2 3"))'
    return "\n".join([*head, *lines, "", call])


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)

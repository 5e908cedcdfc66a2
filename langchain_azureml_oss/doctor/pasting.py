"""The Python lines that make a working model of what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.connections import ENVIRONMENT
from langchain_azureml_oss.doctor.candidates import Probe
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters import Api

_MAX_TOKENS = 256
"""Without a number, many servers stop after 16 tokens."""


def recommended(
    found: Mapping[Api, Probe], best_chat: Probe | None, row: FamilyProfile, deployment: str | None
) -> dict[str, dict[str, Any] | None]:
    """Return the arguments of either model that work; None where nothing does.

    Args:
        found: What answers, for each API.
        best_chat: What answers chats and can do the most.
        row: The family.
        deployment: What to name for it.
    """

    def arguments(probe: Probe | None, **more: Any) -> dict[str, Any] | None:
        if probe is None:
            return None
        return {**probe.arguments(row, deployment), **more, "max_tokens": _MAX_TOKENS}

    completion = found.get("completion")
    # A completion model can speak to a chat API too; then role marks make turns of its prompts.
    api: Api = "completion" if completion else "chat"
    return {"chat": arguments(best_chat), "completion": arguments(completion or best_chat, api=api)}


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

"""Conversations in the form that a family's chat template takes, or as one prompt."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from typing import Any

from langchain_azureml_oss.families.profile import CHAT_ROLES, FamilyProfile
from langchain_azureml_oss.families.templates import plain_text
from langchain_azureml_oss.wire import WireMessage

Part = dict[str, Any]


def fold(messages: Sequence[WireMessage], row: FamilyProfile) -> list[WireMessage]:
    """Return the conversation as the family's chat template takes it."""
    folded: list[WireMessage] = []
    system: list[WireMessage] = []
    for message in _with_reasoning(messages, row.reasoning_field):
        if message["role"] == "system" and row.system != "allowed":
            system.append(message)
        elif row.roles is None or message["role"] in row.roles:
            folded.append(message)
        else:
            folded.append(_as_user(message))
    if system and row.system == "dropped":
        warnings.warn(
            f"The family {row.name} knows no system role: system messages are left out.",
            stacklevel=2,
        )
    elif system:
        folded = _before_first_user(system, folded)
    if row.alternates:
        folded = _alternating(folded)
    return [_with_short_ids(message) for message in folded] if row.short_call_ids else folded


def render(messages: Sequence[WireMessage], row: FamilyProfile, contract: str) -> str:
    """Return the conversation as one prompt, in the family's template.

    Raises:
        UnsupportedInputError: a role or a content block that a prompt cannot hold.
    """
    known = {*row.template.turns, *CHAT_ROLES}
    told = [m if m["role"] in known else _as_user(m) for m in messages]
    carrier = f"The contract {contract!r}" if row.chat else f"The family {row.name}"
    return row.template.render([(m["role"], plain_text(m, carrier)) for m in told])


def _with_reasoning(messages: Sequence[WireMessage], name: str | None) -> list[WireMessage]:
    """Keep the reasoning of the loop of tools that is under way, under the family's name for it."""
    asked = max((at for at, m in enumerate(messages) if m["role"] == "user"), default=-1)
    told = []
    for at, message in enumerate(messages):
        rest = {key: value for key, value in message.items() if key != "reasoning_content"}
        if name and at > asked and "reasoning_content" in message:
            rest[name] = message["reasoning_content"]
        told.append(rest)
    return told


def _as_user(message: WireMessage) -> WireMessage:
    """Tell a turn of a role that the family does not know, and who speaks in it."""
    speaker = " ".join([message["role"], *([message["name"]] if message.get("name") else [])])
    content = message["content"]
    if isinstance(content, str):
        return {"role": "user", "content": f"{speaker}: {content}"}
    return {"role": "user", "content": [{"type": "text", "text": f"{speaker}: "}, *content]}


def _before_first_user(
    system: Sequence[WireMessage], others: Sequence[WireMessage]
) -> list[WireMessage]:
    """Put the system messages into the first turn, if it is the user's, or make one of them."""
    begins = bool(others) and others[0]["role"] == "user"
    merged = {**system[0], "role": "user"}
    for message in [*system[1:], *(others[:1] if begins else ())]:
        merged = _merge(merged, message)
    return [merged, *others[begins:]]


def _alternating(messages: Sequence[WireMessage]) -> list[WireMessage]:
    merged: list[WireMessage] = []
    spoken = next((m["role"] for m in messages if m["role"] != "system"), "user")
    if spoken == "assistant":  # a greeting: the user must have begun
        at = sum(1 for m in messages if m["role"] == "system")
        messages = [*messages[:at], {"role": "user", "content": _BEGINNING}, *messages[at:]]
    for message in messages:
        if merged and merged[-1]["role"] == message["role"] in {"user", "assistant"}:
            merged[-1] = _merge(merged[-1], message)
        else:
            merged.append(message)
    return merged


_BEGINNING = "Begin the conversation."


def _with_short_ids(message: WireMessage) -> WireMessage:
    """Return a turn whose calls have nine letters or digits for an id."""
    short = dict(message)
    if "tool_calls" in message:
        short["tool_calls"] = [{**c, "id": _short_id(c["id"])} for c in message["tool_calls"]]
    if "tool_call_id" in message:
        short["tool_call_id"] = _short_id(message["tool_call_id"])
    return short


def _short_id(call_id: str) -> str:
    if re.fullmatch("[a-zA-Z0-9]{9}", call_id):
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def _merge(first: WireMessage, second: WireMessage) -> WireMessage:
    """Return one message with the content and the tool calls of both."""
    a, b = first["content"], second["content"]
    if isinstance(a, str) and isinstance(b, str):
        content: Any = "\n\n".join(text for text in (a, b) if text)
    else:
        content = _joined(_parts(a), _parts(b))
    merged = {**second, **first, "content": content}
    if first.get("name", merged.get("name")) != second.get("name", merged.get("name")):
        del merged["name"]  # nobody said all of it
    calls = [*first.get("tool_calls", ()), *second.get("tool_calls", ())]
    return {**merged, "tool_calls": calls} if calls else merged


def _joined(first: Sequence[Part], second: Sequence[Part]) -> list[Part]:
    """Return the parts of both, with a blank line between text and text."""
    if first and second and first[-1]["type"] == second[0]["type"] == "text":
        second = [{**second[0], "text": f"\n\n{second[0]['text']}"}, *second[1:]]
    return [*first, *second]


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)

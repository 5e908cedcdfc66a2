"""The requests that may tell what an endpoint speaks, and which of them is worth sending next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from langchain_azureml_oss.connections import beside
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters import Api, contract_for, contract_names, formatter

TOKENS = 2
"""An answer may have no more, unless it has to show a feature."""

SAME_REQUEST = "dolly-2023"
"""Asks as `score` does, but for the place of the parameters: servers of either answer both."""

_CHAT_PATH = "/v1/chat/completions"

Role = Literal["configured", "alternative", "better", "elsewhere"]
Feature = Literal["", "stream", "tools", "json_schema"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A small question to a model with these arguments."""

    contract: str
    api: Api
    """Which of the two models asks."""
    url: str
    role: Role = "configured"
    """What the user configured; another contract at that URL; a path that can do more than /score;
    a path or a contract that the user did not configure."""
    feature: Feature = ""
    usage: bool = False
    """Whether a stream is asked for its usage."""
    as_prompt: bool = False
    """Whether a conversation goes as one prompt, in the family's template."""

    @property
    def target(self) -> str:
        """The URL that is sent to."""
        return formatter(self.contract).url(self.url, "completion" if self.as_prompt else self.api)

    @property
    def path(self) -> str:
        """The path that is sent to."""
        return urlsplit(self.target).path

    def arguments(self, row: FamilyProfile, deployment: str | None) -> dict[str, Any]:
        """Return the arguments of the model that asks, as the lines to paste have them."""
        given = {
            "endpoint_url": self.target,
            "model_family": row.name,
            "deployment_name": deployment,
            "contract": self.contract,
            **row.recommended,
        }
        return {key: value for key, value in given.items() if value is not None}


def plan(url: str, contract: str, row: FamilyProfile) -> list[Probe]:
    """Return all requests that may be worth sending, in order.

    The first is what the configuration means, since that is what the endpoint is most likely made
    for; then what is asked for in the same way; then what would need another path.
    """
    own = contract_for(url, row).name if contract == "auto" else contract
    # The contract that is named after the family first.
    names = sorted(contract_names(), key=lambda name: not name.startswith(row.name.lower()))
    here: dict[str, Role] = {own: "configured"}
    if contract == "auto" and own != "openai":
        here |= {name: "alternative" for name in names if name not in {own, "openai"}}
    probes = [p for name, role in here.items() for p in _both(name, url, row, role)]
    has_score_path = urlsplit(url).path.rstrip("/").endswith("/score")
    score_url = url if has_score_path else beside(url, "/score")
    openai_url = beside(url, _CHAT_PATH)
    others = [
        probe
        for name in ["score", "openai", *names]
        for probe in _both(name, openai_url if name == "openai" else score_url, row, "elsewhere")
    ]
    if contract == "auto" and own != "openai" and row.chat:
        # Asked in any case, and at once for all that it is there for.
        probes.append(Probe("openai", "chat", openai_url, "better", "stream", usage=True))
    unique: dict[tuple[str, Api, str], Probe] = {}
    for probe in [*probes, *others]:
        unique.setdefault((probe.contract, probe.api, probe.target), probe)
    return list(unique.values())


def is_worth_sending(
    probe: Probe, found: Mapping[Api, Probe], dead: Collection[str], *, doubtful: bool
) -> bool:
    """Whether a request may still tell something, after what answers, and which URLs are dead.

    It is doubtful whether `score` is spoken where its answer was longer than asked for.
    """
    if probe.target in dead:
        return False
    if probe.contract == SAME_REQUEST and probe.role != "configured":
        return doubtful
    if probe.role == "better":
        return True
    if probe.api in found:
        return False
    if probe.as_prompt:
        # A server of text models takes a prompt in several contracts; no chat comes of that.
        return found.get("completion") == replace(probe, api="completion", as_prompt=False)
    is_spoken = any(probe.contract == other.contract for other in found.values())
    return probe.role == "configured" or not found or is_spoken


def _both(contract: str, url: str, row: FamilyProfile, role: Role) -> list[Probe]:
    """Return what asks for a conversation, and for a completion, in the likelier order.

    Where contract or family know prompts only, a conversation becomes one: that is worth asking
    for once a completion was there.
    """
    made = formatter(contract)
    chat = Probe(contract, "chat", url, role)
    completion = replace(chat, api="completion")
    turns = [chat] if made.traits.chat and (row.chat or made.chats_at(chat.target)) else []
    if made.traits.chat and row.chat:
        return [*turns, completion]
    return [completion, replace(chat, as_prompt=True), *turns]

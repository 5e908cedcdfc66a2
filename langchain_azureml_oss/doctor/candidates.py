"""The requests that may tell what an endpoint speaks, and which of them is worth sending next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from langchain_azureml_oss.connections import contract_for
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters import Api, ModelCall, contract_names, formatter

PROMPT = "Hello there"
"""Two tokens; the answer may have no more."""
TOKENS = 2

_WEATHER = "What is the weather in Paris? Use the tool."
_COLOUR = 'Which colour has the sky? Answer in JSON, such as {"colour": "red"}.'
_FEATURE_TOKENS = 48
TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Returns the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
SCHEMA: Mapping[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "sky",
        "schema": {
            "type": "object",
            "properties": {"colour": {"type": "string", "enum": ["blue", "red"]}},
            "required": ["colour"],
        },
    },
}

SAME_REQUEST = "dolly-2023"
"""Asks as `score` does, but for the place of the parameters: servers of either answer both."""

# From the one that hides the others to the bare host.
_SUFFIXES = ("/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions")
_ENDINGS = (*_SUFFIXES, "/score", "/v1")


@dataclass(frozen=True, slots=True)
class Probe:
    """A small request in one contract."""

    contract: str
    api: Api
    url: str
    role: Literal["configured", "alternative", "better", "elsewhere"] = "configured"
    """What the user configured; another contract at that URL; a path that can do more than /score;
    a path or a contract that the user did not configure."""
    stream: bool = False
    usage: bool = False
    """Whether a stream is asked for its usage."""
    feature: Literal["", "tools", "json_schema"] = ""

    @property
    def target(self) -> str:
        """The URL that is sent to."""
        return formatter(self.contract).url(self.url, self.api)

    @property
    def path(self) -> str:
        """The path that is sent to."""
        return urlsplit(self.target).path

    @property
    def call(self) -> ModelCall:
        """What is asked for."""
        limit = formatter(self.contract).parameter_names.get("max_tokens", ("max_tokens",))[0]
        parameters: dict[str, Any] = {limit: _FEATURE_TOKENS if self.feature else TOKENS}
        text = PROMPT
        if self.feature == "tools":
            text, parameters["tools"] = _WEATHER, [TOOL]
        elif self.feature == "json_schema":
            text, parameters["response_format"] = _COLOUR, SCHEMA
        if self.usage:
            parameters["stream_options"] = {"include_usage": True}
        if self.api == "chat":
            messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
            return ModelCall(parameters, messages=messages, stream=self.stream)
        return ModelCall(parameters, prompts=[text], stream=self.stream)


def base_of(url: str) -> str:
    """Return the URL without the path that picks the contract; an unknown path goes as a whole."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    base = next((path.removesuffix(end) for end in _ENDINGS if path.endswith(end)), "")
    return urlunsplit((parts.scheme, parts.netloc, base, "", ""))


def beside(url: str, path: str) -> str:
    """Return the URL of another path of the same endpoint; its query stays."""
    query = urlsplit(url).query
    return base_of(url) + path + (f"?{query}" if query else "")


def plan(url: str, contract: str, row: FamilyProfile) -> list[Probe]:
    """Return all requests that may be worth sending, in order.

    The first is what the configuration means, since that is what the endpoint is most likely made
    for; then what is asked for in the same way; then what would need another path.
    """
    own = contract_for(url, row).name if contract == "auto" else contract
    here = [own]
    if contract == "auto" and own != "openai":
        here += _by_family([name for name in contract_names() if name not in {own, "openai"}], row)
    probes = [probe for name in here for probe in _both(name, url)]
    probes = [replace(p, role="alternative") if p.contract != own else p for p in probes]
    has_score_path = urlsplit(url).path.rstrip("/").endswith("/score")
    score_url = url if has_score_path else beside(url, "/score")
    openai_url = beside(url, _SUFFIXES[0])
    others = [
        replace(probe, role="elsewhere")
        for name in dict.fromkeys(["score", "openai", *_by_family(contract_names(), row)])
        for probe in _both(name, openai_url if name == "openai" else score_url)
    ]
    if contract == "auto" and own != "openai" and row.chat:
        # Asked in any case, and at once for all that it is there for.
        probes.append(Probe("openai", "chat", openai_url, "better", stream=True, usage=True))
    known = {(probe.contract, probe.api, probe.target) for probe in probes}
    probes += [p for p in others if (p.contract, p.api, p.target) not in known]
    if not row.chat:
        # Such a model gets conversations as one prompt, so that only completions matter.
        probes.sort(key=lambda probe: probe.api == "chat")
    return probes


def is_worth_sending(
    probe: Probe, found: Mapping[Api, Probe], dead: Collection[str], *, doubtful: bool
) -> bool:
    """Whether a request may still tell something.

    Args:
        probe: The request.
        found: What answers, for each API.
        dead: URLs that do not exist.
        doubtful: Whether the answer in `score` was longer than asked for.
    """
    if probe.target in dead:
        return False
    if probe.contract == SAME_REQUEST and probe.role != "configured":
        return doubtful
    if probe.role == "better":
        return True
    if probe.api in found:
        return False
    return probe.role == "configured" or not found or probe.contract in _contracts(found)


def _contracts(found: Mapping[Api, Probe]) -> set[str]:
    return {probe.contract for probe in found.values()}


def _both(contract: str, url: str) -> list[Probe]:
    apis: list[Api] = ["chat", "completion"] if formatter(contract).traits.chat else ["completion"]
    return [Probe(contract, api, url) for api in apis]


def _by_family(names: list[str], row: FamilyProfile) -> list[str]:
    """Put the contract that is named after the family first."""
    return sorted(names, key=lambda name: not name.startswith(row.name.lower()))

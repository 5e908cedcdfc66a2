"""What an examination has found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from langchain_azureml_oss.doctor.candidates import SAME_REQUEST, TOKENS, Probe
from langchain_azureml_oss.doctor.steps import Answer, Outcome, Sent
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters import Api


@dataclass(kw_only=True)
class Findings:
    """What answered, what did not, and what the server said of itself."""

    row: FamilyProfile
    """The family; that of a plain chat model where it is not known."""
    deployment: str | None
    """The deployment that is asked for."""
    probes: dict[Api, Probe] = field(default_factory=dict)
    answers: dict[Api, Answer] = field(default_factory=dict)
    better: Probe | None = None
    """A chat at a path that can do more than the configured one."""
    sent: list[Sent] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    """URLs that do not exist."""
    is_doubtful: bool = False
    """Whether the completion was longer than asked for, as if its parameters stood elsewhere."""
    streamed: Answer | None = None
    stream_error: AzureMLOSSError | None = None
    usage_error: AzureMLOSSError | None = None
    tools: Outcome | None = None
    schema: Outcome | None = None
    looked: list[tuple[str, bool]] = field(default_factory=list)
    """Paths that were got, and whether they answered."""
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Path -> its JSON object."""

    def take(self, probe: Probe, answer: Answer) -> None:
        """Keep what answered."""
        if probe.feature == "stream":
            self.streamed = answer
        if probe.role == "better":
            self.better = probe
            if "chat" in self.probes:
                return
        if probe.api == "completion":
            is_long = len(answer.text.split()) > TOKENS
            if probe.contract == SAME_REQUEST and is_long and "completion" in self.probes:
                return  # the parameters were not found here either
            self.is_doubtful = is_long and probe.contract != SAME_REQUEST
        self.probes[probe.api], self.answers[probe.api] = probe, answer

    @property
    def openai_chat(self) -> Probe | None:
        """The chat that takes tools and response formats, if there is one."""
        return next(
            (p for p in (self.better, self.probes.get("chat")) if p and p.contract == "openai"),
            None,
        )

    @property
    def best_chat(self) -> Probe | None:
        """The chat that can do the most."""
        return self.openai_chat or self.probes.get("chat")

    @property
    def streaming_probe(self) -> Probe | None:
        """What may stream."""
        completion = self.probes.get("completion")
        if self.openai_chat or completion is None or completion.contract != "openai":
            return self.openai_chat
        return completion

    @property
    def works_as_configured(self) -> bool:
        """Whether the URL and the contract that were given are those that answer."""
        roles = {probe.role for probe in self.probes.values()}
        return bool(roles & {"configured", "alternative"})

    @property
    def model_name(self) -> str | None:
        """What the model calls itself."""
        info = self.seen.get("/info", {}).get("model_name")
        if isinstance(info, str):
            return info
        named = (answer.model for answer in self.answers.values())
        return next((name for name in named if name), None)

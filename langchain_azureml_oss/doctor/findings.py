"""What an examination has found so far, and the lines that it has written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.candidates import SAME_REQUEST, TOKENS, Probe
from langchain_azureml_oss.doctor.checklist import Line, State
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.doctor.steps import Answer, Outcome
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.families import FamilyProfile, ModelFamily, profile
from langchain_azureml_oss.formatters import Api

MAX_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class Sent:
    """A request and what came of it."""

    probe: Probe
    outcome: Outcome

    @property
    def error(self) -> AzureMLOSSError | None:
        """What it ended with, where there is no answer."""
        return None if isinstance(self.outcome, Answer) else self.outcome

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` shows."""
        return {
            "method": "POST",
            "contract": self.probe.contract,
            "api": self.probe.api,
            "path": self.probe.path,
            "feature": self.probe.feature or None,
            "answered": self.error is None,
            "status": 200 if self.error is None else self.error.status,
            "error": None if self.error is None else str(self.error),
        }


@dataclass
class Findings:
    """What answered, what did not, and what the server said of itself."""

    setup: Setup
    row: FamilyProfile = field(init=False)
    """The family; that of a plain chat model where it is not known."""
    deployment: str | None = field(init=False)
    """The deployment that is asked for."""
    lines: dict[str, Line] = field(default_factory=dict)
    """Check -> what came of it."""
    probes: dict[Api, Probe] = field(default_factory=dict)
    answers: dict[Api, Answer] = field(default_factory=dict)
    better: Probe | None = None
    """A chat at a path that can do more than the configured one."""
    sent: list[Sent] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    """URLs that do not exist."""
    is_doubtful: bool = False
    """Whether the completion was longer than asked for, as if its parameters stood elsewhere."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Feature -> what came of asking for it."""
    refuses_usage: bool = False
    """Whether a stream may not be asked for its usage."""
    seen: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """Path that was got -> its JSON object, where it has one."""

    def __post_init__(self) -> None:
        self.row = self.setup.family or profile(ModelFamily.OPENAI)
        self.deployment = self.setup.deployment

    def put(self, name: str, state: State, found: str, advice: str = "") -> bool:
        """Write the line of a check, and return whether it is no failure."""
        self.lines[name] = Line(name, state, found, advice)
        return state != "failed"

    def take(self, probe: Probe, answer: Answer) -> None:
        """Keep what answered."""
        if probe.feature:
            self.outcomes[probe.feature] = answer
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
    def requests_left(self) -> int:
        """How many more may be sent."""
        return MAX_REQUESTS - len(self.sent) - len(self.seen)

    @property
    def openai_chat(self) -> Probe | None:
        """The chat that takes tools and response formats, if there is one."""
        chats = (self.better, self.probes.get("chat"))
        return next((chat for chat in chats if chat and chat.contract == "openai"), None)

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
    def streamed(self) -> Answer | None:
        """What a request for a stream was answered."""
        outcome = self.outcomes.get("stream")
        return outcome if isinstance(outcome, Answer) else None

    @property
    def works_as_configured(self) -> bool:
        """Whether the URL and the contract that were given are those that answer."""
        roles = {probe.role for probe in self.probes.values()}
        return bool(roles & {"configured", "alternative"})

    @property
    def vectors(self) -> Probe | None:
        """What was asked where the answer told of an embedding model."""
        return next((one.probe for one in self.sent if advice.tells_of_vectors(one.error)), None)

    @property
    def model_name(self) -> str | None:
        """What the model calls itself."""
        info = (self.seen.get("/info") or {}).get("model_name")
        if isinstance(info, str):
            return info
        return next((answer.model for answer in self.answers.values() if answer.model), None)

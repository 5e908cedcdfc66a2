"""The checklist as data: its lines, and what a whole examination comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from langchain_azureml_oss.errors import redact

State = Literal["ok", "failed", "skipped"]
Verdict = tuple[State, str, str]
"""What a line says of a check: its state, what was found, and the way forward."""

TITLES: Mapping[str, str] = {
    "configuration": "Configuration",
    "url": "URL",
    "name": "Name resolves",
    "reachable": "Reachable",
    "tls": "TLS",
    "authorised": "Authorised",
    "deployment": "Deployment",
    "chat": "Chat",
    "completion": "Completion",
    "streaming": "Streaming",
    "tools": "Native tools",
    "json_schema": "JSON schema",
    "usage": "Token usage",
    "latency": "Latency",
    "server": "Server",
}
"""Check -> its title, in the order of the list."""

ESSENTIAL = ("configuration", "url", "name", "reachable", "tls", "authorised", "deployment")
"""Checks without which nothing works; of chat and completion one is enough."""


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what was found and, where that is not as it should be, the way forward."""

    name: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination comes to."""

    lines: Sequence[Line]
    requests: Sequence[Mapping[str, Any]]
    """What was sent, and what came of it."""
    recommended: Mapping[str, Mapping[str, Any] | None]
    """`chat` and `completion` -> the arguments that work; None where nothing does.
    `embeddings` stands beside them where an embedding model answers."""
    python: str
    """Lines to paste; empty where nothing works."""
    usable: bool
    """Whether the endpoint answers with the URL, key, deployment and contract that were given."""

    def without(self, secrets: Sequence[str]) -> Report:
        """Return the report with these texts taken out of everything that it shows."""

        def hide(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {key: hide(item) for key, item in value.items()}
            if isinstance(value, list | tuple):
                return [hide(item) for item in value]
            return redact(value, *secrets)

        return Report(
            [Line(x.name, x.state, hide(x.found), hide(x.advice)) for x in self.lines],
            *map(hide, (self.requests, self.recommended, self.python, self.usable)),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` shows."""
        return {
            "usable": self.usable,
            "checks": [{**asdict(line), "advice": line.advice or None} for line in self.lines],
            "requests": list(self.requests),
            "recommended": dict(self.recommended),
            "python": self.python or None,
        }

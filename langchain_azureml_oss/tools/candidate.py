"""What the scanner of calls has kept, while it may still turn out to be calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_azureml_oss.families import CallMark
from langchain_azureml_oss.tools.calls_in_json import (
    Schemas,
    WireCall,
    broken_call,
    value_or_text,
    wire_call,
)


@dataclass(slots=True)
class Candidate:
    """A row of tokens that are calls if the answer ends behind them, and prose if it does not."""

    kept: list[str] = field(default_factory=list)
    """All of it, to the letter."""
    calls: list[WireCall] = field(default_factory=list)
    quoted: bool = False
    """Whether the words before it say that what follows is nobody's call."""
    mark: CallMark | None = None
    """The mark that is open."""
    name: str | None = None
    """The function's, where the mark says it and its arguments are still to come."""
    value: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    """What stands between two marks and is no JSON."""
    after_value: bool = False
    """Whether a value has ended on the same line."""

    def keep(self, text: str, place: int, end: int) -> int:
        """Keep a part of a text, and return where it ends."""
        self.kept.append(text[place:end])
        return end

    def broken(self) -> WireCall:
        """Return the call that a mark announced, and that cannot be read."""
        text = "".join(self.body or self.value)
        if self.mark:
            text = text.rstrip().removesuffix(self.mark.closing)
        return wire_call(self.name, value_or_text(text)) if self.name else broken_call(text)

    def found(self, tools: Schemas, *, known_only: bool) -> list[WireCall]:
        """Return the calls, now that the answer has ended; none where it is prose.

        Args:
            tools: The tools that there are.
            known_only: Whether no call counts that is none of theirs.
        """
        strange = any(call["function"]["name"] not in tools for call in self.calls)
        if self.quoted or self.name is not None or (known_only and strange):
            return []
        return self.calls

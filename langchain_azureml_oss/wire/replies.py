"""What a server answered, in the words that every contract's answer is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Choice:
    """One answer, or the part of it that one event of a stream brings."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    """As OpenAI writes them; in a stream, fragments with an `index`."""
    finish_reason: str | None = None
    normalized_finish_reason: str | None = None
    """The same in langchain-core's words; told at the end, of the answer as a whole."""
    logprobs: Any = None
    index: int = 0
    refusal: str | None = None
    is_whole: bool = False
    """Of an event: whether it is a whole message, which may repeat what other events told."""
    stopped_at: str | None = None
    """The family template's own stop string that cut the text."""
    misfit: str | None = None
    """What is wrong with the form that the model was asked for in words, twice."""

    @property
    def has_content(self) -> bool:
        """Whether there is anything in it that a caller wants to see at once."""
        return bool(self.text or self.reasoning or self.tool_calls or self.logprobs or self.refusal)


@dataclass(slots=True)
class Reply:
    """The answers of one response, in the order of the prompts; None: that prompt failed."""

    choices: list[Choice | None]
    usage: dict[str, Any] | None = None
    model: str | None = None
    id: str | None = None

    @property
    def is_well_formed(self) -> bool:
        """Whether the parts are of the types that they should be, as wire data may not be."""
        return all(
            isinstance(choice.text, str)
            and isinstance(choice.reasoning, str)
            and isinstance(choice.index, int)
            and (choice.finish_reason is None or isinstance(choice.finish_reason, str))
            and isinstance(choice.tool_calls, list)
            and all(isinstance(call, dict) for call in choice.tool_calls)
            for choice in self.choices
            if choice is not None
        ) and (self.usage is None or isinstance(self.usage, dict))

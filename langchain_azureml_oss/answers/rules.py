"""What is done to every text that comes back: stop strings, reasoning tags, calls.

The steps are incremental, whether the text comes in one piece or in many, so a stream that is put
together again is the answer that would have come whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from langchain_azureml_oss.answers.finish_reasons import normalized
from langchain_azureml_oss.answers.reasoning import ReasoningSplitter
from langchain_azureml_oss.answers.stops import StopFilter
from langchain_azureml_oss.families import ReasoningTags
from langchain_azureml_oss.tools import PromptedJson, PromptedTools, UnknownNames
from langchain_azureml_oss.wire import Choice


class AnswerRules(NamedTuple):
    """What is done to every text that comes back."""

    stops: tuple[str, ...] = ()
    template_stops: tuple[str, ...] = ()
    """Those of `stops` that nobody but the family's template asked for."""
    reasoning: ReasoningTags | None = None
    learn: Callable[[bool], None] | None = None
    """Takes whether the template wrote the first tag, where nobody said; see ReasoningMemory."""
    trim: bool = False
    """White space at the beginning belongs to the template, not to the answer."""
    tools: PromptedTools | None = None
    """Tools whose calls the model writes into its text."""
    sent_tools: PromptedTools | None = None
    """Tools that the server takes; one without a parser leaves their calls in the text."""
    calls_left: Callable[[], None] | None = None
    """Told where the server has left a call in the text."""
    json: PromptedJson | None = None
    """A form that the model was asked to give its answer, where it calls no tool."""
    insists: bool = True
    """Whether an answer that does not fit is worth a second question."""

    @property
    def needs_whole(self) -> bool:
        """Whether nothing can be given out before the end, when the form is known to be right."""
        return self.json is not None or bool(self.tools and self.tools.must_call)


class ChoiceReader:
    """Applies the rules to one answer, piece by piece."""

    def __init__(self, rules: AnswerRules) -> None:
        self._stop = StopFilter(rules.stops) if rules.stops else None
        self._reasoning = ReasoningSplitter(rules.reasoning) if rules.reasoning else None
        self._learn = rules.learn
        self._assumed = bool(rules.learn and rules.reasoning and rules.reasoning.implied_start)
        """Whether an earlier answer alone says that this one begins inside the reasoning."""
        self._thoughts: list[str] = []
        """Those that turn out to be the answer, where it did not."""
        self._misjudged = False
        self._finish_reason: str | None = None
        self._has_calls = self._has_refusal = False
        self._template_stops = rules.template_stops
        self._trim = rules.trim
        self._tools = rules.tools or rules.sent_tools
        self._calls_left = None if rules.tools else rules.calls_left
        # What is a form of the answer must not pass for a call of an unknown tool.
        unknown: UnknownNames = "marked" if rules.json else "own form"
        unknown = unknown if rules.tools else "nowhere"
        self._calls = self._tools.scanner(unknown) if self._tools else None

    def feed(self, choice: Choice) -> Choice:
        """Return what can be given out now; the end of the text may wait for the next piece."""
        self._finish_reason = choice.finish_reason or self._finish_reason
        self._has_refusal |= bool(choice.refusal)
        if self._stop is not None and choice.text:
            choice.text = self._stop.feed(choice.text)
        if self._reasoning is not None:
            is_told_apart = bool(choice.reasoning)  # the server did it
            text, thought = self._reasoning.feed(choice.text) if choice.text else ("", "")
            if is_told_apart:
                more, late = self._reasoning.settle()
                text, thought = text + more, thought + late
            choice.text, choice.reasoning = text, choice.reasoning + thought
            if self._assumed and self._reasoning.implied is None:
                self._thoughts.append(thought)
        return self._finished(choice, final=False)

    def flush(self) -> Choice:
        """Return what was held back."""
        rest = Choice(text=self._stop.flush() if self._stop is not None else "")
        if self._reasoning is not None:
            text, reasoning = self._reasoning.feed(rest.text)
            last_text, last_reasoning = self._reasoning.flush()
            rest.text, rest.reasoning = text + last_text, reasoning + last_reasoning
            self._remember(rest)
        if self._stop is not None and self._stop.stopped:
            rest.finish_reason = "stop"
            if self._stop.found in self._template_stops:
                rest.stopped_at = self._stop.found
        rest = self._finished(rest, final=True)
        rest.normalized_finish_reason = normalized(
            rest.finish_reason or self._finish_reason,
            has_calls=self._has_calls,
            has_refusal=self._has_refusal,
        )
        return rest

    def _remember(self, rest: Choice) -> None:
        """Let the model know who wrote the first tag; an answer cut off before it shows nothing."""
        implied = self._reasoning.implied if self._reasoning is not None else None
        if self._learn is None or implied is None:
            return
        if implied or self._finish_reason != "length":
            self._learn(implied)
            self._misjudged = self._assumed and not implied
            if self._misjudged:  # this time, the model did not think
                rest.text, rest.reasoning = "".join([*self._thoughts, rest.reasoning]), ""

    def _finished(self, choice: Choice, *, final: bool) -> Choice:
        """Take white space at the beginning off, and calls out of the text."""
        self._has_calls |= bool(choice.tool_calls)
        if self._trim:
            choice.text = choice.text.lstrip()
            self._trim = not choice.text
        if self._calls is None or self._tools is None:
            return choice
        choice.text = self._calls.feed(choice.text)
        if choice.tool_calls:  # the server tells calls and text apart by itself
            choice.text += self._calls.as_prose()
            self._calls = None
        if not final or self._calls is None:
            return choice
        rest, calls = self._calls.flush()
        choice.text += rest
        for place, call in enumerate(calls):
            choice.tool_calls.append({**self._tools.as_called(call), "index": place})
        if calls:
            choice.finish_reason = "tool_calls"
            if self._calls_left is not None:
                self._calls_left()
        return choice

    def whole(self, choice: Choice) -> Choice:
        """Return a whole answer with the rules applied."""
        choice = self.feed(choice)
        rest = self.flush()
        choice.text += rest.text
        choice.reasoning = "" if self._misjudged else choice.reasoning + rest.reasoning
        choice.tool_calls += rest.tool_calls
        choice.finish_reason = rest.finish_reason or choice.finish_reason
        choice.normalized_finish_reason = rest.normalized_finish_reason
        choice.stopped_at = rest.stopped_at
        return choice

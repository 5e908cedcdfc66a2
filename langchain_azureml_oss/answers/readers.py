"""What a reader is, the steps that every text goes through, and the reader of a whole response.

The steps (stop strings, reasoning tags, calls) are incremental, whether the text comes in one piece
or in many, so a stream that is put together again is the answer that would have come whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from langchain_azureml_oss.answers.echo import Echo, find_echo
from langchain_azureml_oss.answers.follow_up import AnswerMisfitError
from langchain_azureml_oss.answers.reasoning import ReasoningSplitter
from langchain_azureml_oss.answers.stops import StopFilter
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ResponseFormatError,
    ServerError,
)
from langchain_azureml_oss.families import ReasoningTags
from langchain_azureml_oss.formatters import ContentFormatter, ModelCall
from langchain_azureml_oss.tools import PromptedJson, PromptedTools, StreamedCalls
from langchain_azureml_oss.wire import Choice, HttpResponse, Reply

T = TypeVar("T")


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
        self._template_stops = rules.template_stops
        self._trim = rules.trim
        self._tools = rules.tools
        self._calls = rules.tools.scanner() if rules.tools else None

    def feed(self, choice: Choice) -> Choice:
        """Return what can be given out now; the end of the text may wait for the next piece."""
        if self._stop is not None and choice.text:
            choice.text = self._stop.feed(choice.text)
        if self._reasoning is not None:
            is_told_apart = bool(choice.reasoning)  # the server did it
            text, thought = self._reasoning.feed(choice.text) if choice.text else ("", "")
            if is_told_apart:
                more, late = self._reasoning.settle()
                text, thought = text + more, thought + late
            choice.text, choice.reasoning = text, choice.reasoning + thought
            self._finish_reason = choice.finish_reason or self._finish_reason
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
        return self._finished(rest, final=True)

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
        if self._trim:
            choice.text = choice.text.lstrip()
            self._trim = not choice.text
        if self._calls is None or self._tools is None:
            return choice
        choice.text = self._calls.feed(choice.text)
        if not final:
            return choice
        rest, calls = self._calls.flush()
        choice.text += rest
        for place, call in enumerate(calls):
            choice.tool_calls.append({**self._tools.as_called(call), "index": place})
        if calls:
            choice.finish_reason = "tool_calls"
        return choice

    def whole(self, choice: Choice) -> Choice:
        """Return a whole answer with the rules applied."""
        choice = self.feed(choice)
        rest = self.flush()
        choice.text += rest.text
        choice.reasoning = "" if self._misjudged else choice.reasoning + rest.reasoning
        choice.tool_calls += rest.tool_calls
        choice.finish_reason = rest.finish_reason or choice.finish_reason
        choice.stopped_at = rest.stopped_at
        return choice


class Reader(Protocol[T]):
    """Takes the bytes of one response, and gives out results as soon as they are known."""

    done: bool
    """Whether the answer has ended, though the body may go on."""

    failure: AzureMLOSSError | None
    """What went wrong behind the results that were returned last."""

    def feed(self, data: bytes) -> list[T]:
        """Return the results that `data` completes."""

    def close(self) -> list[T]:
        """Return the last results, at the end of the body."""

    def abandon(self) -> str:
        """Return all the text that had come, when there will be no more."""


class WholeReader(Generic[T]):
    """Collects a body, then makes one result of it."""

    def __init__(
        self, response: HttpResponse, finish: Callable[[HttpResponse], T], max_bytes: int
    ) -> None:
        self._max_bytes = max_bytes
        self._response = response
        self._finish = finish
        self._parts: list[bytes] = []
        self._size = 0
        self.done = False
        self.failure: AzureMLOSSError | None = None

    def feed(self, data: bytes) -> list[T]:
        """Keep the bytes, up to a bound of memory."""
        self._size += len(data)
        check_size(self._size, self._max_bytes)
        self._parts.append(data)
        return []

    def close(self) -> list[T]:
        """Return the result."""
        status, headers = self._response.status, self._response.headers
        return [self._finish(HttpResponse(status, headers, b"".join(self._parts)))]

    def abandon(self) -> str:
        """Return nothing: a part of a JSON text is no answer."""
        return ""


def whole_reply(
    response: HttpResponse, formatter: ContentFormatter, call: ModelCall, rules: AnswerRules
) -> Reply:
    """Return the answers in a whole response, with the rules applied to each.

    An echoed prompt is taken off, or put back where the caller asked for it; where it cannot be
    told from the answer, there are no calls. Told not to echo, a server answers with the model's
    words alone, whatever they begin with.

    Raises:
        AnswerMisfitError: the answer has not the form that was asked for.
        ResponseFormatError: there is no answer at all.
    """
    reply = formatter.parse(response, call)
    if not reply.choices and len(call.prompts) <= 1:  # of several prompts, some may be lost
        msg = "The response holds no answer: its list of choices is empty."
        raise ResponseFormatError(msg)
    asked_for_echo = call.parameters.get("return_full_text")
    # A whole template comes from a server that echoes all the same, and not from a model.
    echoes = formatter.traits.echoes or rules.trim if asked_for_echo is None else asked_for_echo
    for place, choice in enumerate(reply.choices):
        if choice is None:
            continue
        has_echo = echoes and place < len(call.prompts)
        echo = find_echo(call.prompts[place], choice.text) if has_echo else Echo()
        repeated, choice.text = choice.text[: echo.length], choice.text[echo.length :]
        # What may be the prompt's words is not searched for calls.
        told = rules if echo.is_clear else rules._replace(tools=None)
        whole = reply.choices[place] = ChoiceReader(told).whole(choice)
        whole.tool_calls = StreamedCalls().feed(whole.tool_calls)
        if asked_for_echo:
            whole.text = repeated + whole.text
        misfit = _misfit(whole, rules)
        if misfit is not None and rules.insists:
            raise misfit
    return reply


def _misfit(choice: Choice, rules: AnswerRules) -> AnswerMisfitError | None:
    """Return what is wrong with the form of an answer; a JSON answer is freed of what is around."""
    if rules.json is not None and not choice.tool_calls:
        # vLLM's reasoning parser may take all of the answer for thoughts.
        text, reason = rules.json.read(choice.text if choice.text.strip() else choice.reasoning)
        choice.text = choice.text if reason and not choice.text.strip() else text
        return AnswerMisfitError(choice.text, reason) if reason else None
    reason = rules.tools.missing(choice.tool_calls) if rules.tools else None
    if rules.tools is None or reason is None:
        return None
    return AnswerMisfitError(choice.text or rules.tools.written(choice.tool_calls), reason)


def only_choice(reply: Reply) -> Choice:
    """Return the first answer.

    Raises:
        ServerError: the server said null, which means that its engine failed.
    """
    choice = next(iter(reply.choices), None)
    if choice is None:
        raise engine_failed({})
    return choice


def engine_failed(details: Mapping[str, Any]) -> ServerError:
    """Return the error for null in place of an answer.

    Args:
        details: Request id and deployment, where they are known.
    """
    known = {key: details[key] for key in ("request_id", "deployment") if key in details}
    return ServerError(
        "The server answered null for this prompt: its engine failed. The deployment's logs say"
        " why; a shorter prompt or fewer max_tokens may help.",
        is_retryable=False,
        **known,
    )


def check_size(size: int, limit: int) -> None:
    """Check a number of bytes.

    Raises:
        ResponseFormatError: it is over the limit.
    """
    if size > limit:
        msg = f"The response is over {limit} bytes (max_response_bytes); reading was stopped."
        raise ResponseFormatError(msg)

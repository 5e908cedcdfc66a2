"""The answers in a whole response, with the rules applied to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.answers.echo import Echo, find_echo
from langchain_azureml_oss.answers.event_reader import EventReader
from langchain_azureml_oss.answers.follow_up import AnswerMisfitError
from langchain_azureml_oss.answers.rules import AnswerRules, ChoiceReader
from langchain_azureml_oss.answers.sniffing import is_stream
from langchain_azureml_oss.errors import ResponseFormatError, ServerError
from langchain_azureml_oss.formatters import ContentFormatter, ModelCall
from langchain_azureml_oss.tools import StreamedCalls
from langchain_azureml_oss.wire import Choice, HttpResponse, Reply

_STREAMS_END = b"data: [DONE]"


def whole_reply(
    response: HttpResponse, formatter: ContentFormatter, call: ModelCall, rules: AnswerRules
) -> Reply:
    """Return the answers in a whole response, with the rules applied to each.

    An echoed prompt is taken off, or put back where the caller asked for it; where it cannot be
    told from the answer, there are no calls. Told not to echo, a server answers with the model's
    words alone, whatever they begin with: all of them stay. But not every server listens, so what
    is plainly the prompt is not searched for calls there either.

    Raises:
        AnswerMisfitError: the answer does not have the form that was asked for.
        ResponseFormatError: there is no answer at all.
    """
    reply = _read(response, formatter, call)
    if not reply.choices and len(call.prompts) <= 1:  # of several prompts, some may be lost
        msg = "The response holds no answer: its list of choices is empty."
        raise ResponseFormatError(msg)
    asked_for_echo = call.parameters.get("return_full_text")
    # A whole template comes from a server that echoes all the same, and not from a model.
    echoes = formatter.traits.echoes or rules.trim if asked_for_echo is None else asked_for_echo
    for place, choice in enumerate(reply.choices):
        if choice is None:
            continue
        echo = Echo()
        if place < len(call.prompts) and (echoes or rules.tools or rules.sent_tools):
            echo = find_echo(call.prompts[place], choice.text, expected=bool(echoes))
        keeps_echo = asked_for_echo or (echo.length and not echoes)
        repeated, choice.text = choice.text[: echo.length], choice.text[echo.length :]
        # What may be the prompt's words is not searched for calls.
        told = rules if echo.is_clear else rules._replace(tools=None, sent_tools=None)
        told = told._replace(trim=told.trim and (echoes or not keeps_echo))
        whole = reply.choices[place] = ChoiceReader(told).whole(choice)
        whole.tool_calls = StreamedCalls().feed(whole.tool_calls)
        if keeps_echo:
            whole.text = repeated + whole.text
        misfit = _misfit(whole, rules)
        if misfit is not None:
            if rules.insists:
                raise misfit
            whole.misfit = misfit.reason
    return reply


def _read(response: HttpResponse, formatter: ContentFormatter, call: ModelCall) -> Reply:
    """Read a response, though it may be a stream that nobody asked for, or have the end of one."""
    if not formatter.traits.streams:
        return formatter.parse(response, call)
    if is_stream(response.body):
        return _of_events(response.body, formatter)
    body = response.body.rstrip()
    if body.endswith(_STREAMS_END):
        response = response._replace(body=body.removesuffix(_STREAMS_END))
    return formatter.parse(response, call)


def _of_events(body: bytes, formatter: ContentFormatter) -> Reply:
    """Return the answer that a whole stream adds up to, to which the rules are still to come.

    Raises:
        StreamInterruptedError: it ends before the answer does.
    """
    reply = Reply([])

    def last(choice: Choice, end: Reply) -> Choice:
        reply.usage, reply.model, reply.id = end.usage, end.model, end.id
        return choice

    reader: EventReader[Choice] = EventReader(
        formatter.parse_event, AnswerRules(), lambda choice: choice, last, len(body)
    )
    parts = reader.feed(body)
    if reader.failure is None and not reader.done:
        parts += reader.close()
    if reader.failure is not None:
        raise reader.failure
    whole = parts[-1]
    whole.text = "".join(part.text for part in parts)
    whole.reasoning = "".join(part.reasoning for part in parts)
    whole.tool_calls = [fragment for part in parts for fragment in part.tool_calls]
    refusals = [part.refusal for part in parts if part.refusal]
    whole.refusal = "".join(refusals) or None
    reply.choices.append(whole)
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

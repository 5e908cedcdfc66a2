"""The answers in a whole response, with the rules applied to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.answers.echo import Echo, find_echo
from langchain_azureml_oss.answers.follow_up import AnswerMisfitError
from langchain_azureml_oss.answers.rules import AnswerRules, ChoiceReader
from langchain_azureml_oss.errors import ResponseFormatError, ServerError
from langchain_azureml_oss.formatters import ContentFormatter, ModelCall
from langchain_azureml_oss.tools import StreamedCalls
from langchain_azureml_oss.wire import Choice, HttpResponse, Reply


def whole_reply(
    response: HttpResponse, formatter: ContentFormatter, call: ModelCall, rules: AnswerRules
) -> Reply:
    """Return the answers in a whole response, with the rules applied to each.

    An echoed prompt is taken off, or put back where the caller asked for it; where it cannot be
    told from the answer, there are no calls. Told not to echo, a server answers with the model's
    words alone, whatever they begin with.

    Raises:
        AnswerMisfitError: the answer does not have the form that was asked for.
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
        told = rules if echo.is_clear else rules._replace(tools=None, sent_tools=None)
        whole = reply.choices[place] = ChoiceReader(told).whole(choice)
        whole.tool_calls = StreamedCalls().feed(whole.tool_calls)
        if asked_for_echo:
            whole.text = repeated + whole.text
        misfit = _misfit(whole, rules)
        if misfit is not None:
            if rules.insists:
                raise misfit
            whole.misfit = misfit.reason
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

"""What is known at the end of an examination -> what the lines of its checks say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.candidates import Feature
from langchain_azureml_oss.doctor.checklist import Verdict
from langchain_azureml_oss.doctor.findings import Findings, Sent
from langchain_azureml_oss.doctor.steps import Answer
from langchain_azureml_oss.errors import NotFoundError, refused_feature
from langchain_azureml_oss.families import MODEL_NAMES, FamilyProfile, profile
from langchain_azureml_oss.formatters import Api, contract_for
from langchain_azureml_oss.wire import decode_json

_NO_TRAFFIC = (
    "Check the URL's path and host. If they are right, no deployment has traffic: az ml"
    ' online-endpoint update --name NAME --traffic "DEPLOYMENT=100", or name one with'
    " --deployment."
)
_OWN_FORMAT = (
    "Compare the URL's path with that of the tab Consume in studio; a score.py of your own needs a"
    " formatter of your own (content_formatter=)."
)
_VECTORS = (
    "It answers vectors: an embedding model. Take AzureMLOSSEmbeddings as in the lines below."
)
_ONLY_THE_OTHER: Mapping[Api, tuple[str, str]] = {
    "chat": ("completes texts only", "Take AzureMLOSSLLM, or a chat model's deployment."),
    "completion": (
        "has no completion API",
        "Take AzureMLOSSChatModel, or AzureMLOSSLLM with api='chat' as in the lines below.",
    ),
}


def about_deployment(found: Findings) -> Verdict:
    """Return which deployment answered."""
    asked = found.setup.deployment
    if found.answers:
        answered = next((a.deployment for a in found.answers.values() if a.deployment), None)
        if asked and found.deployment is None:
            return "skipped", "not checked, since the URL's path is wrong", ""
        who = f"{answered} answered" if answered else "the answer names none"
        return "ok", f"{answered or asked} answers" if asked else f"none asked for; {who}", ""
    errors = [sent.error for sent in found.sent if isinstance(sent.error, NotFoundError)]
    if errors and len(errors) == len(found.sent):
        paths = ", ".join(dict.fromkeys(sent.probe.path for sent in found.sent))
        return "failed", f"404 at {paths}: {advice.said(errors[0]).rstrip('.')}.", _NO_TRAFFIC
    return "skipped", "nothing answered, so nothing is known", ""


def about_api(api: Api, found: Findings) -> Verdict:
    """Return in which contract chat or completion answers, and where."""
    probe = found.probes.get(api)
    if probe is None:
        return _about_missing(api, found)
    words = f"contract {probe.contract} at {probe.path}"
    if probe.as_prompt:
        words += f", as one prompt in the template of the family {found.row.name}"
    better = found.better if api == "chat" and found.better is not probe else None
    if better is not None:
        words += f", and {better.contract} at {better.path}"
    if probe.role in {"elsewhere", "better"}:
        configured = [sent for sent in found.sent if sent.probe.role == "configured"]
        refused = _attempts(sorted(configured, key=lambda sent: sent.probe.api))
        own = found.setup.contract
        said = "no answer at the URL's path"
        way = f"Change the URL to {probe.target.partition('?')[0]}"
        if own not in {"auto", probe.contract}:
            said = f"contract {own} does not answer"
            way = f"Take contract={probe.contract!r} and the URL of the lines below."
        if not refused:  # the answer was longer than asked for
            said = f"what answers as configured ignores the parameters; {words} does not."
            return "failed", said, way
        return "failed", f"{said} ({refused}); {words} does.", way
    note = ""
    if probe.role == "alternative":
        guessed = contract_for(found.setup.url, found.row).name
        note = (
            f"contract='auto' would take {guessed} for this URL: pass contract={probe.contract!r}."
        )
    elif api == "completion" and found.is_doubtful:
        note = "The answer was longer than asked for: this server ignores the parameters."
    elif better is not None:
        note = f"{better.path} streams and takes tools: the lines below use it."
    return "ok", words, note


def _about_missing(api: Api, found: Findings) -> Verdict:
    failures = [sent for sent in found.sent if sent.probe.api == api]
    tried = _attempts(failures)
    if found.probes:
        words, way = _ONLY_THE_OTHER[api]
        return (
            "failed",
            f"the endpoint {words} ({tried})" if tried else f"the endpoint {words}",
            way,
        )
    if not tried:
        return "skipped", "not asked, since nothing else answered", ""
    if found.vectors is not None:
        return "failed", f"no contract answers: {tried}", _VECTORS
    errors = [sent.error for sent in failures if sent.error is not None]
    told = [error for error in errors if not isinstance(error, NotFoundError)]
    ways = (advice.for_error(error) for error in told or errors)
    return "failed", f"no contract answers: {tried}", next(filter(None, ways), _OWN_FORMAT)


def _attempts(requests: Iterable[Sent]) -> str:
    """Return what each contract answered that failed."""
    told = (
        f"{sent.probe.contract} at {sent.probe.path}: {advice.brief(sent.error)}"
        for sent in requests
        if sent.error is not None
    )
    return "; ".join(dict.fromkeys(told))


PLACES = ("/info", "/swagger.json")
"""Paths where servers tell about themselves."""

_NO_REQUEST_LEFT = "not asked: the limit of requests was reached"
_LONGEST = 60
"""Characters of a value that a server says of itself."""


def _streaming(found: Findings) -> Verdict:
    probe = found.streaming_probe
    if probe is None:
        contract = next(iter(found.probes.values())).contract
        words = f"contract {contract} never streams; stream() gives the whole answer as one chunk"
        way = "Servers that have /v1/chat/completions stream there: use that path in the URL."
        if any(sent.probe.contract == "openai" for sent in found.sent):
            way = "This server does not answer at /v1/chat/completions, where others stream."
        return "skipped", words, way
    outcome = found.outcomes.get("stream")
    if outcome is None:
        return "skipped", _NO_REQUEST_LEFT, ""
    if not isinstance(outcome, Answer):
        return "failed", advice.said(outcome), "Ask without streaming: invoke()."
    if outcome.is_stream:
        return "ok", f"event by event at {probe.path}", ""
    way = (
        "stream() works all the same, and gives one chunk. For real streams, look at the"
        " server's settings, and at gateways that collect answers."
    )
    return "failed", "asked to stream, the server answers in one piece", way


def _feature(
    name: Feature,
    *,
    without: str,
    judged: Callable[[Answer], Verdict],
    sent: Mapping[str, Any],
    refused: str,
    failed: str,
) -> Callable[[Findings], Verdict]:
    """Return the check of a feature that only the contract of OpenAI has.

    It says what the package does without it, how an answer is judged, and the way forward where a
    server refuses what was sent for it, or failed in another way.
    """

    def check(found: Findings) -> Verdict:
        if found.openai_chat is None:
            return "skipped", f"the contract has none; {without}", ""
        outcome = found.outcomes.get(name)
        if outcome is None:
            return "skipped", _NO_REQUEST_LEFT, ""
        if isinstance(outcome, Answer):
            return judged(outcome)
        if refused_feature(outcome, sent):
            return "failed", f"refused: {advice.said(outcome)}", refused
        way = f"{advice.for_error(outcome)} {failed}".strip()
        return "failed", f"no answer to one: {advice.said(outcome)}", way

    return check


def _called(answer: Answer) -> Verdict:
    called = "the model called one" if answer.has_calls else "the model called none"
    return "ok", f"taken by the server; {called}", ""


def _obeyed(answer: Answer) -> Verdict:
    with suppress(ValueError):
        if isinstance(decode_json(answer.text.encode()), dict):
            return "ok", "obeyed", ""
    if answer.finish_reason == "length":
        return "ok", "taken by the server; the answer was cut off", ""
    way = "Take with_structured_output(..., method='function_calling') or 'json_mode'."
    return "failed", "taken, but the answer does not keep to it", way


def _usage(found: Findings) -> Verdict:
    outcomes = [*found.answers.values(), *found.outcomes.values()]
    whole = any(isinstance(a, Answer) and a.has_usage and not a.is_stream for a in outcomes)
    streamed = found.streamed
    in_stream = streamed is not None and streamed.is_stream and streamed.has_usage
    places = ["answers"] * whole + ["streams"] * in_stream
    if not places:
        way = "usage_metadata stays empty; count with get_num_tokens(), which estimates."
        return "failed", "the server reports none", way
    words = f"reported in {' and '.join(places)}"
    if found.refuses_usage:
        way = "Nothing to do: streams come without their usage then."
        return "ok", f"{words}; the server refuses stream_options", way
    return "ok", words, ""


def _latency(found: Findings) -> Verdict:
    timed = found.streamed or next(iter(found.answers.values()))
    kind = "a stream" if timed.is_stream else "an answer"
    words = f"first byte of {kind} after {_time(timed.first_byte)}"
    return "ok", f"{words}, its end after {_time(timed.seconds)}", ""


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def named_family(found: Findings) -> FamilyProfile | None:
    """Return the family that the model's own name tells of."""
    name = (found.model_name or "").rpartition("/")[2].lower()
    told = (family for beginning, family in MODEL_NAMES.items() if name.startswith(beginning))
    family = next(told, None)
    return None if family is None else profile(family)


def _server(found: Findings) -> Verdict:
    parts = []
    if found.model_name:
        parts.append(f"model {_short(found.model_name)}")
    info, swagger = (found.seen.get(path) or {} for path in PLACES)
    if told := {key: value for key, value in info.items() if key != "model_name"}:
        parts.append(f"/info: {_scalars(told)}")
    if swagger:
        paths = swagger.get("paths")
        listed = ", ".join(map(_short, paths)) if isinstance(paths, dict) else ""
        title = _scalars(swagger.get("info"))
        parts.append("/swagger.json: " + "; ".join(filter(None, (title, f"paths {listed}"))))
    if software := next(iter(found.answers.values())).headers.get("server"):
        parts.append(f"header server: {_short(software)}")
    if not parts:
        return "skipped", "it says nothing of itself", ""
    return "ok", "; ".join(parts), _family_note(found)


def _family_note(found: Findings) -> str:
    named, known = named_family(found), found.setup.family
    if named is None or (known and named.name == known.name):
        return ""
    what = f", not {known.name}." if known else f": --family {named.name}."
    return f"By its name, the model is of the family {named.name}{what}"


def _scalars(values: Any) -> str:
    shown = [
        f"{_short(key)} {_short(value)}"
        for key, value in (values.items() if isinstance(values, dict) else ())
        if isinstance(value, str | int | float) and str(value)
    ]
    return ", ".join(shown[:6])


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


CHECKS: Mapping[str, Callable[[Findings], Verdict]] = {
    "streaming": _streaming,
    "tools": _feature(
        "tools",
        without="bind_tools() shows them to the model as text",
        judged=_called,
        sent={"tools": []},
        refused="Nothing to do: bind_tools() shows them to the model as text (tool_calling='auto')."
        " For native ones, vLLM needs --enable-auto-tool-choice and --tool-call-parser.",
        failed="If it stays so, tool_calling='prompted' shows tools to the model as text.",
    ),
    "json_schema": _feature(
        "json_schema",
        without="with_structured_output() asks for it in the prompt",
        judged=_obeyed,
        sent={"response_format": {"type": "json_schema"}},
        refused="Nothing to do: with_structured_output() asks for the form in the prompt then.",
        failed="If it stays so, with_structured_output(..., method='json_mode') may do.",
    ),
    "usage": _usage,
    "latency": _latency,
    "server": _server,
}
"""Of an endpoint that answers."""

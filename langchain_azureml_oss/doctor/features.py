"""Findings about what an endpoint can do, and what it says of itself -> what their lines say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.checklist import Verdict
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.steps import Answer
from langchain_azureml_oss.errors import refused_feature
from langchain_azureml_oss.families import MODEL_NAMES, FamilyProfile, profile
from langchain_azureml_oss.wire import decode_json

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


class _Feature(NamedTuple):
    """A feature that only the contract of OpenAI has, and that the package can do without."""

    name: str
    without: str
    """What is done where the contract has none."""
    judge: Callable[[Answer], Verdict]
    sent: Mapping[str, Any]
    """The fields that a server may refuse."""
    refused: str
    """Advice for a refusal."""
    failed: str
    """Advice for an error of any other kind, after that for the error."""


def _called(answer: Answer) -> Verdict:
    called = "the model called one" if answer.has_calls else "the model called none"
    return "ok", f"taken by the server; {called}", ""


def _obeyed(answer: Answer) -> Verdict:
    try:
        if isinstance(decode_json(answer.text.encode()), dict):
            return "ok", "obeyed", ""
    except ValueError:
        pass
    if answer.finish_reason == "length":
        return "ok", "taken by the server; the answer was cut off", ""
    way = "Take with_structured_output(..., method='function_calling') or 'json_mode'."
    return "failed", "taken, but the answer does not keep to it", way


_TOOLS = _Feature(
    "tools",
    "bind_tools() shows them to the model as text",
    _called,
    {"tools": []},
    "Nothing to do: bind_tools() shows them to the model as text (tool_calling='auto')."
    " For native ones, vLLM needs --enable-auto-tool-choice and --tool-call-parser.",
    "If it stays so, tool_calling='prompted' shows tools to the model as text.",
)
_SCHEMA = _Feature(
    "json_schema",
    "with_structured_output() asks for it in the prompt",
    _obeyed,
    {"response_format": {"type": "json_schema"}},
    "Nothing to do: with_structured_output() asks for the form in the prompt then.",
    "If it stays so, with_structured_output(..., method='json_mode') may do.",
)


def _feature(feature: _Feature, found: Findings) -> Verdict:
    if found.openai_chat is None:
        return "skipped", f"the contract has none; {feature.without}", ""
    outcome = found.outcomes.get(feature.name)
    if outcome is None:
        return "skipped", _NO_REQUEST_LEFT, ""
    if isinstance(outcome, Answer):
        return feature.judge(outcome)
    if refused_feature(outcome, feature.sent):
        return "failed", f"refused: {advice.said(outcome)}", feature.refused
    way = f"{advice.for_error(outcome)} {feature.failed}".strip()
    return "failed", f"no answer to one: {advice.said(outcome)}", way


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
    "tools": partial(_feature, _TOOLS),
    "json_schema": partial(_feature, _SCHEMA),
    "usage": _usage,
    "latency": _latency,
    "server": _server,
}
"""Of an endpoint that answers."""

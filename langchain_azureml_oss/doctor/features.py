"""Findings about what an endpoint can do, and what it says of itself -> their lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.connections import base_of
from langchain_azureml_oss.connections.workspace import MODEL_NAMES
from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.checklist import Line
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.steps import Answer
from langchain_azureml_oss.errors import AzureMLOSSError, refused_feature
from langchain_azureml_oss.families import FamilyProfile, profile
from langchain_azureml_oss.wire import decode_json

_NO_REQUEST_LEFT = "not asked: the limit of requests was reached"
_PLACES = ("/info", "/swagger.json")
_LONGEST = 60
"""Characters of a value that a server says of itself."""


def lines(found: Findings) -> list[Line]:
    """Return the lines about streaming, tools, JSON schema, usage and latency."""
    return [_streaming(found), _tools(found), _schema(found), _usage(found), _latency(found)]


def places(url: str) -> list[tuple[str, str]]:
    """Return the paths where servers tell about themselves, and their URLs."""
    return [(path, base_of(url) + path) for path in _PLACES]


def _streaming(found: Findings) -> Line:
    probe = found.streaming_probe
    if probe is None:
        contract = next(iter(found.probes.values())).contract
        words = f"contract {contract} never streams; stream() gives the whole answer as one chunk"
        way = "Servers that have /v1/chat/completions stream there: use that path in the URL."
        tried = any(sent.probe.contract == "openai" for sent in found.sent)
        if tried:
            way = "This server does not answer at /v1/chat/completions, where others stream."
        return Line("streaming", "skipped", words, way)
    if found.streamed is not None and found.streamed.is_stream:
        return Line("streaming", "ok", f"event by event at {probe.path}")
    if found.streamed is not None:
        return Line(
            "streaming",
            "failed",
            "asked to stream, the server answers in one piece",
            "stream() works all the same, and gives one chunk. For real streams, look at the"
            " server's settings, and at gateways that collect answers.",
        )
    if found.stream_error is not None:
        way = "Ask without streaming: invoke()."
        return Line("streaming", "failed", advice.said(found.stream_error), way)
    return Line("streaming", "skipped", _NO_REQUEST_LEFT)


def _tools(found: Findings) -> Line:
    if found.openai_chat is None:
        return Line(
            "tools",
            "skipped",
            "the contract has none; bind_tools() shows them to the model as text",
        )
    outcome = found.tools
    if outcome is None:
        return Line("tools", "skipped", _NO_REQUEST_LEFT)
    if isinstance(outcome, Answer):
        called = "the model called one" if outcome.has_calls else "the model called none"
        return Line("tools", "ok", f"taken by the server; {called}")
    way = (
        "Nothing to do: bind_tools() shows them to the model as text (tool_calling='auto')."
        " For native ones, vLLM needs --enable-auto-tool-choice and --tool-call-parser."
    )
    otherwise = "If it stays so, tool_calling='prompted' shows tools to the model as text."
    return _failure("tools", outcome, {"tools": []}, way, otherwise)


def _schema(found: Findings) -> Line:
    if found.openai_chat is None:
        return Line(
            "json_schema",
            "skipped",
            "the contract has none; with_structured_output() asks for it in the prompt",
        )
    outcome = found.schema
    if outcome is None:
        return Line("json_schema", "skipped", _NO_REQUEST_LEFT)
    if isinstance(outcome, Answer):
        if _is_object(outcome.text):
            return Line("json_schema", "ok", "obeyed")
        if outcome.finish_reason == "length":
            return Line("json_schema", "ok", "taken by the server; the answer was cut off")
        way = "Take with_structured_output(..., method='function_calling') or 'json_mode'."
        return Line("json_schema", "failed", "taken, but the answer does not keep to it", way)
    way = "Nothing to do: with_structured_output() asks for the form in the prompt then."
    otherwise = "If it stays so, with_structured_output(..., method='json_mode') may do."
    sent = {"response_format": {"type": "json_schema"}}
    return _failure("json_schema", outcome, sent, way, otherwise)


def _failure(
    name: str, error: AzureMLOSSError, sent: Mapping[str, Any], refused: str, otherwise: str
) -> Line:
    """Tell a refusal, which the package does without, from an error of any other kind."""
    if refused_feature(error, sent):
        return Line(name, "failed", f"refused: {advice.said(error)}", refused)
    way = " ".join(filter(None, (advice.for_error(error), otherwise)))
    return Line(name, "failed", f"no answer to one: {advice.said(error)}", way)


def _is_object(text: str) -> bool:
    try:
        return isinstance(decode_json(text.encode()), dict)
    except ValueError:
        return False


def _usage(found: Findings) -> Line:
    answers = [*found.answers.values(), found.tools, found.schema]
    whole = any(isinstance(a, Answer) and not a.is_stream and a.has_usage for a in answers)
    streamed = found.streamed
    in_stream = streamed is not None and streamed.is_stream and streamed.has_usage
    if whole or in_stream:
        where = {(True, True): "answers and streams", (True, False): "answers"}
        words = f"reported in {where.get((whole, in_stream), 'streams')}"
        way = ""
        if found.usage_error is not None:
            words += "; the server refuses stream_options"
            way = "Nothing to do: streams come without their usage then."
        return Line("usage", "ok", words, way)
    way = "usage_metadata stays empty; count with get_num_tokens(), which estimates."
    return Line("usage", "failed", "the server reports none", way)


def _latency(found: Findings) -> Line:
    answers = [found.streamed, *found.answers.values()]
    timed = next(answer for answer in answers if answer is not None)
    kind = "a stream" if timed.is_stream else "an answer"
    words = f"first byte of {kind} after {_time(timed.first_byte)}"
    return Line("latency", "ok", f"{words}, its end after {_time(timed.seconds)}")


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def named_family(found: Findings) -> FamilyProfile | None:
    """Return the family that the model's own name tells of."""
    name = (found.model_name or "").rpartition("/")[2].lower()
    for beginning, family in MODEL_NAMES.items():
        if name.startswith(beginning):
            return profile(family)
    return None


def server_line(found: Findings, *, known_family: bool) -> Line:
    """Return the line about what the server says it is."""
    parts = []
    if found.model_name:
        parts.append(f"model {_short(found.model_name)}")
    info = found.seen.get("/info", {})
    told = {key: value for key, value in info.items() if key != "model_name"}
    if told:
        parts.append(f"/info: {_scalars(told)}")
    swagger = found.seen.get("/swagger.json", {})
    if swagger:
        about = swagger.get("info")
        title = _scalars(about) if isinstance(about, dict) else ""
        paths = swagger.get("paths")
        listed = ", ".join(map(_short, paths)) if isinstance(paths, dict) else ""
        parts.append("/swagger.json: " + "; ".join(filter(None, (title, f"paths {listed}"))))
    headers = next(iter(found.answers.values())).headers
    if headers.get("server"):
        parts.append(f"header server: {_short(headers['server'])}")
    if not parts:
        return Line("server", "skipped", "it says nothing of itself")
    return Line("server", "ok", "; ".join(parts), _family_note(found, known_family=known_family))


def _family_note(found: Findings, *, known_family: bool) -> str:
    named = named_family(found)
    if named is None or (known_family and named.name == found.row.name):
        return ""
    if known_family:
        return f"By its name, the model is of the family {named.name}, not {found.row.name}."
    return f"By its name, the model is of the family {named.name}: --family {named.name}."


def _scalars(values: Mapping[str, Any]) -> str:
    shown = [
        f"{_short(key)} {_short(value)}"
        for key, value in values.items()
        if isinstance(value, str | int | float) and str(value)
    ]
    return ", ".join(shown[:6])


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

"""The order of an examination: what to try next, and when to end."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from langchain_azureml_oss.connections import base_of
from langchain_azureml_oss.doctor import advice, network, verdicts
from langchain_azureml_oss.doctor.candidates import Feature, Probe, is_worth_sending, plan
from langchain_azureml_oss.doctor.checklist import ESSENTIAL, TITLES, Line, Report
from langchain_azureml_oss.doctor.findings import Findings, Sent
from langchain_azureml_oss.doctor.pasting import python_lines, recommended
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.doctor.steps import Answer, Ask, Look, Outcome, Pause, Step
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    EndpointConnectionError,
    NotFoundError,
    PermissionDeniedError,
    RequestTimeoutError,
    refused_feature,
)

_BUSY_SECONDS = 1.0

Steps = Generator[Step, Any, None]


def examine(setup: Setup) -> Generator[Step, Any, Report]:
    """Examine an endpoint: yields what to try, is sent what came of it, returns the report."""
    found = Findings(setup)
    yield from _steps(found)
    models = recommended(found, (not setup.family and verdicts.named_family(found)) or found.row)
    unchecked = "not checked, after what failed above"
    gets = [
        {"method": "GET", "path": path, "answered": told is not None}
        for path, told in found.seen.items()
    ]
    lines = [found.lines.get(name) or Line(name, "skipped", unchecked) for name in TITLES]
    return Report(
        lines=lines,
        requests=[*(sent.as_json() for sent in found.sent), *gets],
        recommended=models,
        python=python_lines(models, setup),
        usable=found.works_as_configured
        and not any(line.name in ESSENTIAL and line.state == "failed" for line in lines),
    )


def _steps(found: Findings) -> Steps:
    network.configuration(found)
    if found.setup.url and not (network.url_shape(found) and (yield from network.reach(found))):
        return
    if not found.setup.can_call:
        return
    last = yield from _find_contracts(found)
    if last is None:
        who = "the key" if found.setup.key else "the credential's token"
        found.put("authorised", "ok", f"{who} is taken")
        if "deployment" not in found.lines:
            found.put("deployment", *verdicts.about_deployment(found))
    else:
        _put_end(found, last)
    if found.answers or last is None:
        found.put("chat", *verdicts.about_api("chat", found))
        found.put("completion", *verdicts.about_api("completion", found))
    if found.answers:
        yield from _try_features(found)
        for name, check in verdicts.CHECKS.items():
            found.put(name, *check(found))


def _find_contracts(found: Findings) -> Generator[Step, Any, AzureMLOSSError | None]:
    """Ask in one contract after the other; return the error that all others would end with."""
    for probe in plan(found.setup.url, found.setup.contract, found.row):
        if not is_worth_sending(probe, found.probes, found.dead, doubtful=found.is_doubtful):
            continue
        outcome = yield from _ask(found, probe)
        if isinstance(outcome, NotFoundError) and found.deployment and not found.answers:
            outcome = yield from _without_deployment(found, probe, outcome)
        if outcome is None:
            break
        if isinstance(outcome, Answer):
            found.take(probe, outcome)
        elif isinstance(outcome, NotFoundError):
            found.dead.add(probe.target)
        elif advice.is_final(outcome):
            return outcome
    return None


def _without_deployment(
    found: Findings, probe: Probe, first: AzureMLOSSError
) -> Generator[Step, Any, Outcome]:
    """Ask again without the deployment's name: is it that, or the path, that is not there?"""
    name, found.deployment = found.deployment, None
    outcome = yield from _ask(found, probe)
    if outcome is None or isinstance(outcome, NotFoundError):
        return outcome or first
    answered = outcome.deployment
    instead = f" {answered!r} answers then." if answered else ""
    found.put(
        "deployment",
        "failed",
        f"the endpoint has no deployment {name!r}; without the name it answers.",
        f"Correct the name, or leave it out: the traffic rules choose.{instead}",
    )
    return outcome


def _put_end(found: Findings, error: AzureMLOSSError) -> None:
    """Write the lines for an error that every other request would end with."""
    way, said = advice.for_error(error), advice.said(error)
    if isinstance(error, AuthenticationError | PermissionDeniedError):
        hint = advice.about_token(found.setup.key)
        found.put("authorised", "failed", f"{said} {hint}".strip(), way)
    elif isinstance(error, EndpointConnectionError) and "certificate" in str(error).lower():
        found.put("tls", "failed", str(error), advice.AUTHORITY_ADVICE)
    elif isinstance(error, EndpointConnectionError | RequestTimeoutError):
        way = way or "Try again; if it stays so, a firewall or a proxy may end the connection."
        if found.setup.url.startswith("http:"):
            way += " A server that speaks TLS ends it too: write https:// for that one."
        found.put("reachable", "failed", said, way)
    else:
        found.put("authorised", "ok", "the endpoint let the request in")
        found.put("chat", "failed", said, way)
        found.put("completion", "failed", "not asked: the endpoint is too busy", way)


def _try_features(found: Findings) -> Steps:
    """Ask for each feature where it may be, and get what the server says of itself."""
    wanted: dict[Feature, Probe | None] = {
        "stream": found.streaming_probe,
        "tools": found.openai_chat,
        "json_schema": found.openai_chat,
    }
    for feature, probe in wanted.items():
        if probe is not None and feature not in found.outcomes:
            asking = replace(probe, feature=feature, usage=feature == "stream")
            outcome = yield from _ask(found, asking)
            if outcome is not None:
                found.outcomes[feature] = outcome
    for path in verdicts.PLACES:
        if found.requests_left:
            found.seen[path] = yield Look(base_of(found.setup.url) + path, found.deployment)


def _ask(found: Findings, probe: Probe) -> Generator[Step, Any, Outcome | None]:
    """Send a request, and once more where the server was busy; None: no request is left."""
    for is_last in (False, True):
        if not found.requests_left:
            return None
        outcome: Outcome = yield Ask(probe, found.row, found.deployment)
        found.sent.append(Sent(probe, outcome))
        if isinstance(outcome, Answer):
            return outcome
        if probe.usage and refused_feature(outcome, {"stream_options": {}}):
            found.refuses_usage = True
            return (yield from _ask(found, replace(probe, usage=False)))
        if is_last or not advice.is_busy(outcome) or not found.requests_left:
            return outcome
        yield Pause(_BUSY_SECONDS)
    return None

"""The second half of an examination: what the endpoint answers, and in which contract."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from langchain_azureml_oss.doctor import advice, features, network
from langchain_azureml_oss.doctor.candidates import Probe, is_worth_sending, plan
from langchain_azureml_oss.doctor.checklist import ESSENTIAL, TITLES, Line, Report
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.pasting import python_lines, recommended
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.doctor.steps import Answer, Ask, Look, Outcome, Pause, Sent, Step
from langchain_azureml_oss.doctor.verdicts import api_lines, deployment_line
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    EndpointConnectionError,
    NotFoundError,
    PermissionDeniedError,
    RequestTimeoutError,
    refused_feature,
)
from langchain_azureml_oss.families import ModelFamily, profile

MAX_REQUESTS = 8
_BUSY_SECONDS = 1.0

Steps = Generator[Step, Any, None]


def examine(setup: Setup) -> Generator[Step, Any, Report]:
    """Examine an endpoint: yields what to try, is sent what came of it, returns the report."""
    return (yield from _Examination(setup).run())


class _Examination:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        row = setup.family or profile(ModelFamily.OPENAI)
        self._found = Findings(row=row, deployment=setup.deployment)
        self._lines: dict[str, Line] = {}
        self._left = MAX_REQUESTS

    def run(self) -> Generator[Step, Any, Report]:
        yield from self._steps()
        found, setup = self._found, self._setup
        models: dict[str, dict[str, Any] | None] = {"chat": None, "completion": None}
        if found.answers:
            for line in api_lines(found, setup):
                self._put(line)
            row = features.named_family(found) if setup.family is None else found.row
            name = found.deployment or setup.deployment_instead
            models = recommended(found.probes, found.best_chat, row or found.row, name)
        usable = found.works_as_configured and not any(
            self._lines[name].state == "failed" for name in ESSENTIAL if name in self._lines
        )
        lines = [
            self._lines.get(name) or Line(name, "skipped", "not checked, after what failed above")
            for name in TITLES
        ]
        requests = [sent.as_json() for sent in found.sent]
        requests += [
            {"method": "GET", "path": path, "answered": answered} for path, answered in found.looked
        ]
        python = python_lines(models, setup)
        return Report(lines, requests, models, python, usable)

    def _put(self, line: Line) -> None:
        self._lines[line.name] = line

    def _steps(self) -> Steps:
        self._put(network.configuration(self._setup))
        if self._setup.url:
            self._put(network.url_shape(self._setup))
            if self._lines["url"].state == "failed":
                return
            for line in (yield from network.reach(self._setup)):
                self._put(line)
                if line.state == "failed":
                    return
        if not self._setup.can_call:
            return
        yield from self._find_contracts()
        if not self._found.answers:
            return
        yield from self._try_features()
        yield from self._look_around()

    def _find_contracts(self) -> Steps:
        found = self._found
        for probe in plan(self._setup.url, self._setup.contract, found.row):
            if not is_worth_sending(probe, found.probes, found.dead, doubtful=found.is_doubtful):
                continue
            outcome = yield from self._ask(probe)
            if isinstance(outcome, NotFoundError) and found.deployment and not found.answers:
                outcome = yield from self._without_deployment(probe, outcome)
            if outcome is None:
                break
            if isinstance(outcome, Answer):
                found.take(probe, outcome)
            elif isinstance(outcome, NotFoundError):
                found.dead.add(probe.target)
            elif advice.is_final(outcome):
                self._end(outcome)
                return
        about = "the key is taken" if self._setup.key else "the credential's token is taken"
        self._put(Line("authorised", "ok", about))
        if "deployment" not in self._lines:
            self._put(deployment_line(found, self._setup))
        for line in api_lines(found, self._setup):
            self._put(line)

    def _without_deployment(
        self, probe: Probe, first: AzureMLOSSError
    ) -> Generator[Step, Any, Outcome | None]:
        """Ask again without the deployment's name: is it that, or the path, that is not there?"""
        name, self._found.deployment = self._found.deployment, None
        outcome = yield from self._ask(probe)
        if outcome is None or isinstance(outcome, NotFoundError):
            return outcome or first
        answered = outcome.deployment
        instead = f" {answered!r} answers then." if answered else ""
        self._put(
            Line(
                "deployment",
                "failed",
                f"the endpoint has no deployment {name!r}; without the name it answers.",
                f"Correct the name, or leave it out: the traffic rules choose.{instead}",
            )
        )
        return outcome

    def _end(self, error: AzureMLOSSError) -> None:
        """Put the line for an error that every other request would end with."""
        way = advice.for_error(error)
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            hint = advice.about_token(self._setup.key)
            self._put(
                Line(
                    "authorised", "failed", " ".join(filter(None, (advice.said(error), hint))), way
                )
            )
        elif isinstance(error, EndpointConnectionError) and "certificate" in str(error).lower():
            self._put(Line("tls", "failed", str(error), advice.AUTHORITY_ADVICE))
        elif isinstance(error, EndpointConnectionError | RequestTimeoutError):
            way = way or "Try again; if it stays so, a firewall or a proxy may end the connection."
            if self._setup.url.startswith("http:"):
                way += " A server that speaks TLS ends it too: write https:// for that one."
            self._put(Line("reachable", "failed", advice.said(error), way))
        else:
            self._put(Line("authorised", "ok", "the endpoint let the request in"))
            self._put(Line("chat", "failed", advice.said(error), way))
            self._put(Line("completion", "failed", "not asked: the endpoint is too busy", way))

    def _try_features(self) -> Steps:
        found = self._found
        streaming = found.streaming_probe
        if streaming is not None and found.streamed is None:
            yield from self._stream(replace(streaming, feature="stream", usage=True))
        chat = found.openai_chat
        if chat is not None:
            plain = replace(chat, usage=False)
            found.tools = yield from self._ask(replace(plain, feature="tools"))
            found.schema = yield from self._ask(replace(plain, feature="json_schema"))
        for line in features.lines(found):
            self._put(line)

    def _stream(self, probe: Probe) -> Steps:
        outcome = yield from self._ask(probe)
        if isinstance(outcome, Answer):
            self._found.streamed = outcome
        elif outcome is not None:
            self._found.stream_error = outcome

    def _look_around(self) -> Steps:
        found = self._found
        for path, url in features.places(self._setup.url):
            if not self._left:
                break
            self._left -= 1
            seen = yield Look(url, found.deployment)
            found.looked.append((path, seen is not None))
            if seen is not None:
                found.seen[path] = seen
        self._put(features.server_line(found, known_family=self._setup.family is not None))

    def _ask(self, probe: Probe) -> Generator[Step, Any, Outcome | None]:
        """Send a request, and once more where the server was busy; None: no request is left."""
        for is_last in (False, True):
            if not self._left:
                return None
            self._left -= 1
            outcome: Outcome = yield Ask(probe, self._found.row, self._found.deployment)
            self._found.sent.append(Sent(probe, outcome))
            if isinstance(outcome, Answer):
                return outcome
            if probe.usage and refused_feature(outcome, {"stream_options": {}}):
                self._found.usage_error = outcome
                return (yield from self._ask(replace(probe, usage=False)))
            if is_last or not advice.is_busy(outcome) or not self._left:
                return outcome
            yield Pause(_BUSY_SECONDS)
        return None

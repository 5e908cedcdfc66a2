"""Findings about contracts and deployments -> their lines."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_azureml_oss.connections import contract_for
from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.checklist import Line
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.setup import Setup
from langchain_azureml_oss.doctor.steps import Answer, Sent
from langchain_azureml_oss.errors import AzureMLOSSError, NotFoundError
from langchain_azureml_oss.formatters import Api

_OTHER: dict[Api, Api] = {"chat": "completion", "completion": "chat"}
_NO_TRAFFIC = (
    "Check the URL's path and host. If they are right, no deployment has traffic: az ml"
    ' online-endpoint update --name NAME --traffic "DEPLOYMENT=100", or name one with'
    " --deployment."
)


def deployment_line(found: Findings, setup: Setup) -> Line:
    """Return the line about which deployment answered."""
    answered = next((a.deployment for a in found.answers.values() if a.deployment), None)
    if found.answers and setup.deployment and found.deployment is None:
        return Line("deployment", "skipped", "not checked, since the URL's path is wrong")
    if setup.deployment and found.answers:
        return Line("deployment", "ok", f"{answered or setup.deployment} answers")
    if found.answers:
        who = f"{answered} answered" if answered else "the answer names none"
        return Line("deployment", "ok", f"none asked for; {who}")
    errors = [sent.outcome for sent in found.sent if isinstance(sent.outcome, NotFoundError)]
    if errors and len(errors) == len(found.sent):
        paths = ", ".join(dict.fromkeys(sent.probe.path for sent in found.sent))
        told = advice.said(errors[0]).rstrip(".")
        return Line("deployment", "failed", f"404 at {paths}: {told}.", _NO_TRAFFIC)
    return Line("deployment", "skipped", "nothing answered, so nothing is known")


def api_lines(found: Findings, setup: Setup) -> list[Line]:
    """Return the lines about chat and completion."""
    return [_api_line(api, found, setup) for api in ("chat", "completion")]


def _api_line(api: Api, found: Findings, setup: Setup) -> Line:
    probe = found.probes.get(api)
    if probe is None:
        return _missing(api, found)
    words = f"contract {probe.contract} at {probe.path}"
    if probe.as_prompt:
        words += f", as one prompt in the template of the family {found.row.name}"
    if api == "chat" and found.better and found.better is not probe:
        words += f", and {found.better.contract} at {found.better.path}"
    if probe.role in {"elsewhere", "better"}:
        own, refused = setup.contract, _as_configured(found)
        if own not in {"auto", probe.contract}:
            return Line(
                api,
                "failed",
                f"contract {own} does not answer ({refused}); {words} does.",
                f"Take contract={probe.contract!r} and the URL of the lines below.",
            )
        return Line(
            api,
            "failed",
            f"no answer at the URL's path ({refused}); {words} does.",
            f"Change the URL to {probe.target.partition('?')[0]}",
        )
    return Line(api, "ok", words, _note(api, found, setup))


def _note(api: Api, found: Findings, setup: Setup) -> str:
    """Return what is good to know about an API that answers."""
    probe = found.probes[api]
    guessed = contract_for(setup.url, found.row).name
    if probe.role == "alternative" and setup.contract == "auto" and probe.contract != guessed:
        return (
            f"contract='auto' would take {guessed} for this URL: pass contract={probe.contract!r}."
        )
    if api == "completion" and found.is_doubtful:
        return "The answer was longer than asked for: this server ignores the parameters."
    if api == "chat" and found.better is not None and found.better is not probe:
        return f"{found.better.path} streams and takes tools: the lines below use it."
    return ""


def _missing(api: Api, found: Findings) -> Line:
    other = found.probes.get(_OTHER[api])
    tried = _attempts(api, found)
    if other is not None and api == "chat":
        way = "Take AzureMLOSSLLM, or a chat model's deployment."
        return Line(api, "failed", f"the endpoint completes texts only ({tried})", way)
    if other is not None:
        way = "Take AzureMLOSSChatModel, or AzureMLOSSLLM with api='chat' as in the lines below."
        tried = f" ({tried})" if tried else ""
        return Line(api, "failed", f"the endpoint has no completion API{tried}", way)
    if not tried:
        return Line(api, "skipped", "not asked, since nothing else answered")
    return Line(api, "failed", f"no contract answers: {tried}", _way_forward(api, found))


def _way_forward(api: Api, found: Findings) -> str:
    errors = [error for _, error in _failures(api, found)]
    told = [error for error in errors if not isinstance(error, NotFoundError)]
    for error in told or errors:
        if way := advice.for_error(error):
            return way
    return (
        "Compare the URL's path with that of the tab Consume in studio; a score.py of your own"
        " needs a formatter of your own (content_formatter=)."
    )


def _attempts(api: Api, found: Findings) -> str:
    """Return what each contract answered."""
    return "; ".join(dict.fromkeys(_attempt(*failure) for failure in _failures(api, found)))


def _as_configured(found: Findings) -> str:
    """Return what the configured URL and contract answered."""
    both = [*_failures("chat", found), *_failures("completion", found)]
    seen = (_attempt(sent, error) for sent, error in both if sent.probe.role == "configured")
    return "; ".join(dict.fromkeys(seen))


def _attempt(sent: Sent, error: AzureMLOSSError) -> str:
    return f"{sent.probe.contract} at {sent.probe.path}: {advice.brief(error)}"


def _failures(api: Api, found: Findings) -> Sequence[tuple[Sent, AzureMLOSSError]]:
    return [
        (sent, sent.outcome)
        for sent in found.sent
        if sent.probe.api == api
        and sent.probe.feature in {"", "stream"}
        and not isinstance(sent.outcome, Answer)
    ]

"""Findings about contracts and deployments -> what their lines say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from langchain_azureml_oss.connections import contract_for
from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.checklist import Verdict
from langchain_azureml_oss.doctor.findings import Findings
from langchain_azureml_oss.doctor.steps import Sent
from langchain_azureml_oss.errors import NotFoundError
from langchain_azureml_oss.formatters import Api

_NO_TRAFFIC = (
    "Check the URL's path and host. If they are right, no deployment has traffic: az ml"
    ' online-endpoint update --name NAME --traffic "DEPLOYMENT=100", or name one with'
    " --deployment."
)
_OWN_FORMAT = (
    "Compare the URL's path with that of the tab Consume in studio; a score.py of your own needs a"
    " formatter of your own (content_formatter=)."
)
_ONLY_THE_OTHER: Mapping[Api, tuple[str, str]] = {
    "chat": (
        "the endpoint completes texts only",
        "Take AzureMLOSSLLM, or a chat model's deployment.",
    ),
    "completion": (
        "the endpoint has no completion API",
        "Take AzureMLOSSChatModel, or AzureMLOSSLLM with api='chat' as in the lines below.",
    ),
}


def about_deployment(found: Findings) -> Verdict:
    """Return which deployment answered."""
    asked = found.setup.deployment
    answered = next((a.deployment for a in found.answers.values() if a.deployment), None)
    if found.answers and asked and found.deployment is None:
        return "skipped", "not checked, since the URL's path is wrong", ""
    if found.answers and asked:
        return "ok", f"{answered or asked} answers", ""
    if found.answers:
        who = f"{answered} answered" if answered else "the answer names none"
        return "ok", f"none asked for; {who}", ""
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
        refused = _bracketed(_attempts(sorted(configured, key=lambda sent: sent.probe.api)))
        own = found.setup.contract
        if own not in {"auto", probe.contract}:
            way = f"Take contract={probe.contract!r} and the URL of the lines below."
            return "failed", f"contract {own} does not answer{refused}; {words} does.", way
        way = f"Change the URL to {probe.target.partition('?')[0]}"
        return "failed", f"no answer at the URL's path{refused}; {words} does.", way
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
        return "failed", words + _bracketed(tried), way
    if not tried:
        return "skipped", "not asked, since nothing else answered", ""
    errors = [sent.error for sent in failures if sent.error is not None]
    told = [error for error in errors if not isinstance(error, NotFoundError)]
    ways = (advice.for_error(error) for error in told or errors)
    return "failed", f"no contract answers: {tried}", next(filter(None, ways), _OWN_FORMAT)


def _bracketed(text: str) -> str:
    return f" ({text})" if text else ""


def _attempts(requests: Iterable[Sent]) -> str:
    """Return what each contract answered that failed."""
    told = (
        f"{sent.probe.contract} at {sent.probe.path}: {advice.brief(sent.error)}"
        for sent in requests
        if sent.error is not None
    )
    return "; ".join(dict.fromkeys(told))

"""Every fault at every entry point, and the table of it in docs/reliability.md."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.local import LocalEndpoint
from langchain_azureml_oss.local.faults import FAULTS as MENU

from .asking import ENTRIES, METHODS, ask, ask_twice, model_for
from .channels import Channels
from .faults import FAULTS, PLACES, Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
MARKS = ("<!-- begin of the table -->\n", "<!-- end of the table -->\n")

SEEN: dict[tuple[str, str], Outcome] = {}
"""(Fault, entry point) -> what the caller got."""


@pytest.fixture
def observe(raw_server, key, caplog):
    """Let a fault happen at an entry point, once in a run of the tests."""

    def one(fault, entry):
        if (fault.name, entry) not in SEEN:
            SEEN[fault.name, entry] = run(fault, entry, raw_server, key, caplog)
        return SEEN[fault.name, entry]

    return one


def run(fault, entry, raw_server, key, caplog):
    fields = {k: v for k, v in fault.fields.items() if not k.startswith("endpoint_")}
    channels = Channels()
    with server_with(fault, entry, raw_server, key) as (url, requests, pause):
        caplog.clear()
        with channels, model_for(entry, url, key, **fields) as model:
            options = {"config": {"callbacks": [channels.tracer]}}
            first = {"between": pause} if fault.is_second else {}
            asked = (ask_twice if fault.is_second else ask)(entry, model, **first, **options)
        assert [name for name, said in channels.of(model, asked).items() if key in said] == []
        retries = [r for r in caplog.records if r.getMessage().startswith("Trying again")]
        tries = 1 + len(retries)
        if fault.counted:
            assert requests() == tries + fault.is_second
    if asked.error is None:
        return Outcome("", tries=tries)
    assert isinstance(asked.error, AzureMLOSSError), repr(asked.error)
    kept = getattr(asked.error, "text", "")
    assert kept == asked.text, "an error holds what the caller has seen"
    return Outcome(type(asked.error).__name__, asked.error.is_retryable, tries, kept)


class ShortWait(threading.Event):
    """What was sent before has been read when the connection breaks."""

    def wait(self, timeout=None):
        return super().wait(0.1)


@contextmanager
def server_with(fault, entry, raw_server, key):
    """A URL where the fault happens, a count of the requests, and a wait for the idle close."""
    if fault.place:
        with PLACES[fault.place]() as url:
            yield url, None, None
    elif fault.menu:
        options = {k[9:]: v for k, v in fault.fields.items() if k.startswith("endpoint_")}
        with LocalEndpoint("echo", api_key=key, **options) as endpoint:
            endpoint.fail_next(fault.menu, times=9)
            yield endpoint.url, lambda: len(endpoint.requests), None
    else:
        waits = {"wait": threading.Event(), "wait-short": ShortWait()}
        server = raw_server(*[[waits.get(p, p) for p in script] for script in fault.wire(entry)])
        try:
            idle_close = "idle" in fault.name
            pause = (lambda: time.sleep(0.05)) if idle_close else (lambda: None)
            yield server.url, lambda: len(server.requests), pause
        finally:
            for event in waits.values():
                event.set()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_caller_gets_what_is_promised(observe, fault, entry):
    assert observe(fault, entry) == fault.outcome(entry)


def test_the_table_in_the_document_is_what_was_seen(observe):
    """A run that saw something else writes it down, and fails: look at the difference, then commit.

    Run alone, this test lets every fault happen by itself.
    """
    rows = ["| Fault | Entry points | The caller gets | Retryable | Tries | Text kept |\n"]
    rows += ["|---|---|---|---|---|---|\n"]
    for fault in FAULTS:
        by_outcome: dict[Outcome, list[str]] = {}
        for entry in ENTRIES:
            by_outcome.setdefault(observe(fault, entry), []).append(entry)
        rows += [row(fault.name, entries, outcome) for outcome, entries in by_outcome.items()]
    before, begin, rest = DOCUMENT.read_text().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    assert begin, "the document has the mark where the table begins"
    assert end, "the document has the mark where the table ends"
    new = "".join([before, begin, *rows, end, after])
    if DOCUMENT.read_text() != new:
        DOCUMENT.write_text(new)
        pytest.fail(f"{DOCUMENT.name} was out of date; the table that was seen stands there now.")


def test_the_menu_in_the_document_is_the_local_endpoints():
    rows = [f"| `{name}` | {fault.summary} |\n" for name, fault in MENU.items()]
    assert "".join(rows) in DOCUMENT.read_text()


def row(name, entries, outcome):
    error = f"`{outcome.error}`" if outcome.error else "the answer"
    retryable = {True: "yes", False: "no", None: ""}[outcome.is_retryable]
    kept = f"`{outcome.text}`" if outcome.text else ""
    return f"| {name} | {named(entries)} | {error} | {retryable} | {outcome.tries} | {kept} |\n"


def named(entries):
    """The entry points in few words: `stream` alone means that of both models."""
    if entries == ENTRIES:
        return "all 8"
    short = [m for m in METHODS if {f"chat.{m}", f"LLM.{m}"} <= set(entries)]
    single = [entry for entry in entries if entry.partition(".")[2] not in short]
    return " ".join(f"`{name}`" for name in short + single)

"""No command lets a server give orders to a terminal, whatever part of an answer they come in."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fake_azure
import pytest
from fake_azure.fixtures import (  # noqa: F401 - pytest finds them here
    azure_on_this_machine,
    self_made_certificate,
)

from langchain_azureml_oss.cli.app import build_app

WORDS = "\x1b[2J\x1b]0;title\x07\x9b1m\x9d8;;http://evil\x9c\u202eEVIL"
"""CSI and OSC in 7 and in 8 bits, and writing that is turned around."""
ORDERS = {chr(order) for order in (*range(32), *range(127, 160), 0x202E)} - {"\t", "\n"}
HEADER = "\x1b[2J\x1b]0;title\x07\x9b1mEVIL".encode("latin-1")
KEY = "a-key-of-the-tests-4711"

EVERYWHERE = [b"azureml-model-deployment: " + HEADER, b"x-request-id: " + HEADER]
WHOLE = {
    "id": WORDS,
    "model": WORDS,
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": WORDS}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
PIECE = {
    "id": WORDS,
    "model": WORDS,
    "choices": [{"index": 0, "delta": {"content": WORDS}, "finish_reason": None}],
}
END = {**PIECE, "choices": [{"index": 0, "delta": {}, "finish_reason": WORDS}]}


def as_json(value):
    return json.dumps(value, ensure_ascii=False).encode()


def events(*values):
    return b"".join(b"data: " + as_json(value) + b"\n\n" for value in values)


def reply(status, body, *headers, kind=b"application/json"):
    return b"\r\n".join(
        [
            b"HTTP/1.1 " + status,
            b"Content-Type: " + kind,
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            *headers,
            b"",
            body,
        ]
    )


def answer(streamed, *headers):
    if streamed:
        body = events(PIECE, END) + b"data: [DONE]\n\n"
        return reply(b"200 OK", body, *headers, kind=b"text/event-stream")
    return reply(b"200 OK", as_json(WHOLE), *headers)


def cut(streamed):
    if not streamed:
        return reply(b"200 OK", as_json({"error": {"message": WORDS, "type": WORDS}}))
    broken = {"error": {"message": WORDS, "type": WORDS, "code": WORDS}}
    return reply(b"200 OK", events(PIECE, broken), kind=b"text/event-stream")


ERROR = as_json({"error": {"message": WORDS, "type": WORDS, "code": WORDS, "param": WORDS}})
BUSY = reply(b"429 " + HEADER, ERROR, b"Retry-After: 0", *EVERYWHERE)
MODEL = [b"ms-azureml-model-error-reason: " + HEADER, b"ms-azureml-model-error-statuscode: 400"]
REPLIES = {
    "answer": answer,
    "headers": lambda streamed: answer(streamed, *EVERYWHERE),
    "cut": cut,
    "error": lambda _: reply(b"400 " + HEADER, ERROR),
    "error-headers": lambda _: reply(b"400 Bad", ERROR, *EVERYWHERE),
    "page": lambda _: reply(
        b"404 " + HEADER, f"<title>{WORDS}</title>".encode(), kind=b"text/html"
    ),
    "model": lambda _: reply(b"424 " + HEADER, ERROR, *MODEL),
    "model-text": lambda _: reply(b"424 Failed", WORDS.encode(), *MODEL),
    "denied": lambda _: reply(b"401 " + HEADER, ERROR, b"WWW-Authenticate: " + HEADER),
    "elsewhere": lambda _: reply(b"302 " + HEADER, b"", b"Location: http://127.0.0.1/" + HEADER),
    "kind": lambda _: reply(b"200 OK", WORDS.encode(), kind=HEADER),
    "packed": lambda _: reply(b"200 OK", WORDS.encode(), b"Content-Encoding: " + HEADER),
    "no-status": lambda _: HEADER + b"\r\n\r\n",
    "no-header": lambda _: reply(b"200 OK", as_json(WHOLE), HEADER, b"a: b"),
    "length": lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: " + HEADER + b"\r\n\r\n",
}


@pytest.fixture
def hostile(monkeypatch):
    """Starts a server that answers like this, once busy; the environment names it."""
    servers = []

    def start(how, *, busy=True):
        seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append(sent)
                first = busy and len(seen) == 1
                streamed = b'"stream": true' in sent or b'"stream":true' in sent
                self.wfile.write(BUSY if first else REPLIES[how](streamed))
                self.close_connection = True

            def do_GET(self):
                self.wfile.write(REPLIES[how](False))
                self.close_connection = True

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", url)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", KEY)
        monkeypatch.setenv("AZUREML_MODEL_FAMILY", "LLAMA")
        return seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """Runs a command whose two streams are terminals, and returns what it wrote to them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    # pytest's handlers would take what Python shows of other packages' warnings.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def call(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        screen = FakeTerminal()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setattr(sys, "stderr", screen)
        with suppress(SystemExit):
            build_app()(list(arguments))
        return screen.getvalue()

    return call


REPEATED = {"error", "page", "denied", "model-text"}
"""Replies whose words every command repeats with `--json`; of others, some show no word."""


def assert_harmless(text, *, repeats=True):
    assert text
    assert not repeats or "EVIL" in text
    assert not set(text) & ORDERS, ascii(text)
    assert KEY not in text


@pytest.mark.parametrize("more", [(), ("--json",), ("--no-stream",)])
@pytest.mark.parametrize("how", REPLIES)
def test_chat(hostile, shown, how, more):
    seen = hostile(how)
    assert_harmless(shown("chat", "one", *more))
    assert len(seen) > 1


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize("how", REPLIES)
def test_doctor(hostile, shown, how, more):
    seen = hostile(how, busy=False)
    assert_harmless(shown("doctor", *more), repeats=how in REPEATED and "--json" in more)
    assert seen


@pytest.mark.parametrize("more", [("out.jsonl",), ("out.jsonl", "--json"), ("-",)])
@pytest.mark.parametrize("how", REPLIES)
def test_batch(hostile, shown, tmp_path, how, more):
    seen = hostile(how, busy=False)
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    text = shown("batch", "in.txt", *more, "--max-retries", "0")
    assert_harmless(text, repeats=how in REPEATED)
    assert seen


def test_answers_on_standard_output_lose_nothing(hostile, shown, tmp_path):
    hostile("answer", busy=False)
    (tmp_path / "in.txt").write_text("one\n")
    (line,) = [line for line in shown("batch", "in.txt", "-").splitlines() if line[0] == "{"]
    assert json.loads(line)["text"] == WORDS


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_report_of_a_batch(shown, tmp_path, more):
    error = {"type": WORDS, "message": WORDS, "status": 400}
    failed = {"row": 1, "id": WORDS, "input": {"prompt": WORDS}, "error": error}
    (tmp_path / "out.jsonl").write_bytes(as_json(failed) + b"\n")
    assert_harmless(shown("batch", "out.jsonl", "--report", *more))


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_endpoints(fake, monkeypatch, shown, more):
    monkeypatch.setattr(
        "azure.identity.DefaultAzureCredential", lambda: fake_azure.Credential(fake)
    )
    fake.add_online("one", {"blue": (100, WORDS)}, provisioningState=WORDS, scoringUri=WORDS)
    fake.add_online("two", {"blue": (100, WORDS)})
    fake.refusals["/onlineEndpoints/two/deployments"] = 403, fake_azure.refusal(WORDS, WORDS)
    where = (
        *("--subscription", fake_azure.SUBSCRIPTION),
        *("--resource-group", fake_azure.GROUP),
        *("--workspace", fake_azure.WORKSPACE),
    )
    assert_harmless(shown("endpoints", *where, *more))
    fake.refusals["/onlineEndpoints"] = 403, fake_azure.refusal(WORDS, WORDS)
    assert_harmless(shown("endpoints", *where, *more))

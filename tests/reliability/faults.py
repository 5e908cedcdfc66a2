"""The faults: what happens on the wire, and what a caller is to get.

A fault of the local endpoint's menu has its name; every other one is a script of raw bytes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .asking import is_stream

END = b"0\r\n\r\n"
_OF_A_STREAM = "Hello wor"
_TWO_EVENTS = "(two events)"


@dataclass(frozen=True)
class Outcome:
    """What the caller gets: class of the error ("" for an answer), tries made, text kept."""

    error: str
    is_retryable: bool | None = None
    tries: int = 1
    text: str = ""


@dataclass(frozen=True)
class Fault:
    """One row. Exactly one of `menu`, `wire` and `place` says what happens."""

    name: str
    whole: Outcome
    stream: Outcome | None = None
    """Where it differs from `whole`."""
    menu: str = ""
    """A fault of the local endpoint."""
    wire: Callable[[str], list[Any]] | None = None
    """Entry point -> one script, or several, of a raw server."""
    place: str = ""
    """A way not to be reached at all."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the model, or `endpoint_...` options of the local endpoint."""
    counted: bool = True
    """Whether the server sees each try."""

    @property
    def is_second(self):
        """Whether it hits the second call over a connection that served a first one."""
        return self.name.startswith("stale")

    def outcome(self, entry):
        outcome = self.stream if self.stream is not None and is_stream(entry) else self.whole
        # The first two events of the local endpoint's streams; a chat's first one has no text.
        echo = "echo:" if entry.startswith("chat") else " echo: one"
        return replace(outcome, text=echo) if outcome.text == _TWO_EVENTS else outcome


# -- bytes ----------------------------------------------------------------------------------------


def head(status=200, kind="application/json", **headers):
    lines = [f"HTTP/1.1 {status} Reason", f"content-type: {kind}", "x-ms-request-id: req-1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def sized(body, status=200, kind="application/json", **headers):
    """A whole response."""
    return [head(status, kind, content_length=len(body), **headers) + body]


def refused(status, message="Not so.", **headers):
    return sized(json.dumps({"error": {"message": message}}).encode(), status, **headers)


def piece(entry, text, finish_reason=None):
    """One event, as each API has it."""
    part = {"delta": {"content": text}} if entry.startswith("chat") else {"text": text}
    value = {"choices": [{"index": 0, "finish_reason": finish_reason, **part}]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def begun(entry, *more, kind="text/event-stream"):
    """A stream up to its second event, then whatever else."""
    start = head(kind=kind, transfer_encoding="chunked")
    events = piece(entry, "Hello") + piece(entry, " wor")
    return [start, chunk(events), *more]


def answered(entry):
    """A right answer, whole or streamed."""
    if is_stream(entry):
        last = piece(entry, "ld", "stop") + b"data: [DONE]\n\n"
        return begun(entry, chunk(last), END)
    part = {"message": {"content": "Hello world"}}
    value = {"choices": [{"index": 0, **(part if "chat" in entry else {"text": "Hello world"})}]}
    return sized(json.dumps(value).encode())


def either(whole, stream):
    """A script by whether the entry point streams."""
    return lambda entry: stream(entry) if is_stream(entry) else whole(entry)


def always(pieces):
    return lambda entry: [pieces]


# -- places ---------------------------------------------------------------------------------------


@contextmanager
def nobody():
    """A port that refuses."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes it meanwhile
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def silence():
    """A port whose queue of connections is full, so that the next ones are never made."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


PLACES = {"nobody": nobody, "silence": silence}


# -- the table ------------------------------------------------------------------------------------


def _lasting(error):
    return Outcome(error, is_retryable=False)


def _passing(error):
    return Outcome(error, is_retryable=True, tries=3)


def _cut(text=_OF_A_STREAM):
    return Outcome("StreamInterruptedError", is_retryable=True, text=text)


_LOST = _passing("EndpointConnectionError")
_LATE = Outcome("RequestTimeoutError", is_retryable=True)
_MISFIT = _lasting("ResponseFormatError")
_BRIEF = {"timeout": (10.0, 0.4)}


def _menu(name, whole, stream=None, title="", **fields):
    return Fault(title or name, whole, stream, menu=name, fields=fields)


def _wire(name, wire, whole, stream=None, **fields):
    return Fault(name, whole, stream, wire=wire, fields=fields)


def _status(status, error):
    return _wire(f"{status}", always(refused(status)), _lasting(error))


def _twin(code, outcome):
    body = json.dumps({"error": {"code": code, "message": "the engine's own error"}}).encode()
    event = b"data: " + body + b"\n\n"
    return _wire(
        f"error {code} inside a 200",
        either(
            lambda entry: [sized(body)],
            lambda entry: [[head(200, "text/event-stream", content_length=len(event)) + event]],
        ),
        outcome,
    )


def _model_status(status):
    passes = status in {408, 409, 429, 500, 502, 503, 504}
    outcome = (_passing if passes else _lasting)("ModelContainerError")
    return _menu(f"424-{status}", outcome, title=f"424, model status {status}")


def _bad_chunk(entry):
    return [[*begun(entry), b"zz;not hex\r\nHello\r\n"]]


FAULTS = [
    # No connection, or a lost one.
    Fault("connection refused", _LOST, place="nobody", counted=False),
    Fault(
        "time-out to connect",
        _passing("RequestTimeoutError"),
        place="silence",
        fields={"timeout": (0.1, 10.0)},
        counted=False,
    ),
    _menu("reset", _LOST, title="reset before any header"),
    _wire("closed before any header", always(["close"]), _LOST),
    _wire(
        "stale keep-alive: closed while idle",
        lambda entry: [[*answered(entry), "close"], answered(entry)],
        Outcome(""),
    ),
    _wire(
        "stale keep-alive: closed at the next request",
        lambda entry: [answered(entry), ["close"], answered(entry)],
        Outcome("", tries=2),
    ),
    _wire("no HTTP", always([b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "close"]), _LOST),
    _wire(
        "a header without end",
        always([b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 65_536] * 4, "close"]),
        _LOST,
    ),
    # Statuses that pass.
    _menu("408", _passing("RequestTimeoutError")),
    _menu("409", _passing("InvalidRequestError")),
    _menu("429", _passing("RateLimitError"), endpoint_retry_after_s=0.01),
    _menu("500", _passing("ServerError")),
    _menu("502", _passing("ServerError")),
    _menu("503", _passing("ServerError")),
    _menu("504", _passing("RequestTimeoutError")),
    *map(_model_status, (400, 404, 408, 409, 422, 429, 500, 502, 503, 504)),
    # Their twins inside a 200.
    _twin(429, _passing("RateLimitError")),
    _twin(503, _passing("ServerError")),
    _twin(400, _lasting("InvalidRequestError")),
    # Statuses that last.
    _status(400, "InvalidRequestError"),
    _status(401, "AuthenticationError"),
    _status(403, "PermissionDeniedError"),
    _status(404, "NotFoundError"),
    _status(405, "InvalidRequestError"),
    _status(413, "InvalidRequestError"),
    _status(415, "InvalidRequestError"),
    _status(422, "InvalidRequestError"),
    _wire(
        "307, a redirect",
        always(refused(307, location="https://elsewhere.example/score")),
        _lasting("InvalidRequestError"),
    ),
    # Silence.
    _menu(
        "stall",
        _LATE,
        Outcome("StreamInterruptedError", is_retryable=True, text=_TWO_EVENTS),
        title="silence after acceptance (whole) or in mid-stream",
        **_BRIEF,
    ),
    _wire("silence after the headers", always([head(content_length=9), "wait"]), _LATE, **_BRIEF),
    _wire(
        "silence before the headers, `retry_read_timeouts=True`",
        always(["wait"]),
        _passing("RequestTimeoutError"),
        timeout=(10.0, 0.1),
        retry_read_timeouts=True,
    ),
    # Bodies that miss their end.
    _menu("cut", _LOST, _cut(_TWO_EVENTS), title="cut body"),
    _wire(
        "body shorter than its length",
        either(
            lambda entry: [[head(content_length=100), b'{"choices"', "close"]],
            lambda entry: [
                [
                    head(200, "text/event-stream", content_length=9999),
                    piece(entry, "Hello"),
                    "close",
                ]
            ],
        ),
        _LOST,
        _cut("Hello"),
    ),
    _wire(
        "reset in the body",
        either(
            lambda entry: [[head(content_length=100), b'{"choices"', "reset"]],
            lambda entry: [begun(entry, "wait-short", "reset")],
        ),
        _LOST,
        _cut(),
    ),
    _wire(
        "malformed chunk header",
        either(
            lambda entry: [[head(transfer_encoding="chunked"), b"zz;not hex\r\nHello\r\n"]],
            lambda entry: [
                [head(200, "text/event-stream", transfer_encoding="chunked"), b"zz\r\n"]
            ],
        ),
        _LOST,
    ),
    _wire(
        "malformed chunk header, later",
        either(
            lambda entry: [
                [head(transfer_encoding="chunked"), chunk(b'{"choices"'), "wait-short", b"zz\r\n"]
            ],
            lambda entry: [[*begun(entry, "wait-short"), b"zz;not hex\r\nHello\r\n"]],
        ),
        _LOST,
        _cut(),
    ),
    # Streams that miss their end.
    _menu(
        "stream-cut",
        Outcome(""),
        _cut(_TWO_EVENTS),
        title="SSE without finish reason and [DONE]",
    ),
    _menu("stream-error", Outcome(""), _cut(_TWO_EVENTS), title="`event: error` in the stream"),
    _wire(
        "`event: error` as the first event",
        either(
            lambda entry: [answered(entry)],
            lambda entry: [
                [
                    head(200, "text/event-stream", transfer_encoding="chunked"),
                    chunk(b"event: error\ndata: no\n\n"),
                    END,
                ]
            ],
        ),
        Outcome(""),
        Outcome("StreamInterruptedError", is_retryable=True, tries=3),
    ),
    # Bytes that are no answer.
    _menu("garbage", _MISFIT, title="200 and bytes that are no JSON"),
    _wire(
        "invalid UTF-8",
        either(
            lambda entry: [sized(b'{"choices": [{"text": "\xff\xfe"}]}')],
            lambda entry: [begun(entry, chunk(b'data: {"choices": "\xff\xfe"}\n\n'), END)],
        ),
        _MISFIT,
        _cut(),
    ),
    _wire(
        "truncated JSON",
        either(
            lambda entry: [sized(answered(entry)[0].partition(b"\r\n\r\n")[2][:-4])],
            lambda entry: [begun(entry, chunk(piece(entry, "ld")[:-9] + b"\n\n"), END)],
        ),
        _MISFIT,
        _cut(),
    ),
    _wire(
        "200 and an HTML page", always(sized(b"<html>Sign in</html>", kind="text/html")), _MISFIT
    ),
    _menu("html", _passing("ServerError"), title="502 and an HTML page"),
    _menu("empty200", _MISFIT, title="200 and `{}`"),
    _wire("200 and no body", always(sized(b"")), _MISFIT),
    _wire(
        "endless body, `max_response_bytes`",
        either(
            lambda entry: [[head(transfer_encoding="chunked"), *[chunk(b" " * 65_536)] * 64]],
            lambda entry: [begun(entry, *[chunk(b"x" * 65_536)] * 64)],
        ),
        _MISFIT,
        _cut(),
        max_response_bytes=200_000,
    ),
]

"""No network but this machine, a clean environment, and the factories that all tests share."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import struct
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_socket
from hypothesis import settings
from replay import AsyncReplayTransport, Recorded, ReplayTransport

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM

# Prompt flow reads this once, when it is imported: a store of the tests' own, which tells nobody.
os.environ["PF_HOME_DIRECTORY"] = tempfile.mkdtemp(prefix="promptflow-")
Path(os.environ["PF_HOME_DIRECTORY"], "pf.yaml").write_text(
    "telemetry:\n  enabled: false\ntrace:\n  destination: none\n"
)


KEY = "sk-7Hq2vR9tLwX4bN8m"
HOST = "https://ep.eastus2.inference.ml.azure.com"
SCORE_URL = f"{HOST}/score"
CHAT_URL = f"{HOST}/v1/chat/completions"
settings.register_profile("steady", deadline=None)  # a busy machine is no failure
settings.load_profile("steady")
_SIGNALS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
_PROXY_NAMES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


@pytest.fixture(autouse=True)
def only_this_machine():
    """A test that reaches for the network fails."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """What the developer has set changes no test."""
    for name in list(os.environ):
        if name.startswith("AZUREML_") or name.lower() in _PROXY_NAMES:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def own_signals():
    """A flow leaves a handler of prompt flow, which ends the process 3 s after a signal."""
    yield
    for number, handler in _SIGNALS.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def key():
    return KEY


@pytest.fixture(scope="session")
def make_chat():
    """A chat model; the three keys are filled in where they are not given."""
    return lambda **fields: AzureMLOSSChatModel(**_with_keys(fields))


@pytest.fixture(scope="session")
def make_llm():
    """A completion model, likewise."""
    return lambda **fields: AzureMLOSSLLM(**_with_keys(fields))


def _with_keys(fields):
    if "connection" in fields:
        return fields
    keys = {"endpoint_url": SCORE_URL, "model_family": "LLAMA"}
    if "credential" not in fields:
        keys["endpoint_api_key"] = KEY
    return keys | fields


@pytest.fixture(scope="session")
def answer():
    """A recorded response that holds this JSON value (or these bytes), cut at `cuts`."""

    def record(value, status=200, cuts=(), **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        return Recorded(status, {"content-type": "application/json"} | names, cut(body, cuts))

    return record


@pytest.fixture(scope="session")
def events():
    """A recorded stream of these events (JSON values, or bytes as they are), ended by [DONE].

    Each event is a piece of its own, but where `cuts` says otherwise.
    """

    def record(*values, done=True, cuts=None, **headers):
        pieces = [
            value if isinstance(value, bytes) else b"data: " + json.dumps(value).encode() + b"\n\n"
            for value in values
        ]
        pieces += [b"data: [DONE]\n\n"] if done else []
        if cuts is not None:
            pieces = cut(b"".join(pieces), cuts)
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        pieces = [piece for piece in pieces if piece]  # no bytes at all would be the end
        return Recorded(200, {"content-type": "text/event-stream"} | names, pieces)

    return record


def cut(data, places):
    """Split bytes or text at these places (modulo its length)."""
    borders = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(borders)]


@pytest.fixture(name="cut", scope="session")
def cut_fixture():
    return cut


@pytest.fixture(scope="session")
def delta():
    """One event of a chat stream."""

    def make(content=None, finish_reason=None, **message):
        if content is not None:
            message["content"] = content
        choice = {"index": 0, "delta": message, "finish_reason": finish_reason}
        return {"id": "c1", "model": "m", "choices": [choice]}

    return make


@pytest.fixture(scope="session")
def completion():
    """A whole answer of /chat/completions."""

    def make(content="Hello!", finish_reason="stop", **more):
        message = {"role": "assistant", "content": content} | more.pop("message", {})
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        return {"id": "c1", "model": "m", "choices": [choice], **more}

    return make


@pytest.fixture(scope="session")
def plug():
    """Makes a model answer from these recorded responses, sync and async; returns what was sent."""

    def put(model, *responses):
        replay = ReplayTransport(responses)
        model._sync, model._async = replay, AsyncReplayTransport(replay)
        return replay

    return put


@pytest.fixture(scope="session")
def sent():
    """The JSON body of a request, by default the only one that was sent."""

    def read(replay, place=None):
        if place is None:
            (request,) = replay.requests
        else:
            request = replay.requests[place]
        return json.loads(request.body)

    return read


# -- every contract, asked and answered -----------------------------------------------------------


def _score_prompts(body):
    return body["input_data"]["input_string"]


def _numbered(texts):
    return [{str(number): text for number, text in enumerate(texts)}]


def _openai_prompt(body):
    return [body["prompt"]]


def _contract(name, url, prompts, texts, **more):
    return SimpleNamespace(name=name, url=url, prompts=prompts, texts=texts, **more)


CONTRACTS = [
    _contract("score", SCORE_URL, _score_prompts, _numbered),
    _contract("score-params", SCORE_URL, lambda body: body["input_data"], list),
    _contract("gpt2-2023", SCORE_URL, lambda body: body["inputs"]["input_string"], _numbered),
    _contract(
        "falcon-2023",
        SCORE_URL,
        lambda body: body["inputs"],
        lambda texts: [{"generated_text": text} for text in texts],
    ),
    _contract("dolly-2023", SCORE_URL, _score_prompts, list),
    _contract(
        "openai",
        CHAT_URL,
        _openai_prompt,
        lambda texts: {"choices": [{"index": 0, "text": texts[0], "finish_reason": "stop"}]},
    ),
]
"""`prompts` finds the prompts in a body; `texts` makes the JSON answer that holds these texts."""


@pytest.fixture(scope="session")
def contracts():
    return CONTRACTS


@pytest.fixture(params=CONTRACTS, ids=lambda contract: contract.name)
def contract(request):
    return request.param


@pytest.fixture(params=[c for c in CONTRACTS if c.name != "openai"], ids=lambda c: c.name)
def score_contract(request):
    return request.param


@pytest.fixture(scope="session")
def chat_body():
    """The JSON answer of a contract to a conversation."""

    def make(contract, text):
        if contract.name == "score":
            return {"output": text}
        if contract.name == "openai":
            message = {"role": "assistant", "content": text}
            return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return contract.texts([text])

    return make


# -- a server of raw bytes ------------------------------------------------------------------------


@dataclass
class Request:
    """What came over the wire."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def named(self):
        return {name.lower(): value for name, value in self.headers}


@dataclass
class RawServer:
    """Answers each request with the next of `script`, a list of pieces; the last one is repeated.

    A piece is bytes, an Event to wait for, or one of the words `close` and `reset`. `gone` is set
    when a connection has ended, whoever hung up.
    """

    script: list = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self.arrived = threading.Semaphore(0)
        self.gone = threading.Event()
        self._lock = threading.Lock()
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(2)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._answer(connection)
        finally:
            self.gone.set()

    def _answer(self, connection):
        reader = connection.makefile("rb")
        with contextlib.suppress(OSError, ValueError), reader, connection:
            while request := _read_request(reader):
                with self._lock:
                    self.requests.append(request)
                    pieces = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                self.arrived.release()
                for piece in pieces:
                    if isinstance(piece, bytes):
                        connection.sendall(piece)
                    elif isinstance(piece, threading.Event):
                        piece.wait(2)
                    else:
                        if piece == "reset":
                            linger = struct.pack("ii", 1, 0)
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        return


def _read_request(reader):
    line = reader.readline().decode().strip()
    if not line:
        return None
    headers = []
    while text := reader.readline().decode().strip():
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Request(line, headers, reader.read(length))


@pytest.fixture
def raw_server():
    """Starts raw servers: `raw_server([piece, ...], ...)`, one list for each request."""
    servers = []

    def start(*script):
        servers.append(RawServer(list(script)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def wire():
    """A recorded response (see `answer` and `events`) as raw HTTP/1.1 pieces, chunked."""

    def encode(recorded, *, reason="OK"):
        lines = [f"HTTP/1.1 {recorded.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in recorded.headers.items()]
        head = "\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode()
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in recorded.body if piece]
        return [head, *chunks, b"0\r\n\r\n"]

    return encode


@pytest.fixture(scope="session")
def shows():
    """All that a person or a log can see of an error: itself and its causes."""

    def read(error):
        seen, texts = set(), []
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            texts += [str(error), repr(error), repr(vars(error)), repr(error.args)]
            texts += getattr(error, "__notes__", [])
            error = error.__cause__ or error.__context__
        return re.sub(r"\\(.)", r"\1", "\n".join(texts))

    return read

"""The command in this process, the real one in another, and one on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_azureml_oss.cli.app import build_app
from langchain_azureml_oss.local import LocalEndpoint

COMMAND = str(Path(sysconfig.get_path("scripts")) / "azureml-oss")
TIMEOUT_S = 30

# Ctrl-C on a terminal goes to the processes that it controls. A process becomes one of them by
# asking for it, here on the way to the command.
# A shell's background jobs ignore Ctrl-C, and so would the command under tests that are run as one.
_TAKE_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def echo():
    with LocalEndpoint("echo", deployments={"blue": 100, "green": 0}) as endpoint:
        yield endpoint


@pytest.fixture
def configured(echo, monkeypatch):
    """The environment points to the `echo` endpoint, at a path that streams."""
    for name, value in variables(echo).items():
        monkeypatch.setenv(name, value)
    return echo


def variables(endpoint, path="/v1/chat/completions"):
    return {
        "AZUREML_ENDPOINT_URL": endpoint.url + path,
        "AZUREML_ENDPOINT_API_KEY": endpoint.api_key,
        "AZUREML_MODEL_FAMILY": "LLAMA",
    }


@pytest.fixture(name="variables")
def variables_fixture():
    return variables


@pytest.fixture
def run():
    """Runs the command in this process; it never raises anything but the end of the command."""

    def call(*arguments, text=None):
        result = CliRunner().invoke(build_app(), list(arguments), input=text)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def command():
    """Runs the installed command; standard input is empty unless `text` is given."""

    def call(*arguments, text=b"", **environment):
        return subprocess.run(
            [COMMAND, *arguments],
            input=text.decode("utf-8", "surrogateescape"),
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=TIMEOUT_S,
            check=False,
        )

    return call


@pytest.fixture
def start():
    """Starts the installed command; it is ended with the test."""
    started = []

    def call(*arguments, **environment):
        process = subprocess.Popen(
            [COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **environment},
        )
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def error_of():
    """The error that `--json` wrote to standard error, which holds nothing else."""

    def read(result):
        return json.loads(result.stderr)["error"]

    return read


class OnTerminal:
    """The installed command on a terminal of its own."""

    def __init__(self, arguments, environment, *, stdout=None):
        self._terminal, inner = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, COMMAND, *arguments],
            stdin=inner,
            stdout=stdout or inner,
            stderr=inner,
            env={**os.environ, "TERM": "xterm", **environment},
            start_new_session=True,
        )
        os.close(inner)
        self.shown = ""
        self._seen = 0

    def wait_for(self, text):
        """Return what was shown since the last time, up to and with the text."""
        ends = time.monotonic() + TIMEOUT_S
        while (place := self.shown.find(text, self._seen)) < 0:
            if time.monotonic() > ends or not self._read():
                raise AssertionError(f"{text!r} was never shown after {self.shown!r}")
        begin, self._seen = self._seen, place + len(text)
        return self.shown[begin : self._seen]

    def type(self, text):
        os.write(self._terminal, text.encode())

    def end(self):
        """Return the exit status, once the command has ended."""
        while self._read():
            pass
        return self._process.wait(TIMEOUT_S)

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        os.close(self._terminal)

    @property
    def words(self):
        """What was shown, without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown)

    def stdout(self):
        return self._process.stdout.read().decode()

    def _read(self):
        ready, _, _ = select.select([self._terminal], [], [], TIMEOUT_S)
        try:
            data = os.read(self._terminal, 65536) if ready else b""
        except OSError:  # how Linux says that nobody has the other end any more
            data = b""
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def on_terminal():
    """Starts the installed command on a terminal; colours are off unless asked for."""
    started = []

    def start(*arguments, stdout=None, **environment):
        started.append(OnTerminal(arguments, {"NO_COLOR": "1", **environment}, stdout=stdout))
        return started[-1]

    yield start
    for one in started:
        one.close()

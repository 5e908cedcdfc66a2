"""Colours, and what a model may do to a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest

from langchain_azureml_oss.cli.terminal import Terminal
from langchain_azureml_oss.local import EngineError, LocalEndpoint

ESCAPE = "\x1b"


def test_colours_on_a_terminal(on_terminal, configured):
    terminal = on_terminal("chat", "one", NO_COLOR="")
    assert terminal.end() == 0
    assert f"{ESCAPE}[2mblue answered in " in terminal.shown
    assert "echo: one\r\n" in terminal.words


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}])
@pytest.mark.parametrize("arguments", [("chat", "one"), ("--help",), ("chat", "--nope")])
def test_no_colours_where_they_are_not_wanted(on_terminal, configured, variable, arguments):
    terminal = on_terminal(*arguments, **variable)
    terminal.end()
    assert terminal.shown
    assert ESCAPE not in terminal.shown


@pytest.mark.parametrize("arguments", [("chat", "one"), ("--help",), ("chat", "--nope")])
def test_no_colours_without_a_terminal(command, configured, arguments):
    # These make typer and rich colour what is no terminal.
    done = command(*arguments, FORCE_COLOR="1", GITHUB_ACTIONS="true", PY_COLORS="1")
    assert done.stdout + done.stderr
    assert ESCAPE not in done.stdout + done.stderr


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


def test_a_model_gives_no_orders_to_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", FakeTerminal())
    Terminal().write("a\tb\n\x1b]0;title\x07\x9b2J\r\x08c\u00e9")
    assert sys.stdout.getvalue() == "a\tb\n]0;title2Jc\u00e9"


def test_what_is_no_terminal_gets_the_answer_as_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    Terminal().write("\x1b[1mbold\r\n")
    assert sys.stdout.getvalue() == "\x1b[1mbold\r\n"


HOSTILE = "\x1b]8;;http://evil\x07link\x1b[2J\x9b1m\u202eback"


@pytest.mark.parametrize("speak", ["say", "warn", "fail"])
def test_a_server_gives_no_orders_through_what_the_command_says(monkeypatch, speak):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    getattr(Terminal(), speak)(f"It said: {HOSTILE}\nand more")
    shown = sys.stderr.getvalue()
    assert "]8;;http://evil" in shown
    assert "\nand more" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e")


def test_nor_through_json_which_loses_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    terminal = Terminal(as_json=True)
    terminal.warn(HOSTILE)
    terminal.result({"text": HOSTILE})
    terminal.fail(HOSTILE, {"request_id": HOSTILE})
    for written in (sys.stdout.getvalue(), sys.stderr.getvalue()):
        assert not set(written) & set("\x1b\x07\x9b\u202e")
        assert HOSTILE in repr(json.loads(written)).encode().decode("unicode_escape")
    assert json.loads(sys.stdout.getvalue()) == {"text": HOSTILE, "notes": [HOSTILE]}


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_error_of_a_hostile_server_is_shown_and_not_obeyed(command, variables, more):
    with LocalEndpoint("scripted", script=[EngineError(400, f"No. {HOSTILE}")]) as endpoint:
        done = command("chat", "one", *more, **variables(endpoint))
    assert "]8;;http://evil" in done.stderr
    assert not set(done.stdout + done.stderr) & set("\x1b\x07\x9b\u202e")

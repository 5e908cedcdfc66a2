"""Colours, and what a model may do to a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from langchain_azureml_oss.cli.terminal import Terminal

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

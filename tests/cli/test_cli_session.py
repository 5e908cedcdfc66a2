"""A session on a terminal."""

from __future__ import annotations

import subprocess
import time

import pytest

from langchain_azureml_oss.local import LocalEndpoint


def said_to(endpoint):
    return [
        [(message["role"], message["content"]) for message in request.body["messages"]]
        for request in endpoint.requests
    ]


@pytest.fixture
def session(on_terminal, configured):
    def start(*arguments, **more):
        started = on_terminal("chat", *arguments, **more)
        started.wait_for("Ctrl-D or /exit ends the session")
        started.wait_for("> ")
        return started

    return start


def ask(session, question):
    session.type(question + "\n")
    return session.wait_for("\r\n> ")


def test_remembers_what_was_said(session, configured):
    terminal = session("--system", "Be brief.")
    shown = ask(terminal, "one")
    assert "\r\necho: one\r\nblue answered in " in shown
    ask(terminal, "two")
    ask(terminal, "more")
    terminal.type("/new\n")
    terminal.wait_for("Starting over.\r\n> ")
    ask(terminal, "three")
    terminal.type("\x04")
    assert terminal.end() == 0
    system = ("system", "Be brief.")
    first = [("user", "one"), ("assistant", "echo: one")]
    second = [("user", "two"), ("assistant", "echo: two")]
    assert said_to(configured) == [
        [system, ("user", "one")],
        [system, *first, ("user", "two")],
        [system, *first, *second, ("user", "more")],
        [system, ("user", "three")],
    ]


@pytest.mark.parametrize("word", ["/exit", "/quit"])
def test_ends_when_told(session, word, configured):
    terminal = session()
    terminal.type(f"{word}\n")
    assert terminal.end() == 0
    assert not configured.requests


def test_ctrl_c_at_the_prompt_does_not_end_it(session):
    terminal = session()
    terminal.type("half a quest")
    terminal.wait_for("quest")
    # CPython misses a signal that comes while readline still writes; no finger is that quick.
    time.sleep(0.3)
    terminal.type("\x03")
    terminal.wait_for("Ctrl-D or /exit ends the session")
    terminal.wait_for("> ")
    assert "echo: one" in ask(terminal, "one")
    terminal.type("\x04")
    assert terminal.end() == 0


def test_ctrl_c_ends_an_answer(on_terminal, variables):
    with LocalEndpoint("echo", token_delay_s=0.4) as slow:
        terminal = on_terminal("chat", **variables(slow))
        terminal.wait_for("> ")
        terminal.type("one two three four five six seven eight nine\n")
        terminal.wait_for("echo: one")
        terminal.type("\x03")
        assert "nine" not in terminal.wait_for("Answer ended.")
        terminal.wait_for("> ")
        terminal.type("b\n")
        terminal.wait_for("blue answered in ")
        terminal.type("/exit\n")
        assert terminal.end() == 0
        question, beginning, again = said_to(slow)[-1]
    # The beginning of an answer is an answer; without it two questions would follow each other.
    assert question[0] == "user"
    assert beginning[0] == "assistant"
    assert beginning[1].startswith("echo: one")
    assert "nine" not in beginning[1]
    assert again == ("user", "b")


def test_ctrl_c_without_a_session(on_terminal, variables):
    with LocalEndpoint("echo", token_delay_s=0.5) as slow:
        terminal = on_terminal("chat", "one two three four five six", **variables(slow))
        terminal.wait_for("echo: one")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "six" not in terminal.shown
    assert "Traceback" not in terminal.shown


def test_goes_on_after_an_error(session, configured):
    terminal = session()
    configured.fail_next("424-400")
    assert "Error: " in ask(terminal, "one")
    assert "echo: two" in ask(terminal, "two")
    terminal.type("/exit\n")
    assert terminal.end() == 0
    assert said_to(configured)[-1] == [("user", "two")]


def test_answers_for_a_file_hold_no_prompts(session):
    terminal = session(stdout=subprocess.PIPE)
    terminal.type("one\n")
    terminal.wait_for("blue answered in ")
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert terminal.stdout() == "echo: one\n"


def test_json_is_for_one_question(on_terminal, configured):
    terminal = on_terminal("chat", "--json")
    assert terminal.end() == 2
    assert "not for a session" in terminal.shown


def test_a_configuration_is_checked_at_once(on_terminal):
    terminal = on_terminal("chat")
    assert terminal.end() == 2
    assert "AZUREML_ENDPOINT_URL" in terminal.shown

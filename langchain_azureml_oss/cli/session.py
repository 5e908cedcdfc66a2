"""A conversation on the terminal."""

from __future__ import annotations

import sys
from contextlib import suppress

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.cli.answering import ask
from langchain_azureml_oss.cli.problems import report
from langchain_azureml_oss.cli.terminal import Terminal, takes_styles
from langchain_azureml_oss.errors import AzureMLOSSError

_EXIT = frozenset({"/exit", "/quit"})
_NEW = "/new"
_HELP = "Ctrl-D or /exit ends the session, Ctrl-C an answer; /new forgets what was said."
_PROMPT = "> "


class Session:
    """Asks, answers and remembers, until the user has enough.

    Args:
        model: Answers.
        terminal: Where it is shown.
        system: How the model is to behave.
        stream: Whether answers are shown as they come.
    """

    def __init__(
        self,
        model: AzureMLOSSChatModel,
        terminal: Terminal,
        system: str | None = None,
        *,
        stream: bool = True,
    ) -> None:
        self._model, self._terminal, self._stream = model, terminal, stream
        self._start: list[BaseMessage] = [SystemMessage(system)] if system else []
        self._history: list[BaseMessage] = []

    def run(self) -> None:
        """Read questions until Ctrl-D or /exit."""
        self._terminal.say(_HELP)
        _remember_lines()
        while True:
            try:
                said = _read(_PROMPT).strip()
            except EOFError:
                self._terminal.say("")
                return
            except KeyboardInterrupt:
                self._terminal.say(f"\n{_HELP}")
                continue
            if said in _EXIT:
                return
            if said == _NEW:
                self._history.clear()
                self._terminal.say("Starting over.")
            elif said == "/help":
                self._terminal.say(_HELP)
            elif said:
                self._answer(said)

    def _answer(self, question: str) -> None:
        """Answer a question of a session, which goes on whatever happens."""
        try:
            self.answer(question)
        except KeyboardInterrupt:
            self._terminal.say("Answer ended.")
        except AzureMLOSSError as error:
            report(self._terminal, error)

    def answer(self, question: str) -> None:
        """Answer a question, and keep both if there was an answer, or the beginning of one.

        Raises:
            AzureMLOSSError: the call failed, perhaps after some of the answer.
        """
        texts: list[str] = []

        def show(text: str) -> None:
            texts.append(text)
            if not self._terminal.as_json:
                self._terminal.write(text)

        asked = HumanMessage(question)
        messages = [*self._start, *self._history, asked]
        try:
            with self._terminal.waiting("Waiting for the answer ..."):
                answer = ask(self._model, messages, show, stream=self._stream)
        finally:
            self._terminal.end_line()
            # Models that take turns strictly refuse a question that follows another question.
            if texts:
                self._history += [asked, AIMessage("".join(texts))]
        if self._terminal.as_json:
            self._terminal.result(answer.as_json())
        self._terminal.say(answer.summary)


def _remember_lines() -> None:
    """Let arrow keys edit the line and bring earlier ones back, where the system has it."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 -- works by being imported


def _read(prompt: str) -> str:
    """Read a line.

    Raises:
        EOFError: there is no more.
    """
    if sys.stdout.isatty():
        if takes_styles(sys.stdout):
            # 1 and 2 tell readline that what is between them takes no room on the line.
            prompt = f"\1\x1b[1;36m\2{prompt}\1\x1b[0m\2"
        return input(prompt)
    # input() would write the prompt among the answers, which go to a file or another program.
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line

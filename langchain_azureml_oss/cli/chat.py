"""`azureml-oss chat`: one answer, or a session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from langchain_azureml_oss.cli.answer_options import (
    MaxTokensOption,
    SystemOption,
    TemperatureOption,
    answer,
)
from langchain_azureml_oss.cli.connecting import (
    ConnectionOption,
    ContractOption,
    DeploymentOption,
    EndpointChoice,
    FamilyOption,
    UrlOption,
)
from langchain_azureml_oss.cli.problems import CommandError, reported
from langchain_azureml_oss.cli.terminal import Terminal

_SMALL_MODEL = "smollm2"
_SMALL_MODEL_SYSTEM = "You answer questions of software developers in two or three sentences."
"""Without a word about what it is there for, a model of 135M parameters talks about anything."""
_SMALL_MODEL_FIELDS: dict[str, Any] = {
    "temperature": 0.0,
    "max_tokens": 256,
    # Keeps so small a model from saying the same again and again.
    "model_kwargs": {"frequency_penalty": 0.4},
}

_LOCAL = "Without a cloud"


def chat(  # noqa: PLR0913 -- each is an option of the command
    question: Annotated[
        str | None,
        typer.Argument(
            help="What to ask. Without it: a session on a terminal, else standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    connection: ConnectionOption = None,
    url: UrlOption = None,
    family: FamilyOption = None,
    deployment: DeploymentOption = None,
    contract: ContractOption = "auto",
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Ask a small model (SmolLM2, 135M parameters) on an endpoint that is started on"
            " this machine.",
            rich_help_panel=_LOCAL,
        ),
    ] = False,
    model: Annotated[
        str | None,
        answer(
            "--model",
            metavar="NAME",
            help="With --local: smollm2, echo or a GGUF file. Otherwise the name that is sent as"
            " `model`.",
        ),
    ] = None,
    system: SystemOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    as_json: Annotated[
        bool,
        answer("--json", help="One JSON object at the end instead of text; errors too."),
    ] = False,
    no_stream: Annotated[
        bool,
        answer("--no-stream", help="Ask for the answer in one piece."),
    ] = False,
) -> None:
    """Ask a model: one question, or a whole session.

    The answer goes to standard output, everything else to standard error. The key comes from the
    connection or from AZUREML_ENDPOINT_API_KEY, never from an option.
    """
    if local and (connection or url):
        msg = "it starts an endpoint of its own, and --url and --connection name another one."
        raise typer.BadParameter(msg, param_hint="--local")
    fields: dict[str, Any] = {"model": model}
    if local:
        model = model or _SMALL_MODEL
        fields = dict(_SMALL_MODEL_FIELDS) if model == _SMALL_MODEL else {}
        if system is None and model == _SMALL_MODEL:
            system = _SMALL_MODEL_SYSTEM
    settings = {"temperature": temperature, "max_tokens": max_tokens}
    fields |= {name: value for name, value in settings.items() if value is not None}
    choice = EndpointChoice(
        connection=connection, url=url, family=family, deployment=deployment, contract=contract
    )
    terminal = Terminal(as_json=as_json)
    with reported(terminal):
        question = _question(question, as_json=as_json)
        with _endpoint(terminal, choice, model if local else None) as found:
            # These imports take a second; --help and wrong usage do without them.
            from langchain_azureml_oss.chat_models import AzureMLOSSChatModel  # noqa: PLC0415
            from langchain_azureml_oss.cli.session import Session  # noqa: PLC0415

            with AzureMLOSSChatModel(**found, **fields) as chat_model:
                session = Session(chat_model, terminal, system, stream=not no_stream)
                if question is None:
                    session.run()
                else:
                    session.answer(question)


def _question(argument: str | None, *, as_json: bool) -> str | None:
    """Return the question; None asks for a session.

    Raises:
        BadParameter: there is none.
        CommandError: standard input is not text.
    """
    if argument is None and sys.stdin.isatty():
        if as_json:
            msg = "it is for one question, not for a session."
            raise typer.BadParameter(msg, param_hint="--json")
        return None
    try:
        text = sys.stdin.read().strip() if argument is None else argument
        # Python hands on bytes that are no text in some locales, as halves of characters.
        text.encode()
    except UnicodeError as error:
        raise CommandError(f"The question is not text in UTF-8: {error}.") from None
    if not text.strip():
        where = "standard input is empty" if argument is None else "it is empty"
        msg = f"{where}; ask something in an argument or on standard input."
        raise typer.BadParameter(msg, param_hint="QUESTION")
    return text


@contextmanager
def _endpoint(
    terminal: Terminal, choice: EndpointChoice, local_model: str | None
) -> Iterator[dict[str, Any]]:
    """Give the fields that say which endpoint to call; start it where it is a local one."""
    if local_model is None:
        yield choice.fields()
        return
    from langchain_azureml_oss.cli.local_answers import local_endpoint  # noqa: PLC0415 -- a second

    with local_endpoint(terminal, choice, local_model) as fields:
        yield fields

"""`azureml-oss serve`: a local Azure ML online endpoint, or a gateway to another one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_azureml_oss.cli.problems import WRONG_USAGE, CommandError, reported
from langchain_azureml_oss.cli.terminal import Terminal
from langchain_azureml_oss.errors import ConnectionConfigError

if TYPE_CHECKING:
    from langchain_azureml_oss.local import LocalEndpoint

_KEY = "AZUREML_ENDPOINT_API_KEY"
# Not the other one, which may hold the key of the endpoint behind the gateway.
_GATEWAY_KEY = "AZUREML_GATEWAY_API_KEY"
_FAMILIES = {"gpt2-2023": "GPT2", "falcon-2023": "FALCON", "dolly-2023": "DOLLY"}
"""Contract -> the family of the models that spoke it."""

_SERVER = "Server"
_GATEWAY = "Gateway"
_QUIRKS = "What it speaks"
_TROUBLE = "Trouble on demand"


def serve(  # noqa: PLR0913 -- each is an option of the command
    *,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="NAME",
            help="smollm2 (135M parameters), echo (says what it was told) or a GGUF file.",
            rich_help_panel=_SERVER,
        ),
    ] = "smollm2",
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to listen at; 0.0.0.0 for everybody.", rich_help_panel=_SERVER
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Port to listen at; 0: a free one.",
            rich_help_panel=_SERVER,
        ),
    ] = 0,
    deployment: Annotated[
        list[str] | None,
        typer.Option(
            "--deployment",
            metavar="NAME=SHARE",
            help="A deployment and its share of the traffic; may be given several times.",
            show_default="blue=100",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Say how to connect as one JSON object; errors too.",
            rich_help_panel=_SERVER,
        ),
    ] = False,
    connection: Annotated[
        str | None,
        typer.Option(
            "--connection",
            metavar="SELECTOR_OR_YAML",
            help="Ask this endpoint instead of a local model, for any OpenAI client; see"
            " azureml-oss chat --help.",
            rich_help_panel=_GATEWAY,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Keep its answers in this file, which is written anew; no key is in it.",
            rich_help_panel=_GATEWAY,
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            metavar="FILE",
            help="Answer from such a file alone, without network or key.",
            rich_help_panel=_GATEWAY,
        ),
    ] = None,
    contract: Annotated[
        str,
        typer.Option(
            "--contract",
            help="What /score speaks: score, gpt2-2023, falcon-2023 or dolly-2023.",
            rich_help_panel=_QUIRKS,
        ),
    ] = "score",
    front_door: Annotated[
        bool,
        typer.Option(
            "--front-door",
            help="Errors of the model arrive as a 424, as on Azure.",
            rich_help_panel=_QUIRKS,
        ),
    ] = False,
    extended: Annotated[
        bool,
        typer.Option(
            "--extended",
            help="/score answers as later servers do, with usage.",
            rich_help_panel=_QUIRKS,
        ),
    ] = False,
    task: Annotated[
        str,
        typer.Option(
            "--task",
            help="any, chat, completion or embeddings; the other APIs are refused.",
            rich_help_panel=_QUIRKS,
        ),
    ] = "any",
    refuse_tools: Annotated[
        bool,
        typer.Option(
            "--refuse-tools", help="400 for a request with tools.", rich_help_panel=_QUIRKS
        ),
    ] = False,
    refuse_stream_options: Annotated[
        bool,
        typer.Option(
            "--refuse-stream-options",
            help="400 for a request with stream_options.",
            rich_help_panel=_QUIRKS,
        ),
    ] = False,
    ignore_stream: Annotated[
        bool,
        typer.Option(
            "--ignore-stream",
            help="Answers in one piece when asked to stream.",
            rich_help_panel=_QUIRKS,
        ),
    ] = False,
    faults: Annotated[
        str,
        typer.Option(
            "--faults",
            metavar="FAULT=ODDS,...",
            help="Kinds of failure and how likely each is, such as 429=0.05,reset=0.01. A wrong"
            " name lists the right ones.",
            show_default=False,
            rich_help_panel=_TROUBLE,
        ),
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="Makes faults and the traffic split the same each time.",
            rich_help_panel=_TROUBLE,
        ),
    ] = None,
    token_delay: Annotated[
        float,
        typer.Option(
            "--token-delay",
            min=0,
            help="Seconds between two streamed words of echo.",
            rich_help_panel=_TROUBLE,
        ),
    ] = 0.0,
) -> None:
    """Run a local Azure ML online endpoint, until Ctrl-C.

    The key is AZUREML_ENDPOINT_API_KEY, that of a gateway AZUREML_GATEWAY_API_KEY; without it one
    is made up and shown. Standard output gets the lines to paste into another shell.
    """
    terminal = Terminal(as_json=as_json)
    is_gateway = connection is not None or replay is not None
    options = {
        "model": model,
        "host": host,
        "port": port,
        "api_key": os.environ.get(_GATEWAY_KEY if is_gateway else _KEY, ""),
        "record": record,
        "replay": replay,
        "contract": contract,
        "front_door": front_door,
        "extended": extended,
        "task": task,
        "refuse_tools": refuse_tools,
        "refuse_stream_options": refuse_stream_options,
        "ignore_stream": ignore_stream,
        "faults": faults,
        "seed": seed,
        "token_delay_s": token_delay,
    }
    if deployment:
        options["deployments"] = _shares(deployment)
    with reported(terminal):
        if record is not None and connection is None:
            raise CommandError("--record needs --connection.", WRONG_USAGE)
        if replay is not None and connection is not None:
            raise CommandError("--replay answers alone: leave out --connection.", WRONG_USAGE)
        _serve(terminal, options, connection)


def _serve(terminal: Terminal, options: dict[str, Any], connection: str | None) -> None:
    from langchain_azureml_oss.local import (  # noqa: PLC0415 -- takes a second
        LocalEndpoint,
        MissingEngineError,
    )

    if connection is not None:
        from langchain_azureml_oss.connections import named_connection  # noqa: PLC0415 -- likewise

        options["upstream"] = named_connection(connection)
    try:
        endpoint = LocalEndpoint(**options)
    except ConnectionConfigError:
        raise
    except (MissingEngineError, OSError, ValueError) as error:
        raise CommandError(str(error), WRONG_USAGE) from None
    introduce = _introduce_gateway if endpoint.is_gateway else _introduce
    source = connection or options["replay"] or options["model"]
    started = "gateway to" if connection else "local endpoint with"
    terminal.say(f"Starting a {started} {source} ...")
    try:
        endpoint.serve(lambda: introduce(terminal, endpoint))
    except OSError as error:
        msg = f"The endpoint did not start: {error.strerror or error} (--host, --port)."
        raise CommandError(msg) from None
    except RuntimeError as error:
        # What llama.cpp says about a file that it cannot read.
        raise CommandError(f"The model {options['model']} did not start: {error}") from None
    terminal.say("Stopped.")


def _shares(texts: list[str]) -> dict[str, float]:
    """Return deployment -> share of the traffic; one without a share takes 100.

    Raises:
        BadParameter: a text is not NAME=SHARE, or a name comes twice.
    """
    shares: dict[str, float] = {}
    for text in texts:
        name, _, share = text.partition("=")
        name = name.strip()
        try:
            value = float(share or 100)
        except ValueError:
            value = -1.0
        if not name or name in shares or not 0 <= value < float("inf"):
            msg = f"{text!r} is not NAME=SHARE with a name of its own and a share of 0 or more."
            raise typer.BadParameter(msg, param_hint="--deployment")
        shares[name] = value
    return shares


def _introduce(terminal: Terminal, endpoint: LocalEndpoint) -> None:
    """Say how to connect, as soon as that works."""
    # This path makes both APIs stream; the older contracts have nothing but /score.
    path = "/v1" if endpoint.contract == "score" else "/score"
    found = {
        "AZUREML_ENDPOINT_URL": endpoint.url + path,
        # Shown only if it was made up for this run; the user's own is known where it was set.
        _KEY: None if os.environ.get(_KEY) else endpoint.api_key,
        "AZUREML_MODEL_FAMILY": _FAMILIES.get(endpoint.contract, "LLAMA"),
    }
    if terminal.as_json:
        names = ("endpoint_url", "endpoint_api_key", "model_family")
        deployments = dict(endpoint.deployments)
        terminal.result(
            dict(zip(names, found.values(), strict=True)) | {"deployments": deployments}
        )
        return
    shares = ", ".join(f"{name} {share:g}" for name, share in endpoint.deployments.items())
    terminal.say(f"Listening at {endpoint.url} (deployments: {shares}). Ctrl-C stops it.")
    terminal.say('Paste this into another shell, then try: azureml-oss chat "What is CI?"')
    for name, value in found.items():
        if value is not None:
            terminal.write(f"export {name}={shlex.quote(value)}\n")
    if found[_KEY] is None:
        terminal.say(f"{_KEY} is the one of this shell.")
    if path == "/v1":
        terminal.say(f"{endpoint.scoring_url} is there too; it does not stream.")


def _introduce_gateway(terminal: Terminal, endpoint: LocalEndpoint) -> None:
    """Say how OpenAI's clients connect."""
    own = bool(os.environ.get(_GATEWAY_KEY))
    base_url, key = f"{endpoint.url}/v1", None if own else endpoint.api_key
    if terminal.as_json:
        terminal.result({"base_url": base_url, "api_key": key})
        return
    terminal.say(f"Listening at {endpoint.url}. Ctrl-C stops it.")
    terminal.say("OpenAI clients read these; paste them where yours runs:")
    terminal.write(f"export OPENAI_BASE_URL={shlex.quote(base_url)}\n")
    if key is not None:
        terminal.write(f"export OPENAI_API_KEY={shlex.quote(key)}\n")
    else:
        terminal.say(f"The key is {_GATEWAY_KEY} of this shell.")

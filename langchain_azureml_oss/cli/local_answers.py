"""A local endpoint for one run of a command: what `--local` means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

from langchain_azureml_oss.cli.connecting import EndpointChoice
from langchain_azureml_oss.cli.problems import WRONG_USAGE, CommandError
from langchain_azureml_oss.cli.terminal import Terminal
from langchain_azureml_oss.local import LocalEndpoint, MissingEngineError
from langchain_azureml_oss.local.options import ContractName


@contextmanager
def local_endpoint(
    terminal: Terminal, choice: EndpointChoice, model: str
) -> Iterator[dict[str, Any]]:
    """Run a local endpoint, and give the fields of a model that calls it.

    Raises:
        CommandError: it cannot be started.
    """
    # Only the path that streams shows what the command can do.
    path, contract = "/v1/chat/completions", choice.contract
    if contract not in {"auto", "openai"}:
        path = "/score"
    spoken = contract if contract in get_args(ContractName) else "score"
    deployment = (choice.deployment or "").strip() or "blue"
    try:
        endpoint = LocalEndpoint(
            model,
            deployments={deployment: 100},
            contract=spoken,  # type: ignore[arg-type]
        )
        with terminal.waiting(f"Starting a local endpoint with {model} ..."):
            endpoint.start()
    except (MissingEngineError, FileNotFoundError, ValueError) as error:
        raise CommandError(f"--local: {error}", WRONG_USAGE) from None
    except (OSError, RuntimeError) as error:
        raise CommandError(f"The local endpoint with {model} did not start: {error}") from None
    try:
        terminal.say(f"A local endpoint with {model} listens at {endpoint.url}")
        yield {
            "connection": endpoint.connection(choice.family or "LLAMA", path),
            # Otherwise the environment, which is about another endpoint, would have its say.
            "deployment_name": deployment,
            "contract": contract,
        }
    finally:
        endpoint.stop()

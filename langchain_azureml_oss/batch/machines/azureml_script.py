"""The scoring script of an Azure ML batch deployment: `init()` once, `run(mini_batch)` for each.

Name it in the deployment's YAML (docs/batch.md has one); the environment says what to ask:
`AZUREML_ENDPOINT_URL`, `AZUREML_ENDPOINT_API_KEY` and `AZUREML_MODEL_FAMILY` as everywhere, and
`AZUREML_OSS_BATCH`, a JSON object of `api`, `system`, `column`, `template`, `max_concurrency`,
`limit_requests`, `limit_tokens`, and of the model's own arguments.

Source: Microsoft's "Author scoring scripts for batch deployments": `run` is given paths of files,
or a pandas DataFrame where the input is tabular, and returns a list or a DataFrame with a row for
each element; with `output_action: append_row`, each is a line of the output.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.outcomes import of_failure
from langchain_azureml_oss.batch.pacing.limits import Limits, TokenEstimate
from langchain_azureml_oss.batch.pacing.pace import Pace
from langchain_azureml_oss.batch.pacing.turnstile import Turnstile
from langchain_azureml_oss.batch.progress import Progress
from langchain_azureml_oss.batch.rows import Row, plain, read_rows
from langchain_azureml_oss.batch.run import MAX_CONCURRENCY, Run
from langchain_azureml_oss.batch.scorers import scorer_of
from langchain_azureml_oss.batch.sinks import MemorySink
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.embeddings import AzureMLOSSEmbeddings
from langchain_azureml_oss.errors import ConnectionConfigError, UnsupportedInputError
from langchain_azureml_oss.llms import AzureMLOSSLLM
from langchain_azureml_oss.wire import encode_json

OPTIONS = "AZUREML_OSS_BATCH"

_MODELS: Mapping[str, Callable[..., Any]] = {
    "chat": AzureMLOSSChatModel,
    "completion": AzureMLOSSLLM,
    "embeddings": AzureMLOSSEmbeddings,
}

_state: dict[str, Any] = {}
"""What `init` made; the service calls two functions that share nothing else."""


def init() -> None:
    """Make the model.

    Raises:
        ConnectionConfigError: the environment says too little, or something wrong.
    """
    try:
        options = json.loads(os.environ.get(OPTIONS) or "{}")
    except ValueError as error:
        raise ConnectionConfigError(f"{OPTIONS} is not JSON: {error}.") from None
    if not isinstance(options, dict):
        raise ConnectionConfigError(f"{OPTIONS} is not a JSON object.")
    names = ("system", "column", "template")
    form = {name: options.pop(name) for name in names if name in options}
    limits = {name: options.pop(f"limit_{name}", None) for name in ("requests", "tokens")}
    most = options.pop("max_concurrency", MAX_CONCURRENCY)
    api = options.pop("api", "chat")
    if api not in _MODELS:
        raise ConnectionConfigError(f"{OPTIONS}: api is one of {', '.join(_MODELS)}, not {api!r}.")
    _state.update(model=_MODELS[api](**{"max_retries": 6, **options}), form=Form(**form))
    _state.update(limits=limits, most=most)


def run(mini_batch: Any) -> Any:
    """Ask the rows of a mini batch.

    Args:
        mini_batch: Paths of files of questions, or a DataFrame.

    Returns:
        A JSON text for each row: its `file` (where it has one), `row`, `input`, and its answer or
        its error.

    Raises:
        AzureMLOSSError: every row would fail, so that the service counts the mini batch as failed.
    """
    rows = list(_rows(mini_batch))
    outcomes = asyncio.run(_outcomes([row for _, row in rows]))
    return [
        encode_json(where | {"row": row.number, "input": row.input} | outcomes[place]).decode()
        for place, (where, row) in enumerate(rows)
    ]


def _rows(mini_batch: Any) -> Iterator[tuple[dict[str, str], Row]]:
    if hasattr(mini_batch, "to_dict"):
        for number, record in enumerate(mini_batch.to_dict("records"), 1):
            yield {}, Row(number, {str(name): plain(value) for name, value in record.items()})
        return
    for name in mini_batch:
        for row in read_rows(Path(name)):
            yield {"file": Path(name).name}, row


async def _outcomes(rows: Sequence[Row]) -> list[dict[str, Any]]:
    model, form = _state["model"], _state["form"]
    scorer, sink, asked = scorer_of(model, form), MemorySink(), list[Row]()
    for place, row in enumerate(rows):
        numbered = row._replace(number=place)  # rows of several files have the same numbers
        try:
            scorer.question(row)
            asked.append(numbered)
        except UnsupportedInputError as error:
            sink.add(numbered, of_failure(error))
    async with model:
        gate = Turnstile(Pace(_state["most"], backoff=model.backoff), Limits(**_state["limits"]))
        await Run(
            scorer=scorer,
            gate=gate,
            file=sink,
            progress=Progress(len(rows)),
            estimate=TokenEstimate(getattr(model, "max_tokens", None)),
            most=_state["most"],
            patience=model.max_retries,
        ).score(iter(asked))
    return [sink.outcomes[place] for place in range(len(rows))]

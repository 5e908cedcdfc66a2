"""The scoring script of an Azure ML batch deployment: `init()` once, `run(mini_batch)` for each.

Name it in the deployment's YAML (docs/batch.md has one); the environment says what to ask:
`AZUREML_ENDPOINT_URL`, `AZUREML_ENDPOINT_API_KEY` and `AZUREML_MODEL_FAMILY` as everywhere, and
`AZUREML_OSS_BATCH`, a JSON object of the options in `_OWN` and of the model's own arguments.

Source: Microsoft's "Author scoring scripts for batch deployments": `run` is given paths of files,
or a pandas DataFrame where the input is tabular, and returns a list or a DataFrame with a row for
each element; with `output_action: append_row`, each is a line of the output.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Iterator, Mapping, Sequence
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
from langchain_azureml_oss.batch.scorers import Model, scorer_of
from langchain_azureml_oss.batch.scoring import ascore_file
from langchain_azureml_oss.batch.sinks import MemorySink
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.connections import nearest
from langchain_azureml_oss.embeddings import AzureMLOSSEmbeddings
from langchain_azureml_oss.endpoint import SharedArguments
from langchain_azureml_oss.errors import ConnectionConfigError, UnsupportedInputError
from langchain_azureml_oss.llms import AzureMLOSSLLM
from langchain_azureml_oss.wire import encode_json

OPTIONS = "AZUREML_OSS_BATCH"

_FORM = ("system", "column", "template")
_OWN = ("api", *_FORM, "schema", "max_concurrency", "limit_requests", "limit_tokens")
"""Options that are not the model's."""
_ELSEWHERE = inspect.signature(ascore_file).parameters.keys() - {*_OWN, "concurrency"}
"""Options of a run that keeps a file of answers, which a deployment has none of."""

_MODELS: Mapping[str, Any] = {
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
    api = options.pop("api", "chat")
    if api not in _MODELS:
        raise ConnectionConfigError(f"{OPTIONS}: api is one of {', '.join(_MODELS)}, not {api!r}.")
    _check_names(options, _MODELS[api])
    form = Form(**{name: options.pop(name) for name in _FORM if name in options})
    limits = {name: options.pop(f"limit_{name}", None) for name in ("requests", "tokens")}
    most = options.pop("max_concurrency", MAX_CONCURRENCY)
    schema = options.pop("schema", None)
    model = _MODELS[api](**{"max_retries": 6, **options})
    try:
        scorer = scorer_of(_with_schema(model, schema), form)
    except ValueError as error:
        raise ConnectionConfigError(f"{OPTIONS}: {error}") from None
    _state.update(model=model, scorer=scorer, limits=limits, most=most)


def _check_names(options: Mapping[str, Any], model: Any) -> None:
    """Raise ConnectionConfigError where an option would be sent to the model, or do nothing."""
    known, said = {*_OWN, *SharedArguments.__annotations__, *model.model_fields}, list[str]()
    for name in options.keys() - known:
        near = nearest(name, known)
        if name in _ELSEWHERE:
            said.append(f"{name} is not for a deployment, but for `azureml-oss batch`")
        else:
            said.append(f"there is no {name}" + (f" (did you mean {near}?)" if near else ""))
    if said:
        raise ConnectionConfigError(
            f"{OPTIONS}: {'; '.join(sorted(said))}. It takes {', '.join(_OWN)}, and the arguments"
            f" of {model.__name__}; what else the model knows goes into model_kwargs."
        )


def _with_schema(model: Any, schema: Any) -> Model:
    """Return the model whose answers have the form of a JSON schema, where one is given.

    Raises:
        ConnectionConfigError: it is none, or the model is no chat model.
    """
    if schema is None:
        return model  # type: ignore[no-any-return]
    if not isinstance(model, AzureMLOSSChatModel):
        raise ConnectionConfigError("schema is for a chat model.")
    if not isinstance(schema, dict):
        raise ConnectionConfigError("schema is a JSON schema, an object.")
    return model.with_structured_output({"title": "answer", **schema}, method="json_schema")


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
    model, scorer = _state["model"], _state["scorer"]
    sink, asked = MemorySink(), list[Row]()
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

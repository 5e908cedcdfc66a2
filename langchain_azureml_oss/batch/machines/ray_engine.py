"""Bulk scoring on many machines: Ray Data moves the rows, actors hold one scorer each.

Each actor makes its own model, with the key of its own environment: none travels. All of them keep
to the one pace and to the limits that an actor holds (`cluster_gate.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from langchain_core.load import dumps, load
from langchain_core.runnables import Runnable

from langchain_azureml_oss import errors
from langchain_azureml_oss.batch.exports import cells_of_answer
from langchain_azureml_oss.batch.extras import needed
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.machines.cluster_gate import FarGate, Places
from langchain_azureml_oss.batch.openai_requests import Kind
from langchain_azureml_oss.batch.outcomes import Outcome
from langchain_azureml_oss.batch.pacing.limits import TokenEstimate
from langchain_azureml_oss.batch.progress import Progress
from langchain_azureml_oss.batch.row_numbers import RowNumbers
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.batch.run import MAX_CONCURRENCY, Run
from langchain_azureml_oss.batch.scorers import Model, kind_of_model, scorer_of
from langchain_azureml_oss.batch.sinks import MemorySink, Sink
from langchain_azureml_oss.embeddings import AzureMLOSSEmbeddings
from langchain_azureml_oss.errors import UnsupportedInputError

MakesModel = Callable[[], Model]

_ROWS = 256
"""Rows that an actor takes at once."""
_BATCHES = 4
"""Of these, at the same time, so that the last row of one does not hold up the next."""
_ALONE = {"include_dashboard": False}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """How rows are asked on a cluster."""

    actors: int = 2
    address: str | None = None
    """Of the cluster's head; None: the one that is there, or one on this machine."""
    max_concurrency: int = MAX_CONCURRENCY
    """Of the whole cluster, like the limits."""
    limit_requests: int | None = None
    limit_tokens: int | None = None

    def places(self, model: Any) -> Any:
        """Start the actor that hands out places; whoever ends it ends the run of all others."""
        ray, _ = _ray(self)
        backoff = getattr(model, "backoff", (0.5, 8.0))
        pace = {"most": self.max_concurrency, "backoff": backoff}
        limits = {"requests": self.limit_requests, "tokens": self.limit_tokens}
        lasting = {"max_restarts": -1, "max_task_retries": -1}
        actor = ray.remote(num_cpus=0, max_concurrency=10_000, **lasting)(Places)
        return actor.remote(pace, limits)


class _Asker:
    """The actor: asks the rows of a batch; a row that fails is a row."""

    def __init__(self, makes: str | MakesModel, form: Form, places: Any, most: int) -> None:
        self._most = most
        self._model = _made(makes)
        self._scorer = scorer_of(self._model, form)
        self._gate = FarGate(places, uuid.uuid4().hex)
        self._estimate = TokenEstimate(getattr(self._model, "max_tokens", None))

    async def _ask(self, rows: Iterable[Row]) -> tuple[dict[int, Outcome], Exception | None]:
        sink, end = MemorySink(), None
        run = Run(
            scorer=self._scorer,
            gate=self._gate,
            file=sink,
            progress=Progress(),
            estimate=self._estimate,
            most=self._most,
            patience=getattr(self._model, "max_retries", 6),
        )
        try:
            await run.score(iter(rows))
        except Exception as error:  # noqa: BLE001 - told by the driver, with what was answered before
            end = error
        return sink.outcomes, end


class _TableAsker(_Asker):
    """Takes any table, and gives it back with the columns of the answers."""

    async def __call__(self, table: Any) -> Any:
        records = table.to_pylist()
        rows = [Row(number, record) for number, record in enumerate(records)]
        outcomes, end = await self._ask(rows)
        if end is not None:
            raise end
        found = [cells_of_answer(outcomes[row.number]) for row in rows]
        return _with_columns(table, found, kind_of_model(self._model))


class _LineAsker(_Asker):
    """Takes the lines of `_blocks`; gives back lines with outcomes, or why there are no more."""

    async def __call__(self, table: Any) -> Any:
        given = [json.loads(line) for line in table.column("line").to_pylist()]
        rows = [Row(*fields) for fields in given]
        outcomes, end = await self._ask(rows)
        known = [(row, outcomes[row.number]) for row in rows if row.number in outcomes]
        lines = [json.dumps([row.number, row.input, outcome]) for row, outcome in known]
        if end is not None:
            lines.append(json.dumps([None, {}, {"type": type(end).__name__, "message": str(end)}]))
        arrow = needed("pyarrow", "tables")
        return arrow.table({"line": arrow.array(lines, arrow.string())})


def score_dataset(  # noqa: PLR0913 -- each is an option
    model: Model | MakesModel,
    dataset: Any,
    *,
    actors: int = 2,
    max_concurrency: int = MAX_CONCURRENCY,
    limit_requests: int | None = None,
    limit_tokens: int | None = None,
    system: str | None = None,
    column: str = "prompt",
    template: str | None = None,
) -> Any:
    """Ask a model every row of a Ray dataset.

    Args:
        model: A model, which each actor makes again with the key of its own environment
            (AZUREML_ENDPOINT_API_KEY); or a function that makes a model or a chain there.
        dataset: A `ray.data.Dataset` with the columns that `column` or `template` name.
        actors: How many ask.
        max_concurrency: Most requests of all actors at the same time; how many is found out.
        limit_requests: Most requests of all actors a minute.
        limit_tokens: Most tokens of all actors a minute.
        system: System message, for chat models.
        column: Where a row's text stands.
        template: Jinja template that makes the text of the row's columns.

    Returns:
        A dataset, not carried out yet, with the columns `text`, `answer` (JSON of a structured
        one), `finish_reason`, `deployment`, `seconds`, `input_tokens`, `output_tokens` and `error`
        beside those that there are (`vector` in the place of the first three for an embedding
        model); a name that is taken begins with `answer_`. To go on after a
        failure, set Ray's `DataContext.checkpoint_config`.

    Raises:
        UnsupportedInputError: Ray is missing, or the model holds what cannot travel.
        ValueError: an option is for another kind of model.
    """
    cluster = Cluster(
        actors=actors,
        max_concurrency=max_concurrency,
        limit_requests=limit_requests,
        limit_tokens=limit_tokens,
    )
    form = Form(system=system, column=column, template=template)
    if isinstance(model, Runnable | AzureMLOSSEmbeddings):
        scorer_of(model, form)  # here, since an actor that cannot be made is an error of Ray's
    # A block as Ray reads it has 128 MB: one actor would ask it alone, and write it at its end.
    dataset = dataset.repartition(target_num_rows_per_block=_ROWS)
    return _mapped(_TableAsker, model, dataset, form, cluster, cluster.places(model))


async def score_on_ray(
    model: Model,
    rows: Iterator[Row],
    form: Form,
    cluster: Cluster,
    file: Sink,
    progress: Progress,
    on_progress: Callable[[Progress], None],
) -> None:
    """Ask rows on a cluster, and write what comes of them on this machine.

    Raises:
        AzureMLOSSError: every other row would fail too.
    """
    on_progress(progress)
    loop, seen = asyncio.get_running_loop(), RowNumbers()
    # In a thread, so that the loop goes on, and step by step, so that the run can be cancelled.
    with ThreadPoolExecutor(1) as thread:
        places = await loop.run_in_executor(thread, cluster.places, model)
        _take_sigterm_back()
        outcomes = _outcomes(model, rows, form, cluster, places)
        try:
            while found := await loop.run_in_executor(thread, next, outcomes, None):
                row, outcome = found
                if row is None:
                    raise getattr(errors, outcome["type"], errors.AzureMLOSSError)(
                        outcome["message"]
                    )
                if row.number in seen:  # in a block that was asked again, since its actor died
                    continue
                seen.add(row.number)
                file.add(row, outcome)
                progress.note(row, outcome)
                on_progress(progress)
        finally:
            needed("ray", "runs on many machines", "ray").kill(places)  # so nobody asks any more
            await loop.run_in_executor(thread, outcomes.close)


def _take_sigterm_back() -> None:
    """Let Python's handler hear of SIGTERM: Ray's aborts the process three seconds later."""
    handler = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(TypeError, ValueError):  # not Python's, or not in the main thread
        signal.signal(signal.SIGTERM, handler)


def _outcomes(
    model: Model, rows: Iterator[Row], form: Form, cluster: Cluster, places: Any
) -> Generator[tuple[Row | None, Outcome]]:
    """Yield rows with the outcome of rows, as they come; None: why the rest is not asked."""
    ray, data = _ray(cluster)
    blocks = _blocks(ray, rows)
    if not blocks:
        return
    dataset = data.from_arrow_refs(blocks)
    for record in _mapped(_LineAsker, model, dataset, form, cluster, places).iter_rows():
        number, given, outcome = json.loads(record["line"])
        yield (None if number is None else Row(number, given)), outcome


def _ray(cluster: Cluster) -> tuple[Any, Any]:
    """Return Ray and its part for data, connected.

    Raises:
        UnsupportedInputError: it is not installed.
    """
    ray = needed("ray", "runs on many machines", "ray")
    data = needed("ray.data", "runs on many machines", "ray")
    if not ray.is_initialized():
        ray.init(address=cluster.address, **({} if cluster.address else _ALONE))
    return ray, data


def _mapped(
    asker: type[_Asker], model: Any, dataset: Any, form: Form, cluster: Cluster, places: Any
) -> Any:
    _, data = _ray(cluster)
    return dataset.map_batches(
        asker,
        fn_constructor_args=(_travelling(model), form, places, cluster.max_concurrency),
        batch_size=_ROWS,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=data.ActorPoolStrategy(
            size=cluster.actors, max_concurrent_calls_per_actor=_BATCHES
        ),
        num_cpus=0.1,
    )


def _travelling(model: Any) -> str | MakesModel:
    """Return what makes the model elsewhere; no key is in it."""
    if not isinstance(model, Runnable | AzureMLOSSEmbeddings):
        return model  # type: ignore[no-any-return]
    dump = dumps(model)
    if '"not_implemented"' in dump:
        raise UnsupportedInputError(
            "This chain holds what cannot travel to other machines. Pass a function that makes it."
        )
    return dump


def _made(makes: str | MakesModel) -> Model:
    if not isinstance(makes, str):
        return makes()
    model: Model = load(
        json.loads(makes),
        valid_namespaces=["langchain_azureml_oss"],
        secrets_from_env=True,
        allowed_objects="all",
    )
    return model


def _blocks(ray: Any, rows: Iterator[Row]) -> list[Any]:
    """Put rows into Ray's store, which keeps on disk what memory does not hold."""
    arrow, blocks = needed("pyarrow", "tables"), list[Any]()
    while lines := [json.dumps(row) for row in islice(rows, _ROWS)]:
        blocks.append(ray.put(arrow.table({"line": arrow.array(lines, arrow.string())})))
    return blocks


def _with_columns(table: Any, found: list[dict[str, Any]], kind: Kind) -> Any:
    arrow = needed("pyarrow", "tables")
    answer = ("vector",) if kind == "embeddings" else ("text", "answer", "finish_reason")
    numbers = {
        "seconds": arrow.float64(),
        "input_tokens": arrow.int64(),
        "output_tokens": arrow.int64(),
    }
    kinds = {"vector": arrow.list_(arrow.float64()), **numbers}
    for name in (*answer, "deployment", *numbers, "error"):
        values = [cells.get(name) for cells in found]
        column = arrow.array(values, kinds.get(name, arrow.string()))
        taken = name in table.column_names
        table = table.append_column(f"answer_{name}" if taken else name, column)
    return table

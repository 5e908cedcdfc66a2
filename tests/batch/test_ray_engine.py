"""Many machines, shown with two actors on one: the same rows, one pace, no key on its way, and
resume after kill -9 of an actor and of the driver."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter as Counts
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet
from ray_cluster import ray, ray_cluster

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSEmbeddings, errors
from langchain_azureml_oss.batch import score_dataset, score_file
from langchain_azureml_oss.batch.machines import ray_engine
from langchain_azureml_oss.batch.machines.ray_engine import _travelling
from langchain_azureml_oss.local import LocalEndpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Ray
    pytest.mark.enable_socket,
]


@pytest.fixture(scope="module")
def endpoint():
    with LocalEndpoint("echo", retry_after_s=0.0, keep_requests=100_000) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def cluster(endpoint):
    """One Ray for all tests; its workers have the key in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZUREML_ENDPOINT_API_KEY", endpoint.api_key)
        with ray_cluster():
            yield


@pytest.fixture
def chat(endpoint, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", endpoint.api_key)
    url = endpoint.url + "/v1"
    return AzureMLOSSChatModel(endpoint_url=url, model_family="OPENAI", backoff=(0, 0))


@pytest.fixture
def questions(tmp_path):
    source = tmp_path / "questions.jsonl"
    rows = [json.dumps({"id": n, "prompt": f"question {n}"}) for n in range(600)]
    source.write_text("\n".join(rows) + "\n")
    return source


def answers_of(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def come_about(condition):
    """Wait for a condition, for some minutes at most, and return whether it holds."""
    for _ in range(30_000):
        if condition():
            return True
        time.sleep(0.01)
    return False


@contextlib.contextmanager
def started(code, *arguments):
    """A program in a process of its own, which ends with the block at the latest."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def told(path):
    changing = {"seconds", "at", "request_id"}
    return [{k: v for k, v in one.items() if k not in changing} for one in answers_of(path)]


def test_both_engines_give_the_same_rows(chat, questions, tmp_path):
    here, there = tmp_path / "local.jsonl", tmp_path / "ray.jsonl"
    score_file(chat, questions, here)
    progress = score_file(chat, questions, there, engine="ray")
    assert (progress.total, progress.answered, progress.failed) == (600, 600, 0)
    assert told(there) == told(here)
    assert score_file(chat, questions, there, engine="ray").kept == 600


def test_no_key_travels(chat, endpoint):
    assert endpoint.api_key not in _travelling(chat)
    assert endpoint.api_key.encode() not in pickle.dumps(_travelling(chat))
    with pytest.raises(errors.UnsupportedInputError, match="Pass a function"):
        _travelling(chat | (lambda message: message.text))


def test_a_dataset(chat, endpoint):
    endpoint.fail_next("424-400")
    dataset = ray.data.from_items([{"town": name, "text": 1} for name in ("Oslo", "Bergen")])
    found = score_dataset(chat, dataset, template="Where is {{ town }}?").take_all()
    assert sorted(one["town"] for one in found) == ["Bergen", "Oslo"]
    assert sum(one["error"] is not None for one in found) == 1
    (good,) = [one for one in found if one["error"] is None]
    assert good["answer_text"] == f"echo: Where is {good['town']}?"
    assert good["text"] == 1


def test_a_dataset_of_vectors(chat, endpoint):
    embeddings = AzureMLOSSEmbeddings(
        endpoint_url=endpoint.url + "/v1", model_family="OPENAI", backoff=(0, 0)
    )
    texts = [f"text {n}" for n in range(40)]
    dataset = ray.data.from_items([{"review": text} for text in texts])
    found = score_dataset(embeddings, dataset, column="review").take_all()
    assert sorted(one["review"] for one in found) == sorted(texts)
    assert not any("text" in one or one["error"] for one in found)
    expected = dict(zip(texts, embeddings.embed_documents(texts), strict=True))
    assert all(list(one["vector"]) == expected[one["review"]] for one in found)
    with pytest.raises(ValueError, match="no system message"):
        score_dataset(embeddings, dataset, column="review", system="Be brief.")


def test_what_all_rows_would_fail_of_ends_a_run(chat, questions, tmp_path):
    wrong = chat.model_copy(update={"deployment_name": "purple"})
    with pytest.raises(errors.NotFoundError):
        score_file(wrong, questions, tmp_path / "a.jsonl", engine="ray")
    assert len(answers_of(tmp_path / "a.jsonl")) < 600


def counting(url, key, most):
    """Counts requests at once; in the actors' own processes nobody could."""
    from langchain_core.runnables import RunnableLambda

    def make():
        chat = AzureMLOSSChatModel(endpoint_url=url, endpoint_api_key=key, model_family="OPENAI")

        async def ask(row):
            counter = ray.get_actor("counter")
            await counter.add.remote(1)
            try:
                return (await chat.ainvoke(row["prompt"])).text
            finally:
                await counter.add.remote(-1)

        return RunnableLambda(ask)

    return make


@ray.remote
class Counter:
    def __init__(self):
        self.now = self.most = 0

    def add(self, step):
        self.now += step
        self.most = max(self.most, self.now)

    def peak(self):
        return self.most


def test_all_actors_together_keep_to_one_bound(chat, endpoint):
    counter = Counter.options(name="counter").remote()
    dataset = ray.data.from_items([{"prompt": str(n)} for n in range(600)])
    make = counting(chat.endpoint_url, endpoint.api_key, 5)
    found = score_dataset(make, dataset, max_concurrency=5).take_all()
    assert sorted(int(one["text"].split()[1]) for one in found) == list(range(600))
    assert ray.get(counter.peak.remote()) <= 5


@pytest.fixture
def slow(endpoint):
    """An endpoint that is still being asked when something is killed."""
    faults = {"faults": {"slow": 1.0}, "slow_s": 0.1}
    with LocalEndpoint(
        "echo", api_key=endpoint.api_key, keep_requests=100_000, **faults
    ) as running:
        yield running


class Killer(threading.Thread):
    """Kills one of the cluster's processes when the endpoint was asked so many times."""

    def __init__(self, is_it, endpoint, asked=100):
        super().__init__(daemon=True)
        self.is_it, self.endpoint, self.asked, self.killed = is_it, endpoint, asked, 0
        self.start()

    def run(self):
        if not come_about(lambda: len(self.endpoint.requests) >= self.asked):
            return
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # others come and go
                if self.is_it(child, self.endpoint):
                    child.kill()
                    self.killed += 1
                    return


@pytest.fixture
def little(monkeypatch):
    """An actor takes a few rows at once, so that most are still to be asked when one is killed."""
    monkeypatch.setattr(ray_engine, "_ROWS", 32)
    monkeypatch.setattr(ray_engine, "_BATCHES", 1)


def asks(process, endpoint):
    port = urlsplit(endpoint.url).port
    return any(one.raddr and one.raddr.port == port for one in process.connections())


def hands_out_places(process, _):
    return "".join(process.cmdline()[:1]).startswith("ray::Places")


@pytest.mark.parametrize("is_it", [asks, hands_out_places])
@pytest.mark.usefixtures("little")
def test_an_actor_that_is_killed_loses_nothing(chat, slow, questions, tmp_path, is_it):
    target = tmp_path / "answers.jsonl"
    chat = chat.model_copy(update={"endpoint_url": slow.url + "/v1"})
    killer = Killer(is_it, slow)
    progress = score_file(chat, questions, target, engine="ray")
    killer.join()
    assert killer.killed == 1
    assert (progress.answered, progress.failed) == (600, 0)
    assert [one["row"] for one in answers_of(target)] == list(range(1, 601))


@pytest.mark.usefixtures("little")
def test_a_run_that_is_cancelled_ends_and_asks_no_more(chat, slow, questions, tmp_path):
    target = tmp_path / "answers.jsonl"
    chat = chat.model_copy(update={"endpoint_url": slow.url + "/v1"})

    def interrupt(progress):
        if progress.answered:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(chat, questions, target, engine="ray", on_progress=interrupt)
    asked = len(slow.requests)
    assert asked < 600
    time.sleep(1)
    assert len(slow.requests) == asked
    assert len(answers_of(target)) == 1


LITTLE = """
from langchain_azureml_oss.batch.machines import ray_engine
ray_engine._ROWS, ray_engine._BATCHES = 16, 1
"""
"""So that most rows are still to be asked when the first answers are written."""

COMMAND = "from langchain_azureml_oss.cli import main; main()"


def test_sigterm_says_what_is_done_and_how_to_go_on(slow, chat, questions, tmp_path):
    """The command, in a process of its own."""
    target = tmp_path / "answers.jsonl"
    options = {"--engine": "ray", "--ray-address": ray.get_runtime_context().gcs_address}
    options |= {"--url": slow.url + "/v1", "--family": "OPENAI", "--max-concurrency": "4"}
    words = [word for pair in options.items() for word in pair]
    with started(LITTLE + COMMAND, "batch", questions, target, *words) as process:
        assert come_about(
            lambda: process.poll() is not None or (target.exists() and target.stat().st_size)
        )
        assert process.poll() is None, process.stderr.read()[-2000:]
        process.terminate()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, said[-2000:]
    kept = len(answers_of(target))
    assert 0 < kept < 600
    assert f"{kept} of 600 rows have an answer" in said
    assert "The same command asks the others." in said
    assert "Terminated." in said
    assert "Traceback" not in said


DRIVER = """
import os, signal, sys, ray, ray.data
from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.batch import score_file
from langchain_azureml_oss.batch.machines import ray_engine

ray_engine._ROWS = 32

def note(progress):
    if progress.answered >= 20:
        os.kill(os.getpid(), signal.SIGKILL)

ray.init(address=sys.argv[1], log_to_driver=False, _node_ip_address="127.0.0.1")
chat = AzureMLOSSChatModel(endpoint_url=sys.argv[2], model_family="OPENAI", backoff=(0, 0))
score_file(chat, sys.argv[3], sys.argv[4], engine="ray", on_progress=note)
"""


def test_a_driver_that_is_killed_goes_on(chat, questions, tmp_path):
    target = tmp_path / "answers.jsonl"
    address = ray.get_runtime_context().gcs_address
    arguments = [address, chat.endpoint_url, str(questions), str(target)]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments], check=False, timeout=300, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    kept = len(answers_of(target))
    assert 20 <= kept < 600
    progress = score_file(chat, questions, target, engine="ray")
    assert (progress.kept, progress.answered) == (kept, 600 - kept)
    assert [one["row"] for one in answers_of(target)] == list(range(1, 601))


DATASET = (
    LITTLE
    + """
import ray, ray.data
from langchain_azureml_oss import AzureMLOSSChatModel

ray.init(address=sys.argv[1], log_to_driver=False, _node_ip_address="127.0.0.1")
chat = AzureMLOSSChatModel(endpoint_url=sys.argv[2], model_family="OPENAI", backoff=(0, 0))
"""
)


RUN_HERE = re.compile(r"<!-- not run: \S+ does, on a cluster -->\n```python\n(.*?)```", re.DOTALL)


def program_of_the_page(bucket):
    """What docs/batch.md shows about data that Ray reads and writes, and about going on there."""
    page = Path(__file__).parents[2] / "docs" / "batch.md"
    shown = RUN_HERE.findall(page.read_text())
    asks, goes_on = (text.replace("s3://bucket", str(bucket)) for text in shown)
    asks = asks.replace("actors=8", "actors=2, max_concurrency=4")
    return "import sys\n" + DATASET + goes_on + asks


def test_a_dataset_goes_on_by_rays_checkpoints(chat, slow, tmp_path):
    """The page's own program, killed and run once more."""
    (tmp_path / "reviews").mkdir()
    for part in range(20):
        ids = range(part * 20, part * 20 + 20)
        table = pa.table({"id": ids, "review": [f"review {n}." for n in ids]})
        parquet.write_table(table, tmp_path / "reviews" / f"{part}.parquet")
    program = program_of_the_page(tmp_path)
    arguments = [ray.get_runtime_context().gcs_address, slow.url + "/v1"]

    def written():
        found = (tmp_path / "checkpoint").glob("*.parquet")
        return [one for one in found if ".pending" not in one.name]

    with started(program, *arguments) as process:
        assert come_about(lambda: process.poll() is not None or len(written()) > 1)
        assert process.poll() is None, process.stderr.read()[-2000:]
        process.kill()
    kept = {n for one in written() for n in parquet.read_table(one)["id"].to_pylist()}
    assert 0 < len(kept) < 400
    with started(program, *arguments) as process:
        _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said[-2000:]
    assert "doesn't support checkpointing" not in said
    rows = parquet.read_table(tmp_path / "answers").to_pylist()
    assert sorted(row["id"] for row in rows) == list(range(400))
    assert all(row["text"] == f"echo: review {row['id']}." and not row["error"] for row in rows)
    asked = Counts(one.body["messages"][-1]["content"] for one in slow.requests)
    assert all(asked[f"review {n}."] == 1 for n in kept)
    assert not list((tmp_path / "checkpoint").glob("*"))

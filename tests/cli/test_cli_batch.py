"""`azureml-oss batch`: files, progress, exit status, and what is left when a run ends early."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time

import pytest

from langchain_azureml_oss.cli import progress
from langchain_azureml_oss.local import LocalEndpoint


@pytest.fixture
def questions(tmp_path, monkeypatch):
    """Writes so many questions to in.jsonl, in the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)

    def write(count=5):
        rows = [json.dumps({"id": n, "prompt": f"question {n}"}) for n in range(1, count + 1)]
        (tmp_path / "in.jsonl").write_text("\n".join(rows) + "\n")
        return tmp_path

    return write


def answers(folder, name="out.jsonl"):
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def test_a_file_of_answers(configured, questions, run):
    folder = questions()
    result = run("batch", "in.jsonl", "out.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("5 of 5 rows have an answer; ")
    assert "tokens in" in result.stderr
    assert [answer["text"] for answer in answers(folder)] == [
        f"echo: question {n}" for n in range(1, 6)
    ]


def test_the_installed_command(configured, questions, command):
    folder = questions()
    (folder / "in.txt").write_text("What is CI?\n\nWhat is CD?\n")
    result = command("batch", "in.txt", "out.jsonl", "--system", "Be brief.", "--max-tokens", "9")
    assert (result.returncode, result.stdout) == (0, "")
    assert "\x1b" not in result.stderr
    assert [(a["row"], a["text"]) for a in answers(folder)] == [
        (1, "echo: What is CI?"),
        (3, "echo: What is CD?"),
    ]
    sent = configured.requests[0].body
    assert sent["max_tokens"] == 9
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}


def test_json(configured, questions, run):
    questions()
    result = run("batch", "in.jsonl", "out.jsonl", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found.pop("seconds") >= 0
    assert found.pop("usage")["input_tokens"] > 0
    assert found.pop("tokens") > 0
    assert found == {
        "rows": 5,
        "kept": 0,
        "answered": 5,
        "failed": 0,
        "copied": 0,
        "cut": 0,
        "open_ended": 0,
        "refused": 0,
        "first_failure": None,
        "answers": "out.jsonl",
    }


def test_rows_that_fail_and_a_second_run(configured, questions, run, error_of):
    folder = questions()
    configured.fail_next("500", times=2)
    arguments = ("batch", "in.jsonl", "out.jsonl", "--max-retries", "0", "--concurrency", "1")
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "3 of 5 rows have an answer" in result.stderr
    assert "2 rows failed. The same command asks them again. The first was row 1: " in result.stderr
    configured.fail_next("500")
    result = run(*arguments, "--json")
    assert result.exit_code == 1
    assert error_of(result)["message"].startswith(
        "1 row failed. The same command asks it again. The first was row "
    )
    found = json.loads(result.stdout)
    assert [found[name] for name in ("kept", "answered", "failed")] == [3, 1, 1]
    result = run(*arguments)
    assert result.exit_code == 0
    assert result.stderr.startswith("5 of 5 rows have an answer, 4 of them by an earlier run")
    assert all("text" in answer for answer in answers(folder))


def test_retries_are_counted_and_not_listed(configured, questions, run, monkeypatch, caplog):
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0)
    questions()
    configured.retry_after_s = 0
    configured.fail_next("429")
    configured.fail_next("503")
    with caplog.at_level(logging.WARNING):
        result = run("batch", "in.jsonl", "out.jsonl", "--concurrency", "1")
    assert result.exit_code == 0
    assert "Trying again" not in result.stderr
    lines = result.stderr.splitlines()
    assert lines[:2] == ["0 of 5 rows", "1 of 5 rows, 1 at once, 2 tried again"]
    assert lines[-2] == "5 of 5 rows, 1 at once, 2 tried again"


def test_overwrite(configured, questions, run):
    folder = questions()
    (folder / "out.jsonl").write_text("something else\n")
    result = run("batch", "in.jsonl", "out.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Line 1 of out.jsonl is no answer of an earlier run" in result.stderr
    assert (folder / "out.jsonl").read_text() == "something else\n"
    assert run("batch", "in.jsonl", "out.jsonl", "--overwrite").exit_code == 0
    assert len(answers(folder)) == 5


def test_completions(echo, questions, run, monkeypatch, variables):
    for name, value in variables(echo, "/score").items():
        monkeypatch.setenv(name, value)
    folder = questions(40)
    assert run("batch", "in.jsonl", "out.jsonl", "--api", "completion").exit_code == 0
    assert len(echo.requests) == 2
    assert len(answers(folder)) == 40


def test_embeddings(configured, questions, run, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", f"{configured.url}/v1")
    folder = questions(40)
    result = run("batch", "in.jsonl", "out.jsonl", "--api", "embeddings")
    assert (result.exit_code, len(configured.requests)) == (0, 2)
    assert result.stderr.startswith("40 of 40 rows have an answer")
    assert "why they ended" not in result.stderr
    assert {len(one["vector"]) for one in answers(folder)} == {len(answers(folder)[0]["vector"])}


def test_options_say_which_endpoint(echo, questions, run, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", echo.api_key)
    folder = questions(1)
    options = ("--url", echo.scoring_url, "--family", "LLAMA", "--deployment", "green")
    assert run("batch", "in.jsonl", "out.jsonl", *options).exit_code == 0
    assert answers(folder)[0]["deployment"] == "green"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("batch",), "IN"),
        (("batch", "in.jsonl"), "OUT"),
        (("batch", "in.jsonl", "out.jsonl", "--concurrency", "0"), "--concurrency"),
        (("batch", "in.jsonl", "out.jsonl", "--api", "gossip"), "--api"),
        (("batch", "in.jsonl", "out.jsonl", "--api", "completion", "--system", "a"), "--system"),
        (("batch", "in.jsonl", "out.jsonl", "--key", "secret"), "--key"),
    ],
)
def test_wrong_usage(configured, questions, run, arguments, said):
    questions()
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_nothing_is_configured(questions, run):
    questions()
    result = run("batch", "in.jsonl", "out.jsonl")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "AZUREML_ENDPOINT_URL" in result.stderr


def test_a_wrong_key(configured, questions, run, monkeypatch):
    folder = questions(50)
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "not-the-key")
    result = run("batch", "in.jsonl", "out.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "0 of 50 rows have an answer" in result.stderr
    assert "The same command asks the others." in result.stderr
    assert "401" in result.stderr
    assert "not-the-key" not in result.stderr + (folder / "out.jsonl").read_text()


def test_a_bar_on_a_terminal_and_ctrl_c(questions, on_terminal, variables, run, monkeypatch):
    with LocalEndpoint("echo", faults={"slow": 1.0}, slow_s=0.05) as endpoint:
        environment = variables(endpoint) | {"NO_COLOR": "", "COLUMNS": "80"}
        folder = questions(400)
        terminal = on_terminal("batch", "in.jsonl", "out.jsonl", **environment)
        terminal.wait_for("/400")
        terminal.wait_for("at once")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "rows have an answer" in terminal.words
        assert "Interrupted." in terminal.words
        kept = len(answers(folder))
        assert 0 < kept < 400
        for name, value in variables(endpoint).items():
            monkeypatch.setenv(name, value)
        result = run("batch", "in.jsonl", "out.jsonl", "--concurrency", "100")
        assert (result.exit_code, f"{kept} of them by" in result.stderr) == (0, True)
        assert [answer["row"] for answer in answers(folder)] == list(range(1, 401))


def test_a_run_that_ends_early_says_how_far_it_came(
    configured, questions, run, error_of, monkeypatch
):
    questions(50)
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "not-the-key")
    result = run("batch", "in.jsonl", "out.jsonl", "--json", "--overwrite", "--concurrency", "2")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [found[name] for name in ("rows", "answered", "failed")] == [50, 0, 2]
    assert error_of(result)["type"] == "AuthenticationError"
    result = run("batch", "in.jsonl", "out.jsonl", "--overwrite")
    assert "The same command without --overwrite asks the others." in result.stderr


def test_a_connection_file(echo, questions, run):
    folder = questions(1)
    (folder / "connection.yaml").write_text(
        f"type: custom\nname: mine\nconfigs:\n  endpoint_url: {echo.scoring_url}\n"
        f"  model_family: LLAMA\nsecrets:\n  endpoint_api_key: {echo.api_key}\n"
    )
    result = run("batch", "in.jsonl", "out.jsonl", "--connection", "connection.yaml")
    assert (result.exit_code, answers(folder)[0]["text"]) == (0, "echo: question 1")


KILLED_AFTER_20 = """
import os, signal
from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.batch import score_file

def note(progress):
    if progress.done == 20:
        os.kill(os.getpid(), signal.SIGKILL)

score_file(AzureMLOSSChatModel(), "in.jsonl", "out.jsonl", on_progress=note)
"""


def test_a_killed_run_goes_on(configured, questions, run):
    folder = questions(200)
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_20], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(answers(folder)) == 20
    result = run("batch", "in.jsonl", "out.jsonl", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["kept"], found["answered"]) == (20, 180)
    assert [answer["row"] for answer in answers(folder)] == list(range(1, 201))


def test_a_run_with_other_options_is_refused(configured, questions, run):
    folder = questions()
    assert run("batch", "in.jsonl", "out.jsonl", "--temperature", "0").exit_code == 0
    before = (folder / "out.jsonl").read_bytes()
    other = ("batch", "in.jsonl", "out.jsonl", "--temperature", "0.7", "--system", "Be brief.")
    result = run(*other)
    assert result.exit_code == 1
    assert "temperature: 0.0 then, 0.7 now" in result.stderr
    assert "system: not given then, Be brief. now" in result.stderr
    assert (folder / "out.jsonl").read_bytes() == before
    assert run(*other, "--mix").exit_code == 0
    assert run(*other).exit_code == 0  # what was mixed last is what holds
    assert configured.api_key not in (folder / "out.jsonl.run.json").read_text()


@pytest.mark.parametrize("on_ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_ends_a_run_as_ctrl_c_does(questions, start, variables, on_ctrl_c):
    """Also what a script starts in the background, where Ctrl-C is not heard."""
    with LocalEndpoint("echo", faults={"slow": 1.0}, slow_s=0.05) as endpoint:
        folder = questions(2_000)
        before = signal.signal(signal.SIGINT, on_ctrl_c)
        try:
            process = start("batch", "in.jsonl", "out.jsonl", **variables(endpoint))
        finally:
            signal.signal(signal.SIGINT, before)
        while not (folder / "out.jsonl").exists() or not (folder / "out.jsonl").stat().st_size:
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "of 2,000 rows have an answer" in said
    assert "The same command asks the others." in said
    assert "Terminated." in said
    assert 0 < len(answers(folder)) < 2_000


def test_a_dry_run_asks_twenty_rows_and_writes_nothing(configured, questions, run):
    folder = questions(100)
    result = run("batch", "in.jsonl", "out.jsonl", "--dry-run", "--json")
    found = json.loads(result.stdout)
    assert [found[name] for name in ("rows", "requests", "sample")] == [100, 100, 20]
    assert [found[name] for name in ("input_tokens", "output_tokens")] == [200, 300]
    assert len(configured.requests) == 20
    assert sorted(one.name for one in folder.iterdir()) == ["in.jsonl"]
    said = run("batch", "in.jsonl", "out.jsonl", "--dry-run", "--limit-requests", "1000").stdout
    assert "100 rows, 100 requests" in said
    assert "about 6.0 s at the rate that a sample of 20 rows ended with (0 failed)" in said
    assert "at least 6.0 s, with 64 requests at once" in said


def test_a_budget_ends_a_run_and_says_so(configured, questions, run):
    folder = questions(100)
    command = ("batch", "in.jsonl", "out.jsonl", "--budget-tokens", "300", "--max-tokens", "9")
    result = run(*command)
    assert result.exit_code == 1
    assert "The budget of 300 tokens is used up" in result.stderr
    assert "rows were not asked. The same command asks them." in result.stderr
    assert 10 < len(answers(folder)) < 70
    assert run("batch", "in.jsonl", "out.jsonl", "--max-tokens", "9").exit_code == 0
    assert len(answers(folder)) == 100


def test_all_options_of_a_call(configured, questions, run):
    questions(1)
    options = (
        "--top-p",
        "0.5",
        "--seed",
        "7",
        "--stop",
        "a",
        "--stop",
        "b",
        "--deployment",
        "blue",
    )
    more = ("--model-kwargs", '{"top_k": 3}', "--timeout", "9", "--max-retries", "1")
    assert run("batch", "in.jsonl", "out.jsonl", *options, *more).exit_code == 0
    (sent,) = [one.body for one in configured.requests]
    assert [sent[name] for name in ("top_p", "seed", "stop", "top_k")] == [0.5, 7, ["a", "b"], 3]


def test_a_schema(questions, run, variables, monkeypatch):
    with LocalEndpoint("scripted", script=lambda _: json.dumps({"city": "Oslo"})) as endpoint:
        for name, value in variables(endpoint).items():
            monkeypatch.setenv(name, value)
        folder = questions(2)
        form = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        (folder / "place.json").write_text(json.dumps(form))
        command = ("batch", "in.jsonl", "out.jsonl", "--schema", "place.json")
        assert run(*command).exit_code == 0
        assert [one["answer"] for one in answers(folder)] == [{"city": "Oslo"}] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dedupe",), "--dedupe"),
        (("--model-kwargs", "[1]"), "--model-kwargs"),
        (("--model-kwargs", "{"), "--model-kwargs"),
        (("--schema", "x.json", "--api", "completion"), "--schema"),
        (("--limit-tokens", "0"), "--limit-tokens"),
        (("--system", "a", "--api", "embeddings"), "--system"),
        (("--engine", "ray", "--dedupe", "--temperature", "0"), "it is for --engine local"),
        (("--engine", "ray", "--budget-tokens", "9"), "it is for --engine local"),
    ],
)
def test_options_that_make_no_sense(configured, questions, run, options, said):
    questions()
    result = run("batch", "in.jsonl", "out.jsonl", *options)
    assert (result.exit_code, configured.requests) == (2, [])
    assert said in result.stderr


def test_standard_input_and_output(configured, command):
    result = command("batch", "-", "-", text=b'{"prompt": "a"}\n{"prompt": "b"}\n')
    assert result.returncode == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["row"], one["text"]) for one in lines] == [(1, "echo: a"), (2, "echo: b")]
    assert "2 of 2 rows have an answer" in result.stderr


def test_text_on_standard_input(configured, run):
    result = run("batch", "-", "-", text="What is CI?\nWhat is CD?\n")
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == [
        "echo: What is CI?",
        "echo: What is CD?",
    ]


def test_a_table_in_and_out_by_a_template(configured, questions, run):
    folder = questions()
    (folder / "in.csv").write_text("name,town\nAda,London\nEdsger,Delft\n")
    (folder / "ask.txt").write_text("Where is {{ town }}, {{ name | upper }}?")
    assert run("batch", "in.csv", "out.csv", "--template", "@ask.txt").exit_code == 0
    lines = (folder / "out.csv").read_text().splitlines()
    assert lines[0].startswith("row,name,town,text,")
    assert lines[2].startswith('2,Edsger,Delft,"echo: Where is Delft, EDSGER?",stop,')


def test_a_report_and_its_page(configured, questions, run):
    folder = questions(30)
    configured.fail_next("500")
    run("batch", "in.jsonl", "out.jsonl", "--max-retries", "0")
    result = run("batch", "--report", "out.jsonl", "page.html")
    assert result.exit_code == 0
    shown = dict(line.rsplit(maxsplit=1) for line in result.stdout.splitlines())
    assert (shown["rows"], shown["answered"], shown["failed"]) == ("30", "29", "1")
    assert shown["  ServerError"] == "1"
    page = (folder / "page.html").read_text()
    assert page.count("<svg") == 4
    assert "http" not in page.replace("http-equiv", "")
    found = json.loads(run("batch", "--report", "out.jsonl", "--json").stdout)
    assert found["errors"] == {"ServerError": 1}
    assert found["latencies"]["p50"] <= found["latencies"]["p99"]
    assert run("batch", "--report", "in.jsonl").exit_code == 1


def test_a_page_is_not_for_standard_output(configured, questions, run):
    folder = questions(1)
    run("batch", "in.jsonl", "out.jsonl")
    result = run("batch", "--report", "out.jsonl", "-")
    assert result.exit_code == 2
    assert "standard output is for the figures" in " ".join(result.stderr.replace("│", " ").split())
    assert not (folder / "-").exists()

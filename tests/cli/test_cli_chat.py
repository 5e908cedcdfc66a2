"""`azureml-oss chat "question"`: what is sent, what is shown, and where."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sysconfig
import time

import pytest

from langchain_azureml_oss.local import LocalEndpoint

LINE = re.compile(
    r"blue answered in \d+\.\d s \(first words after \d+\.\d s\): 4 tokens in, 5 out\n"
)


def body_of(endpoint):
    return endpoint.requests[-1].body


def test_the_answer_alone_goes_to_standard_output(run, configured):
    result = run("chat", "one two three four")
    assert result.exit_code == 0
    assert result.stdout == "echo: one two three four\n"
    assert LINE.fullmatch(result.stderr)


def test_options_win_over_the_environment(run, configured, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://elsewhere.invalid/score")
    monkeypatch.setenv("AZUREML_MODEL_FAMILY", "DOLLY")
    url = configured.url + "/v1"
    result = run("chat", "hi", "--url", url, "--family", "llama", "--deployment", "green")
    assert result.stdout == "echo: hi\n"
    assert result.stderr.startswith("green answered in ")


def test_settings_are_sent(run, configured):
    arguments = ("--system", "Be brief.", "--temperature", "0.5", "--max-tokens", "2")
    result = run("chat", "one two three", *arguments, "--model", "big")
    assert result.stdout == "echo: one\n"
    assert "cut off at the limit of tokens (--max-tokens)" in result.stderr
    body = body_of(configured)
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0.5, 2, "big")
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one two three"},
    ]


def test_what_is_not_said_is_not_sent(run, configured):
    run("chat", "hi")
    assert not {"temperature", "max_tokens", "model"} & body_of(configured).keys()


@pytest.mark.parametrize(("options", "streamed"), [((), True), (("--no-stream",), None)])
def test_streams_unless_told_not_to(run, configured, options, streamed):
    result = run("chat", "one two", *options)
    assert result.stdout == "echo: one two\n"
    assert body_of(configured).get("stream") is streamed
    assert ("first words" in result.stderr) is bool(streamed)


def test_words_are_shown_as_they_come(start, variables):
    with LocalEndpoint("echo", token_delay_s=0.5) as slow:
        # With the buffer that users have, whatever the variable says here.
        process = start("chat", "one two three four", PYTHONUNBUFFERED="", **variables(slow))
        assert process.stdout.read(5) == "echo:"
        begun = time.monotonic()
        assert process.stdout.read() == " one two three four\n"
    # Four words of half a second each were missing still.
    assert time.monotonic() - begun > 1


def test_a_score_endpoint_answers_in_one_piece(run, configured):
    result = run("chat", "one two", "--url", configured.scoring_url)
    assert result.stdout == "echo: one two\n"
    assert re.fullmatch(r"blue answered in \d\.\d s\n", result.stderr)


def test_json(run, configured):
    result = run("chat", "one two", "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    answer = json.loads(result.stdout)
    assert answer.pop("seconds") >= answer.pop("seconds_to_first_text") > 0
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.pop("request_id"))
    assert {**answer, "usage": answer["usage"]["total_tokens"]} == {
        "text": "echo: one two",
        "deployment": "blue",
        "model": "echo",
        "finish_reason": "stop",
        "usage": 5,
    }


def test_a_piped_question(run, configured):
    assert run("chat", text="one\ntwo\n").stdout == "echo: one\ntwo\n"


@pytest.mark.parametrize("arguments", [("chat",), ("chat", " ")])
def test_no_question(run, configured, arguments):
    result = run(*arguments, text="")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "empty" in result.stderr
    assert not configured.requests


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_question_that_is_no_text(command, configured, locale):
    done = command("chat", text=b"\xff\xfe", LC_ALL=locale)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: The question is not text in UTF-8")
    assert not configured.requests


def test_an_answer_beyond_the_encoding(command, configured):
    done = command("chat", "caf\u00e9 \u4e2d", PYTHONIOENCODING="ascii:strict", LC_ALL="C.UTF-8")
    assert (done.returncode, done.stdout) == (0, "echo: caf\\xe9 \\u4e2d\n")


def test_a_reader_that_leaves_early(configured):
    name = shlex.quote(sysconfig.get_path("scripts") + "/azureml-oss")
    script = f"{name} chat 'one two three' | head -c 4"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=False)
    assert done.stdout == b"echo"
    assert b"Traceback" not in done.stderr


def test_retries_are_mentioned(run, configured):
    configured.retry_after_s = 0
    configured.fail_next("503")
    result = run("chat", "hi")
    assert (result.exit_code, result.stdout) == (0, "echo: hi\n")
    assert result.stderr.startswith("Note: Trying again in ")


def test_retries_are_a_part_of_the_json(run, configured):
    configured.fail_next("503")
    result = run("chat", "hi", "--json")
    assert result.stderr == ""
    (note,) = json.loads(result.stdout)["notes"]
    assert note.startswith("Trying again in ")


def test_warnings_are_notes_without_places_in_code(command, configured):
    arguments = ("--contract", "gpt2-2023", "--family", "GPT2", "--system", "Be brief.")
    with LocalEndpoint("echo", contract="gpt2-2023", api_key=configured.api_key) as old:
        done = command("chat", "hi", "--url", old.scoring_url, *arguments, "--model", "big")
    assert done.returncode == 0
    assert ".py" not in done.stderr

"""The report of a run: its figures, and a page that holds no foreign markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from langchain_azureml_oss.batch import score_file
from langchain_azureml_oss.batch.reporting.figures import Report, percentiles, report_of, summed
from langchain_azureml_oss.batch.reporting.page import figures, page_of, write_page
from langchain_azureml_oss.batch.run_card import RunCard
from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.local import LocalEndpoint


def line(second, took=1.0, **more):
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    at = f"2026-01-02T03:04:{second:02d}.000+00:00"
    known = {"text": "a", "finish_reason": "stop", "usage": usage, "seconds": took, "at": at}
    return {"row": second, "input": {}, **known, **more}


def failure(second, kind):
    error = {"type": kind, "message": "no"}
    return {"row": second, "input": {}, "error": error, "seconds": 0.5, "at": line(second)["at"]}


def test_figures():
    lines = [
        line(1),
        line(2, 3.0, finish_reason="length"),
        line(31, 2.0),
        failure(9, "ServerError"),
    ]
    lines.append(line(31, same_as=1, finish_reason=None))
    report = summed(lines)
    assert (report.rows, report.answered, report.cut, report.open_ended) == (5, 4, 1, 1)
    assert (report.input_tokens, report.output_tokens, report.copied) == (9, 6, 1)
    assert report.errors == {"ServerError": 1}
    assert report.span == 32  # the second one began a second before the first ended
    assert report.rate == 4 / 32
    assert sum(part.answered for part in report.slices) == 4
    assert sum(part.errors.total() for part in report.slices) == 1
    assert figures(report)["latency, 99 %"] == "3.00 s"


def test_tokens_that_no_endpoint_told_are_not_none():
    shown = figures(summed([line(1, usage=None), line(2, usage=None)]))
    assert (shown["tokens in"], shown["tokens out"]) == ("not told", "not told")
    assert figures(summed([line(1)]))["tokens in"] == "3"


def test_the_time_between_two_runs_does_not_count():
    def at(minute, second):
        return {"at": f"2026-01-02T03:{minute:02d}:{second:02d}.000+00:00"}

    lines = [line(1, 2.0, **at(1, 2)), line(2, 2.0, **at(1, 40)), line(3, 4.0, **at(9, 10))]
    report = summed([*lines, line(4, 1.0, **at(9, 16))])
    assert report.span == 40 + 10  # with the half minute in which the first run waited
    assert report.rate == 4 / 50


def test_the_time_between_a_sample_and_the_rest_does_not_count(tmp_path, make_chat):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"prompt": "hi"}\n' * 10)
    with LocalEndpoint("echo") as endpoint:
        chat = make_chat(endpoint_url=endpoint.url + "/v1", endpoint_api_key=endpoint.api_key)
        score_file(chat, source, target, sample=2)
        score_file(chat, source, target)
    sampled, rest = RunCard(target).begins
    assert sampled <= rest
    assert report_of(target).answered == 10
    lines = [line(3), line(43)]
    begins = ["2026-01-02T03:04:41.000+00:00", "2026-01-02T03:04:01.000+00:00"]
    assert (summed(lines).span, summed(lines, begins).span) == (41, 2)


@pytest.mark.parametrize("again", ["x", 5, ["x", 7, None]])
def test_a_card_that_somebody_changed_tells_no_time(tmp_path, again):
    (tmp_path / "a.jsonl").write_text(json.dumps(line(1)) + "\n")
    card = {"runs": [{"settings": {}, "made": 1, "again": again}]}
    (tmp_path / "a.jsonl.run.json").write_text(json.dumps(card))
    assert report_of(tmp_path / "a.jsonl").answered == 1


def test_percentiles_are_values_that_there_were():
    assert percentiles([float(n) for n in range(1, 101)]) == {50: 50.0, 90: 90.0, 99: 99.0}
    assert percentiles([7.0]) == {50: 7.0, 90: 7.0, 99: 7.0}
    assert percentiles([]) == {}


def test_answers_of_before_have_no_times():
    report = summed([{"row": 1, "input": {}, "text": "a", "seconds": 0.5}])
    assert (report.answered, report.slices, report.rate) == (1, [], 0.0)
    assert "a time not known" in page_of(report, "answers.jsonl")


@pytest.mark.parametrize("report", [Report(), summed([line(1)]), summed([failure(1, "X")])])
def test_a_page_of_little(report):
    assert page_of(report, "answers.jsonl").count("<h2>") == 4


def test_the_page_has_two_colour_schemes():
    page = page_of(summed([line(1)]), "answers.jsonl")
    named = set(re.findall(r"var\((--\w+)\)", page))
    dark = page.partition("prefers-color-scheme: dark")[2].partition("}")[0]
    assert named == {"--ink", "--pale", "--paper", "--grid"}
    assert all(f"{name}:" in dark for name in named)


def test_foreign_words_are_no_markup():
    odd = "<script>alert(1)</script>"
    page = page_of(summed([failure(1, odd), line(2)]), f"{odd}.jsonl")
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(page)
    assert "script" not in dict(tags)
    assert not any("src" in attributes or "href" in attributes for _, attributes in tags)


def test_what_is_no_file_of_answers(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "a"}\n')
    with pytest.raises(UnsupportedInputError, match="no answer of a run"):
        report_of(tmp_path / "a.jsonl")
    with pytest.raises(UnsupportedInputError, match="cannot be read"):
        report_of(tmp_path / "none.jsonl")
    with pytest.raises(UnsupportedInputError, match="cannot be written"):
        write_page(Report(), tmp_path / "a.jsonl", tmp_path / "none" / "a.html")

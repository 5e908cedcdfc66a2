"""The file of answers: it survives what ends a run, and no other file is touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss.batch.answer_file import AnswerFile
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError

ERROR = {"error": {"type": "ServerError", "message": "no"}}


def row(number):
    return Row(number, {"prompt": f"question {number}"})


def text(number):
    return {"text": f"answer {number}"}


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.jsonl"


def write(path, *numbers, failed=(), overwrite=False):
    with AnswerFile(path, overwrite=overwrite) as file:
        for number in numbers:
            file.add(row(number), ERROR if number in failed else text(number))


def test_lines_are_there_at_once_and_in_order_in_the_end(path):
    with AnswerFile(path) as file:
        for number in (3, 1, 2):
            file.add(row(number), text(number))
        assert [line["row"] for line in lines(path)] == [3, 1, 2]
    assert lines(path) == [
        {"row": n, "input": {"prompt": f"question {n}"}, "text": f"answer {n}"} for n in (1, 2, 3)
    ]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_row_that_failed_is_asked_again(path):
    write(path, 1, 2, 3, failed={2})
    with AnswerFile(path) as file:
        assert [file.has_answer(row(number)) for number in (1, 2, 3, 4)] == [
            True,
            False,
            True,
            False,
        ]
        file.add(row(2), text(2))
        assert file.has_answer(row(2))
    assert [line["row"] for line in lines(path)] == [1, 2, 3]
    assert "error" not in lines(path)[1]


def test_the_rights_of_the_file_stay(path):
    write(path, 2)
    path.chmod(0o640)
    write(path, 1)
    assert [line["row"] for line in lines(path)] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o640


def test_overwriting_begins_anew(path):
    write(path, 1, 2)
    write(path, 2, overwrite=True)
    assert [line["row"] for line in lines(path)] == [2]


@given(st.data())
def test_a_run_that_was_cut_off_anywhere_loses_the_last_line_at_most(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "answers.jsonl"
    write(path, 1, 2, 3)
    whole = path.read_bytes()
    size = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:size])
    left = whole[:size].count(b"\n")
    with AnswerFile(path) as file:
        assert [file.has_answer(row(n)) for n in (1, 2, 3)] == [n <= left for n in (1, 2, 3)]
        for number in range(left + 1, 4):
            file.add(row(number), text(number))
    assert path.read_bytes() == whole


def test_answers_to_other_questions_are_not_mixed(path):
    write(path, 1)
    with AnswerFile(path) as file, pytest.raises(UnsupportedInputError, match="another question"):
        file.has_answer(Row(1, {"prompt": "something else"}))
    assert len(lines(path)) == 1


@pytest.mark.parametrize(
    "data",
    [b"hello\n", b"hello", b'{"prompt": "a"}\n', b"[1]\n", b'{"row": "1", "input": {}}\n', b"\n"],
)
def test_somebody_elses_file_is_left_alone(path, data):
    path.write_bytes(data)
    with pytest.raises(UnsupportedInputError, match=r"Line 1 of answers\.jsonl is no answer"):
        AnswerFile(path)
    assert path.read_bytes() == data


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UnsupportedInputError, match="cannot be written"):
        AnswerFile(tmp_path / "missing" / "answers.jsonl")


def test_two_runs_on_one_file_lose_nothing(path):
    with AnswerFile(path) as one, AnswerFile(path) as other:
        one.add(row(2), text(2))
        other.add(row(1), text(1))
    assert sorted(line["row"] for line in lines(path)) == [1, 2]

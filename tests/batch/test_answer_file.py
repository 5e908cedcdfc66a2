"""The file of answers: it survives what ends a run, and no other file is touched."""

from __future__ import annotations

import errno
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_azureml_oss.batch.answer_file import AnswerFile
from langchain_azureml_oss.batch.row_numbers import RowNumbers
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


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_row_that_failed_is_asked_again(path, number):
    write(path, 1, 2, 3, failed={number})
    with AnswerFile(path) as file:
        assert file.check(map(row, (1, 2, 3, 4))) == 2
        assert (file.numbers, file.failed) == ({1, 2, 3}, {number})
        file.add(row(number), text(number))
        assert file.failed == set()
    assert [line["row"] for line in lines(path)] == [1, 2, 3]
    assert not any("error" in line for line in lines(path))


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
        assert file.check(map(row, (1, 2, 3))) == left
        assert file.numbers == set(range(1, left + 1))
        for number in range(left + 1, 4):
            file.add(row(number), text(number))
    assert path.read_bytes() == whole


def test_answers_to_other_questions_are_not_mixed(path):
    write(path, 1)
    with AnswerFile(path) as file, pytest.raises(UnsupportedInputError, match="another question"):
        file.check([Row(1, {"prompt": "something else"})])
    assert len(lines(path)) == 1


def test_answers_to_more_questions_are_not_taken_for_these(path):
    write(path, 1, 2)
    with AnswerFile(path) as file, pytest.raises(UnsupportedInputError, match="rows that the"):
        file.check([row(1)])
    assert len(lines(path)) == 2


@pytest.mark.parametrize(
    "value", [2**64, -(2**70), 1e400, float("nan"), "\ud800", 0.1, [[{}]], None, "\u2028"]
)
def test_whatever_a_row_holds_is_known_again(path, value):
    asked = Row(1, {"prompt": "a", "id": value})
    with AnswerFile(path) as file:
        file.add(asked, text(1))
        assert file.check([asked]) == 1
    with AnswerFile(path) as file:
        assert file.check([asked]) == 1


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"hello\n",
            b"hello",
            b'{"prompt": "a"}\n',
            b"[1]\n",
            b'{"row": "1", "input": {}}\n',
            b"\n",
        ),
        *(b'{"row":1}\n', b'{"row":1,"input":null}\n'),
        b'{"row":%d,"input":{}}\n' % 2**63,
    ],
)
def test_somebody_elses_file_is_left_alone(path, data):
    path.write_bytes(data)
    with pytest.raises(UnsupportedInputError, match=r"Line 1 of answers\.jsonl is no answer"):
        AnswerFile(path)
    assert path.read_bytes() == data


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UnsupportedInputError, match="cannot be written"):
        AnswerFile(tmp_path / "missing" / "answers.jsonl")


def test_a_second_run_on_the_same_file_is_refused(path):
    with AnswerFile(path) as file:
        file.add(row(2), text(2))
        for overwrite in (False, True):
            with pytest.raises(UnsupportedInputError, match="Another run writes to answers"):
                AnswerFile(path, overwrite=overwrite)
        file.add(row(1), text(1))
    write(path, 3)
    assert [line["row"] for line in lines(path)] == [1, 2, 3]


def test_a_full_disk_is_said_and_what_was_written_stays(path, monkeypatch):
    file = AnswerFile(path)
    file.add(row(1), text(1))
    disk = file._file

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            disk.close()

    monkeypatch.setattr(file, "_file", Full())
    with pytest.raises(UnsupportedInputError, match=r"answers\.jsonl cannot be written: No space"):
        file.add(row(2), text(2))
    file.close()
    assert [line["row"] for line in lines(path)] == [1]


def test_lines_that_cannot_be_sorted_stay_as_they_are(path, monkeypatch, caplog):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkstemp", full)
        write(path, 2, 1)
    assert [line["row"] for line in lines(path)] == [2, 1]
    assert "answers.jsonl is left unsorted: No space left on device" in caplog.text
    write(path, 3)
    assert [line["row"] for line in lines(path)] == [1, 2, 3]


def test_a_link_stays_a_link(path, tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    write(link, 2, 1)
    assert link.is_symlink()
    assert [line["row"] for line in lines(path)] == [1, 2]


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(UnsupportedInputError, match="is no file"):
        AnswerFile(tmp_path)
    with pytest.raises(UnsupportedInputError, match="is no file"):
        AnswerFile(Path("/dev/full"))


def test_zeros_at_the_end_do_not_stop_a_run(path):
    """A machine that goes down may leave a file that is longer than what was written."""
    write(path, 1, 2)
    whole = path.read_bytes()
    for tail in (b"\0" * 100, b'{"row":3,"inp' + b"\0" * 9, b"\0"):
        path.write_bytes(whole + tail)
        with AnswerFile(path) as file:
            assert file.numbers == {1, 2}
        assert path.read_bytes() == whole


def test_a_link_to_itself_is_an_error_of_this_package(path):
    path.symlink_to(path)
    with pytest.raises(UnsupportedInputError, match="leads to itself"):
        AnswerFile(path)


def test_numbers_far_apart_take_no_memory(path):
    path.write_bytes(b'{"row":9223372036854775807,"input":{}}\n{"row":-9,"input":{}}\n')
    with AnswerFile(path) as file:
        assert list(file.numbers) == [-9, 2**63 - 1]
        with pytest.raises(UnsupportedInputError, match="rows that the"):
            file.check([row(1)])


def test_memory_hardly_grows_with_the_rows(path):
    """So that a night's work ends on the machine that began it."""
    with AnswerFile(path) as file:
        tracemalloc.start()
        try:
            for number in range(1, 20_001):
                file.add(Row(number, {"prompt": "a question"}), {"text": "an answer"})
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size < 20_000 * 32
        assert file.outcome(20_000) == {"text": "an answer"}


@given(st.lists(st.tuples(st.booleans(), st.integers(-200, 200) | st.integers(-(2**63), 2**63))))
def test_numbers_of_rows_are_a_set(steps):
    found, expected = RowNumbers(), set()
    for is_added, number in steps:
        for one in (found, expected):
            (one.add if is_added else one.discard)(number)
        assert number in found if is_added else number not in found
    assert list(found) == sorted(expected)
    assert (len(found), found == expected) == (len(expected), True)
    kept = found.copy()
    found.add(2**64)
    assert kept == RowNumbers(expected)

"""Files of questions: the kinds that are read, and what is said about those that are not."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.rows import Row, read_rows
from langchain_azureml_oss.errors import UnsupportedInputError


@pytest.fixture
def rows_of(tmp_path):
    """The rows of a file with this name and these bytes."""

    def read(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return list(read_rows(path))

    return read


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        ("q.jsonl", b'{"prompt": "a", "id": 7}\n"b"\n', [(1, {"prompt": "a", "id": 7}), (2, "b")]),
        ("q.jsonl", b'"a"\n\n  \n"b"', [(1, "a"), (4, "b")]),
        ("q.ndjson", b'\xef\xbb\xbf"caf\xc3\xa9"\r\n', [(1, "café")]),
        ("Q.JSONL", '"a\u2028b"\n"c"'.encode(), [(1, "a\u2028b"), (2, "c")]),
        ("q.txt", b"  a b \r\n\r\nc\n", [(1, "  a b "), (3, "c")]),
        ("q.csv", b"prompt,id\na,1\nb,2\n", [(1, ("a", "1")), (2, ("b", "2"))]),
        ("q.csv", b'id,prompt\r\n1,"two\r\nlines, ""so"""\r\n', [(1, ('two\r\nlines, "so"', "1"))]),
        ("q.csv", b"prompt,id\n", []),
        ("q.csv", b"", []),
        ("q.jsonl", b"", []),
    ],
)
def test_rows(rows_of, name, data, rows):
    def whole(value):
        if isinstance(value, tuple):
            return {"prompt": value[0], "id": value[1]}
        return {"prompt": value} if isinstance(value, str) else value

    assert rows_of(name, data) == [Row(number, whole(value)) for number, value in rows]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("q.jsonl", b'"a"\n{"prompt":\n', "Row 2 is not JSON"),
        ("q.jsonl", b"[1]\n", "Row 1 is neither .* but list"),
        ("q.jsonl", b'{"a":' * 5000, "Row 1 is not JSON"),
        ("q.jsonl", b'"\xff"\n', r"q\.jsonl is not text in UTF-8: .* Save it as UTF-8"),
        ("q.csv", b"prompt,id\na\n", "Row 1 has not"),
        ("q.csv", b"prompt\na,b\n", "Row 1 has not"),
        ("q.csv", b'prompt\n"a\n', r"q\.csv is not CSV"),
        ("q.csv", b"prompt,id,prompt\na,1,b\n", r"q\.csv has two columns `prompt`"),
        ("q.xlsx", b"", r"ends in one of \.jsonl, \.ndjson, \.csv, \.parquet, \.txt"),
    ],
)
def test_a_file_that_is_wrong_is_an_error(rows_of, name, data, said):
    with pytest.raises(UnsupportedInputError, match=said):
        rows_of(name, data)


def test_columns_without_names_are_left_alone(rows_of):
    (row,) = rows_of("q.csv", b"prompt,,\na,,\n")
    assert row.input["prompt"] == "a"


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(UnsupportedInputError, match=r"none\.txt cannot be read: .*No such file"):
        list(read_rows(tmp_path / "none.txt"))


def test_a_prompt_is_a_users_turn():
    assert Form().messages(Row(1, {"prompt": "hi"})) == [HumanMessage("hi")]
    assert Form(system="Be brief.").messages(Row(1, {"prompt": "hi"}))[0] == SystemMessage(
        "Be brief."
    )


def test_messages_are_a_conversation():
    turns = [
        {"role": "system", "content": "Rhyme."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "c"}]},
    ]
    messages = Form(system="Be brief.").messages(Row(1, {"messages": turns, "prompt": "no"}))
    assert messages[0] == SystemMessage("Rhyme.")
    assert messages[2] == AIMessage("b")
    assert messages[3].text == "c"


def test_an_empty_cell_is_no_conversation():
    assert Form().messages(Row(1, {"messages": "", "prompt": "hi"})) == [HumanMessage("hi")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no text in `prompt`; it has nothing"),
        ({"question": "a", "id": 1}, "it has question, id"),
        ({"prompt": " "}, "no text in `prompt`"),
        ({"prompt": 3}, "no text in `prompt`"),
        ({"messages": []}, "no text in `prompt`; it has messages"),
        ({"messages": [{"role": "gossip", "content": "a"}]}, "`messages` is not valid: ValueError"),
        ({"messages": [{"text": "a"}]}, "`messages` is not valid"),
        ({"messages": [{"role": "assistant", "content": "a", "tool_calls": "x"}]}, "is not valid"),
        ({"messages": [3]}, "`messages` must be a list of objects"),
        ({"messages": "hello"}, "`messages` must be a list of objects"),
        ({"messages": {"role": "user", "content": "hi"}}, "`messages` must be a list of objects"),
    ],
)
def test_a_row_without_a_question_is_named(given, said):
    with pytest.raises(UnsupportedInputError, match=f"Row 5.*{said}"):
        Form().messages(Row(5, given))

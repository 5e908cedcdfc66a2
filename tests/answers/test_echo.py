"""The prompt in an answer, repeated to the letter or nearly so."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_azureml_oss.answers.echo import Echo, find_echo

PROMPT = (
    "Below are tools :\n\nThey are shown, and may be called where that is of use, or not at all.\n\n"
    "### Instruction:\nSay  hello , please .\nIt 's late.\n\n### Response:\n"
)


@pytest.mark.parametrize(
    "echoed",
    [
        PROMPT,
        f"<s>{PROMPT}",
        f"<s> {PROMPT}",
        f"<|begin_of_text|>{PROMPT}",
        PROMPT.strip(),
        " ".join(PROMPT.split()),
        PROMPT.replace(" ,", ",").replace(" .", ".").replace(" '", "'").replace("  ", " "),
        PROMPT.lower(),
        PROMPT.replace("\n", "\r\n"),
    ],
)
@pytest.mark.parametrize("said", ["Hello.", "", "\n\nHello.", ": well", "# Title"])
def test_an_echo_that_is_not_to_the_letter_is_found(echoed, said):
    echo = find_echo(PROMPT, echoed + said)
    assert echo.is_clear
    rest = (echoed + said)[echo.length :]
    assert rest.strip() in {said.strip(), said.removeprefix(":").strip()}


@pytest.mark.parametrize(
    "answer",
    [
        PROMPT[20:] + "Hello.",  # the front was cut off
        PROMPT.replace("tools", "t00ls") + "Hello.",
        "Well. " + PROMPT + "Hello.",
        PROMPT[: len(PROMPT) - 15] + "Hello.",  # the end is missing
    ],
)
def test_an_echo_that_cannot_be_told_from_the_answer(answer):
    assert find_echo(PROMPT, answer) == Echo(is_clear=False)


@pytest.mark.parametrize(
    "answer", ["", "Hello.", '{"name": "add", "arguments": {}}', "### Response:"]
)
def test_an_answer_without_an_echo(answer):
    assert find_echo(PROMPT, answer) == Echo()


def test_the_words_of_the_model_stay_where_there_is_one_echo():
    assert find_echo("ha", "ha ha ha") == Echo(2)
    assert find_echo("?!", "What?") == Echo()


@given(st.text(max_size=60), st.text(max_size=60))
@example("ß", "SS")
@example("İ", "i̇x")
def test_any_texts(prompt, answer):
    echo = find_echo(prompt, answer)
    assert 0 <= echo.length <= len(answer)
    assert find_echo(prompt, prompt + answer) == Echo(len(prompt))

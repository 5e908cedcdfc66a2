"""What is special about each model family."""

from __future__ import annotations

import pytest

from langchain_azureml_oss import FamilyProfile, ModelFamily
from langchain_azureml_oss.errors import ConnectionConfigError, UnsupportedInputError
from langchain_azureml_oss.families import family, fold, profile, render

SYSTEM = {"role": "system", "content": "s"}
USER = {"role": "user", "content": "u"}
ANSWER = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *((name, "LLAMA") for name in ("LLAMA", "LLaMa", "llama", "Llama-2", "meta-llama")),
        *((name, "GPT2") for name in ("GPT2", "gpt2", "GPT-2", "gpt_2", "Gpt 2")),
        *((name, "DOLLY") for name in ("DOLLY", "Dolly", "databricks-dolly")),
        *((name, "FALCON") for name in ("FALCON", "falcon", "tiiuae-falcon")),
        *((name, "OPENAI") for name in ("OPENAI", "OpenAI")),
    ],
)
def test_a_family_is_found_in_any_case(name, found):
    assert family(name) is ModelFamily(found)
    assert ModelFamily(name) is ModelFamily(found)


@pytest.mark.parametrize("name", ["MISTRAL", "PHI", "QWEN", "GEMMA", "DEEPSEEK"])
def test_the_families_of_discovery_are_in_the_table(name):
    """CONTRACTS.md, "Names of models to families"."""
    assert profile(family(name)).name == name
    assert profile(family(name.lower())).name == name


@pytest.mark.parametrize("name", ["", "CLAUDE", "LLAMA!"])
def test_an_unknown_family_names_those_that_are_known(name):
    with pytest.raises(ConnectionConfigError) as caught:
        family(name)
    message = str(caught.value)
    assert "model_family" in message
    assert repr(name) in message
    assert [m.value for m in ModelFamily if m.value not in message] == []


@pytest.mark.parametrize("member", ModelFamily)
def test_every_family_has_its_row(member):
    assert profile(member).name == member.value


def test_a_row_of_the_users_own_is_taken():
    row = FamilyProfile("MINE", system="folded")
    assert family(row) is row
    assert profile(row) is row


def test_system_messages_may_be_folded_into_the_first_user_turn():
    row = FamilyProfile("MINE", system="folded")
    assert fold([SYSTEM, USER, ANSWER, USER], row) == [
        {"role": "user", "content": "s\n\nu"},
        ANSWER,
        USER,
    ]


def test_system_messages_alone_make_a_user_turn():
    assert fold([SYSTEM], FamilyProfile("MINE", system="folded")) == [
        {"role": "user", "content": "s"}
    ]


def test_system_messages_may_be_left_out_with_a_warning():
    row = FamilyProfile("MINE", system="dropped")
    with pytest.warns(UserWarning, match="MINE"):
        assert fold([SYSTEM, USER], row) == [USER]


def test_turns_of_one_role_are_merged_where_they_must_alternate():
    row = FamilyProfile("MINE", alternates=True)
    parts = {"role": "user", "content": [{"type": "text", "text": "v"}]}
    assert fold([USER, USER, ANSWER, ANSWER, USER, parts], row) == [
        {"role": "user", "content": "u\n\nu"},
        {"role": "assistant", "content": "a\n\na"},
        {"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "text", "text": "v"}]},
    ]


def test_a_conversation_without_quirks_stays():
    messages = [SYSTEM, USER, USER, ANSWER]
    assert fold(messages, profile(ModelFamily.LLAMA)) == messages


def test_fold_changes_nothing_of_the_callers():
    messages = [dict(SYSTEM), dict(USER), dict(USER)]
    fold(messages, FamilyProfile("MINE", system="folded", alternates=True))
    assert messages == [SYSTEM, USER, USER]


def test_an_unknown_role_is_refused_by_name():
    with pytest.raises(UnsupportedInputError, match=r"'critic'.*LLAMA.*assistant, system"):
        fold([{"role": "critic", "content": "x"}], profile(ModelFamily.LLAMA))


def test_a_plain_model_takes_any_role():
    messages = [{"role": "critic", "content": "x"}]
    assert fold(messages, profile(ModelFamily.OPENAI)) == messages


@pytest.mark.parametrize("name", ["DOLLY", "GPT2", "FALCON"])
def test_a_completion_family_sees_every_text_of_a_conversation(name):
    row = profile(ModelFamily(name))
    assert not row.chat
    prompt = render([SYSTEM, USER, ANSWER, {"role": "user", "content": "{} %s \\"}], row, "score")
    places = [prompt.index(text) for text in ("s\n", "u\n", "a\n", "{} %s \\")]
    assert places == sorted(places)

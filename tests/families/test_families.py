"""What is special about each model family."""

from __future__ import annotations

import pickle

import pytest

from langchain_azureml_oss import FamilyProfile, ModelFamily
from langchain_azureml_oss.errors import ConnectionConfigError, UnsupportedInputError
from langchain_azureml_oss.families import family, fold, profile, render
from langchain_azureml_oss.families.templates import ChatTemplate

SYSTEM = {"role": "system", "content": "s"}
USER = {"role": "user", "content": "u"}
ANSWER = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *((name, "LLAMA") for name in ("LLAMA", "LLaMa", "llama", "Llama-3", "meta-llama")),
        *((name, "GPT2") for name in ("GPT2", "gpt2", "GPT-2", "gpt_2", "Gpt 2")),
        *((name, "DOLLY") for name in ("DOLLY", "Dolly", "databricks-dolly")),
        *((name, "FALCON") for name in ("FALCON", "falcon", "tiiuae-falcon")),
        *((name, "OPENAI") for name in ("OPENAI", "OpenAI")),
        *(("Llama 3.1", "LLAMA"), ("phi-3.5", "PHI"), ("Qwen2.5", "QWEN"), ("gemma-3", "GEMMA")),
        *(("Llama-2", "LLAMA2"), ("llama2", "LLAMA2"), ("Meta-Llama-2", "LLAMA2")),
        *(("DeepSeek-R1", "DEEPSEEK"), ("dolly_v2", "DOLLY")),
        *(("Kimi-K2-Thinking", "KIMI"), ("gpt-oss-120b", "GPT_OSS"), ("gpt2-large", "GPT2")),
    ],
)
def test_a_family_is_found_in_any_case(name, found):
    assert family(name) is ModelFamily(found)
    assert ModelFamily(name) is ModelFamily(found)


@pytest.mark.parametrize("name", ["MISTRAL", "PHI", "QWEN", "GEMMA", "DEEPSEEK"])
def test_the_families_of_discovery_are_in_the_table(name):
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
def test_a_family_is_its_row(member):
    assert profile(member).name == member.value == member.name == str(member)
    assert ModelFamily(member.value) is pickle.loads(pickle.dumps(member)) is member


def test_what_is_no_name_is_no_family():
    for value in (None, 7, FamilyProfile("LLAMA")):
        with pytest.raises(ValueError, match="not a valid ModelFamily"):
            ModelFamily(value)


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
        {
            "role": "user",
            "content": [{"type": "text", "text": "u"}, {"type": "text", "text": "\n\nv"}],
        },
    ]


def test_merged_parts_do_not_run_into_each_other():
    """A contract of strings joins the parts as they are."""
    row = profile(ModelFamily.GEMMA)
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    text = {"type": "text", "text": "v"}
    turns = [[text], [image, text], "", [text]]
    (merged,) = fold([SYSTEM, *({"role": "user", "content": turn} for turn in turns)], row)
    words = [part.get("text", "image") for part in merged["content"]]
    assert words == ["s", "\n\nv", "image", "v", "\n\nv"]
    assert text == {"type": "text", "text": "v"}


def test_a_conversation_without_quirks_stays():
    messages = [SYSTEM, USER, USER, ANSWER]
    assert fold(messages, profile(ModelFamily.LLAMA)) == messages


def test_fold_changes_nothing_of_the_callers():
    messages = [dict(SYSTEM), dict(USER), dict(USER)]
    fold(messages, FamilyProfile("MINE", system="folded", alternates=True))
    assert messages == [SYSTEM, USER, USER]


CRITIC = {"role": "critic", "content": "{} x"}
FUNCTION = {"role": "function", "name": "add", "content": [{"type": "text", "text": "2"}]}


@pytest.mark.parametrize("name", ["LLAMA", "OPENAI"])
def test_some_families_take_any_role(name):
    """Llama 3's template writes the role into the turn's header, whatever it is."""
    assert fold([CRITIC, FUNCTION], profile(ModelFamily(name))) == [CRITIC, FUNCTION]


def test_an_unknown_role_is_told_in_a_user_turn():
    """`ChatMessage` with any role. Most templates leave such a turn out without a word."""
    assert fold([CRITIC, ANSWER, FUNCTION], profile(ModelFamily.QWEN)) == [
        {"role": "user", "content": "critic: {} x"},
        ANSWER,
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "function add: "},
                {"type": "text", "text": "2"},
            ],
        },
    ]


def test_an_unknown_role_counts_as_a_user_turn_where_turns_alternate():
    folded = fold([SYSTEM, USER, CRITIC, ANSWER], profile(ModelFamily.GEMMA))
    assert folded == [{"role": "user", "content": "s\n\nu\n\ncritic: {} x"}, ANSWER]


@pytest.mark.parametrize("member", ModelFamily)
def test_every_prompt_holds_every_role(member):
    prompt = render(fold([USER, CRITIC, FUNCTION], member.row), member.row, "score")
    places = [prompt.index(text) for text in ("u", "critic: {} x", "function add: 2")]
    assert places == sorted(places)


def test_a_template_of_the_users_own_may_know_a_role_of_its_own():
    template = ChatTemplate(turns={"user": "U<{}>", "critic": "C<{}>"})
    row = FamilyProfile("MINE", roles=None, template=template)
    assert render([USER, CRITIC, FUNCTION], row, "score") == "U<u>C<{} x>U<function add: 2>"
    with pytest.raises(UnsupportedInputError, match="assistant"):
        render([ANSWER], row, "score")


@pytest.mark.parametrize(
    ("row", "carrier"),
    [(ModelFamily.FALCON.row, "The family FALCON"), (ModelFamily.LLAMA.row, "The contract 'mine'")],
)
def test_a_block_that_no_prompt_holds_is_named_with_what_cannot_hold_it(row, carrier):
    """Another URL is no help to a model that knows text only."""
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}
    with pytest.raises(UnsupportedInputError, match=f"{carrier} carries text only.*'image_url'"):
        render([image], row, "mine")


def test_what_two_said_is_nobodys_name():
    ann, bob = ({**USER, "name": name} for name in ("Ann", "Bob"))
    row = profile(ModelFamily.GEMMA)
    assert fold([ann, ann], row) == [{"role": "user", "content": "u\n\nu", "name": "Ann"}]
    assert fold([ann, bob], row) == [{"role": "user", "content": "u\n\nu"}]
    assert fold([SYSTEM, ann], row) == [{"role": "user", "content": "s\n\nu", "name": "Ann"}]


@pytest.mark.parametrize("name", ["DOLLY", "GPT2", "FALCON"])
def test_a_completion_family_sees_every_text_of_a_conversation(name):
    row = profile(ModelFamily(name))
    assert not row.chat
    prompt = render([SYSTEM, USER, ANSWER, {"role": "user", "content": "{} %s \\"}], row, "score")
    places = [prompt.index(text) for text in ("s\n", "u\n", "a\n", "{} %s \\")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("mistral-7b", ModelFamily.MISTRAL),
        ("Meta-Llama-3-8B-Instruct", ModelFamily.LLAMA),
        ("microsoft/Phi-3-mini", ModelFamily.PHI),
        ("Qwen3-8B", ModelFamily.QWEN),
        ("azureml://registries/azureml-meta/models/Llama-2-7b/versions/3", ModelFamily.LLAMA2),
        ("azureml://registries/azureml/models/gpt2/labels/latest", ModelFamily.GPT2),
    ],
)
def test_a_name_of_the_catalog_is_understood(name, member):
    assert family(name) is member


@pytest.mark.parametrize(("name", "meant"), [("LAMA", "LLAMA"), ("MISTRALL", "MISTRAL")])
def test_a_misspelt_family_is_told(name, meant):
    with pytest.raises(ConnectionConfigError, match=f"Did you mean {meant}"):
        family(name)


@pytest.mark.parametrize("name", ["MISTRAL", "MIXTRAL", "GEMMA", "LLAMA2"])
def test_a_greeting_before_the_first_question_breaks_no_alternation(name):
    row = profile(ModelFamily(name))
    assert fold([SYSTEM, ANSWER, USER], row) == [{"role": "user", "content": "s"}, ANSWER, USER]
    begun, *others = fold([ANSWER, USER], row)
    assert begun["role"] == "user"
    assert begun["content"]
    assert others == [ANSWER, USER]


def test_mistral_has_ids_of_nine_letters_or_digits():
    def turns(call_id):
        call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        asked = {"role": "assistant", "content": "", "tool_calls": [call]}
        return [USER, asked, {"role": "tool", "content": "1", "tool_call_id": call_id}]

    row = profile(ModelFamily.MISTRAL)
    told = [fold(turns(call_id), row) for call_id in ("call_0123456789", "call_0123456789", "a-b")]
    ids = [(turn["tool_calls"][0]["id"], result["tool_call_id"]) for _, turn, result in told]
    assert all(call == result and len(call) == 9 and call.isalnum() for call, result in ids)
    assert ids[0] == ids[1] != ids[2]
    assert fold(turns("abcDEF123"), row) == turns("abcDEF123")
    assert fold(turns("call_1"), profile(ModelFamily.QWEN)) == turns("call_1")


@pytest.mark.parametrize(
    ("name", "reasons"),
    [("GPT_OSS", True), ("KIMI", True), ("DEEPSEEK", True), ("LLAMA", False), ("GPT2", False)],
)
def test_langchain_is_told_which_families_reason(name, reasons):
    """In the text, between tags, or in a field of its own, as gpt-oss does."""
    assert profile(family(name)).model_profile["reasoning_output"] is reasons

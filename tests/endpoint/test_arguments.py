"""What the constructors take, and what they show of it to Python's tools."""

from __future__ import annotations

import ast
import inspect
import pickle
import pydoc
import subprocess
import sys
import typing
import warnings
from pathlib import Path

import pytest
from langchain_core.load import dumpd, load
from langchain_openai import ChatOpenAI, OpenAI

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSEmbeddings, AzureMLOSSLLM
from langchain_azureml_oss.chat_models import ChatArguments
from langchain_azureml_oss.endpoint.arguments import ALIASES, ELSEWHERE, SENT_AS_THEY_ARE
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.llms import LLMArguments

MODELS = [
    pytest.param(AzureMLOSSChatModel, ChatArguments, id="chat"),
    pytest.param(AzureMLOSSLLM, LLMArguments, id="llm"),
]


@pytest.mark.parametrize(("cls", "arguments"), MODELS)
def test_the_list_of_arguments_is_that_of_the_fields_and_their_other_names(cls, arguments):
    assert set(typing.get_type_hints(arguments)) == {*cls.model_fields, *ALIASES}


def test_the_typing_tests_give_every_argument():
    tree = ast.parse((Path(__file__).parents[1] / "type_checks" / "public_api.py").read_text())
    function = next(n for n in tree.body if getattr(n, "name", "") == "constructors")
    given = {
        key.arg
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        for key in node.keywords
    }
    assert {
        *typing.get_type_hints(ChatArguments),
        *typing.get_type_hints(LLMArguments),
    } - given == set()


@pytest.mark.parametrize(("cls", "arguments"), MODELS)
def test_the_signature_shows_every_field_before_the_first_instance(cls, arguments):
    code = (
        f"import inspect; from langchain_azureml_oss import {cls.__name__} as cls;"
        " print(*inspect.signature(cls).parameters)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(shown.stdout.split()) == set(cls.model_fields)
    assert set(inspect.signature(cls).parameters) == set(cls.model_fields)
    assert "temperature: float | None = None" in pydoc.render_doc(cls, renderer=pydoc.plaintext)


@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM, AzureMLOSSEmbeddings])
def test_ipythons_question_mark_and_help_show_every_field_before_the_first_instance(cls):
    code = (
        "import pydoc\n"
        "from IPython.core.oinspect import Inspector\n"
        f"from langchain_azureml_oss import {cls.__name__} as cls\n"
        "print(Inspector(theme_name='nocolor').info(cls)['init_definition'])\n"
        "print('----', pydoc.render_doc(cls, renderer=pydoc.plaintext).partition('Setup:')[0])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "<function" not in shown
    for said in shown.split("----"):
        assert [name for name in cls.model_fields if f"{name}:" not in said] == []


def test_a_class_of_the_users_own_shows_its_fields_too():
    class Mine(AzureMLOSSChatModel):
        team: str = "a"

    assert {*AzureMLOSSChatModel.model_fields, "team"} == set(inspect.signature(Mine).parameters)


@pytest.mark.parametrize(("cls", "arguments"), MODELS)
def test_every_field_is_described_in_the_schema(cls, arguments):
    properties = cls.model_json_schema()["properties"]
    assert [name for name in cls.model_fields if name not in properties] == []
    assert [name for name, field in properties.items() if not field["description"]] == []


# -- other names ----------------------------------------------------------------------------------


def test_an_unknown_argument_is_warned_of_at_the_callers_line(make_chat):
    with pytest.warns(UserWarning, match=r"temprature \(did you mean temperature\?\)") as caught:
        AzureMLOSSChatModel(
            endpoint_url="https://a.example/v1",
            endpoint_api_key="k" * 32,
            model_family="LLAMA",
            temprature=0.5,
        )
    assert caught[0].filename == __file__
    assert "temprature" in "".join(
        Path(__file__).read_text().splitlines()[caught[0].lineno - 1 :][:6]
    )


@pytest.mark.parametrize("name", sorted(SENT_AS_THEY_ARE))
def test_a_word_of_a_servers_own_api_is_no_slip_of_the_pen(make_chat, name):
    with pytest.warns(UserWarning, match=f"^{name}: not an argument"):
        made = make_chat(**{name: [1]})
    assert made.model_kwargs == {name: [1]}


@pytest.mark.parametrize(
    "name",
    [
        *("user", "response_format", "verbosity", "prediction", "modalities", "safety_identifier"),
        *("store", "prompt_cache_key", "tool_choice", "parallel_tool_calls", "top_k", "best_of"),
    ],
)
def test_words_of_openai_and_vllm_are_known(name):
    assert name in SENT_AS_THEY_ARE


def test_what_the_responses_api_calls_reasoning_has_its_name_here(make_chat):
    with pytest.warns(UserWarning, match=r"reasoning \(did you mean reasoning_effort\?\)"):
        make_chat(reasoning={"effort": "low"})


def test_not_to_store_is_not_said(make_chat):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_chat(store=False).model_kwargs == {}


def test_the_line_is_the_callers_whatever_is_between():
    class Mine(AzureMLOSSChatModel):
        pass

    given = {"endpoint_url": "https://a.example/v1", "api_key": "k" * 32, "model_family": "LLAMA"}
    for make in (
        lambda: Mine(**given, top_q=5),
        lambda: Mine.model_validate({**given, "top_q": 5}),
    ):
        with pytest.warns(UserWarning, match="top_q") as caught:
            make()
        assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("alias", [name for name in ALIASES if ALIASES[name] != "model_kwargs"])
def test_another_name_is_the_same_argument(make_chat, alias):
    value = {
        "endpoint_url": "https://b.example/v1",
        "endpoint_api_key": "k" * 32,
        "model": "m",
        "max_tokens": 3,
        "stop": ["x"],
        "timeout": 4.0,
        "default_headers": {"x-a": "b"},
        "default_query": {"a": "b"},
    }[ALIASES[alias]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = make_chat(**{ALIASES[alias]: None, alias: value})
    found = getattr(other, ALIASES[alias])
    assert getattr(found, "get_secret_value", lambda: found)() == value


def test_of_two_names_the_later_wins_and_none_says_nothing(make_chat):
    assert make_chat(max_tokens=1, max_completion_tokens=2).max_tokens == 2
    assert make_chat(max_tokens=1, max_completion_tokens=None).max_tokens == 1


def test_openais_words_are_understood_and_sent(make_chat, plug, answer, sent):
    words = {
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "logit_bias": {50256: -100},
        "reasoning_effort": "low",
        "service_tier": "default",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make_chat(
            endpoint_url="https://a.example/v1/chat/completions",
            extra_body={"top_k": 5, "structured_outputs": {"choice": ["yes", "no"]}},
            model_kwargs={"min_p": 0.1, "top_k": 1},
            default_query={"api-version": "1"},
            extra_headers={"x-a": "b"},
            default_headers={"x-c": "d"},
            **words,
        )
    replay = plug(model, answer({"choices": [{"message": {"content": "yes"}}]}))
    model.invoke("hi")
    body = sent(replay)
    assert {name: body[name] for name in words} == {**words, "logit_bias": {"50256": -100}}
    assert (body["top_k"], body["min_p"]) == (5, 0.1)
    assert body["structured_outputs"] == {"choice": ["yes", "no"]}
    assert replay.requests[0].url == "https://a.example/v1/chat/completions?api-version=1"
    headers = replay.requests[0].headers
    assert (headers["x-a"], headers["x-c"]) == ("b", "d")


@pytest.mark.parametrize("place", ["model_kwargs", "extra_body"])
@pytest.mark.parametrize(
    "kept_to",
    [
        {"structured_outputs": {"regex": "[0-9]{4}"}},
        {"structured_outputs": {"grammar": 'root ::= "yes" | "no"'}},
        {"guided_regex": "[0-9]{4}"},
        {"guided_grammar": 'root ::= "yes" | "no"'},
    ],
    ids=["regex", "grammar", "older regex", "older grammar"],
)
def test_vllms_regex_and_grammar_are_sent_for_the_model_and_for_a_call(
    make_chat, plug, answer, sent, place, kept_to
):
    url = "https://a.example/v1/chat/completions"
    done = answer({"choices": [{"message": {"content": "1999"}}]})
    model = make_chat(endpoint_url=url, **{place: kept_to})
    replay = plug(model, done)
    model.invoke("hi")
    assert kept_to.items() <= sent(replay).items()
    plain = make_chat(endpoint_url=url)
    replay = plug(plain, done, done)
    plain.invoke("hi", **kept_to)
    assert kept_to.items() <= sent(replay).items()
    plain.invoke("hi")
    assert kept_to.keys().isdisjoint(sent(replay, 1))


@pytest.mark.parametrize(
    "wrong",
    [{"n": 0}, {"top_logprobs": 21}, {"presence_penalty": 3}, {"logit_bias": [1]}, {"seed": "x"}],
    ids=str,
)
def test_openais_words_are_checked(make_chat, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make_chat(**wrong)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_means_something_else_here_is_refused_with_the_way(make_chat, name):
    with pytest.raises(ConnectionConfigError, match=rf"^{name} is not an argument.*\."):
        make_chat(**{name: "x"})


@pytest.mark.parametrize("name", ["include", "truncation", "context_management"])
def test_what_only_openais_other_api_has_is_refused(make_chat, name):
    with pytest.raises(ConnectionConfigError, match="Responses API"):
        make_chat(**{name: ["x"]})


@pytest.mark.parametrize(
    ("theirs", "make"), [(ChatOpenAI, "make_chat"), (OpenAI, "make_llm")], ids=["chat", "llm"]
)
def test_what_langchain_openai_has_by_default_says_nothing_here(request, theirs, make):
    """A program that passes all settings on, most of which nobody has set."""
    unset = {name: field.default for name, field in theirs.model_fields.items()}
    unset = {name: value for name, value in unset.items() if value is None or value is False}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = request.getfixturevalue(make)(**unset)
    assert model.model_kwargs == {}
    assert (model.max_retries, model.stream_usage, model.timeout) == (3, True, (10.0, 180.0))


def test_a_setting_is_read_under_both_of_its_names(make_chat, make_llm):
    for make in (make_chat, make_llm):
        assert make(model="m").model_name == make(model_name="m").model == "m"


# -- keys in wrong places -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("openai_api_key", "apikey", "endpoint_key", "azure_openai_api_key", "subscription_key"),
        *("access_token", "hf_token", "client_secret", "password", "Authorization", "bearer"),
        *("sas", "pat", "sig", "connection_string"),
    ],
)
def test_a_key_under_another_name_is_refused_and_not_shown(make_chat, make_llm, name, key, shows):
    for make in (make_chat, make_llm):
        with pytest.raises(ConnectionConfigError, match=f"{name}.*endpoint_api_key=") as caught:
            make(**{name: key})
        assert key not in shows(caught.value)


@pytest.mark.parametrize("name", ["access_token", "client_secret", "my_token", "sas"])
def test_the_way_out_of_a_refused_name_is_not_refused_in_turn(make_chat, key, name):
    with pytest.raises(ConnectionConfigError):
        make_chat(model_kwargs={name: key})
    for give in (make_chat, make_chat().bind):
        with pytest.raises(ConnectionConfigError) as caught:
            give(**{name: key})
        assert "model_kwargs" not in str(caught.value)
        assert "default_headers=" in str(caught.value)


def test_a_setting_with_a_name_like_a_token_s_goes_where_it_is_taken(make_chat):
    with pytest.raises(ConnectionConfigError, match="model_kwargs="):
        make_chat(my_token="<eos>")
    assert make_chat(model_kwargs={"my_token": "<eos>"}).model_kwargs == {"my_token": "<eos>"}


@pytest.mark.parametrize("wrap", [lambda k: [k], lambda k: {"a": k}, lambda k: lambda: k])
def test_a_key_inside_another_value_is_refused_too(make_chat, key, shows, wrap):
    with pytest.raises(ConnectionConfigError, match="api_keys") as caught:
        make_chat(api_keys=wrap(key))
    assert key not in shows(caught.value)


def test_headers_have_another_name_here(make_chat, key, shows):
    with pytest.raises(ConnectionConfigError, match="default_headers") as caught:
        make_chat(headers={"Authorization": key})
    assert key not in shows(caught.value)


@pytest.mark.parametrize("url", ["https://ep.example:KEY/score", "https://ep.example/ KEY"])
def test_a_key_in_a_url_that_is_none_is_not_shown(make_chat, key, shows, url):
    with pytest.raises(ConnectionConfigError, match="endpoint_url") as caught:
        make_chat(endpoint_url=url.replace("KEY", key))
    assert key not in shows(caught.value)


@pytest.mark.parametrize("name", ["stop_token_ids", "min_tokens", "skip_special_tokens"])
def test_a_servers_own_setting_is_no_key(make_chat, name):
    with pytest.warns(UserWarning, match=name):
        assert make_chat(**{name: 1}).model_kwargs == {name: 1}


@pytest.mark.parametrize(
    "place",
    [
        *("model_family", "contract", "deployment_name", "ca_bundle", "client_cert", "api"),
        *("endpoint_url", "connection", "timeout", "max_tokens", "tool_calling", "credential"),
    ],
)
@pytest.mark.parametrize("ending", ["", "\n", "é"], ids=repr)
def test_a_key_in_a_wrong_field_is_not_shown(make_chat, make_llm, key, shows, place, ending):
    make = make_llm if place == "api" else make_chat
    try:
        made = make(**{place: key + ending})
    except ValueError as error:
        assert key not in shows(error)  # noqa: PT017
    else:
        assert place in {"deployment_name", "ca_bundle", "client_cert"}, made


@pytest.mark.parametrize(
    "option", ["timeout", "deadline", "max_retries", "backoff", "stream_usage"]
)
def test_a_key_in_an_option_of_a_call_is_not_shown(make_chat, key, shows, option):
    with pytest.raises(ConnectionConfigError, match=option) as caught:
        make_chat().invoke("hi", **{option: key})
    assert key not in shows(caught.value)


@pytest.mark.parametrize(
    "headers", [{"KEY": "a\nb"}, {"KEY ": "a"}, {"x": "KEY\n"}, {"KEY": 1}], ids=str
)
def test_a_key_in_a_header_that_cannot_be_sent_is_not_shown(make_chat, key, shows, headers):
    given = {
        n.replace("KEY", key): v.replace("KEY", key) if v != 1 else v for n, v in headers.items()
    }
    with pytest.raises(ConnectionConfigError, match="default_headers") as caught:
        make_chat(default_headers=given)
    assert key not in shows(caught.value)


# -- dumps ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("deployment", [None, "default", "blue"])
def test_what_is_loaded_is_what_was_dumped_whatever_the_environment_says(
    make_chat, make_llm, monkeypatch, key, deployment
):
    for make in (make_chat, make_llm):
        model = make(deployment_name=deployment, max_retries=0, default_query={"a": "b"})
        dumped = dumpd(model)
        for name in ("ENDPOINT_URL", "DEPLOYMENT_NAME", "ENDPOINT_API_KEY"):
            monkeypatch.setenv(f"AZUREML_{name}", "https://other.example/score")
        monkeypatch.setenv("AZUREML_MODEL_FAMILY", "FALCON")
        loaded = load(
            dumped,
            allowed_objects=[type(model)],
            valid_namespaces=["langchain_azureml_oss"],
            secrets_map={"AZUREML_ENDPOINT_API_KEY": key},
        )
        assert loaded == model
        assert loaded.deployment_name == model.deployment_name
        for name in ("ENDPOINT_URL", "DEPLOYMENT_NAME", "ENDPOINT_API_KEY", "MODEL_FAMILY"):
            monkeypatch.delenv(f"AZUREML_{name}")


def test_a_secret_header_is_in_no_dump(make_chat):
    model = make_chat(default_headers={"api-key": "s3cret-0f-the-gateway", "x-a": "b"})
    assert "s3cret" not in repr(dumpd(model))
    assert dumpd(model)["kwargs"]["default_headers"] == {"x-a": "b"}
    assert pickle.loads(pickle.dumps(model)) == model

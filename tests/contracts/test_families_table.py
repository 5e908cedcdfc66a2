"""Contract x API x path x family: one test behind every cell of the table in docs/contracts.md."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace

import pytest
import table
from exchanges import COMMON, FAMILIES, Cell, ask, cells, messages, sent, summary
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_azureml_oss import (
    AzureMLOSSChatModel,
    ContentFormatter,
    FamilyProfile,
    ModelFamily,
    register_formatter,
)
from langchain_azureml_oss.families import family, profile
from langchain_azureml_oss.families.reasoning import ReasoningTags
from langchain_azureml_oss.families.templates import ChatTemplate
from langchain_azureml_oss.formatters import contract_for, contract_names
from langchain_azureml_oss.formatters.base import Traits
from langchain_azureml_oss.wire.replies import Choice, Reply

CELLS = cells()
WORLDS = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
HOST = "https://ep.eastus2.inference.ml.azure.com"


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_cell(cell, make_chat, make_llm, plug, answer, events, key):
    """Sync and async, whole and streamed: the same request, and the same answer."""
    make = make_llm if cell.api == "completion" else make_chat
    model = make(
        endpoint_url=cell.endpoint_url,
        model_family=cell.family,
        contract=cell.contract,
        max_tokens=32,
        stream_usage=False,
    )
    question = {"stop": ["END"]}
    if cell.api == "completion":
        question["prompts"] = [COMMON["prompt"]]
    else:
        question["messages"] = messages(COMMON["conversation"])
    for is_async in (False, True):
        for stream in (False, True):
            streams = stream and cell.streams
            response = events(*cell.events()) if streams else answer(cell.response)
            replay = plug(model, response)
            said = ask(model, is_async=is_async, stream=stream, **question)
            (request,) = replay.requests
            body = cell.body | ({"stream": True} if streams else {})
            assert sent(request, key) == {"url": cell.url, "headers": {}, "body": body}
            if cell.api == "completion":
                assert said == [[cell.answer["text"]]]
                continue
            known = summary(said)
            assert {k: known.get(k) for k in ("text", "reasoning", "finish_reason")} == {
                "reasoning": None,
                "finish_reason": "stop",
                **cell.answer,
            }


def test_the_cells_are_every_contract_api_and_family():
    found = {(cell.contract, cell.api, cell.family) for cell in CELLS}
    apis = ("chat", "completion")
    assert found == {
        (c, api, f.value) for c in contract_names() for api in apis for f in ModelFamily
    }
    assert {cell.path for cell in CELLS if cell.contract == "openai"} == {
        *("/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions")
    }


def test_a_url_alone_decides_between_score_and_openai():
    """`auto` decides from the path; the other contracts are chosen by name."""
    for cell in CELLS:
        if cell.contract in {"score", "openai"}:
            found = contract_for(cell.endpoint_url, profile(ModelFamily(cell.family)))
            assert found.name == cell.contract


@pytest.mark.parametrize(
    ("host", "contract"),
    [
        ("x.eastus2.models.ai.azure.com", "openai"),
        ("x.eastus2.inference.ai.azure.com", "openai"),
        ("x.eastus2.serverless.ml.azure.com", "openai"),
        ("ep.eastus2.inference.ml.azure.com", "score"),
        ("evilmodels.ai.azure.com", "score"),
    ],
)
def test_a_host_decides_where_the_path_says_nothing(host, contract):
    """Serverless hosts speak the OpenAI-style contract; never a list of paths."""
    row = profile(ModelFamily.LLAMA)
    found = contract_for(f"https://{host}/a/proxy/path?x=1", row)
    assert found.name == contract
    assert found.url(f"https://{host}/a/proxy/path?x=1", "chat").endswith("/a/proxy/path?x=1")
    assert contract_for(f"https://{host}/score", row).name == "score"


def test_a_wrong_cell_is_found():
    cell = Cell("score", "chat", f"{HOST}/score", "GEMMA")
    assert cell.body != replace(cell, family="LLAMA").body
    assert cell.kind == "folded"


# -- the document ----------------------------------------------------------------------------------


def test_the_document_holds_the_table_of_the_golden_files():
    """Where this fails: run tests/contracts/table.py."""
    text = table.DOCUMENT.read_text(encoding="utf-8")
    assert table.in_document(text) == table.table()
    assert table.written(text) == text


def test_a_document_that_drifted_is_found():
    text = table.DOCUMENT.read_text(encoding="utf-8")
    drifted = text.replace("| folded |", "| turns |", 1)
    assert drifted != text
    assert table.in_document(drifted) != table.table()
    assert table.written(drifted) == text


def test_every_cell_of_the_document_has_its_test():
    lines = [line for line in table.table().splitlines() if line.startswith("| `")]
    heads = re.findall(r"\w+", next(n for n in table.table().splitlines() if "| LLAMA" in n))[4:]
    shown = set()
    for line in lines:
        contract, api, path, _, *kinds = (cell.strip(" `") for cell in line.split("|")[1:-1])
        assert len(kinds) == len(heads)
        shown |= {f"{contract}-{api}-{path}-{name}" for name in heads}
    assert shown == {str(cell) for cell in CELLS}


# -- one family ------------------------------------------------------------------------------------

EVERY = pytest.mark.parametrize("golden", FAMILIES.values(), ids=lambda golden: golden["family"])


def test_every_family_has_its_file():
    assert list(FAMILIES) == [member.value for member in ModelFamily]


@EVERY
def test_a_family_is_found_by_each_of_its_names(golden, make_chat):
    for name in [golden["family"], *golden["aliases"]]:
        for spelling in (name, name.upper(), name.lower(), name.title()):
            assert family(spelling) is ModelFamily(golden["family"])
    chat = make_chat(model_family=golden["aliases"][0])
    assert chat.model_family is ModelFamily(golden["family"])


@EVERY
def test_no_name_belongs_to_two_families(golden):
    others = {
        name.casefold()
        for other in FAMILIES.values()
        if other is not golden
        for name in other["aliases"]
    }
    assert others.isdisjoint(name.casefold() for name in golden["aliases"])


@EVERY
def test_the_profile_comes_from_the_row(golden, make_chat):
    assert make_chat(model_family=golden["family"]).profile == golden["profile"]


def test_a_profile_of_the_users_own_wins(make_chat):
    assert make_chat(profile={"max_input_tokens": 7}).profile == {"max_input_tokens": 7}


@EVERY
@WORLDS
def test_defaults_are_sent_and_lose_against_any_setting(
    golden, make_chat, plug, answer, sent, is_async
):
    chat = make_chat(model_family=golden["family"], temperature=0.25)
    replay = plug(chat, answer({"output": ["x"]}))
    ask(chat, is_async=is_async, messages="Hi")
    body = sent(replay)["input_data"]["parameters"]
    for name in ("stop", "return_full_text"):
        body.pop(name, None)
    assert body == golden["defaults"] | {"temperature": 0.25}


@EVERY
@pytest.mark.parametrize("contract", ["score", "openai"])
def test_results_of_tools_reach_every_family(golden, contract, make_chat, plug, answer, sent):
    """Tool messages for families without that role."""
    url = f"{HOST}/score" if contract == "score" else f"{HOST}/v1/chat/completions"
    chat = make_chat(endpoint_url=url, model_family=golden["family"])
    body = (
        {"output": "2"}
        if contract == "score"
        else {"choices": [{"text": "2", "message": {"content": "2"}}]}
    )
    replay = plug(chat, answer(body))
    chat.invoke(messages(COMMON["tool_turns"]))
    asked = sent(replay)
    turns = asked.get("messages") or asked.get("input_data", {}).get("input_string")
    if golden["messages"] is None:
        texts = turns if contract == "score" else [turn["content"] for turn in turns]
        prompt = "\n".join(texts)
        places = [prompt.index(turn["content"]) for turn in golden["tool_turns_as_text"]]
        assert places == sorted(places)
    elif contract == "score":
        assert turns == golden["tool_turns_as_text"]
    else:
        assert turns == golden["tool_turns"]


@EVERY
def test_reasoning_is_told_apart_where_the_family_has_tags(golden, make_chat, plug, answer):
    chat = make_chat(model_family=golden["family"])
    plug(chat, answer({"output": "<think>hm</think>so"}))
    message = chat.invoke("Hi")
    if "reasoning" in golden["answer"]:
        assert (message.text, message.additional_kwargs["reasoning_content"]) == ("so", "hm")
    else:
        assert message.text == "<think>hm</think>so"


# -- families and formatters of the user's own -----------------------------------------------------

OWN = FamilyProfile(
    "OWN",
    chat=False,
    contract="falcon-2023",
    system="dropped",
    alternates=True,
    tool_role=False,
    template=ChatTemplate(
        turns={"user": "<u>{}</u>", "assistant": "<a>{}</a>"}, ending="<a>", stop=("</a>",)
    ),
    reasoning=ReasoningTags("[[", "]]"),
    context_window=99,
    defaults={"top_k": 3},
)


@WORLDS
@pytest.mark.filterwarnings("ignore:The contract 'falcon-2023' has no 'stop'")
def test_a_family_of_the_users_own_decides_everything(make_chat, plug, answer, sent, is_async):
    chat = make_chat(endpoint_url=f"{HOST}/my/own", model_family=OWN, max_tokens=8)
    assert chat.profile["max_input_tokens"] == 99
    assert chat.profile["reasoning_output"] is True
    prompt = "<u>a\n\nb</u><a>"
    replay = plug(chat, answer([{"generated_text": f"{prompt}[[hm]]so</a>no"}]))
    asked = [SystemMessage("s"), HumanMessage("a"), HumanMessage("b")]
    with pytest.warns(UserWarning, match="OWN"):
        message = ask(chat, is_async=is_async, messages=asked)
    assert sent(replay) == {"inputs": [prompt], "parameters": {"top_k": 3, "max_new_tokens": 8}}
    assert (message.text, message.additional_kwargs) == ("so", {"reasoning_content": "hm"})
    assert replay.requests[0].url == f"{HOST}/my/own"


class Lines(ContentFormatter):
    """A contract of prompts alone, streamed as JSON texts."""

    name = "lines"
    traits = Traits(chat=False, streams=True)
    parameter_names = {"max_tokens": ("limit",), "stop": ()}  # noqa: RUF012 -- as a user writes it

    def body(self, call):
        return {"lines": list(call.prompts), "live": call.stream, **call.parameters}

    def headers(self, call, body):
        return {"x-lines": str(len(body["lines"]))}

    def read(self, data, call):
        return Reply([Choice(text=line) for line in data])

    def read_event(self, data):
        return Reply([Choice(text=data, finish_reason="stop" if data == "." else None)])


@pytest.fixture
def registered(monkeypatch):
    """The arguments that choose a registered formatter, by its name and as an instance."""
    monkeypatch.setattr("langchain_azureml_oss.formatters.registry._FORMATTERS", {})
    register_formatter(Lines())
    return {"name": {"contract": "lines"}, "instance": {"content_formatter": Lines()}}


@pytest.mark.parametrize("way", ["instance", "name"])
@pytest.mark.parametrize("entry", ["invoke", "ainvoke", "stream", "astream"])
def test_a_formatter_of_the_users_own(
    make_chat, plug, answer, events, sent, registered, way, entry
):
    is_async, stream = entry.startswith("a"), entry.endswith("stream")
    given = registered[way]
    chat = make_chat(model_family="FALCON", max_tokens=5, stream_usage=False, **given)
    replay = plug(chat, events("Hel", "lo", ".") if stream else answer(["Hello."]))
    message = ask(chat, is_async=is_async, stream=stream, messages="Hi")
    assert message.text == "Hello."
    assert sent(replay) == {"lines": ["User: Hi\n\nAssistant:"], "live": stream, "limit": 5}
    assert replay.requests[0].headers["x-lines"] == "1"


def test_the_profile_is_langchains_own(make_chat):
    chat = make_chat(model_family="GPT2")
    assert isinstance(chat, AzureMLOSSChatModel)
    assert json.loads(json.dumps(chat.profile)) == chat.profile


def test_no_warning_without_a_reason(make_chat, plug, answer):
    """Folding is no loss, so it is not warned of."""
    chat = make_chat(model_family="GEMMA")
    plug(chat, answer({"output": "x"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chat.invoke(messages(COMMON["conversation"]))

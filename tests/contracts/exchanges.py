"""Reads the golden files: what is asked, what goes over the wire, and what comes of it.

A file of `golden/contracts/` is one contract and one API:

    contract, api    their names, which are also the file's
    endpoint_urls    what users give as `endpoint_url`
    settings         LangChain's name of a setting -> the contract's; null: dropped
    form             how any question of this API is sent, asked through every family:
      asks           "messages" or "prompt"
      urls           where the request goes, one for each of endpoint_urls
      request        its body; $prompt, $messages, $settings are filled in, and the values of the
                     key "**" are merged into the object that holds it
      response       the answer's body, with $prompt and $says
      event, last_event  the same, streamed
    exchanges        single questions: a name, `model` (its arguments), `ask`, `wire` (requests and
                     responses in turn) and the `answer` that comes of it
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_azureml_oss.formatters import contract_names

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
_KINDS = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
}


def load(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def load_all(folder):
    """The files of a folder, by their names."""
    return {
        path.stem: load(f"{folder}/{path.name}") for path in sorted((GOLDEN / folder).iterdir())
    }


CONTRACTS = load_all("contracts")
"""`contract.api` -> its file."""
FAMILIES = {
    name: found
    for name in re.findall(
        r"(?m)^    ([A-Z0-9_]+) = ",
        (HERE.parents[1] / "langchain_azureml_oss/families/table.py").read_text(),
    )
    if (found := load_all("families").get(name))
}
"""Family -> its file, in the order of the table in families/table.py."""
COMMON = load("conversation.json")


def messages(dicts):
    return [_KINDS[one["type"]](**{k: v for k, v in one.items() if k != "type"}) for one in dicts]


# -- a model's answer, as plain data ---------------------------------------------------------------


def summary(message):
    """All that an AIMessage says, without what is empty."""
    metadata = dict(message.response_metadata)
    assert metadata.pop("model_provider") == "azureml_oss"
    # The golden files hold the servers' words; tests/answers/test_finish_reasons.py has the others,
    # and tests/models/test_llm_output.py the counts under OpenAI's names.
    normalized = metadata.pop("normalized_finish_reason", None)
    words = {"stop": {"stop", "tool_call", "refusal"}, "tool_calls": {"tool_call", "refusal"}}
    assert normalized in words.get(metadata.get("finish_reason"), {None})
    counts = metadata.pop("token_usage", None)
    usage = message.usage_metadata
    assert (counts and counts["total_tokens"]) == (usage and usage["total_tokens"])
    known = {
        "text": message.text,
        "reasoning": message.additional_kwargs.get("reasoning_content"),
        "refusal": message.additional_kwargs.get("refusal"),
        "tool_calls": message.tool_calls,
        "usage": message.usage_metadata,
        **metadata,
    }
    return {key: value for key, value in known.items() if value}


async def _collect(stream):
    return [item async for item in stream]


def ask(model, *, is_async, stream=False, prompts=None, messages=None, stop=None, kwargs=None):
    """The answer to a question by one of the entry points, a stream's chunks folded to one."""
    more = {"stop": stop, **(kwargs or {})}
    if prompts is None:
        return _ask_chat(model, messages, more, is_async=is_async, stream=stream)
    if stream:
        if is_async:
            return [["".join(asyncio.run(_collect(model.astream(p, **more))))] for p in prompts]
        return [["".join(model.stream(p, **more))] for p in prompts]
    result = (
        asyncio.run(model.agenerate(prompts, **more))
        if is_async
        else model.generate(prompts, **more)
    )
    return [[generation.text for generation in generations] for generations in result.generations]


def _ask_chat(model, messages, more, *, is_async, stream):
    if stream:
        chunks = (
            asyncio.run(_collect(model.astream(messages, **more)))
            if is_async
            else list(model.stream(messages, **more))
        )
        return reduce(add, chunks)
    if is_async:
        return asyncio.run(model.ainvoke(messages, **more))
    return model.invoke(messages, **more)


# -- the wire --------------------------------------------------------------------------------------

UNRECORDED = {"authorization", "user-agent", "accept-encoding", "content-type"}


def sent(request, key):
    """What a request holds, without what every request has, which is checked here."""
    assert request.headers["authorization"] == f"Bearer {key}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("langchain-azureml-oss/")
    return {
        "url": request.url,
        "headers": {k: v for k, v in request.headers.items() if k not in UNRECORDED},
        "body": json.loads(request.body),
    }


# -- cells: contract x API x path x family ---------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One place of the table, and what its test sends and gets."""

    contract: str
    api: str
    endpoint_url: str
    family: str

    @property
    def path(self):
        return "/" + self.endpoint_url.split("/", 3)[3]

    def __str__(self):
        return f"{self.contract}-{self.api}-{self.path}-{self.family}"

    @property
    def _file(self):
        return CONTRACTS[f"{self.contract}.{self.api}"]

    @property
    def _golden(self):
        return FAMILIES[self.family]

    @property
    def kind(self):
        """What becomes of the question: its turns, folded turns, one prompt, or the text itself."""
        if self.api == "completion":
            return "text"
        wire = self._golden["messages"]
        if wire is None and self.path.endswith("/chat/completions"):
            return "turns"
        if self._file["form"]["asks"] == "prompt" or wire is None:
            return "prompt"
        same = [turn["content"] for turn in wire] == [
            turn["content"] for turn in COMMON["conversation"]
        ]
        return "turns" if same else "folded"

    @property
    def form(self):
        """The golden form of request and response."""
        api = "completion" if self.kind in {"prompt", "text"} else "chat"
        return CONTRACTS[f"{self.contract}.{api}"]["form"]

    @property
    def stops(self):
        extra = self._golden["stop"] if self.kind == "prompt" else []
        return ["END", *extra]

    @property
    def prompt(self):
        return self._golden["prompt"] if self.kind == "prompt" else COMMON["prompt"]

    @property
    def says(self):
        """What the model says, stop string and all."""
        if self.kind == "prompt":
            return "  " + self._golden["prompt_says"]  # space that belongs to the template
        return self._golden["says"]

    @property
    def url(self):
        """Where the request goes."""
        place = self._file["endpoint_urls"].index(self.endpoint_url)
        return self.form["urls"][place]

    @property
    def body(self):
        names = self._file["settings"]
        settings = {**self._golden["defaults"], names["max_tokens"]: 32}
        if names["stop"]:
            settings[names["stop"]] = self.stops
        return fill(self.form["request"], self._values | {"$settings": settings})

    @property
    def _values(self):
        return {
            "$messages": self._golden["messages"] or FAMILIES["LLAMA"]["messages"],
            "$prompt": self.prompt,
            "$says": self.says,
        }

    @property
    def response(self):
        return fill(self.form["response"], self._values)

    def events(self, size=3):
        """The same answer as a stream, where the contract has streams: pieces of `size`."""
        pieces = [self.says[at : at + size] for at in range(0, len(self.says), size)]
        return [fill(self.form["event"], {"$says": piece}) for piece in pieces] + [
            self.form["last_event"]
        ]

    @property
    def streams(self):
        return "event" in self.form

    @property
    def answer(self):
        """Text and reasoning of the answer."""
        return self._golden["answer"]


ORDER = contract_names()


def cells():
    return [
        Cell(file["contract"], file["api"], url, family)
        for file in sorted(CONTRACTS.values(), key=lambda f: ORDER.index(f["contract"]))
        for url in file["endpoint_urls"]
        for family in FAMILIES
    ]


def fill(form: Any, values: dict[str, Any]) -> Any:
    """A golden form with its `$names` filled in; the values of the key `**` are merged in."""
    if isinstance(form, str):
        if form in values:
            return values[form]
        return re.sub(r"\$(?:prompt|says)", lambda found: values[found[0]], form)
    if isinstance(form, list):
        return [fill(item, values) for item in form]
    if isinstance(form, dict):
        filled = {key: fill(value, values) for key, value in form.items() if key != "**"}
        return filled | (fill(form["**"], values) if "**" in form else {})
    return form

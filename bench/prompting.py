"""Counts how often a small model's answers are right where tools and forms are shown as text.

Every task is put to SmolLM2 (135M parameters) on the local endpoint at temperature 0, in each
wording of prompting_wordings.py, in each dialect, and with each constraint of decoding where a call
or a form is a must. An answer is well-formed where it is a call, a form or
words as asked for, and right where what was asked for stands in it. Each prompt is read from its
beginning, so an answer does not depend on what was asked before, and a subset counts as it does in
the whole: `make bench ARGS="prompting --tasks chosen-by --dialects json --kind form"`. Without
arguments, the table of the tasks by which no wording was chosen is printed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import prompting_held_out
import prompting_tasks
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from prompting_tasks import TOOLS, Task
from prompting_wordings import WORDINGS, wording

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.formatters import Traits
from langchain_azureml_oss.formatters.openai import OpenAIFormatter
from langchain_azureml_oss.local import LocalEndpoint
from langchain_azureml_oss.tools import misfit

TASKS = {"chosen-by": prompting_tasks.TASKS, "held-out": prompting_held_out.TASKS}
DIALECTS = ("json", "llama", "hermes", "mistral")
CONSTRAINTS = ("none", "json_object", "json_schema")
SETTINGS = {"temperature": 0, "seed": 1, "max_tokens": 96, "timeout": 300}
UNCACHED = {"cache_prompt": False}
"""llama.cpp's: what is left of the prompt before would change the sums a little, and so words."""


class NothingConstrains(OpenAIFormatter):
    """A server that takes words only, as /score does, and yet llama.cpp's own settings."""

    name = "words only"
    traits = Traits()
    parameter_names: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **OpenAIFormatter.parameter_names,
        "response_format": (),
    }


class Outcome(NamedTuple):
    """How one task went."""

    task: Task
    wording: str
    dialect: str
    constraint: str
    well_formed: bool
    right: bool
    said: str


def same(value: Any, wanted: Any) -> bool:
    """Whether a value says what is wanted; case, end marks and the kind of number are no matter."""
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            same(value.get(name), part) for name, part in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(value, list) and len(value) == len(wanted) and all(map(same, value, wanted))
        )
    if isinstance(wanted, bool) or wanted is None:
        return value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and value.strip(" .!").lower() == wanted.lower()
    try:
        return float(value) == wanted
    except (TypeError, ValueError):
        return False


def judged_calls(task: Task, answer: AIMessage) -> tuple[bool, bool]:
    """Whether an answer holds valid calls alone, and whether these are the right ones."""
    calls = [(call["name"], call["args"]) for call in answer.tool_calls]
    well_formed = bool(calls) and all(
        name in task.tools and misfit(args, TOOLS[name]["function"]["parameters"]) is None
        for name, args in calls
    )
    left = list(calls)
    for name, args in task.calls:
        found = next((c for c in left if c[0] == name and same(c[1], args)), None)
        if found is None:
            return well_formed, False
        left.remove(found)
    return well_formed, well_formed and not left


def judged_words(task: Task, answer: AIMessage) -> tuple[bool, bool]:
    """Whether an answer is in plain words, and whether the right ones are among them."""
    said = answer.text.lower()
    well_formed = bool(said.strip()) and not (
        answer.tool_calls or answer.invalid_tool_calls or "{" in said
    )
    return well_formed, well_formed and any(word.lower() in said for word in task.words)


def judged_form(task: Task, answer: AIMessage) -> tuple[bool, bool]:
    """Whether an answer is the form that was asked for, and whether it is filled in rightly."""
    try:
        value = json.loads(answer.text)
    except ValueError:
        return False, False
    well_formed = isinstance(value, dict) and misfit(value, task.form) is None
    return well_formed, well_formed and same(value, task.values)


def conversation(task: Task) -> list[BaseMessage]:
    """Return the question, and the calls and results that there have been."""
    messages: list[BaseMessage] = [HumanMessage(task.question)]
    for name, args, result in task.earlier:
        call = {"name": name, "args": args, "id": "call00001"}
        messages += [AIMessage("", tool_calls=[call]), ToolMessage(result, tool_call_id=call["id"])]
    return messages


def ask(chat: AzureMLOSSChatModel, task: Task) -> tuple[bool, bool, str]:
    """Return whether the model's answer is well-formed, and right, and the answer."""
    if task.form is not None:
        schema = {"name": "answer", "schema": task.form}
        asked = chat.bind(response_format={"type": "json_schema", "json_schema": schema})
        judged = judged_form
    else:
        asked = chat.bind_tools([TOOLS[n] for n in task.tools], tool_choice=task.must_call or None)
        judged = judged_calls if task.calls else judged_words
    try:
        answer = asked.invoke(conversation(task))
    except OutputParserException as error:
        return False, False, str(error)
    said = answer.text or str([(call["name"], call["args"]) for call in answer.tool_calls])
    return *judged(task, answer), said


def is_asked(task: Task, dialect: str, constraint: str, dialects: Sequence[str]) -> bool:
    """Whether it is asked there: a form is in no dialect, and only a must can be constrained."""
    if task.form is not None:
        return dialect == dialects[0]
    return constraint == "none" or bool(task.must_call)


def outcomes(
    tasks: Sequence[Task],
    wordings: Sequence[str],
    dialects: Sequence[str],
    constraints: Sequence[str],
) -> Iterator[Outcome]:
    """Put the tasks to the model, one after the other."""
    for constraint in constraints:
        with LocalEndpoint(
            "smollm2",
            refuse_tools=True,
            json_schema=constraint == "json_schema",
            n_parallel=1,
            n_threads=1,
        ) as endpoint:
            for name, dialect in itertools.product(wordings, dialects):
                chat = AzureMLOSSChatModel(
                    endpoint_url=f"{endpoint.url}/v1/chat/completions",
                    endpoint_api_key=endpoint.api_key,
                    model_family=FamilyProfile("SMOLLM2", tool_role=False, tool_dialect=dialect),
                    content_formatter=NothingConstrains() if constraint == "none" else None,
                    model_kwargs=UNCACHED,
                    **SETTINGS,
                )
                with wording(name):
                    for task in tasks:
                        if is_asked(task, dialect, constraint, dialects):
                            yield Outcome(task, name, dialect, constraint, *ask(chat, task))


def table(found: Sequence[Outcome]) -> None:
    """Print how many answers were well-formed and right, of how many."""
    asked, formed, right = Counter(), Counter(), Counter()
    for one in found:
        place = "-" if one.task.form is not None else one.dialect
        for key in (
            (one.task.kind, place, one.constraint, one.wording),
            ("all", "", "", one.wording),
        ):
            asked[key] += 1
            formed[key] += one.well_formed
            right[key] += one.right
    row = "{:<24}{:<10}{:<13}{:<9}{:>6}{:>8}{:>7}".format
    print(row("Task", "Dialect", "Constraint", "Wording", "Asked", "Formed", "Right"))
    for key in sorted(asked, key=lambda key: (key[0] == "all", key)):
        print(row(*key, asked[key], formed[key], right[key]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", choices=list(TASKS), default="held-out")
    parser.add_argument("--wordings", default=",".join(WORDINGS))
    parser.add_argument("--dialects", default=",".join(DIALECTS))
    parser.add_argument("--constraints", default=",".join(CONSTRAINTS))
    parser.add_argument("--kind", default="", help="only tasks of kinds that begin so")
    parser.add_argument("--show", action="store_true", help="print every answer")
    options = parser.parse_args(arguments)
    logging.getLogger("langchain_azureml_oss").setLevel(logging.ERROR)
    tasks = [task for task in TASKS[options.tasks] if task.kind.startswith(options.kind)]
    chosen = [
        list(named.split(","))
        for named in (options.wordings, options.dialects, options.constraints)
    ]
    found = []
    for one in outcomes(tasks, *chosen):
        found.append(one)
        if options.show:
            mark = "right" if one.right else "form" if one.well_formed else ""
            print(f"{mark:<5} {one.constraint:<12}{one.wording:<7} {one.dialect:<8}", end="")
            print(f"{one.task.question}\n      {one.said!r}", flush=True)
    table(found)


if __name__ == "__main__":
    main()

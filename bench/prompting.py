"""Counts how often a small model's answers are right where tools and forms are shown as text.

Every task of prompting_tasks.py is put to SmolLM2 (135M parameters) on the local endpoint at
temperature 0, in each dialect, and with each constraint of decoding where a call or a form is a
must. An answer is well-formed where it is a call, a form or words as asked for, and right where
nothing in it is wrong either. `make bench ARGS=prompting` prints the table of the held-out half.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from prompting_tasks import TOOLS, Task, halves

from langchain_azureml_oss import AzureMLOSSChatModel
from langchain_azureml_oss.families import FamilyProfile
from langchain_azureml_oss.local import LocalEndpoint
from langchain_azureml_oss.tools import misfit

DIALECTS = ("json", "llama", "hermes", "mistral")
CONSTRAINTS: Mapping[str, tuple[str, bool]] = {
    "none": ("/score", False),
    "json_object": ("/v1/chat/completions", False),
    "json_schema": ("/v1/chat/completions", True),
}
"""Name -> path, and whether the server takes schemas there."""
SETTINGS = {"temperature": 0, "seed": 1, "max_tokens": 96, "timeout": 300}


class Outcome(NamedTuple):
    """How one task went."""

    task: Task
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


def outcomes(
    tasks: Sequence[Task], dialects: Sequence[str], constraints: Sequence[str]
) -> Iterator[Outcome]:
    """Put the tasks to the model, one after the other.

    A form is in no dialect, and only what is a must can be constrained: each is asked for once.
    """
    for constraint in constraints:
        path, takes_schemas = CONSTRAINTS[constraint]
        with LocalEndpoint(
            "smollm2", refuse_tools=True, json_schema=takes_schemas, n_parallel=1, n_threads=1
        ) as endpoint:
            for dialect in dialects:
                row = FamilyProfile("SMOLLM2", tool_role=False, tool_dialect=dialect)
                chat = AzureMLOSSChatModel(
                    endpoint_url=endpoint.url + path,
                    endpoint_api_key=endpoint.api_key,
                    model_family=row,
                    **SETTINGS,
                )
                for task in tasks:
                    is_form = task.form is not None
                    if is_form and dialect != dialects[0]:
                        continue
                    if constraint != "none" and not (is_form or task.must_call):
                        continue
                    yield Outcome(task, dialect, constraint, *ask(chat, task))


def table(found: Sequence[Outcome]) -> None:
    """Print how many answers were well-formed and right, of how many."""
    asked, formed, right = Counter(), Counter(), Counter()
    for one in found:
        place = "-" if one.task.form is not None else one.dialect
        for key in ((one.task.kind, place, one.constraint), ("all", "", "")):
            asked[key] += 1
            formed[key] += one.well_formed
            right[key] += one.right
    print(f"{'Task':<24}{'Dialect':<10}{'Constraint':<13}{'Asked':>6}{'Formed':>8}{'Right':>7}")
    for key in sorted(asked, key=lambda key: (key[0] == "all", key)):
        kind, place, constraint = key
        print(
            f"{kind:<24}{place:<10}{constraint:<13}{asked[key]:>6}{formed[key]:>8}{right[key]:>7}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=["chosen-by", "held-out"], default="held-out")
    parser.add_argument("--dialects", default=",".join(DIALECTS))
    parser.add_argument("--constraints", default=",".join(CONSTRAINTS))
    parser.add_argument("--kind", default="", help="only tasks of kinds that begin so")
    parser.add_argument("--show", action="store_true", help="print every answer")
    options = parser.parse_args(arguments)
    logging.getLogger("langchain_azureml_oss").setLevel(logging.ERROR)
    tasks = [
        task for task in halves()[options.half == "held-out"] if task.kind.startswith(options.kind)
    ]
    found = []
    for one in outcomes(tasks, options.dialects.split(","), options.constraints.split(",")):
        found.append(one)
        if options.show:
            mark = "right" if one.right else "form" if one.well_formed else ""
            print(f"{mark:<5} {one.constraint:<12}{one.dialect:<8} {one.task.question}")
            print(f"      {one.said!r}")
    table(found)


if __name__ == "__main__":
    main()

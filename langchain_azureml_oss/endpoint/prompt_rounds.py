"""Several prompts, in as few requests as the server takes -> each prompt's own answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import Generation, GenerationChunk, LLMResult

from langchain_azureml_oss.answers import engine_failed
from langchain_azureml_oss.endpoint.llm_output import llm_output
from langchain_azureml_oss.exchange import Call


class PromptAnswers(NamedTuple):
    """The generations for the prompts of one request, in their order; None: the prompt was lost."""

    generations: list[Generation | None]
    usage: UsageMetadata | None
    model_name: str
    details: Mapping[str, Any]

    def of_one_prompt(self) -> list[Generation]:
        """Return all generations of a prompt that was asked for alone (`n` may be over 1).

        Raises:
            ServerError: there is none.
        """
        found = [generation for generation in self.generations if generation is not None]
        if not found:
            raise engine_failed(self.details)
        return found


class PromptRounds:
    """Which prompts to ask for next, until each has its own answer; no I/O.

    The first round asks for several prompts in a request where the contract takes them. A server
    may lose some; the second round asks for those one at a time.
    """

    def __init__(
        self,
        prompts: Sequence[str],
        size: int,
        call: Callable[[Sequence[str]], Call[PromptAnswers]],
    ) -> None:
        self._prompts, self._size, self._call = prompts, size, call
        self._asked: list[list[int]] = []
        self._found: dict[int, list[Generation]] = {}
        self._usage: UsageMetadata | None = None
        self._model_name = ""
        self.lost = False
        """Whether the server answered to fewer or more prompts than were in a request."""

    def calls(self) -> list[Call[PromptAnswers]]:
        """Return the calls of the next round; none when every prompt has its answer."""
        places = [place for place in range(len(self._prompts)) if place not in self._found]
        starts = range(0, len(places), self._size)
        self._asked = [places[start : start + self._size] for start in starts]
        self._size = 1
        return [self._call([self._prompts[place] for place in asked]) for asked in self._asked]

    def take(self, answers: Sequence[PromptAnswers]) -> None:
        """Put the answers of a round in their places."""
        for places, answer in zip(self._asked, answers, strict=True):
            self._usage = add_usage(self._usage, answer.usage) if answer.usage else self._usage
            self._model_name = answer.model_name
            if len(places) == 1:
                self._found[places[0]] = answer.of_one_prompt()
                continue
            self.lost |= len(answer.generations) != len(places)
            # Of too many answers, nobody knows which belongs to which prompt.
            if len(answer.generations) <= len(places):
                for place, generation in zip(places, answer.generations, strict=False):
                    if generation is not None:
                        self._found[place] = [generation]

    def result(self) -> LLMResult:
        """Return all answers in the order of the prompts."""
        generations = [self._found[place] for place in range(len(self._prompts))]
        return _result(generations, self._model_name, self._usage)


def folded(streams: Sequence[Sequence[GenerationChunk]]) -> LLMResult:
    """Return streamed answers as whole ones."""
    generations = [reduce(add, chunks) for chunks in streams]
    infos = [generation.generation_info or {} for generation in generations]
    usages = [info["usage_metadata"] for info in infos if "usage_metadata" in info]
    name = infos[-1]["model_name"] if infos else ""
    return _result([[one] for one in generations], name, reduce(add_usage, usages, None))


def _result(
    generations: Sequence[Sequence[Generation]], name: str, usage: UsageMetadata | None
) -> LLMResult:
    output = llm_output(name, usage) | ({} if usage is None else {"usage_metadata": usage})
    return LLMResult(generations=[[*found] for found in generations], llm_output=output)

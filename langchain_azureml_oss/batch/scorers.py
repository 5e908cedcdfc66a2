"""Rows -> questions, and questions -> outcomes: how each kind of model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import Runnable, RunnableParallel, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase

from langchain_azureml_oss.batch import outcomes
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.openai_requests import CHAT, is_request
from langchain_azureml_oss.batch.outcomes import Outcome
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.errors import ResponseFormatError, UnsupportedInputError
from langchain_azureml_oss.llms import AzureMLOSSLLM


class Question(NamedTuple):
    """What a row asks."""

    given: Any
    """A conversation, a prompt, or a chain's input."""
    options: Mapping[str, Any] = {}
    """Arguments of its call."""

    @property
    def characters(self) -> int:
        """How long it is, about."""
        if isinstance(self.given, list):
            return sum(len(turn.text) for turn in self.given if isinstance(turn, BaseMessage))
        return len(str(self.given))


class Scorer(Protocol):
    """Asks one kind of model."""

    @property
    def size(self) -> int:
        """Rows that are asked together."""

    def question(self, row: Row) -> Question:
        """Return what a row asks.

        Raises:
            UnsupportedInputError: it is no question for this model.
        """

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        """Return what came of questions that have the same options.

        Raises:
            Exception: the request failed.
        """


def scorer_of(model: Runnable[Any, Any], form: Form) -> Scorer:
    """Return what asks this model.

    Raises:
        ValueError: a completion model was given a system message.
    """
    if isinstance(model, AzureMLOSSChatModel):
        return _Chat(model, form)
    if isinstance(model, AzureMLOSSLLM):
        if form.system is not None:
            raise ValueError("A completion has no system message; pass a chat model.")
        return _Completion(model, form)
    return _Chain(model, form)


class _Completion:
    def __init__(self, model: AzureMLOSSLLM, form: Form) -> None:
        self._model, self._form = model, form
        self.size = model.prompts_per_request

    def question(self, row: Row) -> Question:
        return Question(self._form.prompt(row), row.options)

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        prompts = [question.given for question in questions]
        result = await self._model.agenerate(prompts, **questions[0].options)
        return [outcomes.of_generation(generations[0]) for generations in result.generations]


class _Chat:
    size = 1

    def __init__(self, model: AzureMLOSSChatModel, form: Form) -> None:
        self._model, self._form = model, form

    def question(self, row: Row) -> Question:
        if is_request(row.input) and not str(row.input.get("url")).endswith(CHAT):
            msg = f"Row {row.number} asks for a completion: use a completion model for it."
            raise UnsupportedInputError(msg)
        return Question(self._form.messages(row), row.options)

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        (question,) = questions
        message = await self._model.ainvoke(question.given, **question.options)
        return [outcomes.of_message(message)]


class _Chain:
    """Any other Runnable; what its models tell is heard by a callback."""

    size = 1

    def __init__(self, chain: Runnable[Any, Any], form: Form) -> None:
        self._chain, self._form = chain, form
        self._takes_conversation = _takes_conversation(chain)

    def question(self, row: Row) -> Question:
        if self._takes_conversation:
            return Question(self._form.messages(row), row.options)
        return Question(self._form.variables(row), row.options)

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        (question,) = questions
        heard = _Heard()
        config: Any = {"callbacks": [heard]}
        value = await self._chain.ainvoke(question.given, config, **question.options)
        if value is None:
            raise ResponseFormatError("The answer has not the form that was asked for.")
        return [outcomes.of_value(value, heard.known)]


def _takes_conversation(chain: Any) -> bool:
    """Whether a chain begins with a model, which takes messages; otherwise it takes variables."""
    if isinstance(chain, RunnableSequence):
        return _takes_conversation(chain.first)
    if isinstance(chain, RunnableBindingBase):
        return _takes_conversation(chain.bound)
    if isinstance(chain, RunnableParallel):
        return all(map(_takes_conversation, chain.steps__.values()))
    return isinstance(chain, BaseLanguageModel)


class _Heard(BaseCallbackHandler):
    """What the models of a chain tell about their answers: the last one's words, all tokens."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        generation = response.generations[0][0]
        usage: UsageMetadata | None = None
        if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
            self.known |= generation.message.response_metadata
            usage = generation.message.usage_metadata
        else:
            self.known |= generation.generation_info or {}
            usage = (response.llm_output or {}).get("usage_metadata")
        if usage:
            self.known["usage"] = add_usage(self.known.get("usage"), usage)

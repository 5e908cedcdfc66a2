"""Rows -> questions, and questions -> outcomes: how each kind of model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import Runnable, RunnableParallel, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase

from langchain_azureml_oss.batch import outcomes
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.openai_requests import Kind, is_request, kind_of
from langchain_azureml_oss.batch.outcomes import Outcome
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.embeddings import AzureMLOSSEmbeddings
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


Model = Runnable[Any, Any] | AzureMLOSSEmbeddings
"""What rows can be asked of."""


def kind_of_model(model: Any) -> Kind:
    """Return what a model of this package is asked for."""
    if isinstance(model, AzureMLOSSEmbeddings):
        return "embeddings"
    return "completion" if isinstance(model, AzureMLOSSLLM) else "chat"


def scorer_of(model: Model, form: Form) -> Scorer:
    """Return what asks this model.

    Raises:
        ValueError: it was given what it has no use for: a completion or embedding model a system
            message, or a chain that takes the row's fields a template or a column.
    """
    if isinstance(model, AzureMLOSSEmbeddings):
        if form.system is not None:
            raise ValueError("An embedding model has no system message; pass a chat model.")
        return _Embeddings(model, form)
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
        _check_kind(row, "completion")
        prompt = self._form.prompt(row, has_roles=self._model.api == "chat")
        return Question(prompt, row.options)

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        prompts = [question.given for question in questions]
        result = await self._model.agenerate(prompts, **questions[0].options)
        return [outcomes.of_generation(generations[0]) for generations in result.generations]


class _Embeddings:
    """Texts as vectors; a request of OpenAI's may have a list of them."""

    def __init__(self, model: AzureMLOSSEmbeddings, form: Form) -> None:
        self._model, self._form = model, form
        self.size = model.batch_size

    def question(self, row: Row) -> Question:
        _check_kind(row, "embeddings")
        if not is_request(row.input):
            return Question(self._form.prompt(row))
        given = row.fields.get("input")
        texts = given if isinstance(given, list) and given else [given]
        if not all(isinstance(text, str) and text for text in texts):
            msg = f"Row {row.number}: `input` must be a text, or a list of texts, none empty."
            raise UnsupportedInputError(msg)
        return Question(given, row.options)

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        lists = [q.given if isinstance(q.given, list) else [q.given] for q in questions]
        model, options = self._model, dict(questions[0].options)
        if options:
            options["model_kwargs"] = model.model_kwargs | options.get("model_kwargs", {})
            model = model.model_copy(update=options)
        vectors = iter(await model.aembed_documents([text for texts in lists for text in texts]))
        return [
            outcomes.of_vectors([next(vectors) for _ in texts], is_list=texts is question.given)
            for question, texts in zip(questions, lists, strict=True)
        ]


def _check_kind(row: Row, kind: Kind) -> None:
    """Raise UnsupportedInputError where a request of OpenAI's is for another kind of model."""
    asked = kind_of(row.input) if is_request(row.input) else kind
    if asked != kind:
        raise UnsupportedInputError(
            f"Row {row.number} asks for {_MODELS[asked or 'chat']}, and this is {_MODELS[kind]}:"
            f" use --api {asked}."
        )


_MODELS: Mapping[Kind, str] = {
    "chat": "a chat model",
    "completion": "a completion model",
    "embeddings": "an embedding model",
}


class _Chat:
    size = 1

    def __init__(self, model: AzureMLOSSChatModel, form: Form) -> None:
        self._model, self._form = model, form
        self._is_alone = _is_alone(model)

    def question(self, row: Row) -> Question:
        _check_kind(row, "chat")
        return Question(self._form.messages(row), row.options)

    async def ask(self, questions: Sequence[Question]) -> list[Outcome]:
        (question,) = questions
        # Contents that are not text are brought into their present form by langchain-core.
        if self._is_alone and all(isinstance(turn.content, str) for turn in question.given):
            result = await self._model._agenerate(question.given, **question.options)  # noqa: SLF001
            return [outcomes.of_message(cast(AIMessage, result.generations[0].message))]
        message = await self._model.ainvoke(question.given, **question.options)
        return [outcomes.of_message(message)]


def _is_alone(model: AzureMLOSSChatModel) -> bool:
    """Whether nothing in langchain-core has a part in a call, which takes a quarter of its time.

    No callback or tracer hears of it, no cache knows the answer, no limiter holds it up, nothing is
    streamed, and no subclass does anything else.
    """
    heard_by = AsyncCallbackManager.configure(None, model.callbacks, model.verbose).handlers
    is_cached = bool(model.cache) or (model.cache is None and get_llm_cache() is not None)
    is_plain = type(model) is AzureMLOSSChatModel and not model.streaming
    return is_plain and not heard_by and not is_cached and model.rate_limiter is None


class _Chain:
    """Any other Runnable; what its models tell is heard by a callback."""

    size = 1

    def __init__(self, chain: Runnable[Any, Any], form: Form) -> None:
        self._chain, self._form = chain, form
        self._takes_conversation = _takes_conversation(chain)
        if not self._takes_conversation and form != Form():
            msg = "A chain that begins with no model takes the row's fields: it has no use for"
            raise ValueError(f"{msg} system, column or template.")

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
            raise ResponseFormatError("The answer does not have the form that was asked for.")
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

"""One question to an open model, as prompt flow's tool asks it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.outputs import Generation, LLMResult

from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.llms import AzureMLOSSLLM
from langchain_azureml_oss.promptflow.rendering import conversation, prompt_of
from langchain_azureml_oss.wire import decode_json


class Answer(NamedTuple):
    """An answer, or a part of one: its text, and what is known about it."""

    text: str
    details: Mapping[str, Any]
    """`deployment`, `model_name`, `usage_metadata` and so on, where the server says so."""


class Question(NamedTuple):
    """What the tool is asked; see `open_source_llm`."""

    prompt: str
    api: str
    connection: Any
    model_kwargs: Mapping[str, Any] | str | None
    deployment_name: str | None
    variables: Mapping[str, Any]
    escaped: Collection[str] | None = None
    """Names of the variables that hold users' text; None: all of them."""

    def answer(self) -> Answer:
        """Ask, and return the whole answer."""
        with self._model() as model:
            if isinstance(model, AzureMLOSSChatModel):
                message = model.invoke(self._messages())
                usage = {"usage_metadata": message.usage_metadata}
                return Answer(str(message.text), message.response_metadata | usage)
            result = model.generate([prompt_of(self.prompt, self.variables)])
            return _of_completion(result)

    def pieces(self) -> Iterator[Answer]:
        """Ask, and yield the answer as it comes."""
        with self._model() as model:
            if isinstance(model, AzureMLOSSChatModel):
                for chunk in model.stream(self._messages()):
                    usage = getattr(chunk, "usage_metadata", None)
                    details = chunk.response_metadata | ({"usage_metadata": usage} if usage else {})
                    yield Answer(str(chunk.text), details)
                return
            for piece in model._stream(prompt_of(self.prompt, self.variables)):  # noqa: SLF001 - `stream` has texts only
                yield Answer(piece.text, piece.generation_info or {})

    def _messages(self) -> Sequence[Any]:
        return conversation(self.prompt, self.variables, self.escaped)

    def _model(self) -> AzureMLOSSChatModel | AzureMLOSSLLM:
        models = {"chat": AzureMLOSSChatModel, "completion": AzureMLOSSLLM}
        name = str(getattr(self.api, "value", self.api)).strip().lower()
        if name not in models:
            raise ConnectionConfigError(f"api is {name!r}; it must be chat or completion.")
        if self.connection is None:
            msg = (
                "No connection was given. Pass connection=, a custom connection, or endpoint_name="
                "localConnection/NAME, connection/NAME, onlineEndpoint/NAME or"
                " serverlessEndpoint/NAME."
            )
            raise ConnectionConfigError(msg)
        made: AzureMLOSSChatModel | AzureMLOSSLLM = models[name](
            connection=self.connection,
            # A YAML reader makes a number of a name such as 2024.
            deployment_name=None if self.deployment_name is None else str(self.deployment_name),
            model_kwargs=settings(self.model_kwargs),
        )
        return made


def open_source_llm(
    prompt: str,
    api: str,
    connection: Any,
    model_kwargs: Mapping[str, Any] | str | None = None,
    deployment_name: str | None = None,
    **template_variables: Any,
) -> str:
    """Ask an open model as prompt flow's Open Source LLM tool does, and return its answer.

    Needs the extra `promptflow`, for Jinja; prompt flow itself is needed for its connections only.

    Args:
        prompt: A Jinja template, rendered in a sandbox; for `chat` with role marks, see
            `messages_from_prompt`. `![image]({{x}})` is an image, where the contract takes them.
        api: `chat` or `completion`, in any case.
        connection: As for the models: a CustomConnection, prompt flow's own, a mapping, or a
            selector such as `localConnection/NAME`.
        model_kwargs: Settings of the model, such as `{"max_new_tokens": 100}`, or these as JSON.
        deployment_name: Which deployment answers; blank and `default`: the traffic rules decide.
        **template_variables: What the template's variables hold. It is text: no role mark in it
            begins a turn. An image is prompt flow's Image, or a URL.

    Returns:
        The answer's text.

    Raises:
        UnsupportedInputError: the template cannot be rendered, or has no role mark with `chat`.
        ConnectionConfigError: the connection is incomplete, or jinja2 is not installed.
        AzureMLOSSError: the endpoint failed; see `langchain_azureml_oss.errors`.
    """
    question = Question(prompt, api, connection, model_kwargs, deployment_name, template_variables)
    return question.answer().text


def settings(value: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return `model_kwargs` as plain data; prompt flow gives JSON text, or its YAML reader's own.

    Raises:
        ConnectionConfigError: it is neither a mapping nor JSON text of one.
    """
    try:
        found = decode_json(value.encode()) if value and isinstance(value, str) else value or {}
        if isinstance(found, Mapping):
            plain: dict[str, Any] = _plain(found)
            return plain
    except (ValueError, RecursionError):
        pass
    msg = 'model_kwargs must be a mapping, or JSON of one, such as {"max_new_tokens": 100}.'
    raise ConnectionConfigError(msg)


def _plain(value: Any) -> Any:
    """Return ruamel's mappings, sequences and scalars as Python's own, which JSON writers know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if type(value).__name__ == "ScalarBoolean":  # a kind of int
        return bool(value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _of_completion(result: LLMResult) -> Answer:
    generation = result.generations[0][0]
    info = generation.generation_info if isinstance(generation, Generation) else None
    return Answer(generation.text, {**(result.llm_output or {}), **(info or {})})

"""AzureMLOSSLLM: prompts completed by an open model on an Azure ML endpoint."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, Unpack

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseLLM, LanguageModelInput
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list
from pydantic import Field, field_validator

from langchain_azureml_oss.endpoint import (
    Ask,
    PromptAnswers,
    PromptRounds,
    SharedArguments,
    TokenCounting,
    TokenCounts,
    all_at_once,
    all_of,
    folded,
    loadable,
    signed,
)
from langchain_azureml_oss.exchange import Call
from langchain_azureml_oss.role_prompts import messages_from_prompt
from langchain_azureml_oss.wire import Choice, Reply, usage_metadata

logger = logging.getLogger(__name__)

_OF_THE_FRAMEWORK = frozenset({"stop", "callbacks", "tags", "metadata", "run_name", "run_id"})
_arguments: ContextVar[Mapping[str, Any]] = ContextVar("arguments", default=MappingProxyType({}))
"""Those of the call under way."""


Api = Literal["completion", "chat"]


class LLMArguments(SharedArguments, total=False):
    """Arguments of AzureMLOSSLLM."""

    token_counting: TokenCounting
    api: Api
    batch_size: int


@signed
@loadable
class AzureMLOSSLLM(TokenCounts, BaseLLM):
    r"""Completion model for open models on Azure Machine Learning online endpoints.

    Setup:
        ```bash
        pip install langchain-azureml-oss
        export AZUREML_ENDPOINT_URL=https://my-ep.eastus2.inference.ml.azure.com/v1/completions
        export AZUREML_ENDPOINT_API_KEY=...
        export AZUREML_MODEL_FAMILY=LLAMA
        ```

    Key init args:
        Those of AzureMLOSSChatModel but `tool_calling`; and `api` and `batch_size`, see below.

    Instantiate:
        ```python
        from langchain_azureml_oss import AzureMLOSSLLM

        llm = AzureMLOSSLLM(deployment_name="blue", max_tokens=64)
        ```

    Invoke:
        ```python
        print(llm.invoke("The capital of France is"))
        ```

    Stream:
        ```python
        for piece in llm.stream("The capital of France is"):
            print(piece, end="")
        ```

    Async:
        ```python
        import asyncio

        asyncio.run(llm.ainvoke("The capital of France is"))
        ```

    Several prompts:
        `batch_size` of them share a request at `/score`.
        ```python
        texts = llm.batch(["One, two,", "Red, green,"])
        ```

    Role marks:
        ```python
        tool = AzureMLOSSLLM(api="chat")
        text = tool.invoke("system:\nYou are terse.\nuser:\nWhat is CI?")
        ```

    Token usage:
        ```python
        usage = llm.generate(["Hello"]).llm_output["token_usage"]
        ```

    Logprobs:
        ```python
        logprobs = llm.generate(["Hello"], logprobs=1).generations[0][0].generation_info["logprobs"]
        ```

    Response metadata:
        ```python
        info = llm.generate(["Hello"]).generations[0][0].generation_info
        print(info["model_name"], info["deployment"], info["finish_reason"])
        ```

    Model kwargs:
        ```python
        llm.invoke("Hello", top_k=5)
        ```

    Raises:
        ConnectionConfigError: when it is made, the configuration is incomplete or wrong.
        AzureMLOSSError: when it is called; see `langchain_azureml_oss.errors`.
    """

    api: Api = "completion"
    """`chat`: the prompt is a text with role marks, see `messages_from_prompt`."""
    batch_size: int = Field(default=20, ge=1)
    """Prompts sent in one request where the contract takes several."""

    def __init__(self, **arguments: Unpack[LLMArguments]) -> None:
        super().__init__(**arguments)

    @field_validator("api", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @property
    def _llm_type(self) -> str:
        return "azureml-oss"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {**super()._identifying_params, "api": self.api, **_arguments.get()}

    def generate(self, *args: Any, **kwargs: Any) -> LLMResult:
        """Answer several prompts; see langchain-core's BaseLLM."""
        with _identified_by(kwargs):
            return super().generate(*args, **kwargs)

    async def agenerate(self, *args: Any, **kwargs: Any) -> LLMResult:
        """Answer several prompts; see langchain-core's BaseLLM."""
        with _identified_by(kwargs):
            return await super().agenerate(*args, **kwargs)

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """Answer several prompts; with `return_exceptions`, a bad one spoils no other.

        BaseLLM asks for all of them together, and gives each the error of any.
        """
        found = super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        places = _spoiled(found)
        if places and len(inputs) > 1:
            alone = Runnable.batch(
                self, *_at(places, inputs, config), return_exceptions=True, **kwargs
            )
            for place, answer in zip(places, alone, strict=True):
                found[place] = answer
        return found

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """Answer several prompts; see `batch`."""
        found = await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        places = _spoiled(found)
        if places and len(inputs) > 1:
            alone = await Runnable.abatch(
                self, *_at(places, inputs, config), return_exceptions=True, **kwargs
            )
            for place, answer in zip(places, alone, strict=True):
                found[place] = answer
        return found

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        if self._is_streamed(prompts):
            return folded([list(self._stream(p, stop, run_manager, **kwargs)) for p in prompts])
        rounds = self._rounds(prompts, stop, kwargs)
        while calls := rounds.calls():
            rounds.take([self._answer(call) for call in calls])
        return self._finish(rounds)

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        if self._is_streamed(prompts):
            streams = [self._astream(prompt, stop, run_manager, **kwargs) for prompt in prompts]
            return folded(await all_at_once([all_of(stream) for stream in streams]))
        rounds = self._rounds(prompts, stop, kwargs)
        while calls := rounds.calls():
            rounds.take(await all_at_once(map(self._aanswer, calls)))
        return self._finish(rounds)

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        call = self._call(self._ask([prompt], stop, kwargs, stream=True))
        for chunk in self._sync.drive(call):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        call = self._call(self._ask([prompt], stop, kwargs, stream=True))
        async for chunk in self._async.drive(call):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    @property
    def _takes_several(self) -> bool:
        takes = self.api == "completion" and self._formatter.traits.several_prompts
        return takes and "several_prompts" not in self._refused

    @property
    def prompts_per_request(self) -> int:
        """How many prompts go into one request; 1 where the contract or the server takes one."""
        return self.batch_size if self._takes_several else 1

    def _is_streamed(self, prompts: Sequence[str]) -> bool:
        """Whether to stream; a request of several prompts never does."""
        return self.streaming and not (self._takes_several and len(prompts) > 1)

    def _ask(
        self,
        prompts: Sequence[str],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> Ask:
        if self.api == "chat":
            (prompt,) = prompts
            messages = messages_from_prompt(prompt)
            return Ask(messages=messages, stop=stop, kwargs=kwargs, stream=stream)
        return Ask(prompts=prompts, stop=stop, kwargs=kwargs, stream=stream)

    def _rounds(
        self, prompts: Sequence[str], stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> PromptRounds:
        def call(asked: Sequence[str]) -> Call[PromptAnswers]:
            return self._call(self._ask(asked, stop, kwargs))

        return PromptRounds(prompts, self.prompts_per_request, call)

    def _finish(self, rounds: PromptRounds) -> LLMResult:
        if rounds.lost and "several_prompts" not in self._refused:
            self._refused.add("several_prompts")
            logger.info("The endpoint loses prompts; it is asked one at a time from now on.")
        return rounds.result()

    def _result(self, reply: Reply, details: Mapping[str, Any]) -> PromptAnswers:
        def generation(choice: Choice) -> Generation:
            info = _info(reply, self._response_metadata(reply, choice, details))
            return Generation(text=choice.text, generation_info=info)

        generations = [choice if choice is None else generation(choice) for choice in reply.choices]
        name = reply.model or details["trace_name"]
        return PromptAnswers(generations, usage_metadata(reply.usage), name, details)

    def _piece(self, choice: Choice, info: dict[str, Any] | None) -> GenerationChunk:
        return GenerationChunk(text=choice.text, generation_info=info)

    def _last(self, choice: Choice, reply: Reply, metadata: dict[str, Any]) -> GenerationChunk:
        return GenerationChunk(text=choice.text, generation_info=_info(reply, metadata))


def _spoiled(answers: Sequence[object]) -> list[int]:
    """Return the places of the prompts that got an error, which may be another prompt's."""
    return [place for place, answer in enumerate(answers) if isinstance(answer, Exception)]


def _at(
    places: Sequence[int],
    inputs: Sequence[LanguageModelInput],
    config: RunnableConfig | list[RunnableConfig] | None,
) -> tuple[list[LanguageModelInput], list[RunnableConfig]]:
    """Return the inputs and the configurations of these places."""
    configs = get_config_list(config, len(inputs))
    return [inputs[place] for place in places], [configs[place] for place in places]


@contextmanager
def _identified_by(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Let a call's arguments be part of the model's identity: BaseLLM's cache asks for no others.

    Otherwise an answer of one deployment, or at one temperature, would be given out for another.
    """
    before = _arguments.set({k: v for k, v in arguments.items() if k not in _OF_THE_FRAMEWORK})
    try:
        yield
    finally:
        _arguments.reset(before)


def _info(reply: Reply, metadata: dict[str, Any]) -> dict[str, Any]:
    """Add the usage; that of several answers belongs to none of them alone, but to llm_output."""
    usage = usage_metadata(reply.usage) if len(reply.choices) <= 1 else None
    return metadata if usage is None else {**metadata, "usage_metadata": usage}

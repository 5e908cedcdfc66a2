"""AzureMLOSSChatModel: conversations with an open model on an Azure ML endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from langchain_azureml_oss.answers import only_choice
from langchain_azureml_oss.endpoint import (
    Ask,
    Discovering,
    SharedArguments,
    TokenCounting,
    TokenCounts,
    combined,
    generation_info,
    llm_output,
    loadable,
    signed,
)
from langchain_azureml_oss.families import profile
from langchain_azureml_oss.messages import ai_message, ai_message_chunk, numbered
from langchain_azureml_oss.role_prompts import warn_of_role_marks
from langchain_azureml_oss.tools import Method, wire_tool_settings
from langchain_azureml_oss.wire import Choice, Reply

ToolCalling = Literal["auto", "native", "prompted"]


class ChatArguments(SharedArguments, total=False):
    """Arguments of AzureMLOSSChatModel."""

    tool_calling: ToolCalling
    token_counting: TokenCounting
    # langchain-core's own.
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None


@signed
@loadable
class AzureMLOSSChatModel(Discovering, TokenCounts, BaseChatModel):
    """Chat model for open models on Azure Machine Learning online endpoints.

    Setup:
        ```bash
        pip install langchain-azureml-oss
        export AZUREML_ENDPOINT_URL=https://my-ep.eastus2.inference.ml.azure.com/v1
        export AZUREML_ENDPOINT_API_KEY=...
        export AZUREML_MODEL_FAMILY=LLAMA
        ```

    Key init args:
        `connection`, or `endpoint_url`, `endpoint_api_key` and `model_family`: where, with whose
        key, which model. `deployment_name`, `temperature`, `max_tokens`, `timeout`, `max_retries`,
        `tool_calling` and `model_kwargs`: how. Each field below says what it means.

    Instantiate:
        ```python
        from langchain_azureml_oss import AzureMLOSSChatModel, CustomConnection

        connection = CustomConnection(
            configs={
                "endpoint_url": "https://my-ep.eastus2.inference.ml.azure.com/v1/chat/completions",
                "model_family": "LLAMA",
            },
            secrets={"endpoint_api_key": "..."},
        )
        chat = AzureMLOSSChatModel(connection=connection, deployment_name="blue", temperature=0.4)
        ```

    Invoke:
        ```python
        answer = chat.invoke([("system", "You are terse."), ("user", "What is CI?")])
        print(answer.text)
        ```

    Stream:
        ```python
        for chunk in chat.stream("What is CI?"):
            print(chunk.text, end="")
        ```

    Async:
        ```python
        import asyncio

        asyncio.run(chat.ainvoke("What is CI?"))
        ```

    Tool calling:
        ```python
        def weather(city: str) -> str:
            \"\"\"Return the weather in a city.\"\"\"
            return "sunny"

        calls = chat.bind_tools([weather]).invoke("The weather in Paris?").tool_calls
        ```

    Structured output:
        ```python
        from pydantic import BaseModel

        class City(BaseModel):
            name: str

        model = chat.with_structured_output(City, include_raw=True)
        found = model.invoke("The capital of France?")["parsed"]
        ```

    JSON mode:
        ```python
        model = chat.with_structured_output(method="json_mode", include_raw=True)
        found = model.invoke("The capital of France, as JSON?")["parsed"]
        ```

    Image input:
        Where the server and the model take images; `/score` raises UnsupportedInputError.
        ```python
        image = {"type": "image", "url": "https://example.com/cat.png"}
        text = {"type": "text", "text": "What is this?"}
        message = {"role": "user", "content": [text, image]}
        ```

    Token usage:
        ```python
        usage = chat.invoke("Hello").usage_metadata
        ```

    Logprobs:
        ```python
        logprobs = chat.invoke("Hello", logprobs=True).response_metadata.get("logprobs")
        ```

    Response metadata:
        ```python
        metadata = chat.invoke("Hello").response_metadata
        print(metadata["model_name"], metadata["deployment"], metadata["finish_reason"])
        ```

    Contracts and families:
        The URL's path decides what is spoken, `contract=` overrides it; `model_family` says what is
        special about the model, and may be a FamilyProfile of your own.
        ```python
        from langchain_azureml_oss import FamilyProfile

        mine = AzureMLOSSChatModel(
            connection=connection, model_family=FamilyProfile(name="MINE"), contract="openai"
        )
        ```

    Model kwargs:
        ```python
        chat.invoke("Hello", top_k=5)
        wide = AzureMLOSSChatModel(connection=connection, model_kwargs={"top_k": 50})
        ```

    Raises:
        ConnectionConfigError: when it is made, the configuration is incomplete or wrong.
        AzureMLOSSError: when it is called; see `langchain_azureml_oss.errors`.
    """

    tool_calling: ToolCalling = "auto"
    """Who turns tools into text: the server, or this package; `auto`: the server, if it does."""

    def __init__(self, **arguments: Unpack[ChatArguments]) -> None:
        super().__init__(**arguments)

    @property
    def _llm_type(self) -> str:
        return "azureml-oss-chat"

    @property
    def _prompts_tools(self) -> bool:
        if self.tool_calling == "auto":
            return super()._prompts_tools
        return self.tool_calling == "prompted"

    @property
    def _reads_calls(self) -> bool:
        return True

    @property
    def _required(self) -> frozenset[str]:
        return frozenset({"tools"} if self.tool_calling == "native" else ())

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        result: ChatResult = self._answer(self._call(self._ask(messages, stop, kwargs)))
        return result

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        result: ChatResult = await self._aanswer(self._call(self._ask(messages, stop, kwargs)))
        return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(self._ask(messages, stop, kwargs, stream=True))
        yield from self._sync.drive(call)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(self._ask(messages, stop, kwargs, stream=True))
        async for chunk in self._async.drive(call):
            yield chunk

    def _ask(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> Ask:
        settings = wire_tool_settings(kwargs)
        warn_of_role_marks(messages)
        return Ask(messages=messages, stop=stop, kwargs=settings, stream=stream)

    def _result(self, reply: Reply, details: Mapping[str, Any]) -> ChatResult:
        only_choice(reply)  # raises where there is no answer
        usage = iter([reply.usage])  # that of all the answers together, so it is counted once
        messages = [
            ai_message(choice, next(usage, None), self._response_metadata(reply, choice, details))
            for choice in filter(None, reply.choices)
        ]
        output = llm_output(reply.model or details["trace_name"], messages[0].usage_metadata)
        generations = [
            ChatGeneration(message=one, generation_info=generation_info(one.response_metadata))
            for one in messages
        ]
        return ChatResult(generations=generations, llm_output=output)

    def _combine_llm_outputs(self, outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return combined(outputs)

    def _piece(self, choice: Choice, info: dict[str, Any] | None) -> ChatGenerationChunk:
        return ChatGenerationChunk(message=self._chunk(choice), generation_info=info)

    def _last(self, choice: Choice, reply: Reply, metadata: dict[str, Any]) -> ChatGenerationChunk:
        chunk = self._chunk(choice, reply.usage, metadata)
        chunk.response_metadata.update(llm_output(metadata["model_name"], chunk.usage_metadata))
        return ChatGenerationChunk(message=chunk, generation_info=generation_info(metadata))

    def _chunk(self, choice: Choice, *about_all: Any) -> AIMessageChunk:
        chunk = ai_message_chunk(choice, *about_all)
        return numbered(chunk) if self.output_version == "v1" else chunk

    def bind_tools(
        self,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools that it may call.

        Args:
            tools: Functions, LangChain tools, pydantic classes, TypedDicts or JSON schemas; also
                dicts of tools that the server itself runs, for servers that have such.
            tool_choice: `auto`; `any`, `required` or True; `none` or False; a tool's name; or
                OpenAI's or Anthropic's dict of these.
            strict: Whether arguments must fit the schema, for servers that can do that.
            parallel_tool_calls: Whether one answer may hold several calls.
            **kwargs: Bound as well.

        Raises:
            ValueError: `tool_choice` names a tool that is not among `tools`.
            UnsupportedInputError: when called, tools are shown to the model as text, and one of
                them is no function.
        """
        kwargs |= {
            "tools": tools,
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
        }
        return self.bind(**wire_tool_settings(kwargs, strict=strict))

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return the model with answers in the form of a schema.

        Args:
            schema: Pydantic class, TypedDict or JSON schema; `json_mode` can do without.
            method: `function_calling`, `json_schema` or `json_mode`; None: what the endpoint does.
                What a server does not take is asked for in words, and checked.
            include_raw: Whether to return a dict of `raw`, `parsed` and `parsing_error` instead.
            strict: Whether the server must keep to the schema, where it can.
            **kwargs: Bound to the model as well; with `tools`, which need `json_schema`, the answer
                may call one instead: take `include_raw`, and look at `raw`.

        Raises:
            ValueError: there is no schema, or the method is unknown or takes no other tools.
            ModelRefusalError: when called, the model refuses (RefusalError with an older
                langchain-core).
            OutputParserException: when called, the answer has another form.
        """
        # Its parsers are pydantic classes, whose making takes a tenth of the package's import.
        from langchain_azureml_oss.structured_output import structured_model  # noqa: PLC0415

        by_schema = self._prompts_tools or kwargs.get("tools")
        method = method or ("json_schema" if by_schema else "function_calling")
        return structured_model(
            self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    def _resolve_model_profile(self) -> ModelProfile | None:
        # Runs before the fields are checked, when a family may be missing yet.
        return profile(self.model_family).model_profile if self.model_family else None

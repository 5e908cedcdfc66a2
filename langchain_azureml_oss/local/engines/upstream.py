"""An engine that asks another endpoint, through this package's models.

So it has what they have: tools, JSON and streams where that endpoint has none, and retries.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import aclosing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import convert_to_messages

from langchain_azureml_oss.chat_models import AzureMLOSSChatModel
from langchain_azureml_oss.embeddings import AzureMLOSSEmbeddings
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ConnectionConfigError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    RequestTimeoutError,
)
from langchain_azureml_oss.families import profile
from langchain_azureml_oss.llms import AzureMLOSSLLM
from langchain_azureml_oss.local.engines.base import DEPLOYMENT, JSON, Embedded, EngineError
from langchain_azureml_oss.local.engines.openai_settings import check_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGeneration, LLMResult

    from langchain_azureml_oss.local.engines.base import EmbeddingInput

# What the models understand as arguments of a call, under the names of OpenAI's body.
_ARGUMENTS = frozenset(
    {"temperature", "max_tokens", "top_p", "seed", "stop", "n", "logprobs", "top_logprobs"}
    | {"frequency_penalty", "presence_penalty", "logit_bias", "response_format"}
    | {"tools", "tool_choice", "parallel_tool_calls"}
)
_OTHER_NAMES = {"max_completion_tokens": "max_tokens"}
_TOKENS = (
    "The gateway makes vectors of texts, and this input is numbers of tokens. Send the texts"
    " themselves; OpenAIEmbeddings of langchain-openai does with check_embedding_ctx_length=False."
)
# Ours to do, or the upstream's to know.
_LEFT_OUT = frozenset({"messages", "prompt", "model", "stream", "stream_options"})
_CODES: tuple[tuple[type[AzureMLOSSError], str], ...] = (
    (ContextLengthError, "context_length_exceeded"),
    (ContentFilterError, "content_filter"),
)


class UpstreamEngine:
    """Turns OpenAI's bodies into calls of the models, and their answers into OpenAI's objects.

    Args:
        connection: Where to ask, as the models take it.

    Raises:
        ConnectionConfigError: The connection is incomplete or wrong.
    """

    def __init__(self, connection: Any) -> None:
        self._chat = AzureMLOSSChatModel(connection=connection)
        self._llm = AzureMLOSSLLM(connection=connection)
        self._connection = connection
        family = profile(self._chat.model_family).name.lower() if self._chat.model_family else ""
        self.name = self._chat.model or self._chat.deployment_name or family
        key = self._chat.endpoint_api_key
        self.secrets = (key.get_secret_value(),) if key else ()

    async def start(self) -> None:
        """Nothing to do: the first call connects."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._chat.aclose()
        await self._llm.aclose()
        if "_embeddings" in vars(self):
            await self._embeddings.aclose()

    async def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers a chat."""
        envelope, arguments = _envelope("chat.completion"), _arguments(body)
        messages = _messages(body["messages"])
        try:
            if not body.get("stream"):
                result = await self._chat.agenerate([messages], **arguments)
                choices = [_chat_choice(index, one) for index, one in _numbered(result)]
                usage = _usage(result.generations[0][0].message.usage_metadata)  # type: ignore[union-attr]
                yield envelope | {"choices": choices} | usage
                return
            _refuse_several(arguments)
            envelope["object"] = "chat.completion.chunk"
            chunks: Any = self._chat.astream(messages, **arguments)
            role, called = {"role": "assistant"}, False
            async with aclosing(chunks):
                async for chunk in chunks:
                    delta, role = role | _delta(chunk), {}
                    called = called or "tool_calls" in delta
                    is_last = getattr(chunk, "chunk_position", None) == "last"
                    choice = {"index": 0, "delta": delta, "finish_reason": None}
                    if is_last:
                        choice["finish_reason"] = _reason(chunk.response_metadata, called=called)
                    if chunk.response_metadata.get("logprobs"):
                        choice["logprobs"] = chunk.response_metadata["logprobs"]
                    yield envelope | {"choices": [choice]} | _usage(chunk.usage_metadata)
        except AzureMLOSSError as error:
            raise refused(error) from None
        except ValueError as problem:
            # A choice of a tool that is not among them, and its like.
            raise EngineError(400, str(problem)) from None

    async def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Goes on with a prompt, or with several."""
        envelope, arguments = _envelope("text_completion"), _arguments(body)
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        try:
            if not body.get("stream"):
                result = await self._llm.agenerate(prompts, **arguments)
                yield envelope | _text_answer(result)
                return
            _refuse_several(arguments | ({"n": len(prompts)} if len(prompts) > 1 else {}))
            end = _End()
            async for text in self._llm.astream(prompts[0], {"callbacks": [end]}, **arguments):
                choice: JSON = {"index": 0, "text": text, "finish_reason": None, "logprobs": None}
                yield envelope | {"choices": [choice]}
            last = _text_answer(end.result)
            last["choices"][0]["text"] = ""
            yield envelope | last
        except AzureMLOSSError as error:
            raise refused(error) from None

    async def embed(
        self, inputs: list[EmbeddingInput], dimensions: int | None, others: JSON
    ) -> Embedded:
        """Vectors of texts; how many tokens these had is not known."""
        texts = [one for one in inputs if isinstance(one, str)]
        if len(texts) < len(inputs):
            raise EngineError(400, _TOKENS)
        try:
            embeddings = self._embeddings
            if dimensions is None and not others:
                return Embedded(await embeddings.aembed_documents(texts), None)
            # Said when the model is made, and for no call: this one is made for the call.
            asked: JSON = {"dimensions": dimensions or embeddings.dimensions}
            asked |= {"deployment_name": others.get(DEPLOYMENT, embeddings.deployment_name)}
            settings = {name: value for name, value in others.items() if name != DEPLOYMENT}
            asked |= {"model_kwargs": embeddings.model_kwargs | settings}
            async with embeddings.model_copy(update=asked) as own:
                return Embedded(await own.aembed_documents(texts), None)
        except AzureMLOSSError as error:
            raise refused(error) from None

    @cached_property
    def _embeddings(self) -> AzureMLOSSEmbeddings:
        """Made when first asked: not every contract has vectors."""
        return AzureMLOSSEmbeddings(connection=self._connection)


class _End(AsyncCallbackHandler):
    """Keeps what a streamed completion was as a whole: its text alone comes in pieces."""

    result: LLMResult

    async def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        self.result = response


def refused(error: AzureMLOSSError) -> EngineError:
    """An error of this package as OpenAI's servers put it, with the upstream's status."""
    status = error.status or 0
    if status < 400:
        # Nothing was sent, nothing came back, or the error stood in a 200.
        wrong = (InvalidRequestError, ContextLengthError, ConnectionConfigError)
        fitting = {**dict.fromkeys(wrong, 400), RequestTimeoutError: 504}
        status = next((code for kind, code in fitting.items() if isinstance(error, kind)), 502)
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    body = {"error": {"message": str(error), "code": code}}
    return EngineError(status, body, error.retry_after)


def _messages(given: list[JSON]) -> list[BaseMessage]:
    try:
        # An assistant's turn that calls a tool may say nothing besides.
        return convert_to_messages([{"content": ""} | one for one in given])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise EngineError(400, f"messages: {problem}") from None


def _arguments(body: JSON) -> dict[str, Any]:
    """The settings of a body; what the models do not know goes on as it is."""
    named = {_OTHER_NAMES.get(name, name): value for name, value in body.items()}
    deployment = named.pop(DEPLOYMENT, None)
    known = {name: value for name, value in named.items() if name in _ARGUMENTS}
    check_settings(known)
    known |= {"deployment_name": deployment} if deployment else {}
    others = {k: v for k, v in named.items() if k not in _ARGUMENTS and k not in _LEFT_OUT}
    return known | ({"model_kwargs": others} if others else {})


def _refuse_several(arguments: Mapping[str, Any]) -> None:
    if arguments.get("n", 1) != 1:
        raise EngineError(400, "Several answers (n, or several prompts) do not come as a stream.")


def _envelope(kind: str) -> JSON:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time())}


def _numbered(result: LLMResult) -> list[tuple[int, Any]]:
    return list(enumerate(one for several in result.generations for one in several))


def _chat_choice(index: int, generation: ChatGeneration) -> JSON:
    message: AIMessage = generation.message  # type: ignore[assignment]
    calls = [
        (call["id"], call["name"], json.dumps(call["args"], ensure_ascii=False))
        for call in message.tool_calls
    ]
    broken = message.invalid_tool_calls
    calls += [(call["id"], call["name"] or "", call["args"] or "") for call in broken]
    said: JSON = {"role": "assistant", "content": message.text} | _besides(message)
    if calls:
        said["content"] = said["content"] or None
        said["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in calls
        ]
    metadata = message.response_metadata
    reason = _reason(metadata, called=bool(calls))
    choice = {"index": index, "message": said, "finish_reason": reason}
    return choice | ({"logprobs": metadata["logprobs"]} if metadata.get("logprobs") else {})


def _delta(chunk: Any) -> JSON:
    delta: JSON = {"content": chunk.text} if chunk.text else {}
    delta |= _besides(chunk)
    calls = [
        {
            "index": call["index"] or 0,
            **({"id": call["id"], "type": "function"} if call["id"] else {}),
            "function": {
                **({"name": call["name"]} if call["name"] else {}),
                "arguments": call["args"] or "",
            },
        }
        for call in getattr(chunk, "tool_call_chunks", ())
    ]
    return delta | ({"tool_calls": calls} if calls else {})


def _besides(message: AIMessage) -> JSON:
    found = message.additional_kwargs
    return {name: found[name] for name in ("reasoning_content", "refusal") if found.get(name)}


def _reason(metadata: Mapping[str, Any], *, called: bool) -> str:
    # A call that the model wrote as text is a call for the client, whatever the upstream says.
    return "tool_calls" if called else metadata.get("finish_reason") or "stop"


def _text_answer(result: LLMResult) -> JSON:
    choices = [
        {
            "index": index,
            "text": generation.text,
            "finish_reason": (generation.generation_info or {}).get("finish_reason") or "stop",
            "logprobs": (generation.generation_info or {}).get("logprobs"),
        }
        for index, generation in _numbered(result)
    ]
    usage = (result.llm_output or {}).get("usage_metadata") or next(
        (
            info["usage_metadata"]
            for _, generation in _numbered(result)
            if (info := generation.generation_info or {}).get("usage_metadata")
        ),
        None,
    )
    return {"choices": choices} | _usage(usage)


def _usage(counted: Mapping[str, Any] | None) -> JSON:
    if not counted:
        return {}
    names = {
        "prompt_tokens": "input_tokens",
        "completion_tokens": "output_tokens",
        "total_tokens": "total_tokens",
    }
    return {"usage": {theirs: counted[ours] for theirs, ours in names.items()}}

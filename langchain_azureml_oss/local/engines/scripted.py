"""An engine whose answers are written beforehand."""

from __future__ import annotations

import inspect
import json
import uuid
from typing import TYPE_CHECKING

from langchain_azureml_oss.local.engines.answers import (
    Answer,
    chat_chunks,
    text_chunks,
    whole_chat,
    whole_text,
    words,
)
from langchain_azureml_oss.local.engines.base import JSON, EngineError, ScriptedReply
from langchain_azureml_oss.local.engines.echo import paced
from langchain_azureml_oss.local.engines.weightless import Weightless

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from langchain_azureml_oss.local.options import EndpointOptions


class ScriptedEngine(Weightless):
    """Answers with the replies of a script, in turn, or with what a function makes of the body.

    A tool call is OpenAI's (`{"function": {"name", "arguments"}}`) or shorter (`{"name", "args"}`);
    arguments may be a mapping or text, and an id is made up when there is none. An asynchronous
    function may wait; a plain one runs in the server's thread and should be quick.
    """

    name = "scripted"

    def __init__(self, options: EndpointOptions) -> None:
        super().__init__(options)
        self._delay_s = options.token_delay_s
        self._script = options.script
        self._told = 0

    async def start(self) -> None:
        """Begins with the first reply."""
        self._told = 0

    def chat(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Answers a chat."""
        return self._reply(body, whole_chat, chat_chunks)

    def complete(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """Goes on with a prompt."""
        return self._reply(body, whole_text, text_chunks)

    async def _reply(
        self,
        body: JSON,
        whole: Callable[[Answer], JSON],
        chunks: Callable[[Answer], Iterator[JSON]],
    ) -> AsyncGenerator[JSON, None]:
        reply = await self._next(body)
        if isinstance(reply, EngineError):
            raise reply
        async for piece in paced(_answer(reply), body, whole, chunks, self._delay_s):
            yield piece

    async def _next(self, body: JSON) -> ScriptedReply:
        if callable(self._script):
            reply = self._script(body)
            return await reply if inspect.isawaitable(reply) else reply
        script = self._script or ()
        if self._told >= len(script):
            raise EngineError(500, f"The script has no more replies; it had {len(script)}.")
        self._told += 1
        return script[self._told - 1]


def _answer(reply: str | JSON) -> Answer:
    if isinstance(reply, str):
        reply = {"content": reply}
    calls = [_tool_call(call) for call in reply.get("tool_calls") or []]
    return Answer(
        words(reply.get("content") or ""),
        reply.get("finish_reason") or ("tool_calls" if calls else "stop"),
        reasoning=words(reply.get("reasoning_content") or ""),
        tool_calls=calls,
        usage=reply.get("usage"),
    )


def _tool_call(call: JSON) -> JSON:
    function = call.get("function") or call
    arguments = function.get("arguments", function.get("args", {}))
    return {
        "id": call.get("id") or f"call_{uuid.uuid4().hex[:24]}",
        "type": "function",
        "function": {
            "name": function["name"],
            "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
        },
    }

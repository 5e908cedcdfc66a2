"""One question to a model: its answer, as it comes, and what is known about it at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableGenerator

from langchain_azureml_oss.chat_models import AzureMLOSSChatModel

_PROMPT = ChatPromptTemplate([MessagesPlaceholder("messages")])


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer. Times are in seconds, `usage` in tokens."""

    text: str
    deployment: str | None
    model: str | None
    finish_reason: str | None
    usage: Mapping[str, Any] | None
    seconds: float
    seconds_to_first_text: float | None
    """None where the answer came in one piece."""
    request_id: str | None

    @property
    def summary(self) -> str:
        """One line about everything but the text."""
        line = f"{self.deployment or 'The endpoint'} answered in {self.seconds:.1f} s"
        if self.seconds_to_first_text is not None:
            line += f" (first words after {self.seconds_to_first_text:.1f} s)"
        if self.usage:
            tokens_in, tokens_out = self.usage["input_tokens"], self.usage["output_tokens"]
            line += f": {tokens_in} tokens in, {tokens_out} out"
        if not self.text.strip():
            line += "; the answer is empty"
        if self.finish_reason == "length":
            line += "; cut off at the limit of tokens (--max-tokens)"
        elif self.finish_reason not in {None, "stop"}:
            line += f"; ended by {self.finish_reason}"
        return line

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` shows."""
        return {
            "text": self.text,
            "deployment": self.deployment,
            "model": self.model,
            "finish_reason": self.finish_reason,
            "usage": dict(self.usage) if self.usage else None,
            "seconds": round(self.seconds, 3),
            "seconds_to_first_text": self.seconds_to_first_text
            and round(self.seconds_to_first_text, 3),
            "request_id": self.request_id,
        }


def ask(
    model: AzureMLOSSChatModel,
    messages: Sequence[BaseMessage],
    on_text: Callable[[str], None],
    *,
    stream: bool = True,
) -> Answer:
    """Ask a model.

    Args:
        model: The model.
        messages: The conversation so far, with the question at its end.
        on_text: Called with each piece of the answer as soon as it is there.
        stream: Whether the answer is asked for piece by piece.

    Raises:
        AzureMLOSSError: the call failed, perhaps after some of the answer.
    """
    started = time.monotonic()
    texts: list[str] = []
    first: float | None = None
    metadata: dict[str, Any] = {}

    def noted(pieces: Iterator[AIMessage]) -> Iterator[AIMessage]:
        for piece in pieces:
            metadata.update(piece.response_metadata)
            if piece.usage_metadata:
                metadata["usage"] = piece.usage_metadata
            yield piece

    chain = _PROMPT | model | RunnableGenerator(noted) | StrOutputParser()
    conversation = {"messages": list(messages)}
    # Closed at once when Ctrl-C comes between two pieces: the server stops working on it.
    with closing(_pieces(chain, conversation, stream=stream)) as pieces:
        for piece in filter(None, pieces):
            first = first or time.monotonic() - started
            texts.append(piece)
            on_text(piece)
    return Answer(
        text="".join(texts),
        deployment=metadata.get("deployment"),
        model=metadata.get("model_name"),
        finish_reason=metadata.get("finish_reason"),
        usage=metadata.get("usage"),
        seconds=time.monotonic() - started,
        seconds_to_first_text=first if len(texts) > 1 else None,
        request_id=metadata.get("request_id"),
    )


def _pieces(
    chain: Runnable[dict[str, Any], str], conversation: dict[str, Any], *, stream: bool
) -> Generator[str]:
    if stream:
        yield from chain.stream(conversation)
    else:
        yield chain.invoke(conversation)

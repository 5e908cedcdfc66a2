"""The events of a stream -> results, as soon as they are known.

How bytes go through it:

    bytes -> SSEDecoder -> events -> parse -> parts of the answer -> ChoiceReader -> results
             holds back half         the                              holds back what may be
             an event                contract                         the beginning of a mark

It is in one of three states. *Open*: each event may give a result. *Done*: the last result was
given out, at [DONE] or at the end of the body; events behind it are not read. *Failed*: an event
could not be read, or the body ended too early.
An event that says that the server cannot go on counts only where no finish reason comes.

An answer has ended with [DONE], or when the body ends behind a finish reason, since some servers
send one of the two only. A body that ends without either was cut off, however whole its text looks:
that is a failure, not an answer. So the end of the body decides in `close`, never a single event.

A network cuts bytes where it likes, and what the caller sees must not depend on it. Two rules keep
that. What came before a failure is given out before the failure, also when one piece of bytes held
both; then `failure` waits until the results were taken. And the last result alone says finish
reason, usage and metadata: servers send them in any order, and some in an event of their own.

A stream is at most `max_bytes`. The text that was given out is kept, for
`StreamInterruptedError.text`. Whether a call came whole is judged in `tools/chunks.py`, at the last
result: half a call is an invalid one, and is never run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic

from langchain_azureml_oss.answers.readers import T, check_size
from langchain_azureml_oss.answers.rules import AnswerRules, ChoiceReader
from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ResponseFormatError,
    StreamInterruptedError,
    shorten,
)
from langchain_azureml_oss.tools import StreamedCalls
from langchain_azureml_oss.wire import Choice, Event, Reply, SSEDecoder

logger = logging.getLogger(__name__)

_SAID = ("text", "reasoning", "tool_calls", "refusal")
"""What a model says in a choice."""


class EventReader(Generic[T]):
    """Makes results of the events of a stream.

    Args:
        parse: Reads one event.
        rules: Applied to the text.
        piece: Makes a result of a part of the answer.
        last: Makes the last result, of what was held back and what is known about the whole.
        max_bytes: Bytes of the whole stream, beyond which reading ends with an error.
    """

    def __init__(
        self,
        parse: Callable[[Event], Reply],
        rules: AnswerRules,
        piece: Callable[[Choice], T],
        last: Callable[[Choice, Reply], T],
        max_bytes: int,
    ) -> None:
        self._max_bytes = max_bytes
        self._parse, self._piece, self._last = parse, piece, last
        self._choice = ChoiceReader(rules)
        self._calls = StreamedCalls()
        self._decoder = SSEDecoder()
        self._end = Reply([])
        self._finish_reason: str | None = None
        self._has_choice = False
        self._trouble: StreamInterruptedError | None = None
        """An error event; it counts where no finish reason comes before or after it."""
        self._told_in_parts: set[str] = set()
        self._texts: list[str] = []
        self._size = 0
        self.done = False
        self.failure: AzureMLOSSError | None = None

    def abandon(self) -> str:
        """Return all the text that had come, with what was held back of it."""
        return "".join(self._texts) + self._choice.flush().text

    def feed(self, data: bytes) -> list[T]:
        """Return a result for each part of the answer."""
        self._size += len(data)
        results = self._read(self._decoder.feed(data))
        try:
            check_size(self._size, self._max_bytes)
        except AzureMLOSSError as error:
            return self._failed(error, results)
        return results

    def close(self) -> list[T]:
        """Return the last result.

        Raises:
            StreamInterruptedError: the stream ended before the answer did.
        """
        results = self._read(self._decoder.flush())
        if self.done or self.failure is not None:
            return results
        if self._finish_reason is not None:
            return [*results, self._ending()]
        msg = "The stream ended before the answer did: without a finish reason or [DONE]."
        error = self._trouble or StreamInterruptedError(msg)
        error.text = self.abandon()
        return self._failed(error, results)

    def _read(self, events: Sequence[Event]) -> list[T]:
        results: list[T] = []
        for event in events:
            if self.done:
                break
            try:
                results += self._event(event)
            except AzureMLOSSError as error:
                return self._failed(error, results)
        return results

    def _failed(self, error: AzureMLOSSError, results: list[T]) -> list[T]:
        """Give out first what came before the failure, wherever the borders of the pieces are."""
        if not results:
            raise error
        self.failure = error
        return results

    def _event(self, event: Event) -> list[T]:
        data = event.data.strip()
        if data == b"[DONE]":
            return [self._ending()]
        if event.name == b"error":
            self._take_trouble(event.data)
        if event.name == b"error" or not data:
            return []
        reply, end = self._parse(event), self._end
        end.usage = reply.usage or end.usage
        end.model = reply.model or end.model
        end.id = reply.id or end.id
        results = []
        for choice in reply.choices:
            if choice is None or choice.index:
                continue
            self._has_choice = True
            self._take_off_repeats(choice)
            self._finish_reason = choice.finish_reason or self._finish_reason
            piece = self._choice.feed(choice)
            piece.tool_calls = self._calls.feed(piece.tool_calls)
            if piece.has_content:
                self._texts.append(piece.text)
                results.append(self._piece(piece))
        return results

    def _take_off_repeats(self, choice: Choice) -> None:
        """Take out of a whole message what its parts told before; some servers write both."""
        for name in _SAID:
            said = getattr(choice, name)
            if said and not choice.is_whole:
                self._told_in_parts.add(name)
            elif said and name in self._told_in_parts:
                setattr(choice, name, type(said)())

    def _take_trouble(self, data: bytes) -> None:
        """Go on, for now: Microsoft's server writes such an event for each ping of an engine."""
        said = shorten(data.decode("utf-8", "replace"))
        if self._trouble is None:
            # Without its words, which may hold the key: nobody has taken that out yet.
            logger.warning("The server wrote an error into the stream; what follows is read on.")
        msg = f"The server could not go on with the stream: {said}"
        self._trouble = StreamInterruptedError(msg)

    def _ending(self) -> T:
        """Return the last result.

        Raises:
            StreamInterruptedError: an error came, and no finish reason.
            ResponseFormatError: nothing came that is an answer.
        """
        if self._trouble is not None and self._finish_reason is None:
            self._trouble.text = self.abandon()
            raise self._trouble
        if not self._has_choice:
            msg = "The stream holds no answer: it ended without a choice that has a message."
            raise ResponseFormatError(msg)
        self.done = True
        rest = self._choice.flush()
        rest.tool_calls = self._calls.feed(rest.tool_calls)
        rest.finish_reason = rest.finish_reason or self._finish_reason
        return self._last(rest, self._end)

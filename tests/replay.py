"""Answers from memory, in both worlds: stands in for the drivers where a test needs no socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from langchain_azureml_oss.errors import AzureMLOSSError, frames_forgotten
from langchain_azureml_oss.exchange import Authorize, Call, Command, Emit, Receive, Send, Wait
from langchain_azureml_oss.transports.steps import Steps
from langchain_azureml_oss.wire import HttpRequest, HttpResponse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A response as it comes off the wire: the body in the pieces in which it arrives.

    A piece may be an error, which then stands for a connection that fails at this point.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    body: Sequence[bytes | AzureMLOSSError] = ()


class ReplayTransport:
    """Gives out recorded responses in turn, and keeps the requests. It never waits.

    Args:
        responses: One for each request; an error stands for a connection that failed.

    Attributes:
        requests: What was sent, Authorization header and all.
        waits: Seconds of each wait that was asked for.
    """

    def __init__(self, responses: Iterable[Recorded | AzureMLOSSError]) -> None:
        self._responses = iter(responses)
        self._body: Iterator[bytes | AzureMLOSSError] = iter(())
        self.requests: list[HttpRequest] = []
        self.waits: list[float] = []

    def drive(self, call: Call[T]) -> Iterator[T]:
        """Yield the results of a call."""
        steps = Steps(call)
        for command in steps:
            if isinstance(command, Emit):
                yield from command.results
            else:
                steps.outcome = self._carry_out(command)

    def _carry_out(self, command: Command) -> Any:
        if isinstance(command, Send):
            with frames_forgotten:
                self.requests.append(replace(command.request, headers=command.headers()))
            recorded = next(self._responses, None)
            if recorded is None:
                msg = f"Request {len(self.requests)} has no recorded response."
                raise IndexError(msg)
            if isinstance(recorded, AzureMLOSSError):
                return recorded
            self._body = iter(recorded.body)
            return HttpResponse(recorded.status, recorded.headers)
        if isinstance(command, Receive):
            return next(self._body, b"")
        if isinstance(command, Authorize):
            return command.secret()
        if isinstance(command, Wait):
            self.waits.append(command.seconds)
        return None


class AsyncReplayTransport:
    """The same for async callers."""

    def __init__(self, replay: ReplayTransport) -> None:
        self._replay = replay

    async def drive(self, call: Call[T]) -> AsyncIterator[T]:
        """Yield the results of a call."""
        for result in self._replay.drive(call):
            yield result

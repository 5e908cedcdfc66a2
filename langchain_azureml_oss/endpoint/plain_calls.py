"""Calls that are no question to the model: JSON out, JSON in, over the same fields and transports.

What takes several of them in turn is a generator: it yields calls, and is sent what each brought,
or has its error thrown in. `_in_turn` and `_ain_turn` are its two drivers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Mapping
from typing import Any, Generic, TypeVar

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.answers import WholeReader
from langchain_azureml_oss.connections import beside
from langchain_azureml_oss.endpoint.call_options import OPTIONS
from langchain_azureml_oss.endpoint.fields import Mixin
from langchain_azureml_oss.endpoint.headers import named_deployment, revealed
from langchain_azureml_oss.errors import AzureMLOSSError, ResponseFormatError
from langchain_azureml_oss.exchange import Call, RetryPolicy
from langchain_azureml_oss.wire import HttpRequest, HttpResponse, Timeouts, decode_json, encode_json

T = TypeVar("T")

Turns = Generator[Call[Any], Any, T]


class PlainCalls(Mixin):
    """Makes calls of requests, and carries several of them out in turn."""

    def _with_headers(self, request: HttpRequest, options: Mapping[str, Any]) -> HttpRequest:
        """Return the request with the headers that each of this package's has."""
        headers = {
            "accept-encoding": "identity",  # a stream's events come one by one
            "user-agent": f"langchain-azureml-oss/{__version__}",
            **revealed(options["default_headers"]),
        }
        if deployment_name := named_deployment(options["deployment_name"]):
            headers["azureml-model-deployment"] = deployment_name
        return request.with_headers(headers)

    def _carried(
        self,
        request: HttpRequest,
        reader: Callable[[HttpResponse], Any],
        options: Mapping[str, Any],
        **more: Any,
    ) -> Call[Any]:
        """Return the call of a request, with the time-outs and retries that `options` say."""
        timeout = options["timeout"]
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        return Call(
            request=request,
            authorizer=self._authorizer,
            reader=reader,
            timeouts=Timeouts(connect, read),
            deadline=options["deadline"],
            retries=RetryPolicy(
                max_retries=options["max_retries"],
                initial=options["backoff"][0],
                maximum=options["backoff"][1],
                retry_read_timeouts=options["retry_read_timeouts"],
            ),
            on_retry=self.on_retry,
            **more,
        )

    def _plain(
        self, request: HttpRequest, read: Callable[[HttpResponse], T], **options: Any
    ) -> Call[T]:
        """Return the call that sends a request and reads its whole answer."""
        options = {name: getattr(self, name) for name in OPTIONS} | options
        return self._carried(
            self._with_headers(request, options),
            lambda response: WholeReader(response, read, self.max_response_bytes),
            options,
        )

    def _json(self, path: str, body: Mapping[str, Any] | None, **options: Any) -> Call[Any]:
        """Return the call that asks another path of the endpoint for a JSON object.

        Args:
            path: Such as `/tokenize`.
            body: To post; None: a GET.
            options: Of the call, other than the fields say.
        """
        url = beside(self._url, path)
        if body is None:
            request = HttpRequest(url, b"", method="GET")
        else:
            request = HttpRequest(url, encode_json(body), {"content-type": "application/json"})
        return self._plain(request, lambda response: _object(response, path), **options)

    def _answer(self, call: Call[T]) -> T:
        """Carry out a call, and return the one thing that comes of it."""
        (outcome,) = self._sync.drive(call)
        return outcome

    async def _aanswer(self, call: Call[T]) -> T:
        """Carry out a call, and return the one thing that comes of it."""
        (outcome,) = [item async for item in self._async.drive(call)]
        return outcome

    def _in_turn(self, turns: Turns[T]) -> T:
        """Carry out the calls of a generator, and return what it returns."""
        asked = _Asked(turns)
        for call in asked:
            try:
                asked.outcome = self._answer(call)
            except AzureMLOSSError as error:
                asked.outcome = error
        return asked.result

    async def _ain_turn(self, turns: Turns[T]) -> T:
        """Carry out the calls of a generator, and return what it returns."""
        asked = _Asked(turns)
        for call in asked:
            try:
                asked.outcome = await self._aanswer(call)
            except AzureMLOSSError as error:
                asked.outcome = error
        return asked.result


class _Asked(Generic[T]):
    """The calls of a generator; what came of each is put into `outcome` before the next."""

    result: T

    def __init__(self, turns: Turns[T]) -> None:
        self.outcome: Any = None
        self._turns = turns

    def __iter__(self) -> _Asked[T]:
        return self

    def __next__(self) -> Call[Any]:
        try:
            if isinstance(self.outcome, AzureMLOSSError):
                return self._turns.throw(self.outcome)
            return self._turns.send(self.outcome)
        except StopIteration as end:
            self.result = end.value
            raise


def _object(response: HttpResponse, path: str) -> dict[str, Any]:
    try:
        found = decode_json(response.body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    msg = f"The answer of {path} is no JSON object."
    raise ResponseFormatError(msg)


async def all_of(results: AsyncIterator[T]) -> list[T]:
    """Return all that comes."""
    return [item async for item in results]


async def all_at_once(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run these together; the first that fails ends the others, so that none goes on unseen."""
    tasks = [asyncio.ensure_future(item) for item in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

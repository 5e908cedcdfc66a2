"""One call, decided step by step, with no I/O: a generator that says what to do next.

It yields a command and is sent what came of it, as in httpx's `Auth.auth_flow`: of Authorize the
secret, of Send a response whose body is not read yet, of Receive the next bytes, or b"" at the end;
of Send and Receive an AzureMLOSSError instead where they failed. The drivers in `transports/` carry
commands out and decide nothing, so sync and async cannot differ. These are all the ways to go:

    start      -> Authorize
    Authorize  -> Send
    Send       -> Receive     headers are there: of an answer, or of an error that says something
    Send       -> Wait        retry: there was no response
    Receive    -> Receive     what came completes no result; or the answer is over, and the rest of
                              the body is let in once more, so that the connection can be reused
    Receive    -> Emit        it completes results, which are the caller's from now on
    Receive    -> Wait        retry: the status, or what the answer says inside, may pass
    Receive    -> Authorize   amend: the call is another one, without what the server refused
    Receive    -> Authorize   refresh: 401, and the credential has another secret; once in a call
    Emit       -> Receive     until the reader has what it needs
    Wait       -> Authorize   the whole try again; a token may have run out meanwhile
    Send, Receive, Emit -> end

A try that fails ends in an error, and the error is judged in one place, in this order. If results
were emitted, or the deadline has passed, it is raised at once: a second answer might differ from
what the caller has. Then amend, which ends by itself, since nothing can be left out twice; then
refresh; then retry, which alone is counted and waits. What is left is raised. A credential that
fails ends the call in the driver.

The deadline needs no timer: each command's time-out is cut to what is left of it, and whatever
comes of a command after it has passed is a time-out. Secrets leave an error before anyone sees it.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Generator
from typing import Any, Generic

from pydantic import SecretStr

from langchain_azureml_oss.answers import Reader
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    ErrorResponse,
    RequestTimeoutError,
    StreamInterruptedError,
    frames_forgotten,
    from_response,
    keys_in_url,
    on_one_line,
    redact,
    response_details,
)
from langchain_azureml_oss.exchange.commands import (
    Authorize,
    Call,
    Command,
    Emit,
    Receive,
    Retry,
    Send,
    T,
    Wait,
)
from langchain_azureml_oss.exchange.retry import retry_after
from langchain_azureml_oss.wire import HttpResponse, Timeouts

logger = logging.getLogger(__package__)


MAX_ERROR_BYTES = 64 * 1024
"""Bytes of an error's body that are read."""

DRAIN_SECONDS = 0.25
"""How long the end of a finished stream's body is waited for, so that its connection is reused."""


def exchange(
    call: Call[T], clock: Callable[[], float] = time.monotonic
) -> Generator[Command, Any, None]:
    """Carry out a call: authorize, send, read, and try again where that may help.

    Args:
        call: What to do.
        clock: Seconds that only go forward.

    Raises:
        AzureMLOSSError: the call failed; it holds no secret.
    """
    ends = clock() + call.deadline if call.deadline is not None else float("inf")
    # SecretStr, since tools that print a traceback's local variables must not show the key.
    retries, rejected, secrets = 0, SecretStr(""), list[SecretStr]()
    while True:
        secret = yield Authorize(call.authorizer, rejected)
        attempt = _Attempt(call, secret, ends, clock)
        error = yield from attempt.run()
        if error is None:
            return
        secrets.append(secret)
        _in_the_clear(error.redacted, secrets, call)
        if attempt.emitted or attempt.is_past_deadline():
            raise error from None
        amended = call.amend(error)
        if amended is not None:
            call = amended
            continue
        if isinstance(error, AuthenticationError) and call.authorizer.can_refresh and not rejected:
            rejected = secret
            continue
        wait = call.retries.wait(retries, error, attempt.headers)
        if wait is None or clock() + wait >= ends:
            raise error from None
        retries += 1
        logger.warning(
            "Trying again in %.2f s (%d of %d), request id %s: %s",
            *(wait, retries, call.retries.max_retries, error.request_id or "unknown"),
            on_one_line(str(error)),  # else a server could write lines of its own into the log
        )
        if call.on_retry is not None:
            call.on_retry(Retry(retries, wait, error))
        yield Wait(wait)


class _Attempt(Generic[T]):
    """One try."""

    def __init__(
        self, call: Call[T], secret: SecretStr, ends: float, clock: Callable[[], float]
    ) -> None:
        self._call, self._ends, self._clock = call, ends, clock
        self._secret = secret
        self.headers: Any = {}
        self.emitted = False

    def is_past_deadline(self) -> bool:
        return self._clock() >= self._ends

    def run(self) -> Generator[Command, Any, AzureMLOSSError | None]:
        """Return the error that the try ended with, or None."""
        reader: Reader[T] | None = None
        try:
            timeouts = Timeouts(*map(self._bounded, self._call.timeouts))
            left = self._bounded(float("inf"))
            response = self._check((yield Send(self._call.request, self._secret, timeouts, left)))
            self.headers = response.headers
            if not 200 <= response.status < 300:
                body = yield from self._error_body()
                # A body may echo the key; it goes before anything is cut to size.
                failed = HttpResponse(response.status, response.headers, self._redacted(body))
                asked = self._call.request.headers.get("azureml-model-deployment")
                self._check(from_response(failed, asked))
            reader = self._call.reader(response)
            yield from self._read(reader)
        except AzureMLOSSError as error:
            if reader is not None:
                error = _interrupted(error, reader, emitted=self.emitted)
            if self.headers:
                details = response_details(response)
                error.status = error.status or details["status"]
                error.request_id = error.request_id or details["request_id"]
                error.deployment = error.deployment or details["deployment"]
                error.retry_after = retry_after(response.headers)
                error.response = ErrorResponse.of(response, error.body)
            return error
        return None

    def _redacted(self, body: bytes) -> bytes:
        take = functools.partial(redact, body.decode("utf-8", "replace"))
        return _in_the_clear(take, [self._secret], self._call).encode()  # type: ignore[no-any-return]

    def _read(self, reader: Reader[T]) -> Generator[Command, Any, None]:
        read_timeout = self._call.timeouts.read
        while data := self._check((yield Receive(self._bounded(read_timeout)))):
            results = reader.feed(data)
            yield from self._emit(reader, results)
            if reader.done:
                # Nothing depends on it any more, so whatever comes is no error.
                yield Receive(DRAIN_SECONDS)
                return
        yield from self._emit(reader, reader.close())

    def _emit(self, reader: Reader[T], results: list[T]) -> Generator[Command, Any, None]:
        if results:
            self.emitted = True
            yield Emit(results)
        if reader.failure is not None:
            raise reader.failure

    def _error_body(self) -> Generator[Command, Any, bytes]:
        body = b""
        while len(body) < MAX_ERROR_BYTES:
            data = yield Receive(self._bounded(self._call.timeouts.read))
            if not data or isinstance(data, AzureMLOSSError):
                break  # the status says enough
            body += data
        return body

    def _check(self, outcome: Any) -> Any:
        """Return what came of a command; the deadline turns any outcome into a time-out."""
        if self.is_past_deadline():
            msg = f"The deadline of {self._call.deadline:g} s for the whole call has passed."
            raise RequestTimeoutError(msg, accepted=True)
        if isinstance(outcome, AzureMLOSSError):
            raise outcome
        return outcome

    def _bounded(self, seconds: float) -> float:
        """Return a time-out that does not reach beyond the deadline."""
        return max(0.001, min(seconds, self._ends - self._clock()))


def _in_the_clear(take: Callable[..., Any], secrets: list[SecretStr], call: Call[Any]) -> Any:
    """Return what a function makes of all secrets that a call knows."""
    with frames_forgotten:
        return take(
            *(known.get_secret_value() for known in secrets),
            *call.request.secrets,
            *keys_in_url(call.request.url),
        )


def _interrupted(error: AzureMLOSSError, reader: Reader[Any], *, emitted: bool) -> AzureMLOSSError:
    """A stream's failure says what had come; before that, its own class says more."""
    if isinstance(error, StreamInterruptedError) or not emitted:
        return error
    msg = f"The stream was interrupted: {error}"
    return StreamInterruptedError(
        msg, text=reader.abandon(), request_id=error.request_id, body=error.body
    )

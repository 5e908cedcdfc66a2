"""Requests and tokens a minute, and tokens of a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_azureml_oss.batch.extras import needed

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

_TYPICAL_ANSWER = 256
"""Tokens of an answer, as long as none has come."""
_CHARACTERS_PER_TOKEN = 4


def _limiter(a_minute: int | None) -> AsyncLimiter | None:
    """Return a limiter that lets a tenth of a minute's share through at once.

    aiolimiter and not langchain-core's InMemoryRateLimiter, which knows no amounts (tokens) and
    looks ten times a second whether one may go.
    """
    if a_minute is None:
        return None
    limiter = needed("aiolimiter", "limits per minute").AsyncLimiter
    return limiter(max(1, a_minute / 10), 60 * max(1, a_minute / 10) / a_minute)  # type: ignore[no-any-return]


class Limits:
    """Holds requests back, so that no minute sees more of them, or of their tokens, than it may.

    Args:
        requests: A minute; None: no limit.
        tokens: A minute, in and out; None: no limit.

    Raises:
        UnsupportedInputError: a package is missing.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None) -> None:
        self._requests, self._tokens = _limiter(requests), _limiter(tokens)
        self._owed = 0
        """Tokens that answers had beyond what was expected; below 0: that they had not."""

    async def admit(self, tokens: int) -> None:
        """Wait until a request of about so many tokens may start."""
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            amount = float(max(0, tokens + self._owed))
            self._owed += tokens - int(amount)
            while amount > 0:
                part = min(amount, self._tokens.max_rate)
                await self._tokens.acquire(part)
                amount -= part

    def settle(self, expected: int, used: int) -> None:
        """Count the tokens that a request really had."""
        self._owed += used - expected


@dataclass(slots=True)
class TokenEstimate:
    """How many tokens a request will have: four characters each, and answers as long as before."""

    longest_answer: int | None = None
    """The model's bound, where it has one."""
    answers: int = 0
    tokens: int = 0
    """Of these answers, in all."""

    def note(self, output_tokens: int) -> None:
        """Learn from an answer."""
        self.answers += 1
        self.tokens += output_tokens

    def answer(self) -> float:
        """Return the tokens of an answer."""
        if self.answers:
            return self.tokens / self.answers
        return self.longest_answer or _TYPICAL_ANSWER

    def of(self, characters: int, questions: int = 1) -> int:
        """Return the tokens of questions with so many characters, and of their answers."""
        return round(characters / _CHARACTERS_PER_TOKEN + questions * self.answer())

    def usage(self, characters: int, outcome: Mapping[str, Any]) -> dict[str, int]:
        """Return about what an endpoint would report that does not."""
        answer = len(str(outcome.get("text") or outcome.get("answer") or ""))
        found = {"output_tokens": answer // _CHARACTERS_PER_TOKEN}
        total = (characters + answer) // _CHARACTERS_PER_TOKEN
        return found | {"total_tokens": total}

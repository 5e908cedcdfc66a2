"""The loop that all drivers have in common."""

from __future__ import annotations

from typing import Any

from langchain_azureml_oss.exchange import Call, Command, exchange


class Steps:
    """The commands of a call, one after the other.

    What came of a command is put into `outcome` before the next one is asked for. It is no local
    variable of a driver, since some tools print those with a traceback, and it may be the secret.
    """

    def __init__(self, call: Call[Any]) -> None:
        self.outcome: Any = None
        self._exchange = exchange(call)

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Command:
        return self._exchange.send(self._taken())

    def _taken(self) -> Any:
        try:
            return self.outcome
        finally:
            self.outcome = None

    def close(self) -> None:
        """End an exchange that was left half-way."""
        self._exchange.close()

"""What the drivers have in common: the loop over an exchange's commands, and a response's head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.errors import AzureMLOSSError, harmless
from langchain_azureml_oss.exchange import Call, Command, exchange
from langchain_azureml_oss.transports.failures import lost_connection
from langchain_azureml_oss.wire import HttpResponse


class Steps:
    """The commands of a call, one after the other.

    What came of a command is put into `outcome` before the next one is asked for. It is no local
    variable: the frames of an error would hold that error, and neither would be freed in time.
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


def head(status: int, headers: Mapping[str, str]) -> HttpResponse | AzureMLOSSError:
    """Return a response of which nothing else is known yet, or why it is none."""
    if status < 100:
        return lost_connection(ConnectionError(f"its status is {status}"), receiving=False)
    # A value that was folded over several lines is one line. HTTP has no control characters here.
    lines = {name.lower(): harmless(" ".join(value.split())) for name, value in headers.items()}
    return HttpResponse(status, lines)

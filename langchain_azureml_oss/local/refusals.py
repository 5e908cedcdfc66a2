"""How a model's container says no: a status and one of three body shapes."""

from __future__ import annotations

import json
from http.client import responses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_azureml_oss.local.engines.base import EngineError


class Refusal(Exception):  # noqa: N818 -- a regular answer of the server, not an error of this code
    """An answer other than 200.

    Args:
        status: HTTP status.
        body: JSON body.
        headers: Headers to add.
    """

    def __init__(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def reason(status: int) -> str:
    """The words for a status; a gateway meets statuses that have none."""
    return responses.get(status, "Error")


def detail(status: int, text: str) -> Refusal:
    """`{"detail": ...}`, the shape of a web framework's own refusal."""
    return Refusal(status, {"detail": text})


def error(status: int, message: str) -> Refusal:
    """`{"error": {"code", "message", "status"}}`, the shape of Microsoft's server."""
    code = reason(status)
    return Refusal(status, {"error": {"code": code, "message": message, "status": status}})


def from_engine(problem: EngineError) -> Refusal:
    """The engine's own error: its JSON travels as a string in `message`."""
    body = problem.body
    refused = error(problem.status, body if isinstance(body, str) else json.dumps(body))
    refused.headers |= _wait(problem)
    return refused


def from_upstream(problem: EngineError) -> Refusal:
    """A gateway's error: its JSON stays what it is."""
    body = problem.body if isinstance(problem.body, dict) else {"message": str(problem.body)}
    return Refusal(problem.status, body, _wait(problem))


def _wait(problem: EngineError) -> dict[str, str]:
    """The header that says when to ask again, where the engine knows."""
    seconds = problem.retry_after_s
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}


def invalid(field: str, message: str, value: object) -> Refusal:
    """422 with `details`, the shape of a failed validation."""
    details = [{"type": "value_error", "loc": ["body", field], "msg": message, "input": value}]
    return Refusal(
        422,
        {
            "error": {
                "code": "Invalid input",
                "message": "invalid input error",
                "status": 422,
                "details": details,
            }
        },
    )


def not_found() -> Refusal:
    """404 of a route that the server does not have."""
    return Refusal(
        404,
        {
            "message": "The requested URL was not found on the server. If you entered the URL "
            "manually please check your spelling and try again."
        },
    )

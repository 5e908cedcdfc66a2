"""What an error keeps of the response that it was, for callbacks, traces and tickets."""

from __future__ import annotations

from typing import Any, NamedTuple

from langchain_azureml_oss.errors.redaction import redact
from langchain_azureml_oss.wire import HttpResponse, decode_json, looks_secret


class ErrorResponse(NamedTuple):
    """A response without its secrets; named as langchain-core and httpx name it."""

    status_code: int
    headers: dict[str, str]
    """Under lower-case names. `azureml-model-deployment` says which deployment answered."""
    text: str
    """The beginning of the body, as `error.body` has it: control characters included."""

    @classmethod
    def of(cls, response: HttpResponse, body: str | None) -> ErrorResponse:
        """Return what may be shown; what looks like a secret by its name is not."""
        headers = {
            name: "[redacted]" if looks_secret(name) else value
            for name, value in response.headers.items()
        }
        return cls(response.status, headers, body or "")

    def json(self) -> Any:
        """Return the value of the body.

        Raises:
            ValueError: it is no JSON, or was cut.
        """
        return decode_json(self.text.encode("utf-8", "replace"))

    def redacted(self, *secrets: str) -> ErrorResponse:
        """Return it without these texts."""
        headers = {name: redact(value, *secrets) for name, value in self.headers.items()}
        return ErrorResponse(self.status_code, headers, redact(self.text, *secrets))

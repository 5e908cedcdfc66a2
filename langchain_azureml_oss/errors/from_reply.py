"""An HTTP reply that is an error -> the exception that says so in the words that help."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Mapping
from typing import Any

from langchain_azureml_oss.errors.redaction import shorten
from langchain_azureml_oss.errors.tree import (
    AuthenticationError,
    AzureMLOSSError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    ModelContainerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from langchain_azureml_oss.wire import HttpResponse, decode_json, encode_json

MAX_BODY = 2_000
"""Characters of a server's body that an exception keeps."""

RETRYABLE_STATUSES = frozenset({408, 409, 429, 500, 502, 503, 504})
"""Statuses after which another try may help."""


_CLASSES: dict[int, type[AzureMLOSSError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    424: ModelContainerError,
    429: RateLimitError,
    504: RequestTimeoutError,
}

# Meaning of each status at Azure ML's front door, and the way forward.
_HINTS = {
    401: "Check endpoint_api_key, or pass credential= for an endpoint with token authentication.",
    403: "The identity may not score this endpoint. It needs the role AzureML Data Scientist, or"
    " the action onlineEndpoints/score.",
    404: "Check the URL's path, deployment_name, and that a deployment has traffic.",
    408: "The model took longer than the deployment's request_timeout_ms. Raise that, or ask for"
    " fewer tokens.",
    405: "This path takes no POST: check the URL's path, such as /score or /v1/chat/completions.",
    413: "The body is over the server's limit (10 MB at Azure ML's front door).",
    424: "The model's container failed; its logs say why (az ml online-deployment get-logs).",
    429: "Too many requests at once for this endpoint. Lower max_concurrency or raise max_retries.",
}

VECTORS_HINT = (
    "An embedding model is behind this endpoint: it answers vectors. Write"
    " AzureMLOSSEmbeddings(...)."
)

# Statuses, the server's words, and the way forward. Source of the second: docs/contracts.md.
_HINTS_BY_WORDS: tuple[tuple[frozenset[int], re.Pattern[str], str], ...] = (
    (
        frozenset({403}),
        re.compile(r"stream", re.IGNORECASE),
        "It is streaming that is not allowed here: ask with invoke(), and without streaming=True.",
    ),
    (
        frozenset({400, 424}),
        re.compile(r"task_type chat-completion not available"),
        (
            'A chat model is behind this endpoint. Write AzureMLOSSLLM(..., api="chat"), or'
            " AzureMLOSSChatModel(...); with the families FALCON, GPT2 and DOLLY, which make a"
            ' prompt of every conversation, also model_family="OPENAI".'
        ),
    ),
    (
        frozenset({400, 424}),
        re.compile(r"task_type text-generation not available"),
        "A text model is behind this endpoint: it completes prompts. Write AzureMLOSSLLM(...).",
    ),
    (
        frozenset({400, 424}),
        re.compile(r"task_type embeddings not available"),
        VECTORS_HINT,
    ),
)

# Wordings of vLLM, llama.cpp, text-generation-inference, TensorRT-LLM and OpenAI, in this order.
# vLLM counts what is left for the answer, which is below 0 where the prompt alone is too long.
_CONTEXT_LENGTH = re.compile(
    r"maximum context length|maximum model length|longer than the (?:maximum )?model"
    r"|model's context length is only|too long to fit into the model"
    r"|max_tokens must be at least 1, got -"
    r"|exceed_context_size|exceeds? the available context size|context size has been exceeded"
    r"|larger than the max(?:imum)? context"
    r"|`?inputs`? (?:tokens )?(?:\+ `?max_new_tokens`? )?must (?:be|have) (?:<=|less than)"
    r"|prompt length .{0,40}exceeds? max"
    r"|context_length_exceeded|context window",
    re.IGNORECASE,
)
# Azure AI Content Safety and Azure's responsible-AI filter. "The response was filtered" is all that
# Azure's 400 says, see learn.microsoft.com/azure/ai-services/openai/concepts/content-filter.
_CONTENT_FILTER = re.compile(
    r"content_filter|ResponsibleAIPolicyViolation|content management policy|content[ _]?safety"
    r"|content filter(?:ed|ing)?\b|flagged by .{0,40}(?:content|safety|moderation)"
    r"|(?:response|prompt|content) (?:was|has been) filtered|harmful content",
    re.IGNORECASE,
)
_TITLE = re.compile("<title", re.IGNORECASE)
_TITLE_END = re.compile("</title", re.IGNORECASE)
_CLASSES_BY_WORDS: tuple[tuple[re.Pattern[str], type[AzureMLOSSError]], ...] = (
    (_CONTEXT_LENGTH, ContextLengthError),
    (_CONTENT_FILTER, ContentFilterError),
)


def from_response(response: HttpResponse, sent_deployment: str | None = None) -> AzureMLOSSError:
    """Return the exception for a reply that is not 2xx.

    Args:
        response: The reply, its body read.
        sent_deployment: The deployment that was asked for, for a reply that names none.
    """
    headers = response.headers
    text = response.body.decode("utf-8", "replace")
    details = response_details(response)
    details["deployment"] = details["deployment"] or sent_deployment
    if 300 <= response.status < 400:
        host = re.sub(r"^\w+://([^/?#]*@)?([^/?#]*).*$", r"\2", headers.get("location", ""))
        message = (
            f"The endpoint answered a redirect ({response.status}) to {host or 'nowhere'};"
            " redirects are not followed, since the key would go along. Use the final URL."
        )
        return InvalidRequestError(message, body=shorten(text, MAX_BODY), **details)
    if response.status == 424:
        return _container_error(response, text, details)
    return from_status(text=text, **details)


def from_status(status: int, text: str, **details: Any) -> AzureMLOSSError:
    """Return the exception for a status and a body, as found in a reply or inside a 200."""
    sentence = explain(text)
    cls = _refusal(status, text) or _CLASSES.get(status)
    if cls is None:
        cls = ServerError if status >= 500 else InvalidRequestError
    where = f" (deployment {details['deployment']})" if details.get("deployment") else ""
    message = _join(f"{status} from the endpoint{where}: {sentence}", _hint(status, text))
    retryable = status in RETRYABLE_STATUSES and not issubclass(
        cls, ContextLengthError | ContentFilterError
    )
    return cls(
        message, status=status, body=shorten(text, MAX_BODY), is_retryable=retryable, **details
    )


def _hint(status: int | None, text: str) -> str | None:
    """Return the way forward; the server's own words may know a better one than its status."""
    for statuses, wording, hint in _HINTS_BY_WORDS:
        if status in statuses and wording.search(text):
            return hint
    return _HINTS.get(status or 0)


def from_inside_200(error: Any) -> AzureMLOSSError:
    """Return the exception for what stands under `error` in a 200, or in an event of a stream.

    The status inside decides about class and retry; it has another name at each server, and is 500
    where there is none.
    """
    keys = ("status_code", "code", "status", "http_status_code")
    status = next((found for key in keys if (found := _status(error, key))), 500)
    return from_status(status, encode_json({"error": error}).decode())


def _status(error: Any, key: str) -> int | None:
    value = str(error.get(key)) if isinstance(error, Mapping) else ""
    return int(value) if re.fullmatch(r"[45][0-9]{2}", value) else None


def response_details(response: HttpResponse) -> dict[str, Any]:
    """Return what every error says about the reply: status, request id and deployment."""
    headers = response.headers
    return {
        "status": response.status,
        "request_id": headers.get("x-ms-request-id") or headers.get("x-request-id"),
        "deployment": headers.get("azureml-model-deployment"),
    }


def explain(body: str) -> str:
    """Return the sentence in an error body that helps.

    Known shapes: `{"detail": ...}`, `{"error": {"message": ...}}` (the message may be the engine's
    JSON as a string), that with `details`, `{"message": ...}` of the score.py server, an HTML page.
    """
    text = body.strip()
    if not text:
        return "no body"
    if text.startswith("<"):
        return f"an HTML page, as gateways send: {_html_text(text)}"
    try:
        sentence = _sentence(decode_json(text.encode("utf-8", "replace")))
    except (ValueError, RecursionError):
        sentence = None  # not JSON, or nested beyond all that says anything
    return shorten(sentence or text)


def _sentence(value: Any) -> str | None:
    """Find the words in a decoded error body; None where there are none."""
    if isinstance(value, str):
        return explain(value) if value.lstrip().startswith(("{", "[")) else value
    if isinstance(value, list):
        parts = [part for item in value if (part := _sentence(item))]
        return "; ".join(parts) or None
    if not isinstance(value, Mapping):
        return None
    # FastAPI's validation errors: where, and what.
    if isinstance(value.get("loc"), list) and "msg" in value:
        return f"{'.'.join(map(str, value['loc']))}: {value['msg']}"
    for key in ("error", "detail", "message", "msg", "body"):
        found = _sentence(value.get(key))
        if found:
            extra = _sentence(value.get("details"))
            return f"{found} ({extra})" if extra and extra not in found else found
    return None


def _container_error(response: HttpResponse, text: str, details: dict[str, Any]) -> AzureMLOSSError:
    """Azure ML's 424: the container's status and reason are in two headers."""
    headers = response.headers
    raw_status = headers.get("ms-azureml-model-error-statuscode", "")
    model_status = int(raw_status) if re.fullmatch(r"[0-9]{3}", raw_status) else None
    reason = headers.get("ms-azureml-model-error-reason")
    said = f"answered {model_status or 'an error'}" + (f" ({reason})" if reason else "")
    message = f"424 from the endpoint: the model's container {said}: {explain(text)}"
    refusal = _refusal(model_status, text)
    if refusal:
        return refusal(message, body=shorten(text, MAX_BODY), is_retryable=False, **details)
    return ModelContainerError(
        _join(message, _container_hint(model_status, text)),
        model_status=model_status,
        model_reason=reason,
        body=shorten(text, MAX_BODY),
        is_retryable=model_status in RETRYABLE_STATUSES,
        **details,
    )


def _container_hint(model_status: int | None, text: str) -> str | None:
    """A container that has no such path is well: its logs would say no more."""
    if model_status in {404, 405}:
        return (
            "The container has no such path: check the URL's path, such as /score or"
            " /v1/chat/completions, and contract=."
        )
    return _hint(424, text)


_JUDGED_BY_WORDS = frozenset({400, 413, 422, 500})


def _refusal(status: int | None, body: str) -> type[AzureMLOSSError] | None:
    """Prompt too long, or content refused, whatever status an engine gives it."""
    if status in _JUDGED_BY_WORDS:
        words = _without_input(body)
        for pattern, cls in _CLASSES_BY_WORDS:
            if pattern.search(words):
                return cls
    return None


def _without_input(body: str) -> str:
    """Return a body without what a validation repeats of the request: those are not its words."""
    try:
        return encode_json(_pruned(decode_json(body.encode("utf-8", "replace")))).decode()
    except (ValueError, RecursionError):
        return body


def _pruned(value: Any) -> Any:
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _pruned(item) for key, item in value.items() if key != "input"}
    return value


def _join(sentence: str, hint: str | None) -> str:
    if not hint:
        return sentence
    return f"{sentence}{'' if sentence.endswith('.') else '.'} {hint}"


def _html_text(page: str) -> str:
    text = " ".join((_title(page) or _without_tags(page)).split())
    with contextlib.suppress(ValueError):  # a reference of thousands of digits is no number
        text = html.unescape(text)
    return shorten(text)


def _title(page: str) -> str:
    """Return the first title; by parts, since a pattern of the whole would begin at each `<title`.

    Empty where there is none.
    """
    opening = _TITLE.search(page)
    start = page.find(">", opening.end()) + 1 if opening else 0
    closing = _TITLE_END.search(page, start) if start else None
    return page[start : closing.start()] if closing else ""


def _without_tags(page: str) -> str:
    first, *others = page.split("<")
    return " ".join([first, *(part.partition(">")[2] for part in others)])

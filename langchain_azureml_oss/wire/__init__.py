"""Words that all rooms share: what goes over the wire, and how bytes become it.

Requests and responses, server-sent events, turns, answers, token counts, JSON as servers and small
models write it. Imports no other room. Internal; `Choice` and `Reply` are public as names of
`langchain_azureml_oss.formatters`.
"""

from langchain_azureml_oss.wire import lenient_json
from langchain_azureml_oss.wire.http_types import (
    HttpRequest,
    HttpResponse,
    Timeouts,
    decode_json,
    encode_json,
    fits_header,
)
from langchain_azureml_oss.wire.lenient_json import ValueEnd
from langchain_azureml_oss.wire.marks import held_back
from langchain_azureml_oss.wire.replies import Choice, Reply
from langchain_azureml_oss.wire.secret_names import looks_secret
from langchain_azureml_oss.wire.sse import Event, SSEDecoder
from langchain_azureml_oss.wire.turns import WireMessage
from langchain_azureml_oss.wire.usage import usage_metadata

__all__ = [
    "Choice",
    "Event",
    "HttpRequest",
    "HttpResponse",
    "Reply",
    "SSEDecoder",
    "Timeouts",
    "ValueEnd",
    "WireMessage",
    "decode_json",
    "encode_json",
    "fits_header",
    "held_back",
    "lenient_json",
    "looks_secret",
    "usage_metadata",
]

"""Servers that repeat the key, wherever they can: no channel shows it, nor a telling part of it."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest

from .asking import ENTRIES, ask, model_for
from .channels import Channels
from .faults import END, begun, chunk, either, head, sized

KEY = "sk-7Hq/2vR9+tLw&X4b:N8m=="
"""With characters that JSON, HTML and URLs spell in their own ways."""
_SPELLINGS = {
    "as it is": KEY,
    "in other case": KEY.upper(),
    "in JSON": KEY.replace("/", r"\/"),
    "in .NET's JSON": KEY.replace("+", r"\u002B").replace("&", r"\u0026"),
    "in a URL": quote(KEY, safe=""),
    "in a URL, in lower case": quote(KEY, safe="").lower(),
    "in HTML": html.escape(KEY),
    "cut off": KEY[:-4],
    "in full-width letters": "".join(chr(ord(char) + 0xFEE0) for char in KEY),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "as a part of base64": base64.urlsafe_b64encode(f"user:{KEY}!".encode()).decode(),
}
_PARTS = [KEY[:8], KEY[8:16], KEY[16:], quote(KEY, safe="")[:9]]
_PARTS += [_SPELLINGS["in full-width letters"][:8], _SPELLINGS["in base64"][4:12]]
_PARTS += [_SPELLINGS["as a part of base64"][place : place + 8] for place in (8, 16)]
"""What would tell it."""


def _body(said):
    return json.dumps({"error": {"message": f"Bearer {said} is no good", "code": "x"}}).encode()


def _refusal(status):
    def wire(said):
        return lambda entry: [sized(_body(said), status)]

    return wire


def _plain(said):
    return lambda entry: [sized(f"your key {said}".encode(), 401, "text/plain")]


def _html(said):
    page = f"<html><title>{said}</title><p>{said}</p></html>"
    return lambda entry: [sized(page.encode(), 502, "text/html")]


def _headers(said):
    more = {"x_request_id": said, "azureml_model_deployment": said, "location": f"https://{said}"}
    reason = {"ms_azureml_model_error_reason": said, "ms_azureml_model_error_statuscode": 400}
    return lambda entry: [sized(b"{}", 424, **more, **reason)]


def _redirect(said):
    return lambda entry: [sized(b"", 307, location=f"https://elsewhere.example/{said}")]


def _in_pieces(said):
    body = _body(said)
    chunks = [chunk(bytes([byte])) for byte in body]
    return lambda entry: [[head(401, transfer_encoding="chunked"), *chunks, END]]


def _at_the_cut(said):
    """The parts of a body that are kept end in the middle of it."""
    for limit in (500, 2_000):
        body = "x" * (limit - 12) + said
        yield lambda entry, body=body: [sized(body.encode(), 401, "text/plain")]


def _no_answer(said):
    return either(
        lambda entry: [sized(json.dumps({"what": said}).encode())],
        lambda entry: [
            begun(entry, chunk(b'data: {"what": ' + json.dumps(said).encode() + b"\n\n"))
        ],
    )


def _error_event(said):
    return either(
        lambda entry: [sized(_body(said))],
        lambda entry: [begun(entry, chunk(f"event: error\ndata: {said}\n\n".encode()), END)],
    )


ECHOES = {
    "a 401": _refusal(401),
    "a 400": _refusal(400),
    "a 424": _refusal(424),
    "a 429": _refusal(429),
    "a 500": _refusal(500),
    "plain text": _plain,
    "a gateway's page": _html,
    "headers": _headers,
    "a redirect": _redirect,
    "chunks of one byte": _in_pieces,
    "200 and no answer": _no_answer,
    "an error event": _error_event,
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("spelling", _SPELLINGS)
@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_that_a_server_repeats_is_shown_nowhere(raw_server, echo, spelling, entry):
    said = _SPELLINGS[spelling]
    if echo in {"headers", "a redirect"}:
        said = said.replace('"', "")
    server = raw_server(*ECHOES[echo](said)(entry))
    listen(server, entry)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("place", [0, 1])
def test_no_cut_leaves_a_part_of_the_key(raw_server, place, entry):
    listen(raw_server(*list(_at_the_cut(KEY))[place](entry)), entry)


def listen(server, entry):
    with Channels() as channels, model_for(entry, server.url, KEY, max_retries=1) as model:
        asked = ask(entry, model, config={"callbacks": [channels.tracer]})
    assert asked.error is not None
    # The bytes of a response are local variables, too.
    said = channels.of(model, asked, with_locals=False)
    assert said["trace"].count("call.request(") >= 2, "the trace is being listened to"
    assert said["log"], "the log is being listened to"
    leaks = {
        (name, part): text[max(0, text.find(part) - 60) :][:160]
        for name, text in said.items()
        for part in [*_PARTS, base64.b64encode(KEY.encode()).decode()]
        if part.lower() in text.lower()
    }
    assert leaks == {}

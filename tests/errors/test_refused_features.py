"""Which feature a server refuses, told from what real servers say."""

from __future__ import annotations

import json

import pytest

from langchain_azureml_oss.errors.from_reply import from_status
from langchain_azureml_oss.errors.refused_features import refused_feature

SENT = {
    "tools": [],
    "tool_choice": "auto",
    "stream_options": {},
    "response_format": {"type": "json_schema"},
}


def detail(text):
    return json.dumps({"detail": text})


def validation(field):
    details = [{"type": "value_error", "loc": ["body", field], "msg": "bad", "input": 1}]
    return json.dumps({"error": {"code": "Invalid input", "message": "no", "details": details}})


@pytest.mark.parametrize(
    ("status", "body", "feature"),
    [
        (400, detail("Tools and tool_choice are not supported."), "tools"),
        (
            400,
            (
                '{"object": "error", "message": "\\"auto\\" tool choice requires'
                ' --enable-auto-tool-choice and --tool-call-parser to be set", "code": 400}'
            ),
            "tools",
        ),
        (
            500,
            '{"error": {"code": 500, "message": "tools param requires --jinja flag"}}',
            "tools",
        ),
        (400, '{"error": "This model does not support tools"}', "tools"),
        (
            400,
            detail("Extra parameters ['tools'] are not allowed when extra-parameters is not set"),
            "tools",
        ),
        (422, validation("tools"), "tools"),
        (422, validation("tool_choice"), "tools"),
        (424, detail("Tools and tool_choice are not supported."), "tools"),
        (400, detail("stream_options is not supported."), "stream_options"),
        (422, validation("response_format"), "json_schema"),
        (400, detail("json_schema is not supported"), "json_schema"),
    ],
)
def test_refusals(status, body, feature):
    assert refused_feature(from_status(status, body), SENT) == feature


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, detail("max_tokens is too large.")),
        (422, validation("temperature")),
        (401, detail("Tools and tool_choice are not supported.")),
        (429, detail("Tools and tool_choice are not supported.")),
        (404, detail("tools")),
    ],
)
def test_other_errors_are_no_refusals(status, body):
    assert refused_feature(from_status(status, body), SENT) is None


def test_what_was_not_sent_was_not_refused():
    error = from_status(400, detail("Tools and tool_choice are not supported."))
    assert refused_feature(error, {"stream_options": {}}) is None

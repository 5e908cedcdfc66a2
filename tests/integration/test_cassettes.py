"""What the recorded answers hold, which are part of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CASSETTES = sorted(Path(__file__).parent.glob("cassettes/*/*.yaml"))


def test_there_are_cassettes():
    assert len(CASSETTES) == 4


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_cassette_holds_no_key_and_no_name_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    for exchange in yaml.safe_load(text)["interactions"]:
        request = exchange["request"]
        assert request["uri"].startswith("http://local.endpoint/")
        assert request["headers"]["authorization"] == ["PLACEHOLDER"]
        assert not {"x-ms-client-request-id", "user-agent"} & request["headers"].keys()
    assert "bearer" not in text.lower()
    assert "127.0.0.1" not in text

"""What the suites share: endpoints that stay up, and pictures and sounds without a network."""

from __future__ import annotations

import struct
import zlib
from types import SimpleNamespace

import pytest
from langchain_tests.integration_tests import chat_models

from integration.endpoints import stop_endpoints


def pytest_collection_modifyitems(items):
    """What a model is too weak for is expected to fail, with the model's own words as evidence.

    It is not run, since it would take as long as all the rest; the scripted suites run every one.
    """
    for item in items:
        too_weak = getattr(item.cls, "too_weak", {})
        words = too_weak.get(item.name) or too_weak.get(getattr(item, "originalname", ""))
        if words:
            reason = f"SmolLM2 (135M) answers: {words}"
            item.add_marker(pytest.mark.xfail(reason=reason, run=False))


@pytest.fixture(scope="package", autouse=True)
def endpoints_end():
    yield
    stop_endpoints()


@pytest.fixture(autouse=True)
def files_of_the_suite(monkeypatch):
    """The suite would fetch a picture and a sound from the internet: here it gets small ones."""
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")

    def get(url, **_):
        return SimpleNamespace(content=_SOUND if url.endswith(".wav") else _PICTURE)

    monkeypatch.setattr(chat_models.httpx, "get", get)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_PICTURE = b"".join(
    [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(b"\0\0")),
        _chunk(b"IEND", b""),
    ]
)
_SOUND = (
    b"RIFF"
    + struct.pack("<I", 36)
    + b"WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
)
_SOUND += b"data" + struct.pack("<I", 0)

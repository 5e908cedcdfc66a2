"""A small body that unpacks to a large one takes no more memory than an answer may have."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from langchain_azureml_oss import errors

MEBIBYTE = 1 << 20
UNPACKED = 128 * MEBIBYTE


@pytest.fixture(scope="module")
def bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(b" " * MEBIBYTE) for _ in range(UNPACKED // MEBIBYTE))
    return packed + packer.flush()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_unpacking_stops_at_the_bound(ask, make_chat, raw_server, bomb, framing, layers):
    body = bomb if layers == 1 else gzip.compress(bomb)
    encoding = ", ".join(["gzip"] * layers)
    if framing == "length":
        frame = f"content-length: {len(body)}"
    else:
        frame, body = "transfer-encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\n{frame}\r\n\r\n"
    server = raw_server([head.encode() + body])
    chat = make_chat(endpoint_url=f"{server.url}/score", max_retries=0, max_response_bytes=MEBIBYTE)
    tracemalloc.start()
    try:
        # In a loop, two layers are bytes that are no JSON: aiohttp does not unpack them.
        with pytest.raises(errors.ResponseFormatError, match=r"max_response_bytes|not JSON"):
            ask(chat)
        assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert len(server.requests) == 1

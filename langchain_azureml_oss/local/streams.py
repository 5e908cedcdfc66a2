"""Server-sent events, as Microsoft's server writes them."""

from __future__ import annotations

import json
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aiohttp import web

from langchain_azureml_oss.local.state import visit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

logger = logging.getLogger(__name__)

# Word for word what the server says about a line of the engine's that it could not forward; the
# third line has no "data:", and what the first one has is no JSON.
ERROR_EVENT = (
    b"event: error\n"
    b"data: Error parsing decoded stream: :\n"
    b", with exception: list index out of range\n\n"
)
DONE = b"data: [DONE]\n\n"
_INTERRUPTED_AFTER = 2


async def write_stream(
    request: web.Request, chunks: AsyncGenerator[dict[str, Any], None]
) -> web.StreamResponse:
    """Writes chunks as events, up to the end or to a planned interruption."""
    interruption = visit(request).interruption
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    )
    async with aclosing(chunks):
        # Nothing is sent before the engine's first chunk: its refusal needs a status of its own.
        chunk = await anext(chunks, None)
        await response.prepare(request)
        written = 0
        try:
            while chunk is not None and not (interruption and written == _INTERRUPTED_AFTER):
                await response.write(_event(chunk))
                written += 1
                chunk = await anext(chunks, None)
        except ConnectionError:
            # The client left between two chunks. Nobody reads what could be said now.
            return response
        except Exception:
            logger.exception("The engine failed in mid-stream.")
            await response.write(ERROR_EVENT)
        if interruption is not None:
            await interruption(request, response)
        else:
            await response.write(DONE)
    return response


def _event(chunk: dict[str, Any]) -> bytes:
    text = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate goes out as its JSON escape.
    return f"data: {text}\n\n".encode("utf-8", "backslashreplace")

"""Why an answer ended, in langchain-core's words.

langchain-core reads `normalized_finish_reason` and names `stop`, `tool_call` and `refusal`
(`language_models/_finish_reason.py` of its 1.8.4). It has no word for the others, such as `length`
and `content_filter`, so these stay as the server says them, in `finish_reason` alone.
"""

from __future__ import annotations

_NORMALIZED = {
    "stop": "stop",
    "eos_token": "stop",  # text-generation-inference's
    "stop_sequence": "stop",  # text-generation-inference's
    "tool_calls": "tool_call",
    "function_call": "tool_call",  # OpenAI's older word
}


def normalized(reason: str | None, *, has_calls: bool, has_refusal: bool) -> str | None:
    """Return langchain-core's word; None where it has none.

    A server may say `stop` of an answer that calls a tool or refuses. langchain-core corrects that
    in `stream_events` only; here it is so in every answer.

    Args:
        reason: The server's word.
        has_calls: Whether the answer calls a tool.
        has_refusal: Whether it refuses.
    """
    word = _NORMALIZED.get(reason or "")
    if word and has_refusal:
        return "refusal"
    return "tool_call" if word and has_calls else word

"""Token counts of the wire -> LangChain's UsageMetadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # importing it takes long, and the errors of this package need this room
    from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

# As langchain-openai names them.
_INPUT = {"cached_tokens": "cache_read", "cache_write_tokens": "cache_creation"}
_OUTPUT = {"reasoning_tokens": "reasoning"}
_BOTH = {"audio_tokens": "audio"}


def usage_metadata(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Return the counts that a server reported, in tokens, or None where it reported none.

    Args:
        usage: OpenAI's `usage` object, which the later /score servers send too: `prompt_tokens`,
            `completion_tokens`, `total_tokens`, and what the first two are made of.
    """
    if not usage:
        return None
    prompt = _count(usage, "prompt_tokens") or 0
    completion = _count(usage, "completion_tokens") or 0
    counts: UsageMetadata = {
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": _count(usage, "total_tokens") or prompt + completion,
    }
    read: InputTokenDetails = _details(usage.get("prompt_tokens_details"), _BOTH | _INPUT)
    if read:
        counts["input_token_details"] = read
    said: OutputTokenDetails = _details(usage.get("completion_tokens_details"), _BOTH | _OUTPUT)
    if said:
        counts["output_token_details"] = said
    return counts


def _details(counts: Any, names: Mapping[str, str]) -> Any:
    found = {name: _count(counts, key) for key, name in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _count(counts: Any, name: str) -> int | None:
    """Return a count; wire data that is no number counts as not reported."""
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) else None

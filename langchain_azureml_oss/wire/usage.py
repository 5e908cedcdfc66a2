"""Token counts of the wire -> LangChain's UsageMetadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # importing it takes long, and the errors of this package need this room
    from langchain_core.messages.ai import UsageMetadata


def usage_metadata(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Return the counts that a server reported, in tokens, or None where it reported none.

    Args:
        usage: OpenAI's `usage` object, which the later /score servers send too: `prompt_tokens`,
            `completion_tokens`, `total_tokens`, and details of cached and reasoning tokens.
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
    cached = _count(usage.get("prompt_tokens_details"), "cached_tokens")
    if cached is not None:
        counts["input_token_details"] = {"cache_read": cached}
    reasoning = _count(usage.get("completion_tokens_details"), "reasoning_tokens")
    if reasoning is not None:
        counts["output_token_details"] = {"reasoning": reasoning}
    return counts


def _count(counts: Any, name: str) -> int | None:
    """Return a count; wire data that is no number counts as not reported."""
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) else None

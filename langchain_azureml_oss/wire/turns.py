"""The turns of a conversation on the wire."""

from __future__ import annotations

from typing import Any

WireMessage = dict[str, Any]
"""A turn in OpenAI's form, which all contracts use: `role`, `content` (text, or a list of parts)
and, where they are set, `name`, `tool_calls` and `tool_call_id`."""

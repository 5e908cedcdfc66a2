"""What a result says of all its answers together, and of each, where callbacks look.

langchain-core adds `llm_output` to the metadata of a chat model's only message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages.ai import UsageMetadata


def llm_output(model_name: str, usage: UsageMetadata | None) -> dict[str, Any]:
    """Return the model's name, and its token counts under OpenAI's names."""
    if usage is None:
        return {"model_name": model_name}
    counts = {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
    }
    return {"model_name": model_name, "token_usage": counts}


def combined(outputs: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return that of several results, some of which have none: streams, and answers of a cache."""
    told = [output for output in outputs if output]
    counts = [output["token_usage"] for output in told if "token_usage" in output]
    added = {name: sum(count[name] for count in counts) for name in (counts[0] if counts else ())}
    return {**(told[-1] if told else {}), **({"token_usage": added} if added else {})}


def generation_info(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what callbacks look for beside a message, out of the message's own metadata."""
    return {name: metadata[name] for name in ("finish_reason", "logprobs") if name in metadata}

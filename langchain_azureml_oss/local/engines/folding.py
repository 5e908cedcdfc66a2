"""A stream of OpenAI-style chunks, put together into the object that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_azureml_oss.local.engines.base import JSON

_OBJECTS = {"chat.completion.chunk": "chat.completion"}


def fold(chunks: Iterable[JSON]) -> JSON:
    """The whole answer of a chat or of a completion.

    Args:
        chunks: All chunks of one stream, of one choice or of several.
    """
    whole: JSON = {}
    choices: dict[int, JSON] = {}
    for chunk in chunks:
        for piece in chunk["choices"]:
            index = piece["index"]
            choice = choices.setdefault(index, {"index": index, "finish_reason": None})
            _fold_choice(choice, piece)
        whole |= {name: value for name, value in chunk.items() if name != "choices"}
    whole["object"] = _OBJECTS.get(whole.get("object", ""), whole.get("object"))
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _fold_choice(choice: JSON, piece: JSON) -> None:
    choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]
    for token in (piece.get("logprobs") or {}).get("content") or []:
        choice.setdefault("logprobs", {"content": []})["content"].append(token)
    if "text" in piece:
        choice["text"] = choice.get("text", "") + piece["text"]
        choice.setdefault("logprobs", None)
    if "delta" in piece:
        _fold_delta(
            choice.setdefault("message", {"role": "assistant", "content": ""}), piece["delta"]
        )


def _fold_delta(message: JSON, delta: JSON) -> None:
    for name in ("content", "reasoning_content"):
        if delta.get(name):
            message[name] = (message.get(name) or "") + delta[name]
    for fragment in delta.get("tool_calls") or []:
        calls = message.setdefault("tool_calls", [])
        while len(calls) <= fragment["index"]:
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call = calls[fragment["index"]]
        call["id"] = fragment.get("id") or call["id"]
        for name, text in fragment.get("function", {}).items():
            call["function"][name] += text or ""

"""Chunks whose sum is the message that would have come whole, tool calls included.

langchain-core adds chunks up to `left.__class__(...)` and reads the calls anew each time: it
completes arguments that were cut off, so that half a call would be run, gives no reason for those
that it cannot read, and takes time with the square of the length of what is no JSON.
"""

from __future__ import annotations

from typing import Any, Self

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call
from pydantic import ConfigDict, TypeAdapter, model_validator

from langchain_azureml_oss.tools.calls import sorted_out


class _WholeMessage:
    """Stands where langchain-core looks for the class of a finished message: `__mro__[1]`."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is _WholeMessage:
            return AIMessage(*args, **kwargs)
        return super().__new__(cls)


class AnswerChunk(_WholeMessage, AIMessageChunk):
    """A part of an answer; an AIMessageChunk to everybody."""

    model_config = ConfigDict(defer_build=True)  # an import is to be quick

    @classmethod
    def lc_id(cls) -> list[str]:
        """Return the id under which langchain-core loads it: that of its own class."""
        return AIMessageChunk.lc_id()

    @model_validator(mode="after")
    def init_tool_calls(self) -> Self:
        """Read the calls: as far as they have come, and strictly when they are complete."""
        if not self.tool_call_chunks:
            super().init_tool_calls()  # type: ignore[operator]  # pydantic leaves the function
        elif self.chunk_position == "last":
            self.tool_calls, self.invalid_tool_calls = sorted_out(self.tool_call_chunks)
            self._finish_blocks()
        else:
            self.tool_calls, self.invalid_tool_calls = [], []
            for chunk in self.tool_call_chunks:
                args = _so_far(chunk["args"])
                if chunk["name"] and args is not None:
                    self.tool_calls.append(tool_call(name=chunk["name"], args=args, id=chunk["id"]))
        return self

    def _finish_blocks(self) -> None:
        """Put the calls in place of their parts, where the content is made of blocks."""
        if not isinstance(self.content, list):
            return
        finished = {call["id"]: call for call in (*self.tool_calls, *self.invalid_tool_calls)}
        for place, block in enumerate(self.content):
            if isinstance(block, dict) and block.get("type") == "tool_call_chunk":
                call = finished.get(block.get("id"))
                if call is not None:
                    extras = {"extras": block["extras"]} if "extras" in block else {}
                    self.content[place] = {**call, **extras}


def _so_far(text: str | None) -> dict[str, Any] | None:
    """Return what is known of an object that is still coming."""
    if not text:
        return {}
    try:
        return _OBJECT.validate_json(text, experimental_allow_partial="trailing-strings")
    except ValueError:
        return None


_OBJECT = TypeAdapter(dict[str, Any], config=ConfigDict(defer_build=True))

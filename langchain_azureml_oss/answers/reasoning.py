"""Text between reasoning tags, such as `<think>`, told apart from the answer."""

from __future__ import annotations

from langchain_azureml_oss.families import ReasoningTags
from langchain_azureml_oss.wire import held_back


class ReasoningSplitter:
    """Incremental: `feed` pieces of text, get (answer, reasoning) pieces; `flush` at the end."""

    def __init__(self, tags: ReasoningTags) -> None:
        self._tags = tags
        self._inside = tags.implied_start
        self._held = ""
        self._trim = tags.implied_start
        """White space after a tag belongs to the tag."""

    def feed(self, text: str) -> tuple[str, str]:
        """Return the answer's text and the reasoning that `text` brings."""
        self._held += text
        answer = reasoning = ""
        while True:
            tag = self._tags.end if self._inside else self._tags.start
            before, found, after = self._held.partition(tag)
            if not found:
                cut = len(self._held) - held_back(self._held, (tag,))
                before, after = self._held[:cut], self._held[cut:]
            said, thought = self._sort(before)
            answer, reasoning, self._held = answer + said, reasoning + thought, after
            if not found:
                return answer, reasoning
            self._inside, self._trim = not self._inside, True

    def flush(self) -> tuple[str, str]:
        """Return what was held back, since it might have become a tag."""
        rest, self._held = self._held, ""
        return self._sort(rest)

    def _sort(self, text: str) -> tuple[str, str]:
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        return ("", text) if self._inside else (text, "")

"""Text between reasoning tags, such as `<think>`, told apart from the answer."""

from __future__ import annotations

from collections.abc import Callable

from langchain_azureml_oss.families import ReasoningTags
from langchain_azureml_oss.wire import held_back


class ReasoningMemory:
    """What answers have shown about tags of which it is not known who writes the first one.

    Nobody waits for a second time: the first answer shows how the chat template is. Safe between
    threads, since each of its steps is one operation on a dict.
    """

    def __init__(self) -> None:
        self._implied: dict[str, bool] = {}

    def tags(self, tags: ReasoningTags, way: str, *, stream: bool) -> ReasoningTags:
        """Return the tags with what is known of an answer to this way of asking.

        A whole answer can be looked through for either tag, so there only True tells more: that
        what was cut off before the closing tag is reasoning.
        """
        known = self._implied.get(way)
        return tags._replace(implied_start=known if stream or known else None)

    def learn(self, way: str) -> Callable[[bool], None]:
        """Return what takes whether the template wrote the first tag of an answer."""

        def take(implied: bool) -> None:  # noqa: FBT001 - all that is said
            if self._implied.setdefault(way, implied) != implied:
                self._implied.pop(way, None)  # it is now this, now that: streams wait again

        return take


class ReasoningSplitter:
    """Incremental: `feed` pieces of text, get (answer, reasoning) pieces; `flush` at the end."""

    def __init__(self, tags: ReasoningTags) -> None:
        self._tags = tags
        self._inside = bool(tags.implied_start)
        self._waiting: list[str] | None = [] if tags.implied_start is None else None
        """What came before any tag, while it may be either; None: it is known what the text is."""
        self._held = ""
        self._came = False
        self.implied: bool | None = None
        """Whether the template has written the start tag, once the text shows it."""
        self._trim = self._inside
        """White space after a tag belongs to the tag."""

    def feed(self, text: str) -> tuple[str, str]:
        """Return the answer's text and the reasoning that `text` brings."""
        self._came = self._came or bool(text)
        if self._waiting is not None:
            text = self._first_tag(text)
        return self._split(text)

    def settle(self) -> tuple[str, str]:
        """Take what came for the answer: the server told reasoning and text apart by itself."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return "", ""
        self.implied = False if self._came else None
        text, self._held = "".join([*waiting, self._held]), ""
        return self._split(text)

    def flush(self) -> tuple[str, str]:
        """Return what was held back, since it might have become a tag."""
        text, reasoning = self.settle()
        rest, self._held = self._held, ""
        if self.implied is None and self._tags.implied_start and self._came:
            self.implied = False  # no closing tag came
        last_text, last_reasoning = self._sort(rest)
        return text + last_text, reasoning + last_reasoning

    def _first_tag(self, text: str) -> str:
        """Return all the text from the first tag on, and what came before; nothing until then.

        Only the tag that comes first can tell: a text before a closing one was reasoning.
        """
        tags = (self._tags.start, self._tags.end)
        text = self._held + text
        found = [(place, tag) for tag in tags if (place := text.find(tag)) >= 0]
        waiting = self._waiting if self._waiting is not None else []
        if not found:
            cut = len(text) - held_back(text, tags)
            self._held = text[cut:]
            waiting.append(text[:cut])
            return ""
        self._held, self._waiting = "", None
        self.implied = self._inside = self._trim = min(found)[1] == self._tags.end
        return "".join([*waiting, text])

    def _split(self, text: str) -> tuple[str, str]:
        if self._waiting is not None:
            return "", ""
        text = self._held + text
        pieces, place = [], 0
        while True:
            tag = self._tags.end if self._inside else self._tags.start
            end = text.find(tag, place)
            if end < 0:
                break
            pieces.append(self._sort(text[place:end]))
            if self._inside and self.implied is None:
                self.implied = bool(self._tags.implied_start)
            self._inside, self._trim, place = not self._inside, True, end + len(tag)
        cut = len(text) - held_back(text[max(place, len(text) - len(tag)) :], (tag,))
        pieces.append(self._sort(text[place:cut]))
        self._held = text[cut:]
        return "".join(said for said, _ in pieces), "".join(thought for _, thought in pieces)

    def _sort(self, text: str) -> tuple[str, str]:
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        return ("", text) if self._inside else (text, "")

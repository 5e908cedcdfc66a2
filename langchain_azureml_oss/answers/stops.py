"""Stop strings, enforced on what comes back, whether or not the server knows them."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_azureml_oss.wire import held_back


class StopFilter:
    """Incremental: `feed` pieces of text, get what stands before the first stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False
        """Whether a stop string was found; nothing after it is given out."""
        self.found = ""
        """Which one."""

    def feed(self, text: str) -> str:
        """Return the text that can be given out now; the end of it may wait for the next piece."""
        if self.stopped or not self._stops:
            return "" if self.stopped else text
        text = self._held + text
        # The one that is complete first, so that the borders of the pieces make no difference.
        found = [(p + len(stop), p, stop) for stop in self._stops if (p := text.find(stop)) >= 0]
        if found:
            _, place, self.found = min(found)
            self.stopped, self._held = True, ""
            return text[:place]
        keep = held_back(text, self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """Return what was held back, since it might have become a stop string."""
        rest, self._held = self._held, ""
        return rest

"""The words of an answer in front of a call: what was said, and whether a call may follow it."""

from __future__ import annotations

import re

_SENTENCE_ENDS = frozenset(":.!?")
_BULLET = re.compile(r"[-*•]|\d{1,2}[.)]")
_PART_OF_BULLET = re.compile(r"[-*•]|\d{1,2}[.)]?")
_REMEMBERED = 200
"""Characters of what was said last, in which it shows whether an example follows."""
_NOT_THE_MODELS = (
    r"(?i)^\W*examples?\b|\b(?:an|another|following|for|this) examples?\b|\be\.g\.|\bfor instance\b"
    r"|\b(?:you|one)(?:'d| (?:could|would|should|might|may)) (?!have\b|like\b)"
    r"|(?:^|[.!?] )\W*you can (?:\w+ )?(?:call|use|write|run|send|try)\b"
    r"|\bwould (?:look|be|have been|read)\b|\blooks? like\b|\bsuch as\W*$"
    r"|(?<!in )\b(?:the|this|a) (?:following )?(?:format|syntax|schema|template|sample)(?: is)?\W*$"
    r"|^\W*(?:[a-z]+ )?(?:output|input|log|sample|content)\W*$"
    r"|\b(?:return(?:s|ed)|says|said|reads|wrote|writes|written|contain(?:s|ed)|was|were|repeat)"
    r"(?: this| the following)?\W*$|\b(?:the|its) (?:text|translation|original) is\W*$"
    r"|^\W*subject: |\bverbatim\W*$|\bprompt injection\b"
    r"|\b(?:says|reads|writes|contain(?:s|ed)) (?:the |this )?(?:following|text)\b"
    r"|\bhere(?:'s| is| are) the (?:contents?|text|body|instructions?|translation|summary|quote)\b"
    r"|(?:\bnot|\bnever|n't) (?:run|execute|call|perform|follow|obey|send)\b"
    r"|^\W*(?:user|human|system|instruction|translation|quote|result)\W*$|^-+ ?BEGIN\b"
    r"|<(?:\|im_start\|>|\|start_header_id\|>|start_of_turn>)(?:user|system|tool|ipython)\b"
    r"|^\W+(?:<[^<>]*>|\[[A-Z_]+\])\W*$"
    r"|^\W*<(?:document|text|e?mail|page|content|context|quote|file|data|result)>"
)
"""A line behind which JSON is an example, a function's result, a quotation, what the model will not
do, or another speaker's. Compiled at first use: it takes a sixth of the import's time."""


class LeadUp:
    """Incremental: takes the text of an answer, and gives it out.

    White space at its end waits, and a list's bullet with it: both belong to a call that follows.
    """

    def __init__(self) -> None:
        self._out: list[str] = []
        self._waiting: list[str] = []
        self._bullet = False
        self._last = ""  # the last character of the text that does not wait
        self._recent = ""

    def say(self, text: str) -> None:
        """Take a piece of the answer that is no call."""
        if not text:
            return
        if not text.strip():
            self._waiting.append(text)
            return
        text = "".join([*self._waiting, text])
        said = text.rstrip()
        line_start = said.rfind("\n") + 1
        begins_line = line_start > 0 or not self._last
        last_line = said[line_start:].lstrip(" \t\r")
        self._bullet = begins_line and _PART_OF_BULLET.fullmatch(last_line) is not None
        if self._bullet:
            said = said[: len(said) - len(last_line)].rstrip()
        self._waiting = [text[len(said) :]]
        if said:
            self._out.append(said)
            self._last = said[-1]
            self._recent = (self._recent + said)[-_REMEMBERED:]

    def given_out(self) -> str:
        """Return what was said since the last time, and does not wait."""
        text, self._out = "".join(self._out), []
        return text

    def waiting(self) -> str:
        """Return what waits; nothing follows it."""
        text, self._waiting = "".join(self._waiting), []
        return text

    @property
    def nothing_said(self) -> bool:
        """Whether this is still the beginning of the answer."""
        return not self._last and not self._bullet

    @property
    def at_line_start(self) -> bool:
        """Whether nothing stands on the line so far, or only a bullet."""
        gap = "".join(self._waiting)
        if self._bullet:
            return gap[-1:].isspace() and _BULLET.fullmatch(gap.strip()) is not None
        return not self._last or "\n" in gap

    @property
    def after_sentence(self) -> bool:
        """Whether a sentence, or what a colon announces it with, has just ended on this line."""
        return self._last in _SENTENCE_ENDS and any(self._waiting)

    @property
    def announces_a_quotation(self) -> bool:
        """Whether the last line says that what follows is no call of the model's."""
        return re.search(_NOT_THE_MODELS, self._recent.rpartition("\n")[2]) is not None

"""The prompt at the beginning of a completion, where a server repeats it.

Servers decode what the model was given, so the echo is not always the prompt to the letter: a mark
such as `<s>` stands in front, white space is cleaned, or the whole is stripped. Letters and digits
are what stays, so by these it is told; work grows with the length of both texts.
"""

from __future__ import annotations

from typing import NamedTuple

_IN_FRONT = 40
"""Letters and digits that may stand before the echo: special tokens."""
_TELLING = 24
"""Letters and digits of the prompt's end which, in an answer, are a sign that all of it is."""
_TELLING_START = 64
"""Likewise for an answer's beginning which stands in the prompt, as where the echo was cut."""


class Echo(NamedTuple):
    """What was found of the prompt in an answer."""

    length: int = 0
    """Characters of the answer that are the prompt."""
    is_clear: bool = True
    """Whether it is known where the model's own words begin."""


def find_echo(prompt: str, answer: str, *, expected: bool = True) -> Echo:
    """Return where the prompt ends in an answer.

    Args:
        prompt: What was sent.
        answer: What came back.
        expected: Whether the server echoes. Where it was told not to, only what no model says of
            its own is taken for an echo: all of the prompt, its beginning, or its end.
    """
    if expected and answer.startswith(prompt):
        return Echo(len(prompt))
    wanted, _ = _letters(prompt)
    if not expected and len(wanted) < _TELLING:
        return Echo()
    found, places = _letters(answer)
    if not wanted:
        return Echo()
    start = found.find(wanted, 0, _IN_FRONT + len(wanted))
    if start >= 0 and _only_marks(answer[: places[start]]):
        end = places[start + len(wanted) - 1] + 1
        return Echo(_behind_punctuation(prompt, answer, end))
    repeats_end = wanted[-_TELLING:] in found
    if expected:
        repeats_start = len(found) >= _TELLING_START and found[:_TELLING_START] in wanted
    else:
        beginning = wanted[:_TELLING_START]
        repeats_start = found.find(beginning, 0, _IN_FRONT + len(beginning)) >= 0
    return Echo(is_clear=not (repeats_end or repeats_start))


def _letters(text: str) -> tuple[str, list[int]]:
    """Return the letters and digits of a text in lower case, and where each of them stands."""
    letters, places = [], []
    for place, char in enumerate(text):
        if char.isalnum():
            lower = char.lower()
            letters.append(lower)
            places += [place] * len(lower)
    return "".join(letters), places


def _only_marks(text: str) -> bool:
    """Whether nothing but special tokens stands in a text: `<s>`, `<|begin_of_text|>`, `[BOS]`."""
    words = text.split()
    return all(word[0] in "<[" and word[-1] in ">]" for word in words)


def _behind_punctuation(prompt: str, answer: str, end: int) -> int:
    """Go on behind what the prompt has after its last letter, as far as the answer has it too."""
    last = max(place for place, char in enumerate(prompt) if char.isalnum())
    for char in "".join(prompt[last + 1 :].split()):
        place = end
        while answer[place : place + 1].isspace():
            place += 1
        if answer[place : place + 1] != char:
            break
        end = place + 1
    return end

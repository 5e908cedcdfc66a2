"""A tape: requests and their answers in a file of JSON lines, to be asked again without a network.

The first line says which model answered. Each further one is an exchange: `api`, `request` (the
body in OpenAI's form), `answer` (the pieces in which it came) and, where it failed, `error`. There
are no headers on it, and keys that were in a text are not.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_azureml_oss.errors import redact
from langchain_azureml_oss.local.engines.base import JSON, EngineError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

_VERSION = 1
_SHOWN_DIFFERENCES = 5
_SHOWN_CHARACTERS = 60


class Exchange(NamedTuple):
    """One request and what came of it."""

    api: str
    request: JSON
    answer: list[JSON]
    error: JSON | None = None


class Recorder:
    """Writes a tape; one that was there before is overwritten.

    Args:
        path: The file.
        model: The name of the model that answers.
        secrets: Keys that must not be on the tape.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], model: str, secrets: Iterable[str]) -> None:
        self._path = Path(path)
        self._secrets = tuple(secrets)
        head = {"tape": _VERSION, "model": model}
        self._path.write_text(json.dumps(head) + "\n", encoding="utf-8")

    def write(self, exchange: Exchange) -> None:
        """Adds an exchange at the end."""
        parts = exchange._asdict() | {"answer": without_split(exchange.answer, self._secrets)}
        line = json.dumps(_without(parts, self._secrets))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class Tape:
    """A tape that was recorded, in memory.

    The same request again gets the next answer that was recorded for it, and at the end the last
    one again.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no tape.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise FileNotFoundError(f"replay={str(path)!r}: no such file; record= makes one.")
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            head, *exchanges = [json.loads(line) for line in lines]
            self.model = str({_VERSION: head}[head["tape"]]["model"])
            self._exchanges = [Exchange(**one) for one in exchanges]
            self._waiting: defaultdict[str, deque[Exchange]] = defaultdict(deque)
            for one in self._exchanges:
                self._waiting[_key(one.api, one.request)].append(one)
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise ValueError(f"{self._path} is no tape that record= wrote: {problem}") from None

    def play(self, api: str, request: JSON) -> Exchange:
        """The answer to a request.

        Raises:
            EngineError: 400, the request is not on the tape; it says what differs.
        """
        waiting = self._waiting.get(_key(api, request))
        if not waiting:
            raise EngineError(400, self._missing(api, request))
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def _missing(self, api: str, request: JSON) -> str:
        told = f"This {api} request is not on the tape {self._path.name}"
        asked = dict(_leaves(request))
        candidates = [
            (number, dict(_leaves(one.request)))
            for number, one in enumerate(self._exchanges, 1)
            if one.api == api
        ]
        if not candidates:
            return f"{told}, which has no request of this kind. Record it again."
        # What has most in common, and of those the one that says least besides.
        number, nearest = max(
            candidates, key=lambda one: (len(one[1].items() & asked.items()), -len(one[1]))
        )
        names = [n for n in {**nearest, **asked} if nearest.get(n) != asked.get(n)]
        lines = [_difference(n, nearest.get(n), asked.get(n)) for n in names[:_SHOWN_DIFFERENCES]]
        if len(names) > len(lines):
            lines.append(f"and {len(names) - len(lines)} more")
        return "\n  ".join([f"{told}. The nearest, request {number}, differs:", *lines])


def without_split(pieces: list[JSON], secrets: tuple[str, ...]) -> list[JSON]:
    """The pieces of a stream, without a key that is spread over several of them."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for piece in pieces:
        for name, value in _leaves(piece):
            texts[name].append(json.loads(value) if value.startswith('"') else "")
    spread = {
        name: clean
        for name, found in texts.items()
        if (clean := redact("".join(found), *secrets)) != "".join(found)
    }
    return [_put(piece, spread) for piece in pieces] if spread else pieces


def _put(piece: Any, texts: dict[str, str], name: str = "") -> Any:
    """A piece with these texts in the place of its own; each is said once, then nothing."""
    if isinstance(piece, dict):
        return {key: _put(value, texts, f"{name}.{key}") for key, value in piece.items()}
    if isinstance(piece, list):
        return [_put(value, texts, f"{name}[{index}]") for index, value in enumerate(piece)]
    if isinstance(piece, str) and name in texts:
        said, texts[name] = texts[name], ""
        return said
    return piece


def _without(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {redact(name, *secrets): _without(one, secrets) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without(one, secrets) for one in value]
    return redact(value, *secrets)


def _key(api: str, request: JSON) -> str:
    return json.dumps([api, request], sort_keys=True)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every value inside, as JSON, under its path: `.messages[0].content`."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _leaves(one, f"{name}.{key}")
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from _leaves(one, f"{name}[{index}]")
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _difference(name: str, recorded: str | None, asked: str | None) -> str:
    name = name.lstrip(".")
    if recorded is None or asked is None:
        where, value = ("only asked", asked) if recorded is None else ("only on the tape", recorded)
        return f"{name}: {where}, {_shown(value or '', 0)}"
    pairs = enumerate(zip(recorded, asked, strict=False))
    same = next((place for place, (a, b) in pairs if a != b), min(len(recorded), len(asked)))
    return f"{name}: on the tape {_shown(recorded, same)}, asked {_shown(asked, same)}"


def _shown(text: str, same: int) -> str:
    """A part of a long value, around the place where it begins to differ."""
    start = max(0, same - _SHOWN_CHARACTERS // 3) if len(text) > _SHOWN_CHARACTERS else 0
    part = text[start : start + _SHOWN_CHARACTERS]
    return f"{'…' if start else ''}{part}{'…' if start + len(part) < len(text) else ''}"

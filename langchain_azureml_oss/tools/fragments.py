"""Fragments of tool calls, as servers stream them -> the calls that they are parts of.

The OpenAI form is simple: the first fragment of a call has its index, id and name, the others its
index and a piece of the arguments. Servers depart from it in every direction: the name comes in
each fragment, or once more at the end; an id is made anew for each; several whole calls have index
0, or none; one call comes twice, at two indexes. So what a fragment belongs to is decided here, and
what goes on is in the simple form: own indexes in order of appearance, id and name in the first
fragment of a call.

- A fragment is looked up by its id, then by its index, then by its place in the event.
- It begins another call where its id is new (and what it brings could begin a call), or where it
  names a function though the call found is complete, or has another name.
- A complete call that begins again is followed in silence, as long as it repeats what is known.
  Where it departs from that, it was another call; or, without a name of its own, surplus that
  spoils the one it stands in.
- Without an index nothing says that a call is repeated: a name then begins another one.

Each character is looked at a bounded number of times, however the fragments are cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any
from uuid import uuid4

from langchain_azureml_oss.wire import ValueEnd, encode_json

Fragment = dict[str, Any]


class _Call:
    """What is known of one call."""

    def __init__(self, index: int, place: object, server_id: str) -> None:
        self.index, self.place, self.server_id = index, place, server_id
        self.name = ""
        self._has_id = False
        self._text = StringIO()
        self.length = 0
        self._end = ValueEnd()
        self._seen = 0
        self._complete = False

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are a whole object or list."""
        if not self._complete and self._seen < self.length:
            self._complete = self._end.feed(self.text(self._seen, self.length)) is not None
            self._seen = self.length
        return self._complete

    def text(self, start: int, end: int) -> str:
        """Return a part of the arguments."""
        self._text.seek(start)
        return self._text.read(end - start)

    def add(self, name: str, arguments: str) -> Fragment | None:
        """Take what is new, and return it as a fragment of the simple form."""
        if not (name or arguments or (self.server_id and not self._has_id)):
            return None
        call_id = None if self._has_id else self.server_id or new_call_id()
        self._has_id = True
        self.name += name
        self._text.seek(self.length)
        self.length += self._text.write(arguments)
        function = {"name": name or None, "arguments": arguments}
        return {"index": self.index, "id": call_id, "function": function}


class _Strand:
    """The fragments at one place, and the call they belong to."""

    def __init__(self, call: _Call) -> None:
        self.call = call
        self.repeated: int | None = None
        """Characters of the call that came again; None while its fragments bring news."""
        self.named = False
        """Whether a name came again, so that it may be another call."""


class StreamedCalls:
    """Incremental: `feed` the fragments of an event, get fragments of the simple form."""

    def __init__(self) -> None:
        self._count = 0
        self._by_id: dict[str, _Call] = {}
        self._strands: dict[object, _Strand] = {}

    def feed(self, raw: Sequence[Mapping[str, Any]]) -> list[Fragment]:
        """Return what is new in the fragments that one event brings."""
        fragments = (self._take(item, place) for place, item in enumerate(raw))
        return [fragment for fragment in fragments if fragment is not None]

    def _take(self, item: Mapping[str, Any], position: int) -> Fragment | None:
        name, arguments = name_and_arguments(item)
        index = item.get("index")
        numbered = isinstance(index, int) and not isinstance(index, bool)
        place: object = index if numbered else f"place {position}"
        given = item.get("id")
        server_id = given if isinstance(given, str) else ""
        strand = self._strand(server_id, place)
        if strand is None or self._begins(strand, server_id, name, arguments, numbered=numbered):
            return self._begin(server_id, place, name, arguments)
        return self._go_on(strand, place, name, arguments)

    def _strand(self, server_id: str, place: object) -> _Strand | None:
        call = self._by_id.get(server_id) if server_id else None
        here = self._strands.get(place)
        if call is None or (here is not None and here.call is call):
            return here
        strand = self._strands[place] = _Strand(call)
        # The place is another than the call's own: does it all come again?
        strand.repeated = None if place == call.place else 0
        return strand

    def _begins(
        self, strand: _Strand, server_id: str, name: str, arguments: str, *, numbered: bool
    ) -> bool:
        call = strand.call
        is_new = bool(server_id) and server_id not in self._by_id
        if call.is_complete:
            differs = bool(name and call.name and name != call.name)
            return differs or (bool(name) and (is_new or not (numbered or server_id)))
        if is_new:
            # Some servers make an id for each fragment; an object does not begin in its middle.
            late = not call.server_id and not call.length and name in {"", call.name}
            return bool(name) and not late and arguments.lstrip()[:1] in {"", "{"}
        if not (name and call.name) or name == call.name:
            return False
        if call.length or not numbered:
            return True
        # Before any arguments: a piece of the name, or all of it so far.
        return bool(arguments.strip()) and not name.startswith(call.name)

    def _begin(self, server_id: str, place: object, name: str, arguments: str) -> Fragment | None:
        known = server_id in self._by_id  # two calls under one id: the second gets one of its own
        call = _Call(self._count, place, "" if known else server_id)
        self._count += 1
        self._strands[place] = _Strand(call)
        if server_id and not known:
            self._by_id[server_id] = call
        return call.add(name, arguments)

    def _go_on(self, strand: _Strand, place: object, name: str, arguments: str) -> Fragment | None:
        call = strand.call
        news = name.removeprefix(call.name)
        if call.length:
            news = "" if call.name else name
        if strand.repeated is None and call.is_complete and arguments.strip():
            strand.repeated = 0
        if strand.repeated is not None or call.is_complete:
            strand.named = strand.named or bool(name)
        if strand.repeated is None:
            return call.add(news, "" if call.is_complete else arguments)
        start, strand.repeated = strand.repeated, strand.repeated + len(arguments)
        if call.text(start, strand.repeated) == arguments:
            return None
        if start == call.length and not arguments.strip():
            return None
        # It departs from what is known: all of it was news.
        strand.repeated = None
        arguments = call.text(0, start) + arguments
        if call.is_complete and strand.named:
            return self._begin(call.server_id, place, name or call.name, arguments)
        return call.add(news, arguments)


def name_and_arguments(call: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and arguments.

    Some servers write the arguments' object instead of its text, no `function` around the two, or
    leave the model's special tokens behind the name.
    """
    function = call.get("function")
    function = function if isinstance(function, Mapping) else call
    name, arguments = function.get("name"), function.get("arguments")
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = encode_json(arguments).decode()
    return (name.partition("<|")[0] if isinstance(name, str) else ""), arguments


def new_call_id() -> str:
    """Return an id for a call that came without one."""
    return uuid4().hex[:9]  # as the templates of Mistral want them; others take any

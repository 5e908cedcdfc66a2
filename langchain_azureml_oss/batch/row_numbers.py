"""A set of rows' numbers that takes two bytes for each, where they lie close together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableSet
from typing import Any

_BITS = 6
"""Numbers that differ only in these lie together, in one integer."""
_MASK = (1 << _BITS) - 1


class RowNumbers(MutableSet[int]):
    """Numbers of rows; any are taken, and those that lie close together take least.

    Args:
        numbers: Those in it from the beginning.
    """

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._parts: defaultdict[int, int] = defaultdict(int)
        for number in numbers:
            self.add(number)

    def __contains__(self, number: Any) -> bool:
        return bool(self._parts.get(number >> _BITS, 0) >> (number & _MASK) & 1)

    def __iter__(self) -> Iterator[int]:
        for part, bits in sorted(self._parts.items()):
            begin = part << _BITS
            yield from (begin + place for place in range(1 << _BITS) if bits >> place & 1)

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self._parts.values())

    def add(self, number: int) -> None:
        """Put a number in."""
        self._parts[number >> _BITS] |= 1 << (number & _MASK)

    def discard(self, number: int) -> None:
        """Take a number out, if it is there."""
        self._parts[number >> _BITS] &= ~(1 << (number & _MASK))

    def copy(self) -> RowNumbers:
        """Return a set that stays as it is when this one changes."""
        found = RowNumbers()
        found._parts.update(self._parts)
        return found

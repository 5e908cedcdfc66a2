"""The places of the async driver: how many calls of an event loop may have a connection at once.

`asyncio.Semaphore` counts, and what strikes while it counts (Ctrl-C, or what a signal's handler
raises) costs a place for ever. Here a place is an object. It is given back when its call ends;
where that was struck, it comes back when Python frees the object, as aiohttp's own connections do.
Each step may be done twice, so that the second time makes up for the first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict


class Places:
    """So many places, given in the order in which they were asked for."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken: set[int] = set()
        self._waiting: OrderedDict[int, Place] = OrderedDict()
        self._loop = asyncio.get_running_loop()

    async def take(self) -> Place:
        """Wait for a place, and return it."""
        place = Place(self)
        if self._waiting or not self._any_free:
            place.turn = self._loop.create_future()
            self._waiting[id(place)] = place
            self.hand_out()
            try:
                await place.turn
            except BaseException:
                place.give_back()
                raise
        self._taken.add(id(place))
        return place

    def forget(self, place: Place) -> None:
        """Take a place for free, and its call for one that waits no longer."""
        self._taken.discard(id(place))
        self._waiting.pop(id(place), None)

    def hand_out(self) -> None:
        """Give free places to the calls that have waited longest."""
        while self._waiting and self._any_free:
            number, place = next(iter(self._waiting.items()))
            if not place.turn.done():
                place.turn.set_result(None)
            if not place.turn.cancelled():
                self._taken.add(number)
            self._waiting.pop(number, None)

    def hand_out_soon(self) -> None:
        """Do it in the loop's own thread: Python may free an object in any."""
        if self._waiting:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.hand_out)

    @property
    def _any_free(self) -> bool:
        return len(self._taken) < self._count


class Place:
    """A place, for as long as somebody holds it and has not given it back."""

    turn: asyncio.Future[None]
    """Done when the place is there, for a call that waits."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def give_back(self) -> None:
        """Let the next call have it; to do so twice is no harm."""
        self._places.forget(self)
        self._places.hand_out()

    def __del__(self) -> None:
        """Give back what an interrupt tore from its call."""
        self._places.forget(self)
        self._places.hand_out_soon()

"""How many records one import is given: less at once when the Worker has no time for them, more again slowly.

A Worker's limits are not told anywhere, and what one took too long for may go well a minute later, when
its objects are awake. So the number is halved when an import breaks off, and grows by a quarter after a
few imports that went well. What breaks off after it has grown was too much: then it takes twice as many.
"""

from __future__ import annotations

LEAST = 10
"""Records of the smallest import that is tried. What breaks off with so few, of anything, is no matter of
their number, and is waited for."""

CHOKES = 2
"""How often an answer to more than that may break off before less is asked for."""


def chokes(number: int) -> int:
    """`Bridge.ask`'s, for so many records, keys or rows."""
    return CHOKES if number > LEAST else 0


_PATIENCE, _LONGEST = 4, 64
"""Imports of full size that must go well before the number grows: at first, and at most."""


class Pace:
    """The number for one opening, `most` at the beginning. Not for several threads at once."""

    def __init__(self, most: int) -> None:
        self.records = most
        self._most = most
        self._patience = _PATIENCE
        self._well = 0
        self._grown = False

    def choked(self) -> bool:
        """An import broke off: give the next less. False: it cannot be less."""
        if self.records <= LEAST:
            return False
        if self._grown:
            self._patience = min(_LONGEST, self._patience * 2)
        self.records = max(LEAST, self.records // 2)
        self._well, self._grown = 0, False
        return True

    def went_well(self, records: int) -> None:
        """An import of so many is done; a small one says nothing about larger ones."""
        if records < self.records or self.records >= self._most:
            return
        self._well += 1
        if self._well >= self._patience:
            self.records = min(self._most, self.records + max(1, self.records // 4))
            self._well, self._grown = 0, True

"""What a session store asks of the object, and what it is answered: the object's half of every operation.

Times are Unix seconds. Past its not-after time, by the object's own clock, a half writes nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from migrate.core.record import Key, Origin, Record, Row


class End(enum.StrEnum):
    """How a half ended.

    DONE: known to be done. LATE: past its not-after time, it will not be done. FAILED and UNANSWERED:
    nobody knows, it may still land. The others are the object's word that nothing was written. GONE: the
    session was deleted. CHANGED: the row is not the one that was expected. NOTHING: there is nothing at
    all; MISSING: only an expired row.
    """

    DONE = "done"
    LATE = "late"
    FAILED = "failed"
    UNANSWERED = "unanswered"
    GONE = "gone"
    CHANGED = "changed"
    MISSING = "missing"
    NOTHING = "nothing"


DOUBTFUL = (End.LATE, End.FAILED, End.UNANSWERED)
"""Ends of a half that is not known to be done."""

REFUSALS = (End.GONE, End.CHANGED, End.MISSING, End.NOTHING)
"""The object's word that nothing was written, and nothing is to be."""


@dataclass(frozen=True, slots=True)
class PutHalf:
    """Store a whole session. `expect`: the version that the row must have, 0: nothing at all may be
    there; None: any. `every`: a put that changes nothing and gains fewer seconds is not written."""

    record: Record
    origin: Origin
    not_after: float
    expect: int | None = None
    every: float = 0

    @property
    def key(self) -> Key:
        """The session's."""
        return self.record.key


@dataclass(frozen=True, slots=True)
class TouchHalf:
    """Extend to `until`, unless that gains fewer than `every` seconds, and less than half of what is left."""

    key: Key
    until: int
    origin: Origin
    not_after: float
    every: float = 0


@dataclass(frozen=True, slots=True)
class DeleteHalf:
    """Leave a tombstone, known or not."""

    key: Key
    origin: Origin
    not_after: float


@dataclass(frozen=True, slots=True)
class AdoptHalf:
    """Take what only KV has, with its own expiration, if nothing at all is there."""

    record: Record
    not_after: float

    @property
    def key(self) -> Key:
        """The session's."""
        return self.record.key


WriteHalf = PutHalf | TouchHalf | DeleteHalf


@dataclass(frozen=True, slots=True)
class Here:
    """What the object has: a row, or nothing at all. `live`: neither deleted nor expired, by its clock."""

    row: Row | None
    live: bool

    @property
    def version(self) -> int:
        """The row's; 0 where there is none that could be written over."""
        return 0 if self.row is None or self.row.deleted else self.row.version


@dataclass(frozen=True, slots=True)
class HalfEnd:
    """How an object's half ended. When it is DONE: the row's version, and whether anything was written;
    `row`: the live row that a touch has met or extended."""

    end: End
    version: int | None = None
    changed: bool = False
    row: Row | None = None


class SessionObject(Protocol):
    """The object, as a session store reaches it: each call is decided and done in one transaction.

    Every call may raise StoreError, and then it may have been done or not.
    """

    @property
    def name(self) -> str:
        """What tells this object's content from another's, 8 characters or more."""
        ...

    def look(self, key: Key) -> Here:
        """What is there; writes nothing."""
        ...

    def half(self, ask: WriteHalf) -> HalfEnd:
        """Do the object's half of a write, where the laws allow it."""
        ...

    def adopt(self, ask: AdoptHalf) -> Here | None:
        """Insert if absent; what is there afterwards, None when it came too late."""
        ...

"""What a verify has against a key: its class, what each side showed, and how far it has settled.

A difference is a value, never an exception, and holds digests, never session values. Errors and
skips are separate kinds of fact: a key that could not be read is neither equal nor different.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from migrate.core.comparing import Kind
from migrate.core.record import Expiration, Key


class State(enum.StrEnum):
    """How far a difference is: only `settled` ones are believed."""

    OPEN = "open"
    """to be read again at `due_at`"""
    SETTLED = "settled"
    """survived at least two reads H apart without a change on either side"""
    HEALED = "healed"
    """a later read found both sides equal, or nothing that counts: in motion all the time, for example"""
    DRAINED = "drained"
    """an expiring session that is gone from both sides"""
    UNSETTLED = "unsettled"
    """still changing when the rounds were used up"""


class Proof(enum.StrEnum):
    """What a row was compared by."""

    BYTES = "bytes"
    """the value itself"""
    DIGEST = "digest"
    """its size, and the digest that its own store computed"""
    LISTING = "listing"
    """the digest of what it stores, with the one that the source's listing brought: no value was read"""


class Side(enum.StrEnum):
    """Where an error happened."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one side showed under a key; two readings are the same when these are equal.

    `digest` is `record.digest_text` of the value, None for a tombstone; `size` the value's length
    in bytes. `metadata` is a digest of the metadata's text, None when there is none. `version`
    and `origin` exist on the target only, and so does `proof`: by what the value was compared, which
    changes nothing about what it is. `marked`, on the source only: the session store wrote it.
    """

    digest: str | None
    size: int
    expiration: Expiration
    metadata: str | None = None
    version: int | None = None
    origin: str | None = None
    proof: Proof | None = field(default=None, compare=False)
    marked: bool = field(default=False, compare=False)

    @property
    def deleted(self) -> bool:
        """Is it a tombstone?"""
        return self.digest is None


@dataclass(frozen=True, slots=True)
class Difference:
    """One key on which the stores do not agree, or cannot be expected to.

    `fields` names what differs ("value", "metadata", "expiration").
    `source` and `target`: what the last reading saw, None when the key was not there.
    Times are Unix seconds: `changed_at` is the reading that first saw both sides as they are
    now, `due_at` when to read again. `rounds` counts the readings after the first.
    """

    key: Key
    kind: Kind
    source: Seen | None
    target: Seen | None
    first_seen: float
    last_seen: float
    changed_at: float
    due_at: float
    rounds: int = 0
    state: State = State.OPEN
    fields: tuple[str, ...] = ()


AGES = (60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400)
"""Seconds by which the ages of differences are counted; older ones are together."""


@dataclass(frozen=True, slots=True)
class Aged:
    """How many differences of a class, in a state, were known for up to so many seconds (None: longer)."""

    kind: Kind
    state: State
    up_to: int | None
    keys: int


@dataclass(frozen=True, slots=True)
class Reread:
    """How many differences are in a state after so many readings."""

    readings: int
    state: State
    keys: int


@dataclass(frozen=True, slots=True)
class ReadError:
    """A key that one side could not read. The reason holds no part of key or value."""

    key: Key
    side: Side
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Skip:
    """A key that was left out of the comparison, and why; it is not a success."""

    key: Key
    reason: str
    at: float

"""Checking some keys: what reading the row, KV, and the row again makes of each of them.

A command that has written some keys ends with such a look at just these. It goes by the classes of a verify,
and is stricter where that verify is not enough:

`twice`: an agreement, too, is believed only when two readings at least H apart saw it with the row unchanged;
so it must be while somebody writes KV without the target.
`mirrored`: KV is to show what the target holds, so an `app` row that KV does not show counts, and so does a
tombstone whose session KV still has.

A row that changed while KV was read proves nothing: its key is read again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from migrate.core.comparing import AGAINST, ALIKE, Kind, Rules
from migrate.core.difference import Difference, State
from migrate.core.record import Key, Record, Row
from migrate.core.rereading import Patience, again, first

_BEHIND = frozenset({Kind.NEWER, Kind.EXTRA_APP, Kind.KV_BEHIND})
"""Where the target is right and KV does not show it."""

_UNDER_WAY = (Kind.EXPIRING, Kind.IN_MOTION)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of each key."""

    rules: Rules
    twice: bool = False
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a key: its class, what KV gave, and the row as it was before and after that.

    `kind` is by the later row; None: neither store has the key.
    """

    kind: Kind | None
    record: Record | None
    before: Row | None
    row: Row | None

    @property
    def moved(self) -> bool:
        """Did the row change while KV was read?"""
        versions = [None if row is None else row.version for row in (self.before, self.row)]
        return versions[0] != versions[1]


def contrary(kind: Kind, *, in_kv: bool, mirrored: bool) -> bool:
    """Does this class speak against the key, once settled? `in_kv`: KV has it."""
    if kind in AGAINST:
        return True
    return mirrored and (kind in _BEHIND or (kind is Kind.TOMBSTONED and in_kv))


def agreed(one: Difference) -> bool:
    """Did the last reading find both stores to agree: the same session, or none in KV under a tombstone?"""
    return one.kind in ALIKE or (one.kind is Kind.TOMBSTONED and one.source is None)


def look(key: Key, reading: Reading, now: float, patience: Patience, demand: Demand) -> Difference:
    """What the first reading says. State HEALED, or DRAINED: it needs no other."""
    assert reading.kind is not None, "what nobody has cannot differ"
    found = first(key, reading.kind, reading.record, reading.row, now, patience)
    if reading.kind is Kind.EXPIRING or reading.moved or _settles(reading, demand):
        return found
    return replace(found, state=State.HEALED)


def look_again(
    old: Difference, reading: Reading, now: float, patience: Patience, demand: Demand
) -> Difference:
    """What a later reading makes of it: SETTLED speaks against the key, HEALED for it."""
    kind = reading.kind
    if kind is None or kind in _UNDER_WAY:
        return again(old, kind, reading.record, reading.row, now, patience)
    settles = reading.moved or _settles(reading, demand)
    read = again(old, kind, reading.record, reading.row, now, patience, settles)
    if reading.moved and read.state is State.SETTLED:
        used_up = read.rounds >= patience.rounds
        state = State.UNSETTLED if used_up else State.OPEN
        return replace(read, changed_at=now, due_at=now + patience.horizon, state=state)
    speaks = contrary(kind, in_kv=reading.record is not None, mirrored=demand.mirrored)
    return replace(read, state=State.HEALED) if read.state is State.SETTLED and not speaks else read


def _settles(reading: Reading, demand: Demand) -> bool:
    """Must this be seen twice?"""
    assert reading.kind is not None, "what nobody has is nothing to settle"
    in_kv = reading.record is not None
    if reading.kind in _UNDER_WAY or contrary(reading.kind, in_kv=in_kv, mirrored=demand.mirrored):
        return True
    return demand.twice and (reading.kind in ALIKE or (demand.mirrored and reading.kind is Kind.TOMBSTONED))

"""The laws of the object: what may be written over what. Whoever asks holds the write lock from the look
at the row to the write, so that each decision is one with its effect."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.core.protocol.half_calls import (
    AdoptHalf,
    DeleteHalf,
    End,
    HalfEnd,
    PutHalf,
    TouchHalf,
    WriteHalf,
)
from migrate.core.protocol.renewing import due
from migrate.core.record import NEVER, Origin, Record, Row, expired


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the half ends, and the row that is to take the place of what is there; None: nothing is written."""

    end: HalfEnd
    row: Row | None = None


def decide(ask: WriteHalf, there: Row | None, now: float) -> Verdict:
    """The verdict on a write, over what is there at `now` (Unix seconds, the object's clock)."""
    if now > ask.not_after:
        return _refused(End.LATE)
    match ask:
        case PutHalf():
            return _put(ask, there)
        case TouchHalf():
            return _touch(ask, there, now)
        case DeleteHalf():
            return _delete(ask, there)


def adopted(ask: AdoptHalf, there: Row | None) -> Row | None:
    """The row that is to be inserted: only where there is nothing at all, not even a tombstone."""
    return None if there is not None else Row(*ask.record[:4], Origin.COPY, 1, None)


def _put(ask: PutHalf, there: Row | None) -> Verdict:
    if there is not None and there.deleted:
        return _refused(End.GONE)
    if ask.expect is not None and ask.expect != (0 if there is None else there.version):
        return _refused(End.CHANGED)
    if there is not None and there.origin is ask.origin and _idle(ask.record, there, ask.every):
        return Verdict(HalfEnd(End.DONE, there.version))
    return _written(_next(ask.record, ask.origin, there))


def _touch(ask: TouchHalf, there: Row | None, now: float) -> Verdict:
    """Extends the row that is there, never shortens it, and carries no value."""
    if there is None:
        return _refused(End.NOTHING)
    if there.deleted:
        return _refused(End.GONE)
    if expired(there.expiration, now):
        return _refused(End.MISSING)
    if not due(there.expiration, ask.until, now, ask.every):
        return Verdict(HalfEnd(End.DONE, there.version, row=there))
    longer = _next(_record(there)._replace(expiration=ask.until), ask.origin, there)
    return Verdict(HalfEnd(End.DONE, longer.version, changed=True, row=longer), longer)


def _delete(ask: DeleteHalf, there: Row | None) -> Verdict:
    """Leaves a tombstone, also where there was no row. Another one changes nothing of it."""
    if there is None:
        return _written(Row(ask.key, None, None, NEVER, ask.origin, 1, None))
    if there.deleted:
        return Verdict(HalfEnd(End.DONE, there.version))
    grave = _next(_record(there), ask.origin, there)._replace(value=None, metadata=None)
    return _written(grave)


def _idle(record: Record, there: Row, every: float) -> bool:
    """Would this put change nothing, but for an expiration that moves by fewer than `every` seconds?"""
    if every == 0:
        return False
    wanted, given = record.expiration, there.expiration
    if isinstance(wanted, int) and isinstance(given, int):
        moved = abs(wanted - given) >= every
    else:
        moved = wanted is not given
    return not moved and (record.value, record.metadata) == (there.value, there.metadata)


def _next(record: Record, origin: Origin, there: Row | None) -> Row:
    """The row after this write: its version rises by one, and an app row stays one."""
    if there is None:
        return Row(*record[:4], origin, 1, None)
    kept = Origin.APP if there.origin is Origin.APP else origin
    return Row(*record[:4], kept, there.version + 1, there.sweep)


def _record(row: Row) -> Record:
    assert isinstance(row.value, bytes), "an object shows its own values"
    return Record(row.key, row.value, row.metadata, row.expiration)


def _refused(end: End) -> Verdict:
    return Verdict(HalfEnd(end))


def _written(row: Row) -> Verdict:
    return Verdict(HalfEnd(End.DONE, row.version, changed=True), row)

"""Believing a difference, or not: what a first and every later reading make of a key in a verify.

A difference is believed only when it has settled: two readings at least H apart saw it with no
change on either side. A change starts its clock again; an expiring session is read again H after
its expiration, and must be gone from both sides by then. A session in motion changes at every reading: it is
believed to be in motion when a reading H or more after the first one finds it so, and another value or
expiration in the source than the reading before; see `motion`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from migrate.core.comparing import AGAINST, Kind
from migrate.core.difference import Difference, Proof, Seen, State
from migrate.core.record import (
    Content,
    Key,
    Record,
    Row,
    Unseen,
    digest_text,
    holds,
    same_expiration,
    same_metadata,
    text_of,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """`horizon`: H, seconds between two readings. `rounds`: how many readings after the first.

    `skew`: how far the source's clock, by which sessions expire, is ahead of ours. `live`: what the
    source gives is alive, so a session that it still gives has not drained, whatever a clock says.
    """

    horizon: float
    rounds: int
    skew: float = 0.0
    live: bool = False


def must_settle(kind: Kind | None) -> bool:
    """Is this a class that one reading does not prove?"""
    return kind in AGAINST or kind in (Kind.EXPIRING, Kind.IN_MOTION)


def first(
    key: Key,
    kind: Kind,
    record: Record | None,
    row: Row | None,
    now: float,
    patience: Patience,
) -> Difference:
    """The difference that a first reading found; `now`: Unix seconds of the later of both reads."""
    found = Difference(
        key=key,
        kind=kind,
        source=seen_record(record),
        target=seen_row(row),
        first_seen=now,
        last_seen=now,
        changed_at=now,
        due_at=now + patience.horizon,
        fields=differing(record, row),
    )
    if kind is not Kind.EXPIRING:
        return found
    return _expiring(found, record, row, now, patience)


def again(
    old: Difference,
    kind: Kind | None,
    record: Record | None,
    row: Row | None,
    now: float,
    patience: Patience,
    settles: bool | None = None,
) -> Difference:
    """What reading it again at `now` makes of a difference. `settles`: must what was read be seen twice?
    None: as `must_settle` says."""
    source, target = seen_record(record), seen_row(row)
    read = replace(
        old,
        source=source,
        target=target,
        last_seen=now,
        rounds=old.rounds + 1,
        kind=kind or old.kind,
        fields=differing(record, row),
    )
    if kind is None:
        return replace(read, state=State.DRAINED if old.kind is Kind.EXPIRING else State.HEALED)
    if not (must_settle(kind) if settles is None else settles):
        return replace(read, state=State.HEALED)
    if kind is Kind.EXPIRING:
        return _expiring(read, record, row, now, patience)
    if kind is Kind.IN_MOTION:
        return _in_motion(old, read, now, patience)
    # What was in motion and has stood still since is the same difference under another name.
    before = kind if old.kind is Kind.IN_MOTION else old.kind
    if (source, target, kind) == (old.source, old.target, before):
        due = old.changed_at + patience.horizon
        return replace(read, due_at=due, state=State.SETTLED if now >= due else State.OPEN)
    used_up = read.rounds >= patience.rounds
    return replace(
        read,
        changed_at=now,
        due_at=now + patience.horizon,
        state=State.UNSETTLED if used_up else State.OPEN,
    )


def _in_motion(old: Difference, read: Difference, now: float, patience: Patience) -> Difference:
    """It is believed H after the first reading, if the source has moved."""
    due = old.first_seen + patience.horizon
    if now < due:
        return replace(read, changed_at=now, due_at=due, state=State.OPEN)
    if read.source != old.source:
        return replace(read, changed_at=now, due_at=due, state=State.HEALED)
    used_up = read.rounds >= patience.rounds
    state = State.UNSETTLED if used_up else State.OPEN
    return replace(read, due_at=now + patience.horizon, state=state)


def _expiring(
    read: Difference, record: Record | None, row: Row | None, now: float, patience: Patience
) -> Difference:
    """It drains H after the later expiration, if it is gone by then."""
    due = dies_at(record, row) - patience.skew + patience.horizon
    if due > now:
        return replace(read, due_at=due, state=State.OPEN)
    if record is None or not patience.live:
        return replace(read, due_at=due, state=State.DRAINED)
    # It should be dead, and the source still has it: one of the clocks is wrong.
    used_up = read.rounds >= patience.rounds
    state = State.UNSETTLED if used_up else State.OPEN
    return replace(read, due_at=now + patience.horizon, state=state)


def dies_at(record: Record | None, row: Row | None) -> float:
    """The later of both sides' expirations, Unix seconds; 0 when neither has one."""
    sides = [side.expiration for side in (record, row) if side is not None]
    return max((time for time in sides if isinstance(time, int)), default=0)


def seen_record(record: Record | None) -> Seen | None:
    """What the source showed, without showing it."""
    if record is None:
        return None
    return Seen(
        digest=digest_text(record.value),
        size=len(record.value),
        expiration=record.expiration,
        metadata=_text_digest(record.metadata),
        marked=record.marked,
    )


def seen_row(row: Row | None) -> Seen | None:
    """What the target showed, without showing it."""
    if row is None:
        return None
    digest, size = _content(row.value)
    return Seen(
        digest=digest,
        size=size,
        expiration=row.expiration,
        metadata=_text_digest(row.metadata),
        version=row.version,
        origin=str(row.origin),
        proof=proof_of(row),
    )


def proof_of(row: Row) -> Proof | None:
    """What the row's value is compared by; None: a tombstone, which has none."""
    if row.deleted:
        return None
    return Proof.DIGEST if isinstance(row.value, Unseen) else Proof.BYTES


def _content(value: Content) -> tuple[str | None, int]:
    """The digest of what a row holds, as text (None: a tombstone), and its size."""
    if isinstance(value, Unseen):
        return text_of(value.digest), value.size
    return (None, 0) if value is None else (digest_text(value), len(value))


def _text_digest(text: str | None) -> str | None:
    return digest_text(text.encode("utf-8", "surrogatepass")) if text is not None else None


def differing(record: Record | None, row: Row | None) -> tuple[str, ...]:
    """The names of the fields in which two sides that both exist differ."""
    if record is None or row is None:
        return ()
    fields = []
    if not holds(row.value, record.value):
        fields.append("value")
    if not same_metadata(record.metadata, row.metadata):
        fields.append("metadata")
    if not same_expiration(record.expiration, row.expiration):
        fields.append("expiration")
    return tuple(fields)

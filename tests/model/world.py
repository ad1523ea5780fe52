"""The model's state: stores, operations in flight, stages, and what is owed to the user.

Time is counted in ticks. The halves of an operation end within the tick they began in (rule 6); how many
ticks a stale read of KV may span, and with it H and an import's lease, is said with the rules. A day
takes one unit of every expiration, and ends what ticks end.
Versions of rows are not numbers here: whoever holds one knows whether the row has changed since.
"""

from __future__ import annotations

from typing import NamedTuple

KV, DUAL, SHADOW, FIRST, ONLY = range(5)
STAGES = ("kv", "dual-write", "shadow-read", "object-first", "object-only")

COPY, BOTH, APP, LEGACY = range(4)
"""Origins of a row: by the exporter, by a dual write, by the application once the object leads, and from
before the migration."""

TTL = 2
"""Units of life that a put or a touch gives."""

OBJECT_HALF, KV_HALF = 1, 2

UNANSWERED, OK, ERROR = range(3)

Record = tuple[int, int]
"""A value, and the units it has left to live."""

NOTHING: Record = (0, 0)


class Row(NamedTuple):
    """A row of the object. `value` 0: a tombstone, and `left` is how long it must be kept."""

    value: int
    left: int
    origin: int


class Op(NamedTuple):
    """An operation of the application in flight, or answered while a half of it may still land.

    `step`: what comes next, "" when nothing does. `before`: the values (a bit each) that had been
    answered when it began. `same`: has the row not changed since the operation read it? `done`: is
    the object's half known to be done? `late`: the halves that may still land. `answer`: the caller's.
    """

    kind: str
    stage: int
    step: str
    value: int
    left: int
    before: int
    same: bool
    done: bool
    late: int
    answer: int


class Sweep(NamedTuple):
    """A sweep (or a rollback) at one key: what it saw of the row and of KV, and how long ago."""

    step: str
    row: Row | None
    read: Record
    age: int
    same: bool


class Session(NamedTuple):
    """One session in both stores, whatever is under way with it, and what its user is owed.

    `old`: records (or absences) that KV has had, with the ticks since they were replaced: what a stale
    read may still show. `imported`: a record on its way into the object, and its age. `looked`: what a
    gate's verify has read, from KV and of the row; () before each. `born`: how many values were put.
    `dead`: the values (a bit each) that may not be read any more, because a later write was
    acknowledged. `life`: for how long the session was promised to live. `deleted`: 1 when a delete has
    begun, 2 when one was acknowledged at dual-write or later, 3 at object-first. `touched`: was it
    a touch that KV got its record from? `begun`: operations so far, if they are counted.
    """

    kv: Record
    old: tuple[tuple[Record, int], ...]
    row: Row | None
    ops: tuple[Op, ...]
    imported: tuple[int, int, int] | None
    sweep: Sweep | None
    back: Sweep | None
    looked: tuple[tuple[Record] | tuple[()], tuple[Row | None] | tuple[()]]
    born: int
    dead: int
    life: int
    deleted: int
    touched: bool
    begun: int


class Shared(NamedTuple):
    """What all sessions share.

    Isolates of the stages from `low` to `high` are alive, and one of `lingers`, unseen (-1: none does).
    `gone`: ticks since an isolate of another stage was seen. `verifying`: a gate's verify is under way.
    `gate`: it has found nothing against object-first. `finished`: there is no way back any more.
    """

    low: int
    high: int
    lingers: int
    gone: int
    verifying: bool
    gate: bool
    finished: bool

    def everywhere(self, stage: int) -> bool:
        """Is this the only stage, as far as anybody sees?"""
        return self.low == stage == self.high


BEGINNING = Shared(KV, KV, -1, 0, verifying=False, gate=False, finished=False)

LOGGED_IN = Session((1, TTL), (), None, (), None, None, None, ((), ()), 1, 0, TTL, 0, touched=False, begun=0)
"""A session that was put into KV before anything else happened."""


def visible(session: Session) -> set[Record]:
    """What a read of KV may show."""
    return {session.kv, *(record for record, _ in session.old)}


def bit(value: int) -> int:
    """A value in a set of them; 0 stands for none."""
    return 1 << value >> 1


def put_kv(session: Session, record: Record, *, touched: bool = False) -> Session:
    """KV with another record; a reader may see the one before for a while."""
    if record == session.kv:
        return session._replace(touched=touched)
    old = {gone: age for gone, age in session.old if gone != record}
    old[session.kv] = 0
    return session._replace(kv=record, old=tuple(sorted(old.items())), touched=touched)


def put_row(session: Session, row: Row | None) -> Session:
    """The object with another row: whoever holds the version of the one before has lost it."""
    ops = tuple([op._replace(same=False) if op.same else op for op in session.ops])
    sweep, back = session.sweep, session.back
    return session._replace(
        row=row,
        ops=ops,
        sweep=sweep and sweep._replace(same=False),
        back=back and back._replace(same=False),
    )


def answered(session: Session, *, early: bool) -> int:
    """The values (a bit each) whose writers have been told how they ended, and nothing of them is to come.

    `early`: a touch under way may still put back what it has read, as in plain KV; once the gate is open
    only isolates that know of KV alone may.
    """
    mask = (1 << session.born) - 1
    for op in session.ops:
        if op.answer != OK and not (op.kind == "touch" and op.stage >= SHADOW and not early):
            mask &= ~bit(op.value)
    return mask

"""Every operation of the session store as a plan: which call comes next, given what the last one answered.

A plan touches nothing. It yields one `Step` after the other; whoever runs it does that step and sends in
what came of it, or throws in the StoreError of a read. So an operation may be held, cut off or overtaken
between any two of its steps, and what the rules are is written here and in `halves`, `reading` and `laws`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TypeVar

from migrate.core.protocol.half_calls import (
    DOUBTFUL,
    AdoptHalf,
    DeleteHalf,
    End,
    HalfEnd,
    Here,
    PutHalf,
    TouchHalf,
    WriteHalf,
)
from migrate.core.protocol.halves import NO_HALVES, Answer, Ends, Half, Verb, answer_of, next_half
from migrate.core.protocol.reading import Difference, Served, asks_object, difference, served
from migrate.core.protocol.renewing import due, prolonged
from migrate.core.protocol.stages import Stage, origin_at
from migrate.core.record import UNKNOWN, Key, Origin, Record, Row
from migrate.errors import StoreError

_Result = TypeVar("_Result")

# ---------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the object what is there. Answered by a Here."""

    key: Key


@dataclass(frozen=True, slots=True)
class ReadKv:
    """Read KV. Answered by a Record, without what the store keeps beside it, or None."""

    key: Key


@dataclass(frozen=True, slots=True)
class ObjectHalf:
    """Do the object's half. Answered by a HalfEnd."""

    ask: WriteHalf


@dataclass(frozen=True, slots=True)
class Adopt:
    """Give the object what only KV has. Answered by what is there then; None: it is not known."""

    ask: AdoptHalf


@dataclass(frozen=True, slots=True)
class KvHalf:
    """Do KV's half: put the record, or delete the key where there is none. Answered by an End.

    `stage` and `version` (None: not known) are what the stamp says. It is not begun after `not_after`.
    """

    key: Key
    record: Record | None
    stage: Stage
    version: int | None
    not_after: float


Step = Look | ReadKv | ObjectHalf | Adopt | KvHalf
Plan = Generator[Step, object, _Result]

# ---------------------------------------------------------------- what plans are about


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its session's whole key, its stage, and until when its halves may be done."""

    key: Key
    stage: Stage
    not_after: float


@dataclass(frozen=True, slots=True)
class Current:
    """A session as it is read. `version`: its row's, 0 where there is none; None: no object was asked.
    `disputed`: the object has another value than KV. `ahead`: it has a write of this store's that KV does
    not show, or not yet."""

    kept: Record | None
    version: int | None
    disputed: bool = False
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """How a write ended as its caller sees it, and its halves."""

    answer: Answer
    ends: Ends = NO_HALVES


@dataclass(frozen=True, slots=True)
class World:
    """What plans need besides stores: the time (Unix seconds), and who counts what happens.

    `touch_every`: seconds, see `TouchHalf`.
    """

    clock: Callable[[], float]
    count: Callable[[str], None]
    touch_every: float = 300


# ---------------------------------------------------------------- reading


def reading(operation: Operation, world: World) -> Plan[Current]:
    """Ask whom the stage says, in its order. Raises StoreError: an error is never a miss."""
    key, stage = operation.key, operation.stage
    if not asks_object(stage):
        return Current((yield from _read_kv(key)), None)
    here = yield from _look(key)
    match served(stage, here):
        case Served.NOBODY:
            return Current(None, here.version)
        case Served.ROW:
            return Current(_record(here), here.version)
        case Served.KV:
            kept = yield from _read_kv(key)
            found = difference(here, kept)
            world.count(f"shadow_{found}")
            disputed = found is Difference.VALUE
            dual = here.row is not None and here.row.origin is Origin.DUAL
            return Current(kept, here.version, disputed, dual and (disputed or found is Difference.EXTRA))
        case Served.ADOPT:
            return (yield from fallback(operation, world))


def fallback(operation: Operation, world: World) -> Plan[Current]:
    """Nothing at all is in the object: what KV has, which is given to the object with its own expiration."""
    kept = yield from _read_kv(operation.key)
    world.count("fallback_miss" if kept is None else "fallback_hit")
    if kept is None:
        return Current(None, 0)
    if kept.expiration is UNKNOWN:
        world.count("fallback_unknown")
        return Current(kept, 0)
    here = yield Adopt(AdoptHalf(kept, operation.not_after))
    if not isinstance(here, Here) or here.row is None:
        world.count("fallback_failed")
        return Current(kept, 0)
    return Current(_record(here), here.version)


# ---------------------------------------------------------------- writing


def putting(
    operation: Operation, record: Record, world: World, *, expect: int | None = None, every: float = 0
) -> Plan[Written]:
    """Store all of a session. `expect`, `every`: see `PutHalf`."""
    origin = origin_at(operation.stage)
    # KV is not known to have what the object has, as long as it is authoritative.
    ask = PutHalf(record, origin, operation.not_after, expect, every if origin is Origin.APP else 0)
    return (yield from _write(operation, Verb.PUT, ask, record, world))


def deleting(operation: Operation, world: World) -> Plan[Written]:
    """Delete a session for ever."""
    ask = DeleteHalf(operation.key, origin_at(operation.stage), operation.not_after)
    return (yield from _write(operation, Verb.DELETE, ask, None, world))


def touching(operation: Operation, until: int, world: World) -> Plan[Written]:
    """Extend a session, and carry no value over a newer one."""
    if origin_at(operation.stage) is Origin.APP:
        return (yield from _touch_object(operation, until, world))
    return (yield from _touch_both(operation, until, world))


def _touch_both(operation: Operation, until: int, world: World) -> Plan[Written]:
    """While KV is authoritative a touch is a put of what was read; at shadow-read only if the row is still
    the one that was read before KV, and has the same value: KV may have shown an older one, and once the
    gate is open no sweep mends what that would overwrite."""
    try:
        before = yield from reading(operation, world)
    except StoreError:
        if operation.stage is not Stage.SHADOW_READ:
            raise
        return Written(Answer.UNEXTENDED)  # it has not extended, and says no more
    kept = before.kept
    if kept is None:
        return Written(Answer.MISSING)
    if before.disputed:
        world.count("touch_disputed")
        return Written(Answer.UNEXTENDED)
    if not due(kept.expiration, until, world.clock(), world.touch_every):
        world.count("touch_skipped")
        return Written(Answer.DONE)
    longer = kept._replace(expiration=prolonged(kept.expiration, until))
    ask = PutHalf(longer, origin_at(operation.stage), operation.not_after, before.version)
    return (yield from _write(operation, Verb.TOUCH, ask, longer, world))


def _touch_object(operation: Operation, until: int, world: World) -> Plan[Written]:
    """Once the object is authoritative, a touch is one call, which carries no value. A session that only
    KV has is given to the object first."""
    ask = TouchHalf(operation.key, until, origin_at(operation.stage), operation.not_after, world.touch_every)
    for _ in range(2):
        written = yield from _write(operation, Verb.TOUCH, ask, None, world)
        if written.answer is not Answer.NOTHING or operation.stage is Stage.OBJECT_ONLY:
            return written
        found = yield from fallback(operation, world)
        if found.kept is None:
            return Written(Answer.MISSING)
        if found.version:
            continue
        # How long it lives is not known, but how long it is to live is.
        longer = found.kept._replace(expiration=prolonged(found.kept.expiration, until))
        written = yield from putting(operation, longer, world, expect=0)
        if written.answer is not Answer.CHANGED:
            return written
    return Written(Answer.UNEXTENDED)


def _write(
    operation: Operation, verb: Verb, ask: WriteHalf, record: Record | None, world: World
) -> Plan[Written]:
    """The halves of one write, in their order, until there is none left."""
    stage = operation.stage
    ends, object_end = NO_HALVES, HalfEnd(End.UNANSWERED)
    while (half := next_half(stage, verb, ends)) is not None:
        if half is Half.OBJECT:
            object_end = yield from _object_half(ask)
            ended = object_end.end
            ends = replace(ends, object=ended)
        else:
            ended = yield from _kv_half(operation, ask, record, ends, object_end)
            ends = replace(ends, kv=ended)
        if ended in DOUBTFUL:
            world.count(f"{half}_{ended}")
        elif ended is End.GONE:
            world.count("write_gone")
    answer = answer_of(stage, verb, ends)
    assert answer is not None, "no half is left"
    return Written(answer, ends)


def _kv_half(
    operation: Operation, ask: WriteHalf, record: Record | None, ends: Ends, object_end: HalfEnd
) -> Plan[End]:
    """KV's half, where there is anything to do: KV has what a write has not changed in the object."""
    if ends.object is End.DONE and not object_end.changed and not isinstance(ask, DeleteHalf):
        return End.DONE
    if isinstance(ask, TouchHalf):
        assert object_end.row is not None, "a touch that has extended a row says which"
        record = _row_record(object_end.row)
    version = object_end.version if ends.object is End.DONE else None
    ended = yield KvHalf(operation.key, record, operation.stage, version, operation.not_after)
    assert isinstance(ended, End)
    return ended


# ---------------------------------------------------------------- single steps


def _look(key: Key) -> Plan[Here]:
    here = yield Look(key)
    assert isinstance(here, Here)
    return here


def _read_kv(key: Key) -> Plan[Record | None]:
    found = yield ReadKv(key)
    assert found is None or isinstance(found, Record)
    return found


def _object_half(ask: WriteHalf) -> Plan[HalfEnd]:
    ended = yield ObjectHalf(ask)
    assert isinstance(ended, HalfEnd)
    return ended


def _record(here: Here) -> Record | None:
    return _row_record(here.row) if here.row is not None and here.live else None


def _row_record(row: Row) -> Record:
    assert isinstance(row.value, bytes), "an object shows its own values"
    return Record(row.key, row.value, row.metadata, row.expiration)

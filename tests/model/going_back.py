"""Going back in the model by the product's own decisions (`migrate.core.rolling_back`), each read and write
alone.

    at rest ─▶ read row ─▶ read KV ─▶ read row, decide ─┬─▶ write KV ─▶ at rest
       ▲                                               ├─▶ mark dual, if the row is the same
       └──────────── seen, waits, again ◀──────────────┘

A step is two letters: what is remembered of the key, and where it is. N: nothing; S, W: that KV showed what
it is to show, that it was written, less than H before this reading began; T, X: the same, H before or more.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from migrate.core.record import Key, Origin
from migrate.core.record import Record as KvRecord
from migrate.core.record import Row as TargetRow
from migrate.core.rolling_back import Act, Going, Memory, Reading
from tests.model.application import Named
from tests.model.rules import Rules
from tests.model.toolkit import record_of
from tests.model.world import (
    APP,
    BOTH,
    COPY,
    LEGACY,
    NOTHING,
    Record,
    Row,
    Session,
    Sweep,
    put_kv,
    put_row,
    visible,
)

_NOW, _H, _UNIT = 1_000_000, 100.0, 1000
_ORIGINS = {APP: Origin.APP, BOTH: Origin.DUAL, COPY: Origin.COPY, LEGACY: Origin.LEGACY}
_AGED = {"S": "T", "W": "X"}


def rollback(session: Session, rules: Rules) -> Iterator[Named]:
    """One key; killed at any moment, it begins anew."""
    now, row = session.back, session.row
    if now is None:
        if row is not None and (row.value == 0 or row.origin == APP):
            yield "rollback: read row", _at(session, "N1")
        return
    rest = session._replace(back=None)
    memory, place = now.step
    yield "rollback: ends", rest
    match place:
        case "0":
            memory = memory if now.same else "N"
            if now.age >= rules.wait:
                memory = _AGED.get(memory, memory)
            yield "rollback: read row", _at(session, memory + "1", now.age)
        case "1":
            for read in visible(session):
                yield "rollback: read KV", session._replace(back=now._replace(step=memory + "2", read=read))
        case "2":
            act = decided(row, now.read, memory, same=now.same)
            yield f"rollback: {act.name}", _after(session, act, memory, now.age) or rest
        case "P":
            waits = session._replace(back=Sweep("W0", now.row, NOTHING, 0, same=now.same))
            yield "rollback: write KV", put_kv(waits, record_of(now.row))
        case _:
            if now.same and row is not None and row.value:
                yield "rollback: mark dual", put_row(rest, row._replace(origin=BOTH))
            yield "rollback: changed", _at(session, "N0")


def _after(session: Session, act: Act, memory: str, age: int) -> Session | None:
    """What a decision leaves; None: the key is done."""
    match act:
        case Act.PUT | Act.DELETE:
            return _at(session, "NP")
        case Act.SIGHT:
            return _at(session, "S0", age if memory in "ST" else 0)
        case Act.SETTLE:
            return _at(session, "W0", age)
        case Act.REVERT:
            return _at(session, "NR")
        case Act.AGAIN:
            return _at(session, "N0")
        case _:
            return None


def _at(session: Session, step: str, age: int = 0) -> Session:
    return session._replace(back=Sweep(step, session.row, NOTHING, age, same=True))


@functools.cache
def decided(row: Row | None, read: Record, memory: str, *, same: bool) -> Act:
    """What the product does. `same`: has the row not changed since it was read before KV?"""
    after = _row(row)
    before = after if same or after is None else after._replace(version=0)
    at = _NOW - _H if memory in "TX" else float(_NOW)
    known = {"S": Memory(1, at=at), "W": Memory(1, wrote=at)}
    remembered = known.get({"T": "S", "X": "W"}.get(memory, memory))
    return Going(_NOW, _NOW, _H, None).decide(Reading(before, _record(read), after), remembered)


def _row(row: Row | None) -> TargetRow | None:
    if row is None:
        return None
    value = str(row.value).encode() if row.value else None
    return TargetRow(Key("s"), value, None, _until(row.left), _ORIGINS[row.origin], 1, None)


def _record(record: Record) -> KvRecord | None:
    value, left = record
    return None if record == NOTHING else KvRecord(Key("s"), str(value).encode(), None, _until(left))


def _until(left: int) -> int:
    return _NOW + _UNIT * left if left else _NOW - 1

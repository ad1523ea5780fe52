"""Where one session has landed, and whether that is where the stage says, by one reading of both stores.

                 after a login               after a logout
    kv           KV                          in neither
    dual-write   KV, row of origin dual      gone from KV, tombstone
    shadow-read  KV, row of origin dual      gone from KV, tombstone
    object-first KV, row of origin app       gone from KV, tombstone
    object-only  row of origin app           gone from KV, tombstone

What was read at an unlucky moment may be right a moment later: whoever asks reads again, until H has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.core.protocol.stages import Stage, origin_at
from migrate.core.record import Expiration, Origin, Record, Row, holds, same_expiration, same_json


@dataclass(frozen=True, slots=True)
class Seen:
    """What both stores have under the session's key: KV's record, the target's row, None where there is none.

    `verbatim`: the target gives values back byte for byte.
    """

    record: Record | None
    row: Row | None
    verbatim: bool = True


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was looked at, `kv`, `target`, `expiration` or `value`, and whether it is as it must
    be."""

    name: str
    holds: bool
    said: str


def after_login(stage: Stage, seen: Seen) -> list[Point]:
    """Is a session that has just been made where the stage says?"""
    return [_kv(stage, seen.record), _target(stage, seen.row), *_alike(seen)]


def after_logout(stage: Stage, seen: Seen) -> list[Point]:
    """Is a session that has just been ended gone, and will it stay so?"""
    points = [Point("kv", seen.record is None, "gone" if seen.record is None else "still there")]
    row = seen.row
    if stage is Stage.KV:
        said = "nothing" if row is None else _described(row)
        return [*points, Point("target", row is None or row.deleted or row.origin is Origin.COPY, said)]
    if row is None:
        return [*points, Point("target", False, "nothing at all: a late copy could bring it back")]
    if not row.deleted:
        return [*points, Point("target", False, f"{_described(row)}: the session lives on")]
    return [*points, Point("target", True, "a tombstone: nothing brings it back")]


def agreed(points: Sequence[Point]) -> bool:
    """Does all of it hold?"""
    return all(point.holds for point in points)


def _kv(stage: Stage, record: Record | None) -> Point:
    wanted = stage is not Stage.OBJECT_ONLY
    if record is None:
        return Point("kv", not wanted, "not there" if wanted else "not there, as it must be at object-only")
    if not wanted:
        return Point("kv", False, "there, although nobody writes KV at object-only")
    if record.marked:
        return Point("kv", True, "there, with the session store's stamp of this very value")
    if stage is Stage.KV:
        return Point("kv", True, "there, without a stamp, as at kv")
    # Metadata that are no object, or are nearly as long as KV allows, leave no room for it.
    return Point("kv", True, "there, without a stamp that fits: does it come from the session store?")


def _target(stage: Stage, row: Row | None) -> Point:
    if stage is Stage.KV:
        fits = row is None or (row.origin is Origin.COPY and not row.deleted)
        return Point("target", fits, "nothing, as it must be at kv" if row is None else _described(row))
    wanted = origin_at(stage)
    if row is None:
        return Point("target", False, f"nothing, where a row of origin {wanted} must be")
    if row.deleted or row.origin is not wanted:
        return Point("target", False, f"{_described(row)}, where one of origin {wanted} must be")
    return Point("target", True, _described(row))


def _described(row: Row) -> str:
    if row.deleted:
        return "a tombstone"
    return f"a row of origin {row.origin}, version {row.version}"


def _alike(seen: Seen) -> Iterator[Point]:
    """Of a session that both stores have: the same value, and the same end."""
    record, row = seen.record, seen.row
    if record is None or row is None or row.deleted:
        return
    same = same_expiration(record.expiration, row.expiration)
    yield Point("expiration", same, "the same in both" if same else _apart(record.expiration, row.expiration))
    if holds(row.value, record.value):
        yield Point("value", True, "the same in both")
    elif isinstance(row.value, bytes) and same_json(row.value, record.value):
        yield Point("value", True, "the same JSON in both")
    elif seen.verbatim:
        yield Point("value", False, "another one in the target than in KV")


def _apart(one: Expiration, other: Expiration) -> str:
    if isinstance(one, int) and isinstance(other, int):
        side = "later" if other > one else "earlier"
        return f"{abs(other - one)} s {side} in the target than in KV"
    return "one of the two never ends, or is not known"

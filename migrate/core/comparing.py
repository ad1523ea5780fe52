"""Comparing: which class a key falls into, given a fresh reading of both stores.

The classes are those a verify reports; `AGAINST` are the ones that count against the copy once
they have settled. The source's pages and the target's rows are merged in key order, so memory
does not grow with the number of sessions.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrate.core.authority import Authority
from migrate.core.copying import same
from migrate.core.ports import Answer
from migrate.core.projecting import NOTHING, Projection
from migrate.core.record import (
    Head,
    Key,
    Origin,
    Record,
    Row,
    Unseen,
    expired,
    holds,
    same_expiration,
    same_json,
    same_metadata,
)


class Kind(enum.StrEnum):
    """The class of a key in a verify."""

    EQUAL = "equal"
    SAME_JSON = "same_json"
    PROJECTED = "projected"
    MISSING = "missing"
    EXTRA = "extra"
    VALUE = "value"
    METADATA = "metadata"
    EXPIRATION = "expiration"
    QUARANTINED = "quarantined"
    EXPIRING = "expiring"
    TOMBSTONED = "tombstoned"
    NEWER = "newer_in_target"
    EXTRA_APP = "extra_app"
    KV_BEHIND = "kv_behind"
    IN_MOTION = "in_motion"
    LEGACY = "legacy"
    LEGACY_STALE = "legacy_stale"
    LEGACY_EXTRA = "legacy_extra"


AGAINST = frozenset(
    {
        Kind.MISSING,
        Kind.EXTRA,
        Kind.VALUE,
        Kind.METADATA,
        Kind.EXPIRATION,
        Kind.QUARANTINED,
        Kind.LEGACY,
        Kind.LEGACY_STALE,
        Kind.LEGACY_EXTRA,
    }
)
"""Evidence against the copy, once settled."""

_OVERTAKEN = frozenset({Kind.VALUE, Kind.METADATA, Kind.EXPIRATION})
"""How KV differs from a row that has gone on."""

ALIKE = frozenset({Kind.EQUAL, Kind.SAME_JSON, Kind.PROJECTED})
"""Both stores have the session, and the same one."""

LEGACY_EQUAL = "legacy_equal"
"""Counted beside the classes: those that are ALIKE with a row from before kvferry."""


_DIFFERING = {None: Kind.LEGACY, Authority.KV: Kind.LEGACY_STALE, Authority.TARGET: Kind.KV_BEHIND}
_LACKING = {None: Kind.LEGACY, Authority.KV: Kind.LEGACY_EXTRA, Authority.TARGET: Kind.EXTRA_APP}
"""What a legacy row is that differs from KV, and one that KV lacks, by who is right about it."""


class Stage(enum.StrEnum):
    """The application's stage, which says who is right."""

    KV = "kv"
    DUAL_WRITE = "dual-write"
    SHADOW_READ = "shadow-read"
    OBJECT_FIRST = "object-first"
    OBJECT_ONLY = "object-only"

    @property
    def target_leads(self) -> bool:
        """Is the target authoritative?"""
        return self in (Stage.OBJECT_FIRST, Stage.OBJECT_ONLY)

    def before(self, other: Stage) -> bool:
        """Does a migration come to this stage before the other?"""
        order = tuple(Stage)
        return order.index(self) < order.index(other)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a comparison goes by.

    `exact`: bytes count, equal JSON does not. `metadata`: compare it. `stage`: who is right.
    `margin`: seconds by which the clocks may disagree, beyond what is known of it. `projection`:
    which fields of values that are JSON may differ; what is equal only so is PROJECTED. `authority`:
    who is right about legacy rows, None: nobody has said it.
    """

    exact: bool = False
    metadata: bool = True
    stage: Stage = Stage.KV
    margin: float = 1.0
    projection: Projection = NOTHING
    authority: Authority | None = None


def classify(
    record: Record | None,
    row: Row | None,
    *,
    quarantined: bool,
    rules: Rules,
    now: float,
    moving: bool = False,
) -> Kind | None:
    """The class of one key; None: neither store has it. `now`: the source's clock, Unix seconds.

    `moving`: KV shows what the row was a moment ago, see `motion`. It counts at shadow-read only: before, a
    write is done without the object's half, so that the row's last change may be an older write's; from
    object-first on the target is right anyway.
    """
    soon = now + rules.margin
    if row is not None and row.deleted:
        return Kind.TOMBSTONED
    if record is None:
        return _only_target(row, rules.authority, soon)
    if row is None:
        if expired(record.expiration, soon):
            return Kind.EXPIRING
        return Kind.QUARANTINED if quarantined else Kind.MISSING
    if same(record, row):
        return Kind.EQUAL
    kind = _both(record, row, rules, soon)
    still = not moving or rules.stage is not Stage.SHADOW_READ or kind not in _OVERTAKEN
    return kind if still else Kind.IN_MOTION


def _only_target(row: Row | None, authority: Authority | None, soon: float) -> Kind | None:
    if row is None:
        return None
    if expired(row.expiration, soon):
        return Kind.EXPIRING
    if row.origin is Origin.APP:
        return Kind.EXTRA_APP
    return _LACKING[authority] if row.origin is Origin.LEGACY else Kind.EXTRA


def _both(record: Record, row: Row, rules: Rules, soon: float) -> Kind:
    kind = _difference(record, row, rules)
    if kind in ALIKE:
        return kind
    if expired(record.expiration, soon) and expired(row.expiration, soon):
        return Kind.EXPIRING
    if row.origin is Origin.APP:
        return Kind.NEWER
    if row.origin is Origin.LEGACY:
        return _DIFFERING[rules.authority]
    return Kind.KV_BEHIND if rules.stage.target_leads else kind


def _difference(record: Record, row: Row, rules: Rules) -> Kind:
    assert row.value is not None, "a tombstone has been dealt with"
    kind = _value(record.value, row.value, rules)
    if kind is Kind.VALUE:
        return kind
    if rules.metadata and not same_metadata(record.metadata, row.metadata):
        return Kind.METADATA
    if not same_expiration(record.expiration, row.expiration):
        return Kind.EXPIRATION
    return kind


def _value(source: bytes, target: bytes | Unseen, rules: Rules) -> Kind:
    """How two values stand to each other; the cheapest way to be equal that holds, as far as is known."""
    if holds(target, source):
        return Kind.EQUAL
    if rules.exact or isinstance(target, Unseen):
        return Kind.VALUE
    if same_json(source, target):
        return Kind.SAME_JSON
    return Kind.PROJECTED if rules.projection.same(source, target) else Kind.VALUE


def undecided(record: Record, row: Row, rules: Rules) -> bool:
    """Would the row's value say more than its digest: that the bytes differ and the JSON does not?"""
    return isinstance(row.value, Unseen) and not rules.exact and not holds(row.value, record.value)


def merge(
    listed: Iterable[tuple[Head, Answer]], rows: Iterable[Row]
) -> Iterator[tuple[Key, tuple[Head, Answer] | None, Row | None]]:
    """Pair both sides by key, each in strictly rising key order; a key on one side only has None."""
    ours = iter(rows)
    row = next(ours, None)
    for entry in listed:
        key = entry[0].key
        while row is not None and row.key < key:
            yield row.key, None, row
            row = next(ours, None)
        if row is not None and row.key == key:
            yield key, entry, row
            row = next(ours, None)
        else:
            yield key, entry, None
    while row is not None:
        yield row.key, None, row
        row = next(ours, None)

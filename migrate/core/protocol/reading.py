"""What a read serves at a stage, decided from what the object answered, and how that stands to KV."""

from __future__ import annotations

import enum

from migrate.core.protocol.half_calls import Here
from migrate.core.protocol.stages import Stage
from migrate.core.record import UNKNOWN, Origin, Record, holds, same_expiration, same_metadata


class Served(enum.Enum):
    """NOBODY: there is no session. ROW: the object's. KV: whatever KV has. ADOPT: whatever KV has, which the
    object is given then."""

    NOBODY = enum.auto()
    ROW = enum.auto()
    KV = enum.auto()
    ADOPT = enum.auto()


class Difference(enum.StrEnum):
    """How the object's row stands to KV's record. A row that has expired is none here."""

    EQUAL = "equal"
    MISSING = "missing"
    EXTRA = "extra"
    VALUE = "value"
    METADATA = "metadata"
    EXPIRATION = "expiration"


def asks_object(stage: Stage) -> bool:
    """Is the object asked at all?"""
    return stage not in (Stage.KV, Stage.DUAL_WRITE)


def served(stage: Stage, here: Here) -> Served:
    """What a read serves at a stage that asks the object. An error is no miss: it does not get here."""
    row = here.row
    if row is not None and row.deleted:
        return Served.NOBODY
    if stage is Stage.SHADOW_READ and (row is None or row.origin is not Origin.APP):
        # KV is right about all rows but the application's own; about nothing where the object has none.
        return Served.KV
    if row is not None:
        return Served.ROW if here.live else Served.NOBODY
    return Served.ADOPT if stage is Stage.OBJECT_FIRST else Served.NOBODY


def difference(here: Here, kept: Record | None) -> Difference:
    """The row against what KV has; an expiration that KV does not tell is not compared."""
    row = here.row if here.live else None
    if kept is None:
        return Difference.EQUAL if row is None else Difference.EXTRA
    if row is None:
        return Difference.MISSING
    if not holds(row.value, kept.value):
        return Difference.VALUE
    if not same_metadata(row.metadata, kept.metadata):
        return Difference.METADATA
    told = kept.expiration is not UNKNOWN
    return (
        Difference.EXPIRATION
        if told and not same_expiration(kept.expiration, row.expiration)
        else Difference.EQUAL
    )

"""Burying: when a row that the source lacks may become a tombstone, and what then becomes of it.

A session that was deleted in KV only, past the session store, leaves a row of the copy or of a dual write
behind. That KV lacks it proves a deletion only where nobody can have written KV without the object: two
readings at least H apart, both at least H after the last isolate of `kv` or `dual-write` was gone (before,
they would log out a live session whose object half had failed). The row was read before both, and is buried
only if it is still that very version.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from migrate.core.record import Key, Origin, Row, expired


class Burial(enum.StrEnum):
    """What became of a row that was to become a tombstone; all but BURIED leave it as it was.

    CHANGED: it has another version. FENCED: a gate's verify has begun, or may have.
    """

    BURIED = "buried"
    MISSING = "missing"
    TOMBSTONED = "tombstoned"
    NEWER = "newer_here"
    LEGACY = "legacy"
    CHANGED = "changed"
    EXPIRED = "expired"
    FENCED = "fenced"


@runtime_checkable
class Burying(Protocol):
    """A target whose rows can be buried."""

    def bury(
        self, name: str, rows: Mapping[Key, int], not_after: float, *, legacy: bool = False
    ) -> Mapping[Key, Burial]:
        """Turn rows that the source was seen to lack, twice, into tombstones; needs the lease.

        `rows`: the version that each had when the source was read. `not_after`: Unix seconds. `name`
        names these burials: the same again, after one that was broken off, counts what it had buried.
        Only a row of origin copy or dual that lives and still has its version is buried, and none once
        a gate's verify has begun; `legacy`: as in `ports.Replacement`. Raises TooLate, StoreUnavailable
        when the lease was lost, StoreRefused, also once it is finished.
        """
        ...


def late_enough(first: float, second: float, gone: float, horizon: float) -> bool:
    """Do two readings prove that a session is gone from KV? Unix seconds, and H.

    `first`: before the first reading began; `second`: before the second did. `gone`: since when no isolate
    has been at work that writes KV without the object.
    """
    return first >= gone + horizon and second >= first + horizon


def kept(row: Row | None, now: float, *, legacy: bool) -> Burial | None:
    """Why this row can never be buried; None: it can. `now`: by which sessions expire, Unix seconds."""
    if row is None:
        return Burial.MISSING
    if row.deleted:
        return Burial.TOMBSTONED
    if row.origin is Origin.APP:
        return Burial.NEWER
    if row.origin is Origin.LEGACY and not legacy:
        return Burial.LEGACY
    return Burial.EXPIRED if expired(row.expiration, now) else None


def fate(row: Row | None, version: int, now: float, *, legacy: bool, fenced: bool) -> Burial:
    """What becomes of a row that had this version when the source was read; BURIED: it is to be buried.

    No copy ever writes a tombstone, so one of origin copy that is the next version is a burial that was
    answered to nobody.
    """
    if row is not None and row.deleted and row.origin is Origin.COPY and row.version == version + 1:
        return Burial.BURIED
    why = kept(row, now, legacy=legacy)
    if why is not None and why is not Burial.EXPIRED:
        return why
    assert row is not None, "what is not there is kept"
    if row.version != version:
        return Burial.CHANGED
    return why or (Burial.FENCED if fenced else Burial.BURIED)

"""Going back to KV: what a target promises that can let KV be right about its rows again. Pure.

Before the application is at object-first nobody needs it: rows are `copy` or `dual`, and KV is right about
them. From then on they are `app`, and those are right at every stage. So before a stage that reads KV alone,
each must be in KV, seen there twice, and be turned into a `dual` one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from migrate.core.record import Key, Origin, Row


class Reversal(enum.StrEnum):
    """What became of a row that was to be KV's again; all but REVERTED leave it as it was.

    REVERTED: it is `dual`, now or already. CHANGED: it has another version. KEPT: it is `copy` or `legacy`,
    and KV is as right about it as it was.
    """

    REVERTED = "reverted"
    MISSING = "missing"
    TOMBSTONED = "tombstoned"
    CHANGED = "changed"
    KEPT = "kept"


@runtime_checkable
class Revertible(Protocol):
    """A target whose rows can be given back to KV."""

    def revert(self, rows: Mapping[Key, int], not_after: float) -> Mapping[Key, Reversal]:
        """Turn rows of origin app into dual ones, expired ones too, each if it has this version.

        The session stays as it is, the version rises by one. Tombstones are final and stay. Needs the lease,
        and does not heed the fence: nothing that a gate's verify compares is changed, but whoever calls has
        seen to it that no verdict counts any more. May be repeated. Raises TooLate past `not_after` (Unix
        seconds), StoreRefused once the migration is finished, StoreUnavailable when the lease was lost.
        """
        ...


def reversal(row: Row | None, version: int) -> Reversal:
    """What becomes of a row; where REVERTED, it is turned unless it is dual already."""
    if row is None:
        return Reversal.MISSING
    if row.deleted:
        return Reversal.TOMBSTONED
    if row.origin is Origin.DUAL:
        return Reversal.REVERTED
    if row.origin is not Origin.APP:
        return Reversal.KEPT
    return Reversal.REVERTED if row.version == version else Reversal.CHANGED

"""Deleting over the wire: rows that the source lacks become tombstones, under the lease."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.core.burying import Burial
from migrate.core.record import Key
from migrate.errors import StoreBroken
from migrate.stores.durable.lease import Lease


def bury(
    lease: Lease, name: str, rows: Mapping[Key, int], not_after: float, most: int, *, legacy: bool
) -> Mapping[Key, Burial]:
    """See `DurableTarget.bury`; `not_after` by the objects' clock, `most` rows of one request."""
    found: dict[Key, Burial] = {}
    wanted = list(rows.items())
    for start in range(0, len(wanted), most):
        some = wanted[start : start + most]
        word = {"legacy": True} if legacy else {}
        sent = [{"key": key, "version": version, **word} for key, version in some]
        outcomes = lease.bury({"batch": f"bury/{name}", "notAfter": not_after, "rows": sent})["outcomes"]
        if len(outcomes) != len(some):
            raise StoreBroken("the bridge did not answer for every row", "report it")
        for (key, _), outcome in zip(some, outcomes, strict=True):
            found[key] = Burial(outcome)
    return found

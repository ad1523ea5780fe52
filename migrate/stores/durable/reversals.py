"""Going back over the wire: rows of the application's become KV's again, under the lease."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from migrate.core.record import Key
from migrate.core.reverting import Reversal
from migrate.errors import StoreBroken
from migrate.stores.durable.lease import Lease


def revert(lease: Lease, rows: Mapping[Key, int], not_after: float, most: int) -> Mapping[Key, Reversal]:
    """See `DurableTarget.revert`; `not_after` by the objects' clock, `most` rows of one request."""
    found: dict[Key, Reversal] = {}
    wanted = list(rows.items())
    for start in range(0, len(wanted), most):
        some = wanted[start : start + most]
        sent = [{"key": key, "version": version} for key, version in some]
        batch = f"revert/{secrets.token_hex(8)}"
        outcomes = lease.revert({"batch": batch, "notAfter": not_after, "rows": sent})["outcomes"]
        if len(outcomes) != len(some):
            raise StoreBroken("the bridge did not answer for every row", "report it")
        for (key, _), outcome in zip(some, outcomes, strict=True):
            found[key] = Reversal(outcome)
    return found

"""The newest finished verify of two stores that looked at everything: what later commands go by."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.core.partition import disjoint
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import Run, RunKind
from migrate.ledger.verifies import Verify

PARTIAL = {"sample", "recheck"}
"""Options with which a verify does not look at everything."""


def last_whole(
    ledger: Ledger, source: str, target: str, prefixes: Sequence[str]
) -> tuple[Run, Verify] | None:
    """It, and its run; None: there is none. Addresses are complete."""
    mine = (source, target, disjoint(prefixes))
    found = [
        (run, verify)
        for run in ledger.runs()
        if run.kind is RunKind.VERIFY
        and (run.source, run.target, disjoint(run.prefixes)) == mine
        and not PARTIAL & run.options.keys()
        and (verify := ledger.last_verify(run.id, complete=True))
    ]
    return max(found, key=lambda one: (one[1].started_at, one[1].id), default=None)

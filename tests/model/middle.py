"""Starting in the middle: what a session and the stages may look like when rows are older than the migration.

The application wrote such rows before, and what it wrote to one store only makes the other one stale: KV
where the target is right, the row where KV is. Which it is, no state of the stores tells.
"""

from __future__ import annotations

from tests.model.world import (
    BEGINNING,
    DUAL,
    FIRST,
    KV,
    LEGACY,
    LOGGED_IN,
    NOTHING,
    ONLY,
    SHADOW,
    TTL,
    Row,
    Session,
    Shared,
    bit,
)


def _session(**changes: object) -> Session:
    return LOGGED_IN._replace(**changes)


STALE_ROW = _session(kv=(2, TTL), row=Row(1, TTL, LEGACY), born=2, dead=bit(1))
"""KV is right: a later value went to KV alone."""

EXTRA_ROW = _session(kv=NOTHING, row=Row(1, TTL, LEGACY), dead=bit(1), life=0, deleted=1)
"""KV is right: the session was logged out there alone."""

STALE_KV = _session(row=Row(2, TTL, LEGACY), born=2, dead=bit(1))
"""The target is right: a later value went to the object alone."""

ROW_ALONE = _session(kv=NOTHING, row=Row(1, TTL, LEGACY))
"""The target is right: KV never had the session."""

EQUAL = _session(row=Row(1, TTL, LEGACY))
"""Both have the same, for now."""

OF_KV = {"stale row": STALE_ROW, "extra row": EXTRA_ROW, "equal": EQUAL}
OF_THE_TARGET = {"stale KV": STALE_KV, "row alone": ROW_ALONE, "equal": EQUAL}


def entering(stage: int) -> Shared:
    """The migration begins at this stage, while an isolate of the application as it was still lingers: one
    that writes KV alone."""
    if stage in (KV, DUAL):
        return BEGINNING._replace(high=stage)
    return BEGINNING._replace(low=stage, high=stage, lingers=KV if stage == SHADOW else -1)


BEGINNINGS = {
    **{("kv", stage, name): one for stage in (KV, DUAL, SHADOW) for name, one in OF_KV.items()},
    **{("target", stage, name): one for stage in (FIRST, ONLY) for name, one in OF_THE_TARGET.items()},
}
"""Who is right by the operator's word, and the stages at which that store is believed: there a migration may
be entered, with any of these."""

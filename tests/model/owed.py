"""What every reader is owed: the contract that the search looks for a breach of, in every state."""

from __future__ import annotations

from tests.model.rules import Rules
from tests.model.world import APP, FIRST, NOTHING, SHADOW, Record, Row, Session, bit, visible

RESURRECTED = "a deleted session is served"
LOST = "an older value is served after a later one was acknowledged"
LOGGED_OUT = "a live session is not found"


def breach(session: Session, stage: int, rules: Rules) -> str:
    """What a read by an isolate of this stage would break now; "" for nothing."""
    if stage < SHADOW:
        return _from_kv(session, strict=False)
    row = session.row
    if stage == SHADOW:
        if found := _at_shadow_read(session, row, rules):
            return found
        return "" if rules.an_error_is_no_miss_at_shadow_read else _from_kv(session, strict=True)
    found = ""
    if row is None or (stage == FIRST and not rules.an_error_is_no_miss_at_object_first):
        seen = visible(session) if stage == FIRST else {NOTHING}
        found = next(filter(None, (_served(session, record) for record in seen)), "")
    return found or (_served(session, _alive(row)) if row is not None else "")


def _at_shadow_read(session: Session, row: Row | None, rules: Rules) -> str:
    if row is not None:
        if row.value == 0 and rules.shadow_read_obeys_tombstones:
            return _served(session, NOTHING)
        if row.value and row.origin == APP and rules.shadow_read_obeys_app_rows:
            return _served(session, _alive(row))
        if row.value and row.left == 0 and not rules.an_expired_row_is_no_deletion:
            return _served(session, NOTHING)
    return _from_kv(session, strict=True)


def _alive(row: Row) -> Record:
    return (row.value, row.left) if row.left and row.value else NOTHING


def _from_kv(session: Session, *, strict: bool) -> str:
    """Plain KV may be stale; but what it holds now must not be wrong for good, and nothing that is
    `strict` about logouts serves a deleted session, stale or not."""
    if strict and session.deleted >= 2 and visible(session) != {NOTHING}:
        return RESURRECTED
    value, _ = session.kv
    if session.kv == NOTHING:
        return LOGGED_OUT if session.life and session.deleted == 0 else ""
    if session.deleted == 3 and not strict and not session.touched:
        return RESURRECTED  # it was acknowledged without KV, and KV was to be emptied on the way back
    if session.touched:
        return ""  # what a touch has read may come after a concurrent put, as in plain KV
    return LOST if session.dead & bit(value) and session.deleted == 0 else ""


def _served(session: Session, record: Record) -> str:
    if record == NOTHING:
        return LOGGED_OUT if session.life and session.deleted == 0 else ""
    if session.deleted >= 2:
        return RESURRECTED
    return LOST if session.dead & bit(record[0]) else ""

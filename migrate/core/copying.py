"""Copying, as decisions: what becomes of a key, given what the source and the target say of it."""

from __future__ import annotations

from migrate.core.ports import Outcome
from migrate.core.record import Origin, Record, Row, same_expiration, same_metadata


def same(record: Record, row: Row) -> bool:
    """Value bytes, expiration (within a second) and metadata (as JSON) all agree."""
    return (
        record.value == row.value
        and same_expiration(record.expiration, row.expiration)
        and same_metadata(record.metadata, row.metadata)
    )


def standing(record: Record, row: Row) -> Outcome:
    """How a record stands to the row that is already there, and which nothing may replace."""
    if row.deleted:
        return Outcome.TOMBSTONED
    if same(record, row):
        return Outcome.EQUAL
    if row.origin is Origin.APP:
        return Outcome.NEWER
    if row.origin is Origin.LEGACY:
        return Outcome.LEGACY
    return Outcome.WAITING

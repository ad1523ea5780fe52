"""Burials in a `sqlite:` store: rows that the source lacks become tombstones, in the open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from migrate.core.burying import Burial, fate
from migrate.core.protocol.lifetimes import COOKIES_END, remembered_until
from migrate.core.record import Key, Row
from migrate.stores.sqlite.reading import rows_of

_BURY = """
UPDATE sessions
SET value = NULL, metadata = NULL, digest = NULL, origin = 'copy', version = version + 1, updated_at = :now,
  deleted_at = :now
WHERE key = :key AND version = :version AND value IS NOT NULL
"""

"""Of origin copy, whoever wrote the row: so a burial is told from a logout, and may be repeated."""

_REMEMBER = "INSERT INTO burials (key, deleted_at, keep_until) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"


def bury(
    connection: sqlite3.Connection, rows: Mapping[Key, int], now: float, *, legacy: bool, fenced: bool
) -> Mapping[Key, Burial]:
    """See `core.burying.Burying.bury`; `now`: Unix seconds."""
    there = {row.key: row for row in rows_of(connection, list(rows))}
    found: dict[Key, Burial] = {}
    for key, version in rows.items():
        row = there.get(key)
        found[key] = fate(row, version, now, legacy=legacy, fenced=fenced)
        if found[key] is Burial.BURIED and row is not None and not row.deleted:
            _bury(connection, row, now)
    return found


def _bury(connection: sqlite3.Connection, row: Row, now: float) -> None:
    written = connection.execute("SELECT updated_at FROM sessions WHERE key = ?", (row.key,)).fetchall()
    done = connection.execute(_BURY, {"key": row.key, "version": row.version, "now": int(now)})
    assert done.rowcount == 1, "the row has not changed since it was looked at"
    until = remembered_until(row, written[0][0], COOKIES_END, now)
    connection.execute(_REMEMBER, (row.key, int(now), until))

"""What a file may forget once its migration is finished: expired sessions, and logouts that need no memory.

Until then an expired row still says that nothing is to be imported over it, and a tombstone that somebody
logged out; the schema's triggers refuse to delete either.
"""

from __future__ import annotations

import sqlite3

from migrate.stores.sqlite.reading import PURGE, fence

_DUE = """
SELECT s.id FROM sessions AS s LEFT JOIN burials AS b ON b.key = s.key
WHERE s.value IS NOT NULL AND s.expiration <= :now OR s.value IS NULL AND b.keep_until <= :now
LIMIT :limit
"""

_FORGET = """
DELETE FROM sessions WHERE id = :id AND (
  value IS NOT NULL AND expiration <= :now
  OR value IS NULL AND EXISTS (
    SELECT 1 FROM burials WHERE burials.key = sessions.key AND keep_until <= :now
  )
)
RETURNING key
"""

_FORGET_GRAVE = "DELETE FROM burials WHERE key = ?"


def due(connection: sqlite3.Connection, now: float, limit: int) -> list[int]:
    """The ids of up to `limit` rows that may go at `now` (Unix seconds); none before the end.

    A tombstone of which nobody knows how long it must be kept stays for ever. Reads all rows at worst, and
    locks nobody out meanwhile.
    """
    if fence(connection, PURGE) is None:
        return []
    return [int(row[0]) for row in connection.execute(_DUE, {"now": now, "limit": limit}).fetchall()]


def forget(connection: sqlite3.Connection, ids: list[int], now: float) -> int:
    """Delete those of them that may still go; returns how many. Within the caller's transaction."""
    gone: list[tuple[str]] = []
    for one in ids:
        gone += connection.execute(_FORGET, {"id": one, "now": now}).fetchall()
    connection.executemany(_FORGET_GRAVE, gone)
    return len(gone)

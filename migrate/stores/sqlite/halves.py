"""The object's half of a session store's operations, on the table of a `sqlite:` store.

Each is one transaction that holds the write lock from the look at the row to the write: what
`migrate.core.protocol.laws` decides is decided about the row that is written over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from migrate.core.ports import Clock
from migrate.core.protocol import laws
from migrate.core.protocol.half_calls import AdoptHalf, DeleteHalf, HalfEnd, Here, TouchHalf, WriteHalf
from migrate.core.protocol.lifetimes import COOKIES_END, remembered_until
from migrate.core.record import NEVER, UNKNOWN, Key, Origin, Row, digest, expired
from migrate.errors import RecordError
from migrate.stores.sqlite import purging
from migrate.stores.sqlite.connection import errors_named, writing
from migrate.stores.sqlite.pool import Pool
from migrate.stores.sqlite.reading import PURGE, fence, rows_of

_INSERT = """
INSERT INTO sessions
  (key, value, metadata, expiration, digest, origin, version, created_at, updated_at, deleted_at)
VALUES (:key, :value, :metadata, :expiration, :digest, :origin, :version, :now, :now, :deleted)
"""

_UPDATE = """
UPDATE sessions
SET value = :value, metadata = :metadata, expiration = :expiration, digest = :digest, origin = :origin,
  version = :version, updated_at = :now, deleted_at = :deleted
WHERE key = :key AND version = :version - 1 AND value IS NOT NULL
"""

_BURY = "INSERT INTO burials (key, deleted_at, keep_until) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"

_BURY_AGAIN = """
UPDATE burials SET keep_until = keep_until + :now - deleted_at, deleted_at = :now
WHERE key = :key AND deleted_at < :now
"""

_Result = TypeVar("_Result")


class SqliteHalves:
    """Implements `half_calls.SessionObject`. Safe for threads, and for processes of the same file.

    `longest`: the longest time to live of any session, seconds; inf: some never expire.
    Every call raises StoreUnavailable, StoreRefused, StoreBroken; a write RecordError as well (text that
    is not Unicode). What raised has changed nothing, unless the disk failed.
    """

    def __init__(self, path: Path, pool: Pool, clock: Clock, longest: float = COOKIES_END) -> None:
        self._path = path
        self._pool = pool
        self._clock = clock
        self._longest = longest

    @property
    def name(self) -> str:
        """The random id that was made with the file."""
        with errors_named(self._path), self._pool.lent() as connection:
            return str(connection.execute("SELECT id FROM store").fetchone()[0])

    def look(self, key: Key) -> Here:
        """What is there; writes nothing."""
        with errors_named(self._path), self._pool.lent() as connection:
            return self._here(_row(connection, key))

    def half(self, ask: WriteHalf) -> HalfEnd:
        """Do the object's half of a write, where the laws allow it."""
        if isinstance(ask, TouchHalf):
            # Most touches change nothing, and need no lock to find that out.
            verdict = laws.decide(ask, self.look(ask.key).row, self._clock.now())
            if verdict.row is None:
                return verdict.end

        def write(connection: sqlite3.Connection, there: Row | None, now: float) -> HalfEnd:
            verdict = laws.decide(ask, there, now)
            if isinstance(ask, DeleteHalf) and verdict.end.version is not None:
                self._remember(connection, ask.key, there, now)
            if verdict.row is not None:
                _store(connection, verdict.row, there, now)
            return verdict.end

        return self._locked(ask.key, write)

    def adopt(self, ask: AdoptHalf) -> Here | None:
        """Insert if absent; what is there afterwards, None when it came too late."""

        def insert(connection: sqlite3.Connection, there: Row | None, now: float) -> Here | None:
            if now > ask.not_after:
                return None
            if fence(connection, PURGE) is not None:
                # Whoever was logged out may be forgotten by now, so what KV alone has is nobody's.
                return self._here(there) if there is not None else _nobody(ask.key)
            row = laws.adopted(ask, there)
            if row is not None:
                _store(connection, row, there, now)
            return self._here(there if row is None else row)

        return self._locked(ask.key, insert)

    def keep_until(self, key: Key) -> int | None:
        """Until when a logout is remembered (Unix seconds); None: for ever, or there is none."""
        with errors_named(self._path), self._pool.lent() as connection:
            found = connection.execute("SELECT keep_until FROM burials WHERE key = ?", (key,)).fetchall()
        return int(found[0][0]) if found and found[0][0] is not None else None

    def purge(self, limit: int) -> int:
        """Forget up to `limit` rows that may go, all in one transaction; returns how many."""
        now = self._clock.now()
        with errors_named(self._path):
            with self._pool.lent() as connection:
                ids = purging.due(connection, now, limit)
            if not ids:
                return 0
            with self._pool.lent_to_write() as connection, writing(connection):
                return purging.forget(connection, ids, now)

    def _here(self, row: Row | None) -> Here:
        alive = row is not None and not row.deleted and not expired(row.expiration, self._clock.now())
        return Here(row, alive)

    def _locked(self, key: Key, work: Callable[[sqlite3.Connection, Row | None, float], _Result]) -> _Result:
        with errors_named(self._path), self._pool.lent_to_write() as connection, writing(connection):
            return work(connection, _row(connection, key), self._clock.now())

    def _remember(self, connection: sqlite3.Connection, key: Key, there: Row | None, now: float) -> None:
        """For how long; a repeated delete renews it. A tombstone that nothing is known of stays for ever."""
        if there is not None and there.deleted:
            connection.execute(_BURY_AGAIN, {"key": key, "now": int(now)})
            return
        written = connection.execute("SELECT updated_at FROM sessions WHERE key = ?", (key,)).fetchall()
        until = remembered_until(there, written[0][0] if written else now, self._longest, now)
        connection.execute(_BURY, (key, int(now), until))


def _nobody(key: Key) -> Here:
    """As if it were deleted."""
    return Here(Row(key, None, None, NEVER, Origin.APP, 1, None), live=False)


def _row(connection: sqlite3.Connection, key: Key) -> Row | None:
    # All rows are fetched: a query left open would show the connection's next user the past.
    return next(iter(list(rows_of(connection, [key]))), None)


def _store(connection: sqlite3.Connection, row: Row, there: Row | None, now: float) -> None:
    if row.expiration is UNKNOWN:
        raise RecordError("a session's expiration is unknown: it cannot be stored", "say how long it lives")
    value = row.value
    assert value is None or isinstance(value, bytes), "a file shows its values"
    done = connection.execute(
        _INSERT if there is None else _UPDATE,
        {
            "key": row.key,
            "value": value,
            "metadata": row.metadata,
            "expiration": row.expiration if isinstance(row.expiration, int) else None,
            "digest": None if value is None else digest(value),
            "origin": row.origin,
            "version": row.version,
            "now": int(now),
            "deleted": int(now) if value is None else None,
        },
    )
    assert done.rowcount == 1, "the row has not changed since it was looked at"

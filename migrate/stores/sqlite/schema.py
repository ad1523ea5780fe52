"""The schema of a `sqlite:` store, in numbered steps; `.schema` in any SQLite tool shows its comments.

One table holds sessions and tombstones alike, on purpose: the one UNIQUE constraint on `key` then
makes "insert if absent" and "a tombstone counts as present" the same mechanism. Triggers keep
ordinary tools from breaking the laws by accident: a tombstone is final, rows are not deleted
before the migration is finished, and every change of a row raises its version by one.

`PRAGMA user_version` is the number of steps applied, `PRAGMA application_id` says that it is ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x6B766679
"""The bytes "kvfy" in the file's header: this database is a kvferry store."""

_SESSIONS = (
    # The origins are compared with OR: an IN list of four would be built anew for every inserted
    # row, which costs a sixth of a bulk import.
    """
CREATE TABLE sessions (
  -- One row for each session id ever seen: a session, expired or not, or the tombstone of a
  -- deleted one (value NULL). Read the view live_sessions to see what an application sees.
  id         INTEGER PRIMARY KEY,
  key        TEXT NOT NULL UNIQUE,  -- the whole key, prefix included; a secret
  value      BLOB,                  -- the value's bytes; NULL: deleted
  metadata   TEXT,                  -- JSON; NULL: none
  expiration INTEGER,               -- Unix seconds; NULL: never. A tombstone keeps the session's
  digest     BLOB,                  -- first 16 bytes of SHA-256 over value; NULL: not computed
  origin     TEXT NOT NULL CHECK (  -- who wrote it: the exporter, the application while KV is
    origin = 'copy' OR origin = 'dual' OR origin = 'app' OR origin = 'legacy'
  ),                                -- authoritative, the application since, or before kvferry
  version    INTEGER NOT NULL CHECK (version >= 1),  -- rises by one with each change
  sweep      INTEGER,               -- sweeps.id of the sweep that inserted it; NULL: no sweep did
  created_at INTEGER NOT NULL,      -- Unix seconds
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  CHECK ((value IS NULL) = (deleted_at IS NOT NULL))
) STRICT
""",
    # Without this, INSERT OR REPLACE would delete a tombstone before any other trigger sees it.
    # (An id that was not given is -1 here.)
    """
CREATE TRIGGER sessions_no_return BEFORE INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE key = NEW.key AND value IS NULL)
  OR NEW.id > 0 AND EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id AND value IS NULL)
BEGIN
  SELECT RAISE(ABORT, 'a tombstone is final: a deleted session never comes back');
END
""",
    """
CREATE TRIGGER sessions_final BEFORE UPDATE ON sessions WHEN OLD.value IS NULL
BEGIN
  SELECT RAISE(ABORT, 'a tombstone is final: a deleted session never comes back');
END
""",
    """
CREATE TRIGGER sessions_identity BEFORE UPDATE ON sessions
WHEN NEW.key IS NOT OLD.key OR NEW.id IS NOT OLD.id
BEGIN
  SELECT RAISE(ABORT, 'a row keeps its key and its id');
END
""",
    """
CREATE TRIGGER sessions_version BEFORE UPDATE ON sessions WHEN NEW.version IS NOT OLD.version + 1
BEGIN
  SELECT RAISE(ABORT, 'a change raises the version by one: SET version = version + 1');
END
""",
    """
CREATE TRIGGER sessions_digest BEFORE UPDATE OF value ON sessions
WHEN NEW.value IS NOT OLD.value AND NEW.digest IS OLD.digest AND NEW.digest IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a new value needs its own digest, or NULL');
END
""",
    """
CREATE TRIGGER sessions_stay BEFORE DELETE ON sessions
WHEN NOT EXISTS (SELECT 1 FROM fences WHERE name = 'purge')
BEGIN
  SELECT RAISE(ABORT, 'rows stay until the migration is finished; a session is deleted by a tombstone');
END
""",
    """
CREATE VIEW live_sessions AS
  -- What an application sees: neither deleted nor expired. For JSON: CAST(value AS TEXT) ->> '$.x'
  SELECT key, value, metadata, expiration, origin, version, created_at, updated_at
  FROM sessions
  WHERE value IS NOT NULL AND (expiration IS NULL OR expiration > unixepoch())
""",
    """
CREATE VIEW tombstones AS
  -- The sessions that were deleted, with the expiration that they had.
  SELECT key, expiration, origin, version, deleted_at FROM sessions WHERE value IS NULL
""",
    """
CREATE TABLE quarantine (
  -- Keys that could not be copied, and why; the reason holds nothing of the value.
  key    TEXT PRIMARY KEY NOT NULL,
  reason TEXT NOT NULL,
  sweep  INTEGER NOT NULL,          -- sweeps.id
  at     INTEGER NOT NULL           -- Unix seconds
) STRICT
""",
    """
CREATE TABLE store (
  -- Which store this is: one row, made with the file. A verify is not resumed on another one.
  id TEXT NOT NULL
) STRICT
""",
    "INSERT INTO store (id) VALUES (lower(hex(randomblob(8))))",
    """
CREATE TABLE sweeps (
  -- One complete pass of a run over the key space; numbered from 1 within the run.
  id       INTEGER PRIMARY KEY,
  run      TEXT NOT NULL,
  number   INTEGER NOT NULL,
  started  REAL NOT NULL,           -- Unix seconds
  finished REAL,                    -- NULL: not yet
  UNIQUE (run, number)
) STRICT
""",
    """
CREATE TABLE checkpoints (
  -- How far a partition of a sweep is; written in the transaction of the rows that it counts.
  sweep      INTEGER NOT NULL,      -- sweeps.id
  partition  TEXT NOT NULL,
  phase      TEXT NOT NULL,         -- listing, settling, done
  cursor     TEXT,                  -- continues the source's listing; a secret
  last_key   TEXT,                  -- everything up to it is in this file
  relisting  INTEGER NOT NULL CHECK (relisting IN (0, 1)),
  tally      TEXT NOT NULL,         -- JSON: what became of the listed keys
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (sweep, partition)
) STRICT
""",
    """
CREATE TABLE sightings (
  -- Keys that must be read again after the staleness horizon, and what the first reading saw.
  sweep      INTEGER NOT NULL,
  partition  TEXT NOT NULL,
  key        TEXT NOT NULL,
  version    INTEGER,               -- of the row, read before the source was; NULL: no row
  digest     BLOB,                  -- of the source's value; NULL: the source had none
  metadata   TEXT,
  expiration ANY NOT NULL,          -- Unix seconds, or 'never', or 'unknown'
  seen_at    REAL NOT NULL,
  outcome    TEXT,                  -- under which the key is counted while it waits
  PRIMARY KEY (sweep, partition, key)
) STRICT
""",
    "CREATE INDEX sightings_by_age ON sightings (sweep, partition, seen_at, key)",
    """
CREATE TABLE lease (
  -- Who may copy into this file now; at most one row. Applications need no lease.
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  nonce   TEXT NOT NULL,            -- names this taking of it: two targets of a process have two
  token   TEXT NOT NULL,            -- names the operator's ledger
  who     TEXT NOT NULL,
  host    TEXT NOT NULL,
  pid     INTEGER NOT NULL,
  process TEXT,                     -- tells the process from a later one with the same pid
  since   REAL NOT NULL,            -- Unix seconds
  renewed REAL NOT NULL,
  until   REAL NOT NULL             -- overdue afterwards: anybody may take it
) STRICT
""",
    """
CREATE TABLE fences (
  -- What may no longer happen to this file (gate-verify: no sweep replaces a row any more), or
  -- may from now on (purge: the migration is finished, rows may be deleted).
  name TEXT PRIMARY KEY NOT NULL,
  at   REAL NOT NULL                -- Unix seconds
) STRICT
""",
)

_BURIALS = (
    """
CREATE TABLE burials (
  -- How long each logout must be remembered: as long as anything may still bring the session back.
  -- A tombstone without an entry is kept for ever.
  key        TEXT PRIMARY KEY NOT NULL,
  deleted_at INTEGER NOT NULL,      -- Unix seconds; of the last delete, which renews the time
  keep_until INTEGER                -- Unix seconds; NULL: for ever
) STRICT
""",
)

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("0001_sessions", _SESSIONS),
    ("0002_burials", _BURIALS),
)
"""Every step's name and statements, oldest first. A released step is never edited: add one."""

VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to `VERSION`, all of it in one transaction; nothing if it is there already.

    The connection must be outside of a transaction, and the file must be ours or empty.
    Raises sqlite3.Error.
    """
    # Imported here: an application on a current file need not wait for it.
    from sqlite_utils import Database, Migrations

    migrations = Migrations("kvferry-store")
    for name, statements in STEPS:
        migrations(name=name)(_step(statements))
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _step(statements: tuple[str, ...]) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        for statement in statements:
            db.execute(statement.strip())

    return run

"""The ledger's tables, as numbered migrations: PRAGMA user_version counts those that were applied.

A migration is never changed once released; a new one is added below the last.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

APPLICATION_ID = 0x6B766C67
"""`kvlg` in ASCII: how a ledger is told from any other SQLite file."""

migrations = Migrations("kvferry-ledger")

_FIRST = (
    # the fingerprint secret and the lease token: both stay in this file
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('export', 'verify')),
        source TEXT NOT NULL,
        target TEXT NOT NULL,
        prefixes TEXT NOT NULL,                -- JSON array
        options TEXT NOT NULL,                 -- JSON object: option names and values
        created_at REAL NOT NULL,
        last_at REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE sweeps (
        run TEXT NOT NULL,
        number INTEGER NOT NULL,               -- counts from 1 within the run
        state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'failed', 'interrupted')),
        started_at REAL NOT NULL,
        finished_at REAL,
        listed_total INTEGER,                  -- keys that the sweep is expected to list, if known
        tally TEXT NOT NULL,                   -- JSON object: counts by outcome
        note TEXT NOT NULL,
        PRIMARY KEY (run, number)
    ) STRICT""",
    """CREATE TABLE verifies (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL,
        number INTEGER NOT NULL,               -- counts from 1 within the run
        state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'failed', 'interrupted', 'abandoned')),
        started_at REAL NOT NULL,
        finished_at REAL,
        verdict TEXT,
        note TEXT NOT NULL,
        holder TEXT NOT NULL,                  -- who works on it; a later process takes it over
        UNIQUE (run, number)
    ) STRICT""",
    """CREATE TABLE positions (
        verify INTEGER NOT NULL,
        prefix TEXT NOT NULL,
        cursor TEXT,
        last_key TEXT,                         -- everything up to here has been compared
        done INTEGER NOT NULL,
        tally TEXT NOT NULL,
        PRIMARY KEY (verify, prefix)
    ) STRICT""",
    """CREATE TABLE differences (
        verify INTEGER NOT NULL,
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'healed', 'drained', 'unsettled')),
        fields TEXT NOT NULL,                  -- JSON array: what differs
        source TEXT,                           -- JSON object: what the source showed; NULL = nothing there
        target TEXT,
        first_seen REAL NOT NULL,
        last_seen REAL NOT NULL,
        changed_at REAL NOT NULL,
        due_at REAL NOT NULL,
        rounds INTEGER NOT NULL,
        PRIMARY KEY (verify, key)
    ) STRICT""",
    "CREATE INDEX differences_due ON differences (verify, due_at, key) WHERE state = 'open'",
    """CREATE TABLE read_errors (
        verify INTEGER NOT NULL,
        key TEXT NOT NULL,
        side TEXT NOT NULL CHECK (side IN ('source', 'target')),
        reason TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (verify, key, side)
    ) STRICT""",
    """CREATE TABLE skips (
        verify INTEGER NOT NULL,
        key TEXT NOT NULL,
        reason TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (verify, key)
    ) STRICT""",
    """CREATE TABLE evidence (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        kind TEXT NOT NULL,
        at REAL NOT NULL,
        document TEXT NOT NULL                 -- JSON
    ) STRICT""",
    "CREATE INDEX evidence_run ON evidence (run, at)",
)


@migrations()
def m001_first(db: Database) -> None:
    """Everything that version 0.1 remembers."""
    for statement in _FIRST:
        db.execute(statement)


_TASKS = (
    """CREATE TABLE tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        migration TEXT NOT NULL,               -- names the two stores and the prefixes
        kind TEXT NOT NULL,                    -- which command does it
        number INTEGER NOT NULL,               -- counts from 1 within migration and kind
        state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'failed', 'interrupted', 'abandoned')),
        started_at REAL NOT NULL,
        finished_at REAL,
        position TEXT NOT NULL,                -- JSON object: where it goes on
        tally TEXT NOT NULL,                   -- JSON object: counts
        note TEXT NOT NULL,
        holder TEXT NOT NULL,                  -- who works on it; a later process takes it over
        UNIQUE (migration, kind, number)
    ) STRICT""",
    """CREATE TABLE task_items (
        task INTEGER NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        due_at REAL NOT NULL,                  -- when it is to be looked at again
        body TEXT NOT NULL,                    -- JSON object: what must be remembered until then
        PRIMARY KEY (task, key)
    ) STRICT""",
    "CREATE INDEX task_items_due ON task_items (task, state, due_at, key)",
)


@migrations()
def m002_tasks(db: Database) -> None:
    """What is done besides runs and verifies, and how far it is."""
    for statement in _TASKS:
        db.execute(statement)


VERSION = 2
"""The number of migrations above."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a ledger up to date, in one transaction; a second process waits and finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < VERSION:
            # within a transaction sqlite-utils nests by savepoints; plug-ins have no business here
            migrations.apply(Database(connection, execute_plugins=False, recursive_triggers=False))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")

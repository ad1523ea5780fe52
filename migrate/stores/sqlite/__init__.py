"""Sessions in a SQLite file: the target of a copy, a source, and an application's session store."""

from __future__ import annotations

from migrate.stores.sqlite.reading import SqliteHolder, SqliteSource
from migrate.stores.sqlite.sessions import Session, SessionExists, SessionGone, SqliteSessions
from migrate.stores.sqlite.target import SqliteTarget

__all__ = [
    "Session",
    "SessionExists",
    "SessionGone",
    "SqliteHolder",
    "SqliteSessions",
    "SqliteSource",
    "SqliteTarget",
]

"""Keys put in order on disk: a temporary SQLite database that no other process can open or find.

SQLite makes the file of a nameless database with mode 0600 and unlinks it before the first page is written
(its documentation, "Temporary Files Used By SQLite"), so that nothing is left whenever the process ends.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from migrate.core.record import NEVER, Expiration, Head, Key

_CHUNK = 1000
_CACHE_KIB = 8192
_FROM = "SELECT * FROM disk.heads WHERE key >= ? AND key <= ifnull(?, key) ORDER BY key LIMIT ?"
_BEHIND = "SELECT * FROM disk.heads WHERE key > ? AND key <= ifnull(?, key) ORDER BY key LIMIT ?"


class Sorted(NamedTuple):
    """A head, and whether it is a tombstone's."""

    head: Head
    deleted: bool


class Sorter:
    """Heads by key, and the ids that were seen. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA temp_store = FILE")  # else some builds would keep it all in memory
        self._db.execute("ATTACH '' AS disk")
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._db.execute(f"PRAGMA disk.{pragma}")
        self._db.execute("CREATE TABLE disk.ids (id BLOB PRIMARY KEY) WITHOUT ROWID")
        self._db.execute(
            "CREATE TABLE disk.heads"
            " (key TEXT PRIMARY KEY, metadata TEXT, expiration INTEGER, deleted INTEGER) WITHOUT ROWID"
        )

    def unseen(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that were not given before, and remember them."""
        query = "INSERT OR IGNORE INTO disk.ids VALUES (?)"
        with self._lock, self._db:
            self._db.execute("BEGIN")
            return [one for one in ids if self._db.execute(query, (bytes.fromhex(one),)).rowcount > 0]

    def add(self, heads: Iterable[Sorted]) -> None:
        """Keep these; one that is there already is replaced."""
        rows = ((*_parts(head), deleted) for head, deleted in heads)
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.executemany("REPLACE INTO disk.heads VALUES (?, ?, ?, ?)", rows)

    def between(self, prefix: str, after: str | None, upto: str | None) -> Iterator[Sorted]:
        """The heads with the prefix and after < key <= upto, in key order, a thousand at a time."""
        last = after
        while True:
            query, low = (_FROM, prefix) if last is None or last < prefix else (_BEHIND, last)
            with self._lock:
                found = self._db.execute(query, (low, upto, _CHUNK)).fetchall()
            for key, metadata, expiration, deleted in found:
                if not key.startswith(prefix):
                    return
                until: Expiration = NEVER if expiration is None else expiration
                yield Sorted(Head(Key(key), metadata, until), bool(deleted))
            if len(found) < _CHUNK:
                return
            last = found[-1][0]

    def close(self) -> None:
        """Let go of it. May be called twice."""
        self._db.close()

    def __del__(self) -> None:
        """A reader may be the last to hold it."""
        self._db.close()


def _parts(head: Head) -> tuple[str, str | None, int | None]:
    return head.key, head.metadata, head.expiration if isinstance(head.expiration, int) else None

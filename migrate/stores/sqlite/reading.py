"""Reading a `sqlite:` store: as the holder of a verify, and as a source.

Long scans are cut into chunks, each one query from the last key on: no read transaction stays
open between them, so the write-ahead log of a busy file does not grow while a verify waits.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from migrate.core.ports import Answer, Clock, Cursor, Page, Quarantined
from migrate.core.record import NEVER, Expiration, Head, Key, Metadata, Origin, Record, Row, Unseen
from migrate.stores.sqlite.connection import BUSY_SECONDS, errors_named, open_reader, resolve
from migrate.stores.sqlite.lease import leased_until

_CHUNK_ROWS = 2000
_CHUNK_BYTES = 4_000_000
_KEYS_AT_ONCE = 500
_HIGHEST_ID = 2**63 - 1
_COLUMNS = "key, value, metadata, expiration, origin, version, sweep"
_ORIGINS = {origin.value: origin for origin in Origin}

GATE, PURGE = "gate-verify", "purge"
"""The fence behind which no row is replaced."""

_Raw = tuple[Key, bytes | None, Metadata, int | None, str, int, int | None]


class SqliteHolder:
    """A store opened read-only: neither created nor migrated. Implements `ports.Holder`.

    Opening raises StoreRefused (no such file, not ours, older or newer than this kvferry),
    StoreUnavailable, StoreBroken; so does every method. Safe for several threads.
    """

    concealed = None
    verbatim = True

    def __init__(self, path: str | os.PathLike[str], *, busy: float = BUSY_SECONDS) -> None:
        self._path = resolve(path)
        self._reader = open_reader(self._path, busy)
        self._reading = threading.Lock()

    @property
    def address(self) -> str:
        """`sqlite:` and the absolute path."""
        return f"sqlite:{self._path}"

    @property
    def identity(self) -> str:
        """The random id that was made with the file."""
        return _identity(self._path, self._reader, self._reading)

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """What it holds under these keys, tombstones and expired rows too; absent keys are left out."""
        with errors_named(self._path), self._reading:
            return {row.key: row for row in rows_of(self._reader, keys)}

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto, in key order, streamed in chunks.

        Each chunk is what the store held when the reader got there.
        """
        low, high = bounds(prefix, after, upto)
        query = f"SELECT {_COLUMNS} FROM sessions WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608 - constants
        while chunk := self._chunk(query, (low, high, _CHUNK_ROWS)):
            yield from map(_row, chunk)
            low = _next(chunk[-1][0])

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The same as `rows`, which has the values."""
        return self.rows(keys)

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The keys in quarantine with the prefix and behind `after`, in key order, streamed."""
        low, high = bounds(prefix, after, None)
        query = "SELECT key, reason FROM quarantine WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
        while True:
            with errors_named(self._path), self._reading:
                chunk = self._reader.execute(query, (low, high, _CHUNK_ROWS)).fetchall()
            if not chunk:
                return
            for key, reason in chunk:
                yield Quarantined(key, reason)
            low = _next(chunk[-1][0])

    def fenced_since(self) -> float | None:
        """Since when no row is replaced; None: the fence is down."""
        with errors_named(self._path), self._reading:
            return fence(self._reader, GATE)

    def finished_since(self) -> float | None:
        """Since when nothing is imported; None: the migration is not finished."""
        with errors_named(self._path), self._reading:
            return fence(self._reader, PURGE)

    def leased_until(self) -> float | None:
        """Until when somebody has held the lease; None: nobody ever did."""
        with errors_named(self._path), self._reading:
            return leased_until(self._reader)

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._reading:
            self._reader.close()

    def _chunk(self, query: str, values: tuple[object, ...]) -> list[_Raw]:
        """The first rows of a query, until there are enough of them or of their bytes."""
        with errors_named(self._path), self._reading:
            return _take(self._reader.execute(query, values))


class SqliteSource:
    """The live sessions of a store as a source, read-only. Implements `ports.Source`.

    Expired rows and tombstones are neither listed nor read. A page comes with its records; the
    cursor is the page's last key. It is never stale and has no clock of its own.
    """

    horizon = 0.0
    live = False
    skew = 0.0
    width = 1000

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Clock, page: int = 1000, busy: float = BUSY_SECONDS
    ) -> None:
        self._path = resolve(path)
        self._clock = clock
        self._page = page
        self._reader = open_reader(self._path, busy)
        self._reading = threading.Lock()

    @property
    def address(self) -> str:
        """`sqlite:` and the absolute path."""
        return f"sqlite:{self._path}"

    @property
    def identity(self) -> str:
        """The random id that was made with the file."""
        return _identity(self._path, self._reader, self._reading)

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page of live rows behind `cursor`, with their records."""
        low, high = bounds(prefix, None if cursor is None else Key(cursor), None)
        query = (
            f"SELECT {_COLUMNS} FROM sessions WHERE key >= ? AND key < ? AND value IS NOT NULL"  # noqa: S608 - constants
            " AND (expiration IS NULL OR expiration > ?) ORDER BY key LIMIT ?"
        )
        with errors_named(self._path), self._reading:
            rows = self._reader.execute(query, (low, high, self._clock.now(), self._page))
            records = [_record(row) for row in _take(rows)]
        heads = [Head(record.key, record.metadata, record.expiration) for record in records]
        return Page(heads, Cursor(records[-1].key) if records else None, records)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """The live records under these keys; None for every other."""
        answers: dict[Key, Answer] = dict.fromkeys(keys)
        with errors_named(self._path), self._reading:
            now = self._clock.now()
            for row in rows_of(self._reader, keys):
                assert not isinstance(row.value, Unseen), "a file shows its values"
                if row.value is not None and not (isinstance(row.expiration, int) and row.expiration <= now):
                    answers[row.key] = Record(row.key, row.value, row.metadata, row.expiration)
        return answers

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._reading:
            self._reader.close()


def _identity(path: Path, connection: sqlite3.Connection, reading: threading.Lock) -> str:
    with errors_named(path), reading:
        return str(connection.execute("SELECT id FROM store").fetchone()[0])


def fence(connection: sqlite3.Connection, name: str) -> float | None:
    """Since when a fence has been up, Unix seconds; None: it is down."""
    found = connection.execute("SELECT at FROM fences WHERE name = ?", (name,)).fetchall()
    return float(found[0][0]) if found else None


def rows_of(connection: sqlite3.Connection, keys: Sequence[Key], before: int = _HIGHEST_ID) -> Iterator[Row]:
    """The rows under these keys, one after the other, in no promised order.

    `before`: only those that were there when `before` was the highest id.
    """
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        query = f"SELECT {_COLUMNS} FROM sessions WHERE key IN ({marks}) AND id <= ?"  # noqa: S608 - question marks
        yield from map(_row, connection.execute(query, (*some, before)))


def bounds(prefix: str, after: Key | None, upto: Key | None) -> tuple[str, str | bytes]:
    """The half-open range of keys that start with `prefix`, with after < key <= upto.

    The key that follows `k` in byte order is `k` and a NUL. Where nothing bounds the range from
    above, the bound is an empty blob: SQLite sorts every text before every blob.
    """
    low = prefix if after is None else max(prefix, _next(after))
    high = _beyond(prefix)
    if upto is not None:
        high = _next(upto) if high is None else min(high, _next(upto))
    return low, b"" if high is None else high


def _next(key: str) -> str:
    return key + "\0"


def _beyond(prefix: str) -> str | None:
    """The least text above everything that starts with `prefix`; None: there is none.

    The last character that can be raised is raised, over the surrogates, which UTF-8 has not.
    """
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    last = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if 0xD800 <= last <= 0xDFFF else last)


def _take(rows: sqlite3.Cursor) -> list[_Raw]:
    """Read rows until they hold enough bytes, then end the query and its read transaction."""
    taken: list[_Raw] = []
    size = 0
    for row in rows:
        taken.append(row)
        size += len(row[1] or b"")
        if size > _CHUNK_BYTES:
            break
    rows.close()
    return taken


def _row(raw: _Raw) -> Row:
    key, value, metadata, expiration, origin, version, sweep = raw
    return Row(key, value, metadata, _expiration(expiration), _ORIGINS[origin], version, sweep)


def _record(raw: _Raw) -> Record:
    return Record(raw[0], cast("bytes", raw[1]), raw[2], _expiration(raw[3]))


def _expiration(stored: int | None) -> Expiration:
    return NEVER if stored is None else stored

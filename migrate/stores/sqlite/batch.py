"""What a batch writes, as functions on the connection that holds the open transaction.

Records are inserted with `ON CONFLICT DO NOTHING` and, when every one went in, that was all. Only
otherwise are the rows that were there already read and compared: nothing is ever replaced.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain

from migrate.core.copying import standing
from migrate.core.ports import Batch, Checkpoint, Outcome, Replacement, Tally
from migrate.core.record import Expiration, Key, Lasting, Record, digest
from migrate.errors import RecordError, StoreBroken
from migrate.stores.sqlite.reading import GATE, rows_of

_BLOCK = 250
"""Rows of one statement. SQLite works on all of them without Python's lock, so that the source's thread
can read the next page meanwhile; row by row, the two would wake each other for every row."""


def _insert(rows: int) -> str:
    """Inserts so many rows, as far as they are absent."""
    return f"""
INSERT INTO sessions
  (key, value, metadata, expiration, digest, origin, version, sweep, created_at, updated_at)
SELECT column1, column2, column3, column4, column5, 'copy', 1, ?, ?, ?
FROM (VALUES {", ".join(["(?, ?, ?, ?, ?)"] * rows)}) WHERE true
ON CONFLICT (key) DO NOTHING
"""  # noqa: S608 - question marks


_INSERT_ONE, _INSERT_BLOCK = _insert(1), _insert(_BLOCK)

_REPLACE = f"""
UPDATE sessions
SET value = ?, metadata = ?, expiration = ?, digest = ?, version = version + 1, updated_at = ?,
  origin = CASE origin WHEN 'legacy' THEN 'copy' ELSE origin END
WHERE key = ? AND version = ? AND value IS NOT NULL AND ? <= ?
  AND (origin IN ('copy', 'dual') OR (origin = 'legacy' AND ?))
  AND NOT EXISTS (SELECT 1 FROM fences WHERE name = '{GATE}')
"""  # noqa: S608 - a constant

_REMEMBER = """
INSERT INTO sightings (sweep, partition, key, version, digest, metadata, expiration, seen_at, outcome)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sweep, partition, key) DO UPDATE SET
  version = excluded.version, digest = excluded.digest, metadata = excluded.metadata,
  expiration = excluded.expiration, seen_at = excluded.seen_at, outcome = excluded.outcome
"""

_QUARANTINE = """
INSERT INTO quarantine (key, reason, sweep, at) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET reason = excluded.reason, sweep = excluded.sweep, at = excluded.at
"""

_CHECKPOINT = """
INSERT INTO checkpoints (sweep, partition, phase, cursor, last_key, relisting, tally, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sweep, partition) DO UPDATE SET
  phase = excluded.phase, cursor = excluded.cursor, last_key = excluded.last_key,
  relisting = excluded.relisting, tally = excluded.tally, updated_at = excluded.updated_at
"""

Insertion = tuple[str, bytes, str | None, int | None, bytes]


def insertions(records: Sequence[Record]) -> list[Insertion]:
    """Records as `insert` wants them. Raises RecordError.

    One loop without a call of ours: this runs for every session of a copy.
    """
    return [
        (
            key,
            value,
            metadata,
            expiration if type(expiration) is int else _stored(expiration),
            sha256(value).digest()[:16],
        )
        for key, value, metadata, expiration, _, _ in records
    ]


def insert(
    connection: sqlite3.Connection,
    records: Sequence[Record],
    prepared: Sequence[Insertion],
    sweep: int,
    stamp: int,
    differing: Outcome = Outcome.WAITING,
) -> Tally:
    """Insert what is absent and say what became of each record; `stamp`: Unix seconds.

    `differing`: the outcome of a record that differs from a row that may not be replaced.

    Raises StoreBroken when a key comes twice.
    """
    if not records:
        return Counter()
    mark: int = connection.execute("SELECT ifnull(max(id), 0) FROM sessions").fetchone()[0]
    try:
        inserted = _insert_absent(connection, prepared, sweep, stamp)
    except sqlite3.IntegrityError:
        inserted = 0  # a tombstone: its trigger stopped the statement there
    if inserted == len(records):
        release(connection, [record.key for record in records])
        return Counter({Outcome.COPIED: inserted})
    by_key = {record.key: record for record in records}
    if len(by_key) != len(records):
        raise StoreBroken("the source gave a key twice in one page", "report it; nothing was written")
    older = {
        row.key: standing(by_key[row.key], row) for row in rows_of(connection, list(by_key), before=mark)
    }
    _insert_absent(connection, [values for values in prepared if values[0] not in older], sweep, stamp)
    release(connection, [key for key in by_key if key not in older])
    tally: Tally = Counter(differing if outcome is Outcome.WAITING else outcome for outcome in older.values())
    tally[Outcome.COPIED] = len(records) - len(older)
    return tally


def _insert_absent(
    connection: sqlite3.Connection, prepared: Sequence[Insertion], sweep: int, stamp: int
) -> int:
    """Insert rows, blocks of them and then the rest one by one; returns how many were absent."""
    given = (sweep, stamp, stamp)
    whole = len(prepared) - len(prepared) % _BLOCK
    inserted = 0
    for start in range(0, whole, _BLOCK):
        block = chain.from_iterable(prepared[start : start + _BLOCK])
        inserted += connection.execute(_INSERT_BLOCK, (*given, *block)).rowcount
    if rest := [(*given, *values) for values in prepared[whole:]]:
        inserted += connection.executemany(_INSERT_ONE, rest).rowcount
    return inserted


def replace_row(connection: sqlite3.Connection, wanted: Replacement, now: float) -> Outcome:
    """Law 1's update, in one statement that checks all of its conditions."""
    record = wanted.record
    values = (
        record.value,
        record.metadata,
        _stored(record.expiration),
        digest(record.value),
        int(now),
        record.key,
        wanted.version,
        now,
        wanted.not_after,
        wanted.legacy,
    )
    if connection.execute(_REPLACE, values).rowcount == 1:
        return Outcome.UPDATED
    row = next(rows_of(connection, [record.key]), None)
    return Outcome.WAITING if row is None else standing(record, row)


def release(connection: sqlite3.Connection, keys: Sequence[Key]) -> None:
    """Take keys out of the quarantine."""
    if connection.execute("SELECT EXISTS (SELECT 1 FROM quarantine)").fetchone()[0]:
        connection.executemany("DELETE FROM quarantine WHERE key = ?", [(key,) for key in keys])


def quarantine(connection: sqlite3.Connection, batch: Batch, sweep: int, stamp: int) -> None:
    """Released keys leave the quarantine, then quarantined ones enter it."""
    release(connection, batch.released)
    connection.executemany(_QUARANTINE, [(bad.key, bad.reason, sweep, stamp) for bad in batch.quarantined])


def remember(connection: sqlite3.Connection, batch: Batch, sweep: int, partition: str) -> None:
    """Settled sightings are forgotten, then new ones remembered."""
    connection.executemany(
        "DELETE FROM sightings WHERE sweep = ? AND partition = ? AND key = ?",
        [(sweep, partition, key) for key in batch.settled],
    )
    connection.executemany(
        _REMEMBER,
        [
            (
                sweep,
                partition,
                seen.key,
                seen.version,
                seen.digest,
                seen.metadata,
                seen.expiration.value if isinstance(seen.expiration, Lasting) else seen.expiration,
                seen.seen_at,
                seen.outcome,
            )
            for seen in batch.sightings
        ],
    )


def save(connection: sqlite3.Connection, mark: Checkpoint, stamp: int) -> None:
    """The checkpoint, in the same transaction as everything that it counts."""
    values = (
        mark.sweep,
        mark.partition,
        mark.phase,
        mark.cursor,
        mark.last_key,
        mark.relisting,
        json.dumps(mark.tally, sort_keys=True),
        stamp,
    )
    connection.execute(_CHECKPOINT, values)


def _stored(expiration: Expiration) -> int | None:
    """The expiration as the table has it. Raises RecordError when it is unknown."""
    if isinstance(expiration, int):
        return expiration
    if expiration is Lasting.UNKNOWN:
        raise RecordError("a record's expiration is unknown: it cannot be copied", "give its key list")
    return None

"""The SQLite target: a store opened for copying, each batch and its checkpoint in one transaction."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from migrate.core.burying import Burial
from migrate.core.ports import (
    Batch,
    Checkpoint,
    Claim,
    Clock,
    Outcome,
    Phase,
    RunId,
    Sighting,
    SweepInfo,
    Tally,
    TooLate,
)
from migrate.core.record import Key, Lasting
from migrate.core.reverting import Reversal, reversal
from migrate.errors import StoreError
from migrate.stores.finishing import refused
from migrate.stores.sqlite import lease
from migrate.stores.sqlite.batch import insert, insertions, quarantine, remember, replace_row, save
from migrate.stores.sqlite.burying import bury
from migrate.stores.sqlite.connection import BUSY_SECONDS, errors_named, open_writer, resolve, writing
from migrate.stores.sqlite.reading import GATE, PURGE, SqliteHolder, fence, rows_of

_REVERT = """
UPDATE sessions SET origin = 'dual', version = version + 1, updated_at = ?
WHERE key = ? AND version = ? AND origin = 'app' AND value IS NOT NULL
"""

_UP = "INSERT INTO fences (name, at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"


class SqliteTarget(SqliteHolder):
    """A store opened for copying; created and migrated where needed. Implements `ports.Target`.

    Opening and every method raise StoreRefused, StoreUnavailable (locked for longer than `busy`
    seconds, disk full, lease lost) or StoreBroken; what raised has changed nothing.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock, busy: float = BUSY_SECONDS) -> None:
        self._writer = open_writer(resolve(path), busy, "copy")
        self._clock = clock
        self._writing = threading.Lock()
        self._lease: str | None = None  # the nonce under which it is held
        try:
            super().__init__(path, busy=busy)
        except BaseException:
            self._writer.close()
            raise

    # ------------------------------------------------------------ the lease

    def acquire(self, claim: Claim) -> None:
        """Take the lease, or raise StoreUnavailable that names the holder and since when."""
        with self._transaction():
            nonce = lease.acquire(self._writer, claim, self._lease, self._clock.now(), self.address)
        self._lease = nonce

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        with self._transaction():
            if self._lease is not None:
                lease.release(self._writer, self._lease, self._clock.now())
        self._lease = None

    def heartbeat(self) -> None:
        """Renew the lease during a wait; raises StoreUnavailable when it is lost."""
        with self._leased():
            pass

    # ------------------------------------------------------------ sweeps and checkpoints

    def sweeps(self, run: RunId) -> Sequence[SweepInfo]:
        """The run's sweeps, oldest first."""
        with errors_named(self._path), self._reading:
            found = self._reader.execute(
                "SELECT id, run, number, started, finished FROM sweeps WHERE run = ? ORDER BY number", (run,)
            )
            return [SweepInfo(*row) for row in found]

    def open_sweep(self, run: RunId, number: int) -> SweepInfo:
        """Begin sweep `number` of the run, or find it when it has begun already."""
        with self._leased() as now:
            self._writer.execute(
                "INSERT INTO sweeps (run, number, started) VALUES (?, ?, ?)"
                " ON CONFLICT (run, number) DO NOTHING",
                (run, number, now),
            )
            found = self._writer.execute(
                "SELECT id, run, number, started, finished FROM sweeps WHERE run = ? AND number = ?",
                (run, number),
            )
            return SweepInfo(*found.fetchone())

    def close_sweep(self, sweep: int) -> None:
        """Mark it finished, and see to it that this outlives a power cut."""
        with self._leased() as now:
            self._writer.execute(
                "UPDATE sweeps SET finished = ? WHERE id = ? AND finished IS NULL", (now, sweep)
            )
        with errors_named(self._path), self._writing:
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def checkpoint(self, sweep: int, partition: str) -> Checkpoint | None:
        """The partition's checkpoint, None before its first batch."""
        return next((found for found in self.checkpoints(sweep) if found.partition == partition), None)

    def checkpoints(self, sweep: int) -> Sequence[Checkpoint]:
        """All checkpoints of the sweep, in the order of their partitions."""
        with errors_named(self._path), self._reading:
            found = self._reader.execute(
                "SELECT sweep, partition, phase, cursor, last_key, relisting, tally"
                " FROM checkpoints WHERE sweep = ? ORDER BY partition",
                (sweep,),
            )
            return [
                Checkpoint(
                    number, partition, Phase(phase), cursor, last, bool(relisting), Counter(json.loads(tally))
                )
                for number, partition, phase, cursor, last, relisting, tally in found
            ]

    def sightings(self, sweep: int, partition: str, limit: int, seen_before: float) -> Sequence[Sighting]:
        """Up to `limit` remembered sightings with seen_at <= seen_before, oldest first."""
        with errors_named(self._path), self._reading:
            found = self._reader.execute(
                "SELECT key, version, digest, metadata, expiration, seen_at, outcome FROM sightings"
                " WHERE sweep = ? AND partition = ? AND seen_at <= ? ORDER BY seen_at, key LIMIT ?",
                (sweep, partition, seen_before, limit),
            )
            return [
                Sighting(
                    key,
                    version,
                    seen,
                    metadata,
                    expiration if isinstance(expiration, int) else Lasting(expiration),
                    at,
                    outcome and Outcome(outcome),
                )
                for key, version, seen, metadata, expiration, at, outcome in found
            ]

    def begin_gate_verify(self) -> None:
        """From now on no replacement is accepted (law 1); inserts still are. Needs no lease."""
        with self._transaction():
            self._writer.execute(_UP, (GATE, self._clock.now()))

    def end_gate_verify(self) -> None:
        """Lift the fence: replacements are accepted again. Needs no lease."""
        with self._transaction():
            self._writer.execute("DELETE FROM fences WHERE name = ?", (GATE,))

    def finish(self) -> None:
        """From now on no batch is accepted, and rows may be deleted. Needs no lease."""
        with self._transaction():
            self._writer.execute(_UP, (PURGE, self._clock.now()))

    # ------------------------------------------------------------ the batch

    def apply(self, batch: Batch, checkpoint: Checkpoint) -> Checkpoint:
        """Do the batch and save the checkpoint in one transaction; returns what was saved.

        Raises TooLate, RecordError for an unknown expiration, StoreBroken for a key that the
        records hold twice, StoreUnavailable when the lease was lost; then nothing of it was done.
        """
        tally: Tally = Counter(checkpoint.tally)
        tally.update(batch.tally)
        stamp = int(self._clock.now())
        prepared = insertions(batch.records)
        with self._leased() as now:
            if fence(self._writer, PURGE) is not None:
                raise refused(self.address)
            if now > batch.not_after:
                raise TooLate
            tally.update(
                insert(self._writer, batch.records, prepared, checkpoint.sweep, stamp, batch.differing)
            )
            tally.update(replace_row(self._writer, wanted, now) for wanted in batch.replacements)
            quarantine(self._writer, batch, checkpoint.sweep, stamp)
            remember(self._writer, batch, checkpoint.sweep, checkpoint.partition)
            saved = replace(checkpoint, tally=tally)
            save(self._writer, saved, stamp)
        return saved

    # ------------------------------------------------------------ deletions

    def bury(
        self, name: str, rows: Mapping[Key, int], not_after: float, *, legacy: bool = False
    ) -> Mapping[Key, Burial]:
        """See `core.burying.Burying.bury`; all of it in one transaction."""
        with self._changing(not_after) as now:
            fenced = fence(self._writer, GATE) is not None
            return bury(self._writer, rows, now, legacy=legacy, fenced=fenced)

    # ------------------------------------------------------------ going back

    def revert(self, rows: Mapping[Key, int], not_after: float) -> Mapping[Key, Reversal]:
        """See `core.reverting.Revertible.revert`; all of it in one transaction."""
        with self._changing(not_after) as now:
            found = {row.key: row for row in rows_of(self._writer, list(rows))}
            outcomes = {key: reversal(found.get(key), version) for key, version in rows.items()}
            self._writer.executemany(
                _REVERT,
                [(int(now), key, rows[key]) for key, one in outcomes.items() if one is Reversal.REVERTED],
            )
        return outcomes

    # ------------------------------------------------------------ transactions

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors_named(self._path), self._writing, writing(self._writer):
            yield

    @contextmanager
    def _leased(self) -> Iterator[float]:
        """A transaction that has renewed our lease; gives the time (Unix seconds) of its start."""
        with self._transaction():
            now = self._clock.now()
            lease.renew(self._writer, self._lease, now, self.address)
            yield now

    @contextmanager
    def _changing(self, not_after: float) -> Iterator[float]:
        """The same for what may change rows until then, and not once the migration is finished."""
        with self._leased() as now:
            if fence(self._writer, PURGE) is not None:
                raise refused(self.address)
            if now > not_after:
                raise TooLate
            yield now

    def close(self) -> None:
        """Give the lease back and close the file; the last to close it folds the log into it.

        May be called twice.
        """
        if self._lease is not None:
            with suppress(StoreError):  # then the lease ends by itself
                self.release()
            self._lease = None
        super().close()
        with self._writing:
            self._writer.close()

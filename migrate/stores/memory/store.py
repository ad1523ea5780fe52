"""A store in memory, source and target in one: the model that the real stores are tested against."""

from __future__ import annotations

import copy
import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar, cast

from migrate.core.burying import Burial, fate
from migrate.core.copying import standing
from migrate.core.ports import (
    Answer,
    Batch,
    Checkpoint,
    Claim,
    Clock,
    Cursor,
    Outcome,
    Page,
    Quarantined,
    Replacement,
    RunId,
    Sighting,
    SweepInfo,
    Tally,
    TooLate,
)
from migrate.core.record import NEVER, UNKNOWN, Head, Key, Origin, Record, Row, expired
from migrate.core.reverting import Reversal, reversal
from migrate.errors import RecordError, StoreBroken, StoreUnavailable
from migrate.stores.finishing import refused

LEASE_SECONDS = 60.0


class _Lease(NamedTuple):
    nonce: object
    claim: Claim
    since: float
    until: float


@dataclass(slots=True)
class _Gate:
    """What all openings of a store have in common, besides what it holds."""

    lease: _Lease | None = None
    returned: float | None = None
    fenced_since: float | None = None
    finished_since: float | None = None


class MemoryStore:
    """A store in memory, for one process. Implements `ports.Source` and `ports.Target`.

    As a source it lists and reads its live rows. `put` and `remove` are the application's side.
    """

    horizon = 0.0
    identity = ""
    live = True
    skew = 0.0
    concealed = None
    verbatim = True

    def __init__(self, *, clock: Clock, page: int = 1000, width: int = 100, address: str = "memory:") -> None:
        self.address = address
        self.width = width
        self._page = page
        self._clock = clock
        self._lock = threading.RLock()
        self._rows: dict[Key, Row] = {}
        self._quarantine: dict[Key, Quarantined] = {}
        self._sweeps: list[SweepInfo] = []
        self._checkpoints: dict[tuple[int, str], Checkpoint] = {}
        self._sightings: dict[tuple[int, str, Key], Sighting] = {}
        self._gate = _Gate()
        self._nonce: object | None = None

    def opened_again(self) -> MemoryStore:
        """Another opening of the same store, as a second process has it: with a lease of its own."""
        other = copy.copy(self)
        other._nonce = None
        return other

    # ------------------------------------------------------------ the application's side

    def put(self, record: Record, origin: Origin = Origin.APP) -> bool:
        """Write as an application does; False: the session was deleted, nothing was written."""
        with self._lock:
            row = self._rows.get(record.key)
            if row is not None and row.deleted:
                return False
            if row is not None and row.origin is Origin.APP:
                origin = Origin.APP
            version, sweep = (1, None) if row is None else (row.version + 1, row.sweep)
            self._rows[record.key] = Row(*record[:4], origin, version, sweep)
            return True

    def remove(self, key: Key, origin: Origin = Origin.APP) -> None:
        """Delete as an application does: for ever, leaving a tombstone."""
        with self._lock:
            row = self._rows.get(key)
            if row is None:
                self._rows[key] = Row(key, None, None, NEVER, origin, 1, None)
            elif not row.deleted:
                origin = Origin.APP if row.origin is Origin.APP else origin
                self._rows[key] = row._replace(
                    value=None, metadata=None, origin=origin, version=row.version + 1
                )

    # ------------------------------------------------------------ as a source

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page of live rows behind `cursor`, which is the last key of the page before."""
        with self._lock:
            now = self._clock.now()
            live = [
                row
                for row in self._within(prefix, None if cursor is None else Key(cursor), None)
                if _live(row, now)
            ]
            records = [_record(row) for row in live[: self._page]]
        heads = [Head(record.key, record.metadata, record.expiration) for record in records]
        return Page(heads, Cursor(heads[-1].key) if len(live) > self._page else None, records)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """The live records under these keys; None for every other."""
        with self._lock:
            now = self._clock.now()
            rows = {key: self._rows.get(key) for key in keys}
        return {key: _record(row) if row and _live(row, now) else None for key, row in rows.items()}

    # ------------------------------------------------------------ as a holder

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """What it holds under these keys, tombstones and expired rows too."""
        with self._lock:
            return {key: self._rows[key] for key in keys if key in self._rows}

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto, in key order, as of the first one."""
        with self._lock:
            rows = self._within(prefix, after, upto)
        yield from rows

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The same as `rows`, which has the values."""
        return self.rows(keys)

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The keys in quarantine with the prefix and behind `after`, in key order."""
        with self._lock:
            held = sorted(self._quarantine.items())
        yield from (bad for key, bad in held if key.startswith(prefix) and (after is None or key > after))

    def fenced_since(self) -> float | None:
        """Since when no row is replaced; None: the fence is down."""
        return self._gate.fenced_since

    def finished_since(self) -> float | None:
        """Since when nothing is imported any more; None: the migration is not finished."""
        return self._gate.finished_since

    def leased_until(self) -> float | None:
        """Until when somebody held the lease; None: nobody ever did."""
        lease = self._gate.lease
        return self._gate.returned if lease is None else lease.until

    def close(self) -> None:
        """Give the lease back; what is in memory stays readable."""
        self.release()

    # ------------------------------------------------------------ as a target

    def acquire(self, claim: Claim) -> None:
        """Take the lease, or raise StoreUnavailable that names the holder."""
        with self._lock:
            now = self._clock.now()
            lease, mine = self._gate.lease, self._held()
            if lease is not None and mine is None and now < lease.until:
                held = lease.claim
                raise StoreUnavailable(
                    f"{self.address}: {held.who} on {held.host} (pid {held.pid}) has been writing to it"
                    f" since {lease.since:.0f}",
                    "wait for that run",
                )
            self._nonce = object()
            since = now if mine is None else mine.since
            self._gate.lease = _Lease(self._nonce, claim, since, now + LEASE_SECONDS)

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        with self._lock:
            if self._held() is not None:
                self._gate.lease, self._gate.returned = None, self._clock.now()
            self._nonce = None

    def heartbeat(self) -> None:
        """Renew the lease; raises StoreUnavailable when it is lost."""
        with self._lock:
            mine = self._held()
            if mine is None:
                raise StoreUnavailable(f"{self.address}: the lease is not held", "run the command again")
            self._gate.lease = mine._replace(until=self._clock.now() + LEASE_SECONDS)

    def _held(self) -> _Lease | None:
        """The lease, if it is this opening's."""
        lease = self._gate.lease
        return lease if lease is not None and lease.nonce is self._nonce else None

    def sweeps(self, run: RunId) -> Sequence[SweepInfo]:
        """The run's sweeps, oldest first."""
        with self._lock:
            return sorted((info for info in self._sweeps if info.run == run), key=lambda info: info.number)

    def open_sweep(self, run: RunId, number: int) -> SweepInfo:
        """Begin sweep `number` of the run, or find it when it has begun already."""
        with self._lock:
            self.heartbeat()
            for info in self._sweeps:
                if (info.run, info.number) == (run, number):
                    return info
            self._sweeps.append(SweepInfo(len(self._sweeps) + 1, run, number, self._clock.now(), None))
            return self._sweeps[-1]

    def close_sweep(self, sweep: int) -> None:
        """Mark it finished."""
        with self._lock:
            self.heartbeat()
            for at, info in enumerate(self._sweeps):
                if info.id == sweep and info.finished is None:
                    self._sweeps[at] = replace(info, finished=self._clock.now())

    def checkpoint(self, sweep: int, partition: str) -> Checkpoint | None:
        """The partition's checkpoint, None before its first batch."""
        with self._lock:
            return _copied(self._checkpoints.get((sweep, partition)))

    def checkpoints(self, sweep: int) -> Sequence[Checkpoint]:
        """All checkpoints of the sweep, in the order of their partitions."""
        with self._lock:
            found = sorted(self._checkpoints.items())
            return [_copied(mark) for (number, _), mark in found if number == sweep]

    def sightings(self, sweep: int, partition: str, limit: int, seen_before: float) -> Sequence[Sighting]:
        """Up to `limit` remembered sightings with seen_at <= seen_before, oldest first."""
        with self._lock:
            due = [
                seen
                for (number, part, _), seen in self._sightings.items()
                if (number, part) == (sweep, partition) and seen.seen_at <= seen_before
            ]
        return sorted(due, key=lambda seen: (seen.seen_at, seen.key))[:limit]

    def begin_gate_verify(self) -> None:
        """From now on no replacement is accepted (law 1); inserts still are."""
        with self._lock:
            if self._gate.fenced_since is None:
                self._gate.fenced_since = self._clock.now()

    def end_gate_verify(self) -> None:
        """Lift the fence: replacements are accepted again."""
        with self._lock:
            self._gate.fenced_since = None

    def finish(self) -> None:
        """From now on no batch is accepted."""
        with self._lock:
            if self._gate.finished_since is None:
                self._gate.finished_since = self._clock.now()

    def apply(self, batch: Batch, checkpoint: Checkpoint) -> Checkpoint:
        """Do the batch and save the checkpoint; what can raise comes before the first change."""
        with self._lock:
            self.heartbeat()
            now = self._clock.now()
            if self._gate.finished_since is not None:
                raise refused(self.address)
            _check(batch, now, self.address)
            tally: Tally = Counter(checkpoint.tally)
            tally.update(batch.tally)
            tally.update(self._insert(record, checkpoint.sweep, batch.differing) for record in batch.records)
            tally.update(self._replace(wanted, now) for wanted in batch.replacements)
            for key in batch.released:
                self._quarantine.pop(key, None)
            self._quarantine.update((bad.key, bad) for bad in batch.quarantined)
            where = (checkpoint.sweep, checkpoint.partition)
            for key in batch.settled:
                self._sightings.pop((*where, key), None)
            self._sightings.update(((*where, seen.key), seen) for seen in batch.sightings)
            saved = replace(checkpoint, tally=tally)
            self._checkpoints[where] = _copied(saved)
            return saved

    def bury(
        self, name: str, rows: Mapping[Key, int], not_after: float, *, legacy: bool = False
    ) -> Mapping[Key, Burial]:
        """See `core.burying.Burying.bury`."""
        with self._lock:
            self.heartbeat()
            now, fenced = self._clock.now(), self._gate.fenced_since is not None
            if self._gate.finished_since is not None:
                raise refused(self.address)
            if now > not_after:
                raise TooLate
            found: dict[Key, Burial] = {}
            for key, version in rows.items():
                row = self._rows.get(key)
                found[key] = fate(row, version, now, legacy=legacy, fenced=fenced)
                if found[key] is Burial.BURIED and row is not None and not row.deleted:
                    grave = row._replace(value=None, metadata=None, origin=Origin.COPY)
                    self._rows[key] = grave._replace(version=row.version + 1)
            return found

    def _insert(self, record: Record, sweep: int, differing: Outcome) -> Outcome:
        row = self._rows.get(record.key)
        if row is not None:
            outcome = standing(record, row)
            return differing if outcome is Outcome.WAITING else outcome
        self._rows[record.key] = Row(*record[:4], Origin.COPY, 1, sweep)
        self._quarantine.pop(record.key, None)
        return Outcome.COPIED

    def _replace(self, wanted: Replacement, now: float) -> Outcome:
        row = self._rows.get(wanted.record.key)
        if row is None:
            return Outcome.WAITING
        over = (Origin.COPY, Origin.DUAL, Origin.LEGACY) if wanted.legacy else (Origin.COPY, Origin.DUAL)
        mirrors = not row.deleted and row.origin in over
        fenced = self._gate.fenced_since is not None
        if not mirrors or row.version != wanted.version or now > wanted.not_after or fenced:
            return standing(wanted.record, row)
        origin = Origin.COPY if row.origin is Origin.LEGACY else row.origin
        self._rows[row.key] = Row(*wanted.record[:4], origin, row.version + 1, row.sweep)
        return Outcome.UPDATED

    def revert(self, rows: Mapping[Key, int], not_after: float) -> Mapping[Key, Reversal]:
        """Let KV be right about these rows of the application's again, each if it has that version."""
        with self._lock:
            self.heartbeat()
            if self._gate.finished_since is not None:
                raise refused(self.address)
            if self._clock.now() > not_after:
                raise TooLate
            return {key: self._revert(key, version) for key, version in rows.items()}

    def _revert(self, key: Key, version: int) -> Reversal:
        row = self._rows.get(key)
        outcome = reversal(row, version)
        if row is not None and outcome is Reversal.REVERTED and row.origin is Origin.APP:
            self._rows[key] = row._replace(origin=Origin.DUAL, version=row.version + 1)
        return outcome

    def _within(self, prefix: str, after: Key | None, upto: Key | None) -> list[Row]:
        keys = sorted(self._rows)
        start = bisect_left(keys, prefix) if after is None else bisect_right(keys, after)
        end = len(keys) if upto is None else bisect_right(keys, upto)
        return [self._rows[key] for key in keys[start:end] if key.startswith(prefix)]


def _check(batch: Batch, now: float, address: str) -> None:
    if now > batch.not_after:
        raise TooLate
    records = [*batch.records, *(wanted.record for wanted in batch.replacements)]
    if any(record.expiration is UNKNOWN for record in records):
        raise RecordError("a record's expiration is unknown: it cannot be copied", "give its key list")
    if len({record.key for record in batch.records}) != len(batch.records):
        raise StoreBroken(f"{address}: the source gave a key twice in one page")


def _live(row: Row, now: float) -> bool:
    return not row.deleted and not expired(row.expiration, now)


def _record(row: Row) -> Record:
    return Record(row.key, cast("bytes", row.value), row.metadata, row.expiration)


_Mark = TypeVar("_Mark", Checkpoint, Checkpoint | None)


def _copied(mark: _Mark) -> _Mark:
    """A checkpoint whose tally nobody else can change."""
    return mark if mark is None else replace(mark, tally=Counter(mark.tally))

"""The seam: what a source and a target promise, in words that every adapter keeps.

The same contract tests run over every adapter. Data flow of a copy:

    Source.scan ─ Page(heads, cursor) ─▶ Source.read ─ records ─▶ Batch ─▶ Target.apply
                                                                            │ one transaction:
                                                                            ▼ rows + Checkpoint

and of a verify: Source pages and `Holder.rows_between` are merged in key order.

Keys are ordered by their UTF-8 bytes everywhere (Python's `str` order, SQLite's BINARY).
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType, Protocol, runtime_checkable

from migrate.core.record import Change, Digest, Expiration, Head, Key, Metadata, Record, Row

Cursor = NewType("Cursor", str)
"""Where the next page of a source begins; opaque, and a secret: it may hold a key."""

RunId = NewType("RunId", str)
"""16 hex digits: the digest of source, target, prefixes and schema."""


class CursorRefused(Exception):
    """The source no longer accepts a cursor that it gave: list the partition from its start.

    A signal between a source and the copy loop, not an error: it never reaches a user.
    """


class TooLate(Exception):
    """The target refused a batch that was read too long ago: read it again.

    A signal between a target and the copy loop, not an error: it never reaches a user.
    """


# ---------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a listing. It may be empty and still not be the last: only `next` tells.

    `heads` are in strictly rising key order, and after those of every earlier page.
    `records`, when not None, are the records of those heads, in the same order: a source that
    has the values at hand gives them with the page, and is not asked again.
    """

    heads: Sequence[Head]
    next: Cursor | None
    records: Sequence[Record] | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why one key cannot be read although it is there; counted as failed, never skipped."""

    reason: str


Answer = Record | Unreadable | None
"""What a read gives for one key. None: gone (the reader decides expired or deleted in flight)."""


class Source(Protocol):
    """A store that can be listed and read.

    scan and read raise StoreUnavailable, StoreRefused, StoreBroken; scan also CursorRefused.
    `read` may be called from several threads at once; `scan` from any, one at a time.
    """

    @property
    def address(self) -> str:
        """The store's address, complete and canonical: it names the run. Holds no secret."""
        ...

    @property
    def horizon(self) -> float:
        """How stale its answers can be, in seconds (the default of --settle); 0 = never stale."""
        ...

    @property
    def width(self) -> int:
        """How many keys one `read` should be asked for."""
        ...

    @property
    def identity(self) -> str:
        """What tells its content from another's under the same address; "" when the address does.

        A file that was replaced has another identity, so nothing is resumed across the change.
        """
        ...

    @property
    def live(self) -> bool:
        """Is it the store that the application writes, or a snapshot of one?

        A snapshot cannot say which of two values is newer, so it never updates a row, and it may
        give records that have expired since; a live store gives none.
        """
        ...

    @property
    def skew(self) -> float:
        """How far its clock is ahead of ours, in seconds, as far as seen; 0 when it has none."""
        ...

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page at `cursor` (None: the first) of the keys that start with `prefix`."""
        ...

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """Read these keys afresh. The mapping has every key that was asked for, and no other."""
        ...

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...


# ---------------------------------------------------------------- outcomes


class Outcome(enum.StrEnum):
    """What became of one listed key. Law 5: listed = the sum of all of these."""

    COPIED = "copied"
    UPDATED = "updated"
    EQUAL = "equal"
    NEWER = "newer_here"
    LEGACY = "legacy"
    WAITING = "waiting_to_settle"
    UNCOMPARED = "present_not_compared"
    TOMBSTONED = "tombstoned"
    EXPIRED = "expired_in_flight"
    DELETED = "deleted_in_flight"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    IGNORED = "ignored"


LISTED = "listed"
DELETED_AT_SOURCE = "deleted_at_source"
"""Counted beside the equation: rows of ours that the source was seen to lack, twice."""

EQUAL_BY_PROJECTION = "equal_by_projection"
"""Counted beside the equation: those of EQUAL whose bytes differ, in what the project list names."""

EQUAL_BY_JSON = "equal_by_json"
"""Counted beside the equation: those of EQUAL in other bytes, see `Holder.verbatim`."""

UNNAMED, EMPTY = "unnamed", "empty"
"""Objects of a session class that are no session's: they hold something under no name that is known, or
nothing at all. Counted beside every equation."""

Tally = Counter[str]
"""Counts by Outcome, and LISTED, and what is counted beside the equation. Corrections may be negative."""


def balanced(tally: Tally) -> bool:
    """Law 5: does the equation hold?"""
    return tally[LISTED] == sum(tally[outcome] for outcome in Outcome)


# ---------------------------------------------------------------- targets


@dataclass(frozen=True, slots=True)
class Sighting:
    """A key that must be read again after H, with what the first reading saw.

    `version`: the target row's version, read *before* the source was read; None: there was no
    row. `digest`, `metadata`, `expiration`: what the source answered; digest None: nothing.
    `seen_at`: Unix seconds of that reading.
    `outcome`: the Outcome under which the key is counted while it waits (None: a row of ours
    that the listing did not have; it is not counted among the listed).
    """

    key: Key
    version: int | None
    digest: Digest | None
    metadata: Metadata
    expiration: Expiration
    seen_at: float
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Replacement:
    """Law 1's update: `record` over the row that still has `version`, not later than `not_after`.

    The target refuses it unless the row's origin is copy or dual, it is no tombstone, no
    gate's verify has begun, and its own clock has not passed `not_after` (Unix seconds). `legacy`: by the
    operator's word KV is right about rows of origin legacy, so one may be replaced too; it becomes a copy.
    """

    record: Record
    version: int
    not_after: float
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A key that was not copied and why. The reason holds no part of the value."""

    key: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction of the target does, besides saving the checkpoint.

    `records` are inserted if absent (absent: no row, no tombstone, not even an expired one).
    `replacements` follow law 1. `settled` sightings are forgotten, `sightings` remembered
    (one per key: a new one takes the old one's place). `released` keys leave the quarantine,
    `quarantined` enter it; a key that is inserted leaves it by itself. `tally` holds what was
    decided before the target was asked. A record that differs from a row of ours counts as
    `differing`. Past `not_after` (Unix seconds, the target's clock) the
    target refuses the whole batch with `TooLate`: what was read is too old to be believed.
    """

    records: Sequence[Record] = ()
    replacements: Sequence[Replacement] = ()
    quarantined: Sequence[Quarantined] = ()
    released: Sequence[Key] = ()
    sightings: Sequence[Sighting] = ()
    settled: Sequence[Key] = ()
    tally: Tally = field(default_factory=Counter)
    not_after: float = float("inf")
    differing: Outcome = Outcome.WAITING


class Phase(enum.StrEnum):
    """How far a partition of a sweep is."""

    LISTING = "listing"
    SETTLING = "settling"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A low-water mark: everything up to `last_key` is in the target, and counted in `tally`.

    `cursor` continues the listing behind it; `sweep` is the target's number for the sweep
    (`Target.open_sweep`). `relisting`: the listing had to start again, so rows that this sweep
    inserted are counted as copied without being read again.
    """

    sweep: int
    partition: str
    phase: Phase = Phase.LISTING
    cursor: Cursor | None = None
    last_key: Key | None = None
    relisting: bool = False
    tally: Tally = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class SweepInfo:
    """One sweep as the target remembers it: `number` counts from 1 within the run."""

    id: int
    run: RunId
    number: int
    started: float
    finished: float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants to write. `token` names the ledger: the same operator's next process has it too.

    `who` is shown to whoever is kept out. `host` and `pid` tell, on that host, whether the process
    that holds a lease still runs; from elsewhere it cannot be known.
    """

    token: str
    who: str
    host: str
    pid: int


class Holder(Protocol):
    """A store whose rows can be read in key order: the target side of a verify.

    `rows` and `rows_between` may give values as `Unseen`; `shown` never does.
    """

    @property
    def address(self) -> str:
        """The store's address, complete and canonical."""
        ...

    @property
    def identity(self) -> str:
        """As `Source.identity`."""
        ...

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """What it holds under these keys, tombstones and expired rows too; absent keys are left out."""
        ...

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto (None: unbounded), in key order, streamed."""
        ...

    @property
    def verbatim(self) -> bool:
        """Are values given back byte for byte? Else they may come in another form, such as decoded
        fields that are made JSON again; no write gives them the form of the source."""
        ...

    @property
    def concealed(self) -> str | None:
        """What is to be given before `shown` may be asked, such as "a key for values"; None: nothing."""
        ...

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """As `rows`, read now, with the values. Raises ConfigError while they are `concealed`."""
        ...

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The keys in quarantine with the prefix and behind `after`, in key order."""
        ...

    def fenced_since(self) -> float | None:
        """From when on no row of it is replaced or buried, without a break until now: Unix seconds by our
        clock, as far as the store's is known; it may lie ahead. None: its fence is down, or does not hold
        everywhere yet (`Target.begin_gate_verify`); or it has none."""
        ...

    def finished_since(self) -> float | None:
        """From when on nothing is imported, replaced or buried any more (`Target.finish`): Unix seconds by
        our clock, as far as the store's is known; it may lie ahead. None: the migration is not finished."""
        ...

    def leased_until(self) -> float | None:
        """Until when somebody has held the lease of it, whoever that was: Unix seconds by our clock, as far
        as the store's is known; ahead while it is held. None: nobody ever did. Who takes none is not seen.
        """
        ...

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...


@runtime_checkable
class Countable(Protocol):
    """A store that finds more than sessions when it is listed."""

    @property
    def aside(self) -> Mapping[str, int]:
        """How many objects are UNNAMED, and EMPTY, by the last whole list; empty before one."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A store that remembers the last few versions of each row, and since when each was there."""

    @property
    def namespace(self) -> str | None:
        """How stamps in KV name it; None: it does not tell."""
        ...

    def past(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Change]]:
        """The last changes of the rows under these keys, in their order; absent rows are left out."""
        ...


class Target(Holder, Protocol):
    """A store that can be copied into.

    What writes needs a held lease, `begin_gate_verify`, `end_gate_verify` and `finish` excepted; what only
    reads needs none.
    """

    def acquire(self, claim: Claim) -> None:
        """Take the lease, or raise StoreUnavailable that names the holder and since when.

        A lease of a process that is known to be dead, or that is overdue, is taken over; that of
        another target in the same process is not. `apply` renews it and refuses when somebody
        else took it; `close` gives it back.
        """
        ...

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        ...

    def sweeps(self, run: RunId) -> Sequence[SweepInfo]:
        """The run's sweeps, oldest first."""
        ...

    def open_sweep(self, run: RunId, number: int) -> SweepInfo:
        """Begin sweep `number` of the run, or find it when it has begun already."""
        ...

    def close_sweep(self, sweep: int) -> None:
        """Mark it finished: all of its partitions are done."""
        ...

    def checkpoint(self, sweep: int, partition: str) -> Checkpoint | None:
        """The partition's checkpoint, None before its first batch."""
        ...

    def checkpoints(self, sweep: int) -> Sequence[Checkpoint]:
        """All checkpoints of the sweep."""
        ...

    def apply(self, batch: Batch, checkpoint: Checkpoint) -> Checkpoint:
        """Do the batch and save the checkpoint in one transaction; returns what was saved.

        The saved tally is `checkpoint.tally` and `batch.tally` added up (corrections may be
        negative, so not with Counter's +, which drops them) and one outcome for each of
        `records` (COPIED, or `standing` against the row that is there) and for each of
        `replacements` (UPDATED, else `standing`; WAITING when nothing else fits).
        Nothing of it is visible if it raises or the process dies. Raises TooLate past
        `batch.not_after`, RecordError for an unknown expiration, StoreBroken when `records` hold
        a key twice, StoreUnavailable when the lease was lost; StoreRefused, also once it is finished.
        """
        ...

    def sightings(self, sweep: int, partition: str, limit: int, seen_before: float) -> Sequence[Sighting]:
        """Up to `limit` remembered sightings with seen_at <= seen_before, oldest first."""
        ...

    def begin_gate_verify(self) -> None:
        """Put up the fence: from now on no replacement is accepted (law 1); inserts still are.

        Returns once that holds everywhere. Needs no lease. One that is up stays as it is, with its time.
        """
        ...

    def end_gate_verify(self) -> None:
        """Lift the fence, by an operator's word only: every verdict that rests on it is void.

        Needs no lease. May be called twice; after one that was broken off it must be, for in some part of
        the store the fence may still be up. One that goes up meanwhile stays up.
        """
        ...

    def finish(self) -> None:
        """End the migration: from now on no batch is accepted, and expired rows and the tombstones that need
        not be kept may be purged. There is no way back.

        Returns once that holds everywhere. Needs no lease. May be called again: it keeps its time, and one
        that was broken off is completed.
        """
        ...

    def heartbeat(self) -> None:
        """Renew the lease during a wait; raises StoreUnavailable when it is lost."""
        ...


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds since some point, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

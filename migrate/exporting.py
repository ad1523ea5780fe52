"""The export: sweeps over the key space, each partition listed, copied, settled, and done.

Progress lives in the target, in the transactions that made it: this file only asks where things
stand and goes on from there, so being killed at any instant costs nothing but time.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from migrate.core.copying import NOT_AFTER, Failed, Rules, Slice, Validate, copy, nobody, sort
from migrate.core.partition import disjoint, parts
from migrate.core.ports import (
    LISTED,
    Answer,
    Batch,
    Checkpoint,
    Claim,
    Clock,
    CursorRefused,
    Outcome,
    Phase,
    RunId,
    Source,
    SweepInfo,
    Tally,
    Target,
    TooLate,
    Unreadable,
)
from migrate.core.record import UNKNOWN, Head, Key
from migrate.core.settling import settle
from migrate.errors import ConfigError, StoreError, StoreUnavailable
from migrate.reading import Reading

HEARTBEAT = 15.0
"""Seconds between two renewals of the lease while the exporter waits."""

RESTARTS = 5
"""How often one partition's listing may start again before the run gives up."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of an export.

    `horizon`: H in seconds, between the two readings of what differs. `rounds`: how many H a
    difference that keeps changing is followed. `limit`: stop after this many keys (a trial).
    `fresh`: begin a new sweep instead of resuming an unfinished one. `alphabet`: cut each prefix
    by its next character (`migrate.core.partition.ALPHABETS`), then list it whole. `failed` is told
    of every key that could not be read, and why.
    """

    run: RunId
    prefixes: Sequence[str]
    horizon: float
    sweeps: int = 1
    rounds: int = 3
    limit: int | None = None
    fresh: bool = False
    retry_quarantined: bool = False
    alphabet: str | None = None
    validate: Validate | None = None
    failed: Failed = nobody


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep did. `tally` adds up its prefixes; `complete`: the whole key space was walked.

    `parts`: the tallies of partitions that a whole listing afterwards has proven to cover it; they
    are not added again. `restarts`: how often a refused cursor made a listing start again.
    """

    info: SweepInfo
    tally: Tally
    complete: bool
    restarts: int = 0
    parts: Mapping[str, Tally] = field(default_factory=dict)


Watch = Callable[[SweepInfo, Tally], None]
"""Told after every transaction: the sweep, and its tally so far."""


@dataclass(slots=True)
class Exporter:
    """Runs an `Order` from a source into a target. The caller holds ledger, progress and stores."""

    source: Source
    target: Target
    order: Order
    clock: Clock
    watch: Watch
    _restarts: int = 0
    _left: int | None = None

    def run(self, claim: Claim) -> Iterator[SweepResult]:
        """Yield the result of each sweep; raises StoreError, and releases the lease in any case."""
        self.target.acquire(claim)
        stop = threading.Event()
        threading.Thread(target=self._beat, args=(stop,), name="lease", daemon=True).start()
        try:
            for turn in range(self.order.sweeps):
                result = self._sweep(fresh=self.order.fresh and turn == 0)
                yield result
                if not result.complete:
                    return
        finally:
            stop.set()
            self.target.release()

    def _beat(self, stop: threading.Event) -> None:
        """Keep the lease alive through long waits; once it is lost, `apply` will say so."""
        with contextlib.suppress(StoreError):
            while not stop.wait(HEARTBEAT):
                self.target.heartbeat()

    def _sweep(self, *, fresh: bool) -> SweepResult:
        before = self.target.sweeps(self.order.run)
        later = any(sweep.finished is not None for sweep in before)
        if self.order.retry_quarantined and not later:
            raise ConfigError(
                "there is no finished sweep whose quarantine could be retried",
                "run the same command without --retry-quarantined first",
            )
        resumed = bool(before) and before[-1].finished is None and not fresh
        number = before[-1].number + (not resumed) if before else 1
        info = self.target.open_sweep(self.order.run, number)
        self._restarts, self._left = 0, self.order.limit
        whole = disjoint(self.order.prefixes)
        for prefix in whole:
            cut = parts(prefix, self.order.alphabet) if self.order.alphabet else ()
            for part in cut:
                self._partition(info, part, later=later, cover=False)
            self._partition(info, prefix, later=later, cover=bool(cut))
        marks = {mark.partition: mark for mark in self.target.checkpoints(info.id)}
        complete = all(prefix in marks and marks[prefix].phase is Phase.DONE for prefix in whole)
        if complete:
            self.target.close_sweep(info.id)
            info = replace(info, finished=self.clock.now())
        return SweepResult(
            info,
            sum((marks[prefix].tally for prefix in whole if prefix in marks), Counter()),
            complete,
            self._restarts,
            {name: mark.tally for name, mark in marks.items() if name not in whole},
        )

    def _partition(self, info: SweepInfo, prefix: str, *, later: bool, cover: bool) -> None:
        """Bring one partition as far as it goes: listed, settled, done (or stopped by --limit)."""
        start = Checkpoint(info.id, prefix, relisting=cover)
        mark = self.target.checkpoint(info.id, prefix) or start
        if mark.phase is Phase.LISTING:
            if self.order.retry_quarantined:
                mark = self._retry(info, mark)
            else:
                mark = self._list(info, mark, later=later)
            if mark.phase is Phase.LISTING:
                return
        if mark.phase is Phase.SETTLING:
            steps = settle(
                self.source,
                self.target,
                mark,
                read=self._read,
                validate=self.order.validate,
                horizon=self.order.horizon,
                rounds=self.order.rounds,
                now=self.clock.now,
                wait=self.clock.sleep,
            )
            mark = self._follow(info, steps, mark)
            self.target.apply(Batch(), replace(mark, phase=Phase.DONE))

    def _list(self, info: SweepInfo, mark: Checkpoint, *, later: bool) -> Checkpoint:
        """Walk the listing to its end, starting again where a cursor is refused."""
        order = self.order
        rules = Rules(info.id, mark.partition, later, order.validate, self._source_now, order.failed)
        while self._left is None or self._left > 0:
            relisting = mark.relisting and not later
            look = self.target.rows if later or relisting else None
            reading = Reading(self.source, mark, self.clock, look, relisting, self._left)
            before = mark
            try:
                mark = self._follow(info, copy(reading.slices(), self.target, mark, rules), mark)
            except CursorRefused:
                mark = self._start_again(self.target.checkpoint(info.id, mark.partition) or mark)
                continue
            except TooLate:
                mark = self.target.checkpoint(info.id, mark.partition) or mark
            if self._left is not None:
                self._left -= mark.tally[LISTED] - before.tally[LISTED]
            if mark.phase is not Phase.LISTING:
                break
        return mark

    def _start_again(self, mark: Checkpoint) -> Checkpoint:
        """Forget the listing so far; what is in the target stays, and is not read again."""
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise StoreUnavailable(
                f"the source refused its own cursor {self._restarts} times",
                "run the same command again: what was copied is kept",
            )
        while old := self.target.sightings(mark.sweep, mark.partition, 1000, float("inf")):
            self.target.apply(Batch(settled=[sighting.key for sighting in old]), mark)
        return self.target.apply(Batch(), Checkpoint(mark.sweep, mark.partition, relisting=True))

    def _retry(self, info: SweepInfo, mark: Checkpoint) -> Checkpoint:
        """Read only the keys in quarantine, and let go those that are well now."""
        while True:
            waiting = self.target.quarantined(mark.partition, mark.last_key)
            keys = [entry.key for entry in islice(waiting, 1000)]
            if not keys:
                return self.target.apply(Batch(), replace(mark, phase=Phase.SETTLING))
            rows = self.target.rows(keys)
            answers = self._read(keys)
            read_at = self.clock.now()
            heads = [Head(key, None, UNKNOWN) for key in keys]
            piece = Slice(heads, [answers[key] for key in keys], rows, read_at, None, False, None)
            batch = replace(
                sort(piece, info.id, self.order.validate, self._source_now(), self.order.failed),
                released=[key for key in keys if not isinstance(answers[key], Unreadable)],
                not_after=read_at + NOT_AFTER,
            )
            mark = self.target.apply(batch, replace(mark, last_key=keys[-1]))
            self.watch(info, mark.tally)

    def _follow(self, info: SweepInfo, steps: Iterator[Checkpoint], mark: Checkpoint) -> Checkpoint:
        for step in steps:
            mark = step
            self.watch(info, mark.tally)
        return mark

    def _read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """Any number of keys, in reads of the source's width."""
        width = self.source.width
        found: dict[Key, Answer] = {}
        for start in range(0, len(keys), width):
            found.update(self.source.read(keys[start : start + width]))
        return found

    def _source_now(self) -> float:
        return self.clock.now() + self.source.skew


def against(tally: Tally) -> bool:
    """Did a sweep end with something that must not be called success?"""
    return any(tally[outcome] for outcome in (Outcome.FAILED, Outcome.QUARANTINED))

"""The export: sweeps over the key space, each partition listed, copied, settled, and done.

Progress lives in the target, in the transactions that made it: this file only asks where things
stand and goes on from there, so being killed at any instant costs nothing but time.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from migrate.core.authority import Authority
from migrate.core.copying import NOT_AFTER, Failed, Rules, Slice, Validate, copy, nobody, sort
from migrate.core.names import ALL, Names
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
from migrate.core.projecting import NOTHING, Projection
from migrate.core.record import UNKNOWN, Head, Key
from migrate.core.settling import settle
from migrate.errors import StoreUnavailable
from migrate.holding import holding
from migrate.reading import Reading, read_all

RESTARTS = 5
"""How often one partition's listing may start again before the run gives up."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of an export.

    `horizon`: H in seconds, between the two readings of what differs. `rounds`: how many H a
    difference that keeps changing is followed. `limit`: stop after this many keys (a trial).
    `fresh`: begin a new sweep instead of resuming an unfinished one. `alphabet`: cut each prefix
    by its next character (`migrate.core.partition.ALPHABETS`), then list it whole. `failed` is told
    of every key that could not be read, and why. `projection`: which fields of a value may differ.
    `names` are left alone. `authority`: who is right about legacy rows, None: nobody has said it.
    `only`: heads of the keys to be read instead of a listing, those behind one with a prefix, in key order;
    what is there already is then left as it is.
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
    projection: Projection = NOTHING
    names: Names = ALL
    authority: Authority | None = None
    only: Callable[[str, Key | None], Iterator[Head]] | None = None


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
"""Told after every transaction: the sweep, and its tally so far, of all prefixes."""


@dataclass(slots=True)
class Exporter:
    """Runs an `Order` from a source into a target. The caller holds ledger, progress and stores."""

    source: Source
    target: Target
    order: Order
    clock: Clock
    watch: Watch
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _restarts: int = 0
    _left: int | None = None

    @contextlib.contextmanager
    def leased(self, claim: Claim) -> Iterator[None]:
        """Hold the target's lease, also through long waits. Raises StoreUnavailable: somebody has it."""
        with holding(self.target, claim):
            yield

    def run(self) -> Iterator[SweepResult]:
        """Yield the result of each sweep; the lease must be held. Raises StoreError."""
        for turn in range(self.order.sweeps):
            result = self._sweep(fresh=self.order.fresh and turn == 0)
            yield result
            if not result.complete:
                return

    def result_of(self, info: SweepInfo) -> SweepResult:
        """What the target remembers of a sweep."""
        self._tallies = {mark.partition: mark.tally for mark in self.target.checkpoints(info.id)}
        whole = disjoint(self.order.prefixes)
        rest = {name: tally for name, tally in self._tallies.items() if name not in whole}
        return SweepResult(info, self._total(), info.finished is not None, self._restarts, rest)

    def _sweep(self, *, fresh: bool) -> SweepResult:
        order = self.order
        before = self.target.sweeps(order.run)
        # Nothing tells whether a row or a snapshot is newer, so from a snapshot no row is ever updated.
        later = self.source.live and any(sweep.finished is not None for sweep in before)
        resumed = bool(before) and before[-1].finished is None and not fresh
        number = before[-1].number + (not resumed) if before else 1
        info = self.target.open_sweep(order.run, number)
        self._restarts, self._left = 0, order.limit
        self._tallies = {mark.partition: mark.tally for mark in self.target.checkpoints(info.id)}
        done = True
        for prefix in disjoint(order.prefixes):
            # A later sweep reads everything again, and the whole listing alone does that.
            cut = parts(prefix, order.alphabet) if order.alphabet and not later else ()
            for part in () if order.retry_quarantined else cut:
                self._partition(info, part, later=later, whole=False, cover=False)
            done &= self._partition(info, prefix, later=later, whole=True, cover=bool(cut))
        if done:
            self.target.close_sweep(info.id)
            info = replace(info, finished=self.clock.now())
        return self.result_of(info)

    def _partition(self, info: SweepInfo, prefix: str, *, later: bool, whole: bool, cover: bool) -> bool:
        """Bring one partition as far as it goes: listed, settled, done. False: --limit stopped it.

        A part does not settle: the whole listing behind it reads again whatever is missing.
        """
        mark = self.target.checkpoint(info.id, prefix) or Checkpoint(info.id, prefix, relisting=cover)
        if mark.phase is Phase.LISTING:
            some = self.order.retry_quarantined or self.order.only is not None
            mark = self._retry(info, mark) if some else self._list(info, mark, later=later)
        if mark.phase is Phase.LISTING:
            return False
        if mark.phase is Phase.SETTLING:
            if whole:
                mark = self._follow(info, self._settle(info, mark), mark)
            self.target.apply(Batch(), replace(mark, phase=Phase.DONE))
        return True

    def _list(self, info: SweepInfo, mark: Checkpoint, *, later: bool) -> Checkpoint:
        """Walk the listing to its end, starting again where a cursor is refused."""
        order = self.order
        live = self.source.live
        rules = Rules(
            sweep=info.id,
            prefix=mark.partition,
            later=later,
            validate=order.validate,
            now=self._source_now,
            failed=order.failed,
            live=live,
            projection=self._projection,
            names=order.names,
            authority=self._authority,
        )
        restarts = 0
        while self._left is None or self._left > 0:
            if mark.last_key is None:
                self._forget_sightings(mark)
            relisting = mark.relisting and not later
            look = self.target.rows if later or relisting else None
            reading = Reading(self.source, mark, self.clock, look, relisting, self._left)
            before = mark
            try:
                mark = self._follow(info, copy(reading.slices(), self.target, mark, rules), mark)
            except CursorRefused:
                restarts += 1
                self._restarts += 1
                if restarts > RESTARTS:
                    raise StoreUnavailable(
                        f"the source refused its own cursor {restarts} times",
                        "run the same command again: what was copied is kept",
                    ) from None
                # What is in the target stays, and is not read again; everything is counted anew.
                mark = self.target.apply(Batch(), Checkpoint(info.id, mark.partition, relisting=True))
                continue
            except TooLate:
                mark = self.target.checkpoint(info.id, mark.partition) or mark
            if self._left is not None:
                self._left -= mark.tally[LISTED] - before.tally[LISTED]
            if mark.phase is not Phase.LISTING:
                break
        return mark

    def _forget_sightings(self, mark: Checkpoint) -> None:
        """At the beginning of a listing: whatever was seen belongs to one that had to start again."""
        while old := self.target.sightings(mark.sweep, mark.partition, 1000, float("inf")):
            self.target.apply(Batch(settled=[sighting.key for sighting in old]), mark)

    @property
    def _projection(self) -> Projection:
        """What differs in form alone is never the same bytes where the target keeps none."""
        return replace(self.order.projection, form=not self.target.verbatim)

    @property
    def _authority(self) -> Authority | None:
        """Who is right about legacy rows. No snapshot is: it cannot say which of two values is newer."""
        return self.order.authority if self.source.live else None

    def _settle(self, info: SweepInfo, mark: Checkpoint) -> Iterator[Checkpoint]:
        return settle(
            self.source,
            self.target,
            mark,
            read=self._read,
            validate=self.order.validate,
            horizon=self.order.horizon,
            rounds=self.order.rounds,
            now=self.clock.now,
            wait=lambda seconds: self._wait(info, seconds),
            failed=self.order.failed,
            projection=self._projection,
            authority=self._authority,
        )

    def _wait(self, info: SweepInfo, seconds: float) -> None:
        """Wait until something is due, and tell the watch before it is read."""
        self.clock.sleep(seconds)
        self.watch(info, self._total())

    def _retry(self, info: SweepInfo, mark: Checkpoint) -> Checkpoint:
        """Read the order's own keys, or those in quarantine, and let go those that are well now."""
        order = self.order
        while True:
            heads = list(islice(self._some(mark), 1000))
            keys = [head.key for head in heads]
            if not keys:
                return self.target.apply(Batch(), replace(mark, phase=Phase.SETTLING))
            # What is there already is compared with a live store only: a snapshot is never the newer one.
            compared = self.source.live and order.only is None
            rows = self.target.rows(keys) if compared else None
            answers = self._read(keys)
            read_at = self.clock.now()
            piece = Slice(heads, [answers[key] for key in keys], rows, read_at, None, False)
            by = order.validate, self._source_now(), order.failed
            batch = replace(
                sort(
                    piece,
                    info.id,
                    *by,
                    live=self.source.live,
                    projection=self._projection,
                    names=order.names,
                    authority=self._authority,
                ),
                released=[] if order.only else [k for k in keys if not isinstance(answers[k], Unreadable)],
                not_after=read_at + NOT_AFTER,
                differing=Outcome.WAITING if self.source.live else Outcome.NEWER,
            )
            with contextlib.suppress(TooLate):  # this process stood still since: read them again
                mark = self.target.apply(batch, replace(mark, last_key=keys[-1]))
                self._seen(info, mark)

    def _some(self, mark: Checkpoint) -> Iterator[Head]:
        """What is to be read instead of a listing."""
        if self.order.only is not None:
            return self.order.only(mark.partition, mark.last_key)
        waiting = self.target.quarantined(mark.partition, mark.last_key)
        return (Head(entry.key, None, UNKNOWN) for entry in waiting)

    def _follow(self, info: SweepInfo, steps: Iterator[Checkpoint], mark: Checkpoint) -> Checkpoint:
        for step in steps:
            mark = step
            self._seen(info, mark)
        return mark

    def _seen(self, info: SweepInfo, mark: Checkpoint) -> None:
        self._tallies[mark.partition] = mark.tally
        self.watch(info, self._total())

    def _total(self) -> Tally:
        """The sweep's tally: of each prefix, or of its parts while it has not been listed whole."""
        total: Tally = Counter()
        for prefix in disjoint(self.order.prefixes):
            parted = [name for name in self._tallies if name.startswith(prefix)]
            for name in [prefix] if prefix in self._tallies else parted:
                total.update(self._tallies[name])
        return total

    def _read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        return read_all(self.source, keys)

    def _source_now(self) -> float:
        return self.clock.now() + self.source.skew

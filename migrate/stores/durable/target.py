"""Objects opened for copying: a batch is one import, its checkpoint in the book's own transaction.

An import writes the other shards first, then, in one transaction of the book, its own rows, the notes and
the checkpoint: a low-water mark. A batch is named for the checkpoint that it starts from, so one that was
broken off and is read again counts what it had inserted as its own.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile

import orjson

from migrate.bridge_keys import Scope
from migrate.core.burying import Burial
from migrate.core.ports import (
    Batch,
    Checkpoint,
    Claim,
    Clock,
    Outcome,
    Quarantined,
    RunId,
    Sighting,
    SweepInfo,
    Tally,
)
from migrate.core.record import UNKNOWN, Head, Key, Record
from migrate.core.reverting import Reversal
from migrate.errors import RecordError, StoreBroken, StoreError, StoreRefused, StoreUnavailable
from migrate.stores.durable import notes
from migrate.stores.durable.bridge import Bridge, Choked, Conflict
from migrate.stores.durable.burials import bury
from migrate.stores.durable.ending import finish
from migrate.stores.durable.lease import Lease
from migrate.stores.durable.pace import LEAST, Pace
from migrate.stores.durable.pieces import pieces
from migrate.stores.durable.reading import DurableHolder, OpenNamespace
from migrate.stores.durable.reversals import revert
from migrate.stores.durable.wire import LATEST, Document, sent_record, sent_replacement, unfit

_AHEAD = 600.0
"""Seconds that an import may take at most where the batch says nothing; the bridge takes up to 900."""

_NOT_STORED = "the session class cannot store its value: try the class's write function with one like it"


@dataclass(frozen=True, slots=True)
class _Book:
    """The notes of a batch: what is written, removed, and must be there in which version."""

    checkpoint: Document
    notes: list[Document]
    forget: list[str]
    expect: list[Document]

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return len(orjson.dumps([self.checkpoint, self.notes, self.forget, self.expect])) + 1024


class DurableTarget(DurableHolder):
    """Objects opened for copying. Implements `ports.Target`.

    Needs a key for imports, at every sweep: what is there already is compared by its digest; with
    `values`, by its value, which needs a key for that as well. What raised may have written rows of a
    batch into other shards than the book's, and has not saved its checkpoint.
    """

    def __init__(
        self,
        bridge: Bridge,
        open_namespace: OpenNamespace | None = None,
        *,
        clock: Clock,
        values: bool = False,
        location_hint: str | None = None,
    ) -> None:
        bridge.require(Scope.IMPORT)
        super().__init__(bridge, open_namespace, values=values)
        self._hint = {} if location_hint is None else {"locationHint": location_hint}
        self._bridge = bridge
        self._open_namespace = open_namespace
        self._clock = clock
        self._lock = threading.RLock()  # one write at a time: the batch's or the heartbeat's
        self._lease = Lease(bridge, self._now)
        self._holds: bool | None = None  # is anything in quarantine; None: not known
        self._leased = False
        self._pace = Pace(self._objects.health.limits.records)
        self._versions: dict[str, int] = {}  # of the checkpoints that this opening has saved

    def _now(self) -> float:
        """The objects' time, Unix seconds."""
        return self._clock.now() + self._objects.health.ahead

    # ------------------------------------------------------------ the lease

    def acquire(self, claim: Claim) -> None:
        """Take the lease, or raise StoreUnavailable that names the holder and since when."""
        with self._lock:
            self._objects.look()
            self._lease.acquire(claim)
            self._holds, self._leased = None, True
            self._versions.clear()

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        with self._lock:
            self._leased = False
            self._lease.release()

    def heartbeat(self) -> None:
        """Renew the lease during a wait, and compare the clocks; raises StoreUnavailable when it is lost."""
        with self._lock:
            self._objects.look()
            self._lease.send("heartbeat", {}, renew=True)

    def close(self) -> None:
        """Give the lease back and close the connections. May be called twice."""
        if self._leased:
            with suppress(StoreError):  # then the lease ends by itself
                self.release()
        super().close()

    # ------------------------------------------------------------ sweeps and checkpoints

    def sweeps(self, run: RunId) -> Sequence[SweepInfo]:
        """The run's sweeps, oldest first."""
        found = [notes.sweep_of(note) for note in notes.listed(self._bridge, notes.SWEEPS)]
        return sorted((info for info in found if info.run == run), key=lambda info: info.number)

    def open_sweep(self, run: RunId, number: int) -> SweepInfo:
        """Begin sweep `number` of the run, or find it when it has begun already."""
        with self._lock:
            found = [notes.sweep_of(note) for note in notes.listed(self._bridge, notes.SWEEPS)]
            there = next((info for info in found if (info.run, info.number) == (run, number)), None)
            last = max((info.id for info in found), default=0)
            info = there or SweepInfo(last + 1, run, number, self._clock.now(), None)
            written = [] if there is not None else [notes.sweep_note(info)]
            self._lease.send(f"sweep/{info.id}/open", {"notes": written}, renew=True)
            return info

    def close_sweep(self, sweep: int) -> None:
        """Mark it finished: all of its partitions are done."""
        name = notes.sweep_name(sweep)
        with self._lock:
            found = notes.read(self._bridge, [name]).get(name)
            info = None if found is None else notes.sweep_of(found)
            written = []
            if info is not None and info.finished is None:
                written = [notes.sweep_note(replace(info, finished=self._clock.now()))]
            self._lease.send(f"sweep/{sweep}/close", {"notes": written}, renew=True)

    def checkpoint(self, sweep: int, partition: str) -> Checkpoint | None:
        """The partition's checkpoint, None before its first batch."""
        name = notes.mark_name(sweep, partition)
        found = notes.read(self._bridge, [name]).get(name)
        return None if found is None else notes.mark_of(found, sweep)

    def checkpoints(self, sweep: int) -> Sequence[Checkpoint]:
        """All checkpoints of the sweep, in the order of their partitions."""
        return [notes.mark_of(note, sweep) for note in notes.listed(self._bridge, notes.marks(sweep))]

    def sightings(self, sweep: int, partition: str, limit: int, seen_before: float) -> Sequence[Sighting]:
        """Up to `limit` remembered sightings with seen_at <= seen_before, oldest first."""
        prefix = notes.times(sweep, partition)
        page = max(1, min(limit, 500))
        found = (notes.sighting_of(note, prefix) for note in notes.listed(self._bridge, prefix, limit=page))
        due = takewhile(lambda sighting: sighting.seen_at <= seen_before, found)
        return [sighting for sighting, _ in zip(due, range(limit), strict=False)]

    def begin_gate_verify(self) -> None:
        """Put up the fence: no replacement and no burial is accepted (law 1); inserts still are. No lease.

        Returns once that holds in every object (why it then does: migrate/edge/src/fence.ts): with shards
        at once, with one object per session when everything that was on its way has run out of time.
        """
        answer = self._bridge.ask("fence", Scope.IMPORT, {"up": True})
        if (wait := float(answer["wait"])) > 0:
            self._clock.sleep(wait)

    def end_gate_verify(self) -> None:
        """Lift the fence: replacements and burials are accepted again. Needs no lease."""
        self._bridge.ask("fence", Scope.IMPORT, {"up": False})

    def finish(self) -> None:
        """From now on nothing is imported, replaced or buried, and objects may purge. Needs a key for
        deletions, and no lease.

        With shards at once; with one object per session when everything that was on its way has run out of
        time, and then the objects that Cloudflare lists are told: one that is not told holds back what a
        class of somebody else's would purge.
        """
        finish(self._bridge, self._objects.health, self._open_namespace, self._clock)

    # ------------------------------------------------------------ deletions

    def bury(
        self, name: str, rows: Mapping[Key, int], not_after: float, *, legacy: bool = False
    ) -> Mapping[Key, Burial]:
        """Turn rows that the source was seen to lack, twice, into tombstones; needs the lease and a key
        for deletions.

        `rows`: the version that each had when the source was read. `not_after`: Unix seconds. `name`
        names these burials: the same again, after one that was broken off, counts what it had buried.
        Only a row of origin copy or dual that lives and still has its version is buried, and none once
        a gate's verify has begun; `legacy`: as in `Replacement`. Raises TooLate, StoreUnavailable when the
        lease was lost, StoreRefused.
        """
        self._bridge.require(Scope.DELETE)
        ahead = self._objects.health.ahead
        with self._lock:
            until = min(max(not_after + ahead, 0.0), self._now() + _AHEAD)
            most = min(self._pace.records, self._objects.health.limits.keys)
            return bury(self._lease, name, rows, until, most, legacy=legacy)

    def revert(self, rows: Mapping[Key, int], not_after: float) -> Mapping[Key, Reversal]:
        """Let KV be right about these rows of the application's again; needs the lease and a key for kv.

        `rows`: the version that each had when KV was seen to hold the same. `not_after`: Unix seconds. One
        that was broken off may be repeated. Raises TooLate, StoreUnavailable when the lease was lost,
        StoreRefused.
        """
        ahead = self._objects.health.ahead
        with self._lock:
            until = min(max(not_after + ahead, 0.0), self._now() + _AHEAD)
            most = min(self._pace.records, self._objects.health.limits.keys)
            return revert(self._lease, rows, until, most)

    # ------------------------------------------------------------ the batch

    def apply(self, batch: Batch, checkpoint: Checkpoint) -> Checkpoint:
        """Do the batch and save the checkpoint; returns what was saved.

        Raises TooLate, RecordError for an unknown expiration, StoreBroken for a key that comes twice,
        StoreRefused for a key without the bridge's prefix, StoreUnavailable when the lease was lost.
        """
        self._check(batch)
        with self._lock:
            name = notes.mark_name(checkpoint.sweep, checkpoint.partition)
            version = self._version(name)
            while True:
                try:
                    return self._apply(batch, checkpoint, version)
                except Choked:
                    if not self._pace.choked():
                        raise
                    found = notes.read(self._bridge, [name]).get(name)
                    if found is not None and found["version"] > version:  # only its answer was lost
                        self._holds = None  # which said what is in quarantine
                        return self._saved(batch, found, checkpoint.sweep)

    def _check(self, batch: Batch) -> None:
        records = [*batch.records, *(wanted.record for wanted in batch.replacements)]
        if any(record.expiration is UNKNOWN for record in records):
            raise RecordError("a record's expiration is unknown: it cannot be copied", "give its key list")
        if len({record.key for record in records}) != len(records):
            raise StoreBroken(f"{self.address}: the source gave a key twice in one page")
        ours = self._objects.health.prefix
        if not all(record.key.startswith(ours) for record in records):
            raise StoreRefused(
                f"{self.address}: a key does not begin with the bridge's prefix, {ours}",
                f"pass --prefix {ours}, or deploy the bridge with another KVFERRY_PREFIX",
            )

    def _apply(self, batch: Batch, checkpoint: Checkpoint, version: int) -> Checkpoint:
        """One attempt; `version` is that of the checkpoint's note before it."""
        batch = self._fitting(batch)
        tally: Tally = Counter(checkpoint.tally)
        tally.update(batch.tally)
        part = notes.seen(checkpoint.sweep, checkpoint.partition)
        book = self._book(batch, replace(checkpoint, tally=tally), version)
        limits = self._objects.health.limits
        if max(len(book.notes) + 1, len(book.forget)) > limits.notes:
            raise StoreBroken(f"{self.address}: a batch has too many notes for one import", "report it")
        releasing = self._releasing()
        cut = list(
            pieces(
                (self._sent(record, releasing=releasing) for record in batch.records),
                (sent_replacement(wanted, self._objects.health.ahead) for wanted in batch.replacements),
                book.size,
                self._pace.records,
                limits.body_bytes,
            )
        )
        common: Document = {
            "sweep": checkpoint.sweep,
            "differing": batch.differing,
            "notAfter": self._not_after(batch),
            "unfit": notes.note(notes.HELD, reason=_NOT_STORED),
            **self._hint,
        }
        sent = [*batch.records, *(wanted.record for wanted in batch.replacements)]
        held: set[str] = set()  # the notes of what earlier pieces brought, and no object can store
        try:
            for number, piece in enumerate(cut):
                body = {**common, "records": piece.records, "replacements": piece.replacements}
                last = number == len(cut) - 1
                if last:
                    body["checkpoint"] = {**book.checkpoint, "tally": _plain(tally)}
                    forget = [name for name in book.forget if name not in held]
                    body |= {"notes": book.notes, "forget": forget}
                large = piece.count > LEAST
                answer = self._lease.send(f"{part}{version}", body, book.expect, renew=last, large=large)
                self._pace.went_well(piece.count)
                outcomes = answer["outcomes"]
                if outcomes is None or Outcome.QUARANTINED in outcomes:
                    self._holds = None  # it has put keys there, or may have
                if not last:
                    tally.update(outcomes)
                    became = zip(sent[: piece.count], outcomes, strict=True)
                    held.update(notes.HELD + one.key for one, what in became if what == Outcome.QUARANTINED)
                    del sent[: piece.count]
        except Conflict:
            raise StoreUnavailable(
                f"{self.address}: the checkpoint was changed by somebody else", "run the same command again"
            ) from None
        name = book.checkpoint["name"]
        if answer["checkpoint"] is None or answer["checkpoint"]["name"] != name:
            raise StoreBroken(f"{self.address}: the bridge did not say what it saved", "report it")
        if batch.quarantined:
            self._holds = True
        return self._saved(batch, answer["checkpoint"], checkpoint.sweep)

    def _saved(self, batch: Batch, found: Document, sweep: int) -> Checkpoint:
        """The batch is done, and this is its checkpoint's note: remember both."""
        self._versions[found["name"]] = int(found["version"])
        if (listing := self._listing.made) is not None:
            listing.wrote([Head(one.key, one.metadata, one.expiration) for one in batch.records])
        return notes.mark_of(found, sweep)

    def _version(self, name: str) -> int:
        """Of a checkpoint's note, 0 before its first batch; not known any more if the batch fails."""
        known = self._versions.pop(name, None)
        if known is not None:
            return known
        found = notes.read(self._bridge, [name]).get(name)
        return 0 if found is None else int(found["version"])

    def _fitting(self, batch: Batch) -> Batch:
        """The batch with those records in quarantine that no object can hold."""
        tally: Tally = Counter(batch.tally)
        quarantined = list(batch.quarantined)

        def fits(record: Record) -> bool:
            health = self._objects.health
            reason = unfit(record, health.prefix, health.limits.value_bytes)
            if reason is not None:
                tally[Outcome.QUARANTINED] += 1
                quarantined.append(Quarantined(record.key, reason))
            return reason is None

        records = [record for record in batch.records if fits(record)]
        replacements = [wanted for wanted in batch.replacements if fits(wanted.record)]
        return replace(
            batch, records=records, replacements=replacements, quarantined=quarantined, tally=tally
        )

    def _book(self, batch: Batch, mark: Checkpoint, version: int) -> _Book:
        """Sightings, quarantine and checkpoint as notes."""
        where = (mark.sweep, mark.partition)
        names = {key: notes.key_name(*where, key) for key in batch.settled}
        names |= {seen.key: notes.key_name(*where, seen.key) for seen in batch.sightings}
        before = notes.read(self._bridge, list(names.values()))
        forget = [notes.HELD + key for key in batch.released]
        for key, name in names.items():
            if (found := before.get(name)) is not None:
                forget += [name, notes.time_name(*where, notes.time_of(found), key)]
        written = {bad.key: notes.note(notes.HELD + bad.key, reason=bad.reason) for bad in batch.quarantined}
        latest = {seen.key: seen for seen in batch.sightings}
        seen = [one for sighting in latest.values() for one in notes.sighting_notes(sighting, *where)]
        saved = notes.mark_note(mark)
        expect = [{"name": saved["name"], "version": version}]
        return _Book(saved, [*written.values(), *seen], forget, expect)

    def _sent(self, record: Record, *, releasing: bool) -> Document:
        sent = sent_record(record)
        return {**sent, "releases": notes.HELD + record.key} if releasing else sent

    def _releasing(self) -> bool:
        """May a key that is inserted be in quarantine? Only the holder of the lease puts any there."""
        if self._holds is None:
            self._holds = next(notes.listed(self._bridge, notes.HELD, limit=1), None) is not None
        return self._holds

    def _not_after(self, batch: Batch) -> float | None:
        """By the objects' clock, and no further ahead than the bridge takes."""
        if not batch.records and not batch.replacements and batch.not_after == float("inf"):
            return None
        ahead = self._objects.health.ahead
        return min(max(batch.not_after + ahead, 0.0), self._now() + _AHEAD, float(LATEST))


def _plain(tally: Tally) -> dict[str, int]:
    return {str(name): count for name, count in tally.items()}

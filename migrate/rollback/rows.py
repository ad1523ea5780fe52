"""A rollback at work: every row is looked at, written to KV where that is needed, and given back to it.

    rows ─▶ row, KV, row ─▶ decide ─┬─▶ KV put, KV delete ──┐
                  ▲                 ├─▶ seen, waits for H ──┤ items of the task
                  └── when due ◀────┘◀──────────────────────┘
                                    └─▶ given back by compare-and-set ─▶ counted

A key on its way is an item of the task, and so is one that is done, for the look at the end. Position,
counters and items of a step are one transaction, after what it did: whoever is killed in between does it
again, and finds it done, because nothing that is done here depends on who did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from migrate.core.ports import LISTED, Answer, Tally, Target, TooLate, Unreadable
from migrate.core.proving import rows_with_values
from migrate.core.record import Key, Origin, Record, Row, Unseen, digest_text, holds
from migrate.core.reverting import Reversal, Revertible
from migrate.core.rolling_back import OPEN, Act, Fate, Going, Memory, Reading, print_of
from migrate.core.writing import Reason, Writable
from migrate.errors import BudgetSpent, StoreUnavailable
from migrate.formats.rollback import DELETED, DYING, WRITTEN
from migrate.ledger.tasks import Item, Task
from migrate.reading import read_all
from migrate.rollback.wish import Work
from migrate.stores.stamping import Stamp, stamped

PORTION = 500
"""Keys that are read and written at once."""

NOT_AFTER = 20.0
"""Seconds after its reading in which a row may be written to KV, as the halves of the store's own writes."""

WAITING = "waiting"
"""The state of an item that is on its way; every other is called as its fate."""

_LOST = 5
"""So many requests in a row that nobody answered end it."""

_FITS_NOT = (Reason.TOO_LARGE, Reason.REFUSED, Reason.UNABLE)


@dataclass(slots=True)
class _Step:
    """What one step comes to: items by key, and counts."""

    items: dict[Key, Item]
    tally: Tally

    def waits(self, key: Key, memory: Memory, due_at: float) -> None:
        self.items[key] = Item(key, WAITING, due_at, memory.body())

    def ends(self, key: Key, fate: Fate, now: float, reason: str = "", newer: str | None = None) -> None:
        self.items[key] = Item(key, fate, now, {"reason": reason, "newer": newer})
        self.tally[fate] += 1


class Reader:
    """Reads keys, and says what decisions about them go by."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.namespace: str | None = getattr(work.holder, "namespace", None)

    def read(self, keys: Sequence[Key]) -> dict[Key, Reading]:
        """Row, KV, row of each key."""
        if not keys:
            return {}
        holder = self._work.holder
        before = holder.rows(keys)
        answers = read_all(self._work.source, keys)
        after = rows_with_values(keys, answers, holder, _undecided)
        return {key: Reading(before.get(key), answers[key], after.get(key)) for key in keys}

    def going(self, began: float) -> Going:
        """What decisions go by, as of now. `began`: when the reading did, Unix seconds."""
        work = self._work
        return Going(began, work.now, work.horizon, self.namespace, work.source.skew)


def _undecided(answer: Answer, row: Row | None) -> bool:
    """Would the row's value say more than its digest?"""
    if not isinstance(answer, Record) or row is None or not isinstance(row.value, Unseen):
        return False
    return not holds(row.value, answer.value)


class Rows:
    """The task's rows. `expect`: raises when the conditions do not hold any more."""

    def __init__(
        self, work: Work, target: Target, writer: Writable, task: Task, expect: Callable[[], None]
    ) -> None:
        assert isinstance(target, Revertible), "whoever asked has seen to it"
        self._work, self._target, self._writer, self._task = work, target, writer, task
        self._back: Revertible = target
        self._expect = expect
        self._ledger, self._clock = work.desk.ledger, work.desk.settings.clock
        self._position = {"prefix": 0, "after": None, "pass": 1, "new": 0, **task.position}
        self._reader = Reader(work)
        self._lost = 0
        self.began = self._clock.now()
        """When the last pass began, Unix seconds."""

    def done(self) -> None:
        """All of it: passes over all rows, until one finds no row of the application's any more. Whoever goes
        on with a task makes one of its own: what was seen to be done may be the application's again."""
        resumed = bool(self._task.position)
        self._again()
        while True:
            self.began = self._clock.now()
            self._scan()
            self._settle()
            if not self._position["new"] and not resumed:
                return
            resumed = False
            self._position |= {"prefix": 0, "after": None, "pass": self._position["pass"] + 1, "new": 0}
            self._commit(_Step({}, Tally()))

    # ------------------------------------------------------------ passes

    def _again(self) -> None:
        """What ended without being given back is tried anew by whoever goes on with the task."""
        after: Key | None = None
        while found := self._ledger.items_after(self._task.id, OPEN, after, PORTION):
            step = _Step({}, Tally())
            for one in found:
                memory = Memory(0, newer=one.body.get("newer"))
                step.waits(one.key, memory, self._clock.now())
                step.tally[one.state] -= 1
            self._commit(step)
            after = found[-1].key

    def _scan(self) -> None:
        """Look at every row once, from where an earlier process left off."""
        for number, prefix in enumerate(self._work.prefixes):
            if number < self._position["prefix"]:
                continue
            here = number == self._position["prefix"]
            after = self._position["after"] if here else None
            rows = self._work.holder.rows_between(prefix, after, None)
            while some := list(islice(rows, PORTION)):
                self._portion(number, some)
                self._due()
        self._position |= {"prefix": len(self._work.prefixes), "after": None}
        self._commit(_Step({}, Tally()))

    def _portion(self, number: int, rows: Sequence[Row]) -> None:
        first = self._position["pass"] == 1
        deleted = {row.key: row.deleted for row in rows if row.deleted or row.origin is Origin.APP}
        known = self._known(list(deleted))
        wanted: dict[Key, Memory | None] = {}
        step = _Step({}, Tally())
        for key in deleted:
            state = known.get(key)
            if state is None:
                wanted[key] = None
            elif state not in (WAITING, *OPEN) and not (deleted[key] and state == Fate.EMPTY):
                step.tally[state] -= 1  # it has become the application's again, or was logged out
                wanted[key] = Memory(0)
        new = sum(key not in known for key in deleted)
        step.tally[LISTED] = new + (len(rows) - len(deleted) if first else 0)
        step.tally[Fate.KEPT] += len(rows) - len(deleted) if first else 0
        app = sum(not deleted[key] for key in wanted)
        self._position |= {"prefix": number, "after": rows[-1].key, "new": self._position["new"] + app}
        self._look(wanted, step)

    def _known(self, keys: Sequence[Key]) -> dict[Key, str]:
        """The states of those of the keys that are on their way, or done, already; they are in order."""
        if not keys:
            return {}
        found: dict[Key, str] = {}
        states = (WAITING, *Fate)
        before: Key | None = _before(keys[0])
        while some := self._ledger.items_after(self._task.id, states, before, PORTION):
            found.update((one.key, one.state) for one in some if one.key <= keys[-1])
            before = some[-1].key
            if before >= keys[-1]:
                break
        return found

    def _due(self) -> None:
        """Look again at what is due, as long as there is any."""
        while due := self._ledger.items(self._task.id, WAITING, PORTION, self._clock.now()):
            self._look({one.key: Memory.of(one.body) for one in due}, _Step({}, Tally()))

    def _settle(self) -> None:
        """The same until nothing is on its way any more."""
        progress = self._work.desk.progress
        while (due_at := self._ledger.next_item_due(self._task.id, WAITING)) is not None:
            if (seconds := due_at - self._clock.now()) > 0:
                left = self._ledger.item_counts(self._task.id)[WAITING]
                progress.throttled(f"{left:,} keys settle, the next in {seconds:.0f} s")
                self._clock.sleep(min(seconds, 60.0))
                progress.throttled(None)
                self._work.desk.waits.over()
                continue
            self._due()

    # ------------------------------------------------------------ one step

    def _look(self, memories: Mapping[Key, Memory | None], step: _Step) -> None:
        """Read these keys, do what is to be done, and commit."""
        self._expect()
        keys = list(memories)
        began = self._clock.now()
        readings = self._reader.read(keys)
        going = self._reader.going(began)
        puts: dict[Key, Reading] = {}
        deletes: dict[Key, Reading] = {}
        back: dict[Key, Reading] = {}
        for key in keys:
            memory, reading = memories[key], readings[key]
            act = going.decide(reading, memory)
            if memory is not None and memory.rounds > self._work.wish.rounds and act in _ANEW:
                step.ends(key, Fate.UNSETTLED, going.now)
                continue
            match act:
                case Act.PUT:
                    puts[key] = reading
                case Act.DELETE:
                    deletes[key] = reading
                case Act.REVERT:
                    back[key] = reading
                case _:
                    self._plain(act, key, reading, memory, going, step)
        self._write(puts, deletes, memories, going, step)
        self._give_back(back, memories, going, step)
        self._commit(step)

    def _plain(
        self, act: Act, key: Key, reading: Reading, memory: Memory | None, going: Going, step: _Step
    ) -> None:
        """What asks nobody for anything."""
        row = reading.row
        match act:
            case Act.UNREADABLE:
                assert isinstance(reading.answer, Unreadable)
                step.ends(key, Fate.FAILED, going.now, reading.answer.reason)
            case Act.FORGET:
                step.ends(key, Fate.GONE, going.now)
            case Act.KEEP:
                assert row is not None
                step.ends(key, _kept(row, memory, going), going.now)
            case Act.NEWER:
                assert not isinstance(reading.answer, Unreadable)
                step.ends(key, Fate.NEWER, going.now, newer=print_of(reading.answer))
            case Act.PROVEN:
                step.ends(key, Fate.EMPTY, going.now)
            case Act.AGAIN:
                version = 0 if row is None else row.version
                step.waits(key, _anew(memory, version), going.now + going.horizon / 4)  # it is busy
            case Act.SIGHT:
                assert row is not None
                seen = _seen(memory, row.version, going.now)
                assert seen.at is not None
                step.waits(key, seen, seen.at + going.horizon)
            case Act.SETTLE:
                assert memory is not None
                assert memory.wrote is not None
                step.waits(key, memory, memory.wrote + going.horizon)
            case Act.WAIT:
                assert row is not None
                assert isinstance(row.expiration, int)
                step.tally[DYING] += memory is None
                step.waits(key, memory or Memory(row.version), row.expiration + 1 - self._work.source.skew)
            case _:
                raise AssertionError(act)

    # ------------------------------------------------------------ KV

    def _write(
        self,
        puts: Mapping[Key, Reading],
        deletes: Mapping[Key, Reading],
        memories: Mapping[Key, Memory | None],
        going: Going,
        step: _Step,
    ) -> None:
        if not puts and not deletes:
            return
        self._target.heartbeat()  # whoever lost the lease writes nothing
        until = self._clock.now() + NOT_AFTER
        records = self._records(puts, memories, going, step)
        readings = {**{key: puts[key] for key in records}, **deletes}
        results: dict[Key, Reason | None] = {}
        try:
            if records:
                results.update(self._writer.put(list(records.values()), until))
            if deletes:
                results.update(self._writer.delete(list(deletes), until))
            self._lost = 0
        except StoreUnavailable as error:
            self._unanswered(error, readings, memories, going, step)
            return
        step.tally[WRITTEN] += sum(results[key] is None for key in records)
        step.tally[DELETED] += sum(results[key] is None for key in deletes)
        for key, reading in readings.items():
            self._wrote(key, results[key], reading, memories[key], going, step)

    def _records(
        self,
        puts: Mapping[Key, Reading],
        memories: Mapping[Key, Memory | None],
        going: Going,
        step: _Step,
    ) -> dict[Key, Record]:
        """What is to be written, with the values, as the session store would write it now."""
        shown = self._work.holder.shown(list(puts)) if puts else {}
        found: dict[Key, Record] = {}
        for key, reading in puts.items():
            row = shown.get(key)
            assert reading.row is not None
            if row is None or row.version != reading.row.version or not isinstance(row.value, bytes):
                step.waits(key, _anew(memories[key], reading.row.version), going.now)
                continue
            found[key] = self._record(row, row.value)
        return found

    def _record(self, row: Row, value: bytes) -> Record:
        namespace = self._reader.namespace
        where = None if namespace is None else f"shadow-read@{namespace}"
        stamp = Stamp(row.expiration, digest_text(value), row.version, where)
        metadata, _ = stamped(row.metadata, stamp)
        return Record(row.key, value, metadata, row.expiration)

    def _wrote(
        self,
        key: Key,
        reason: Reason | None,
        reading: Reading,
        memory: Memory | None,
        going: Going,
        step: _Step,
    ) -> None:
        """What is remembered of a write that was done, or was not."""
        row, answer = reading.row, reading.answer
        assert row is not None
        assert not isinstance(answer, Unreadable)
        rounds = 0 if memory is None else memory.rounds + 1
        now = self._clock.now()
        wrote = Memory(row.version, wrote=now, rounds=rounds)
        if reason is None:
            step.waits(key, replace(wrote, shown=print_of(answer)), going.now)
        elif reason is Reason.EXPIRING:
            assert isinstance(row.expiration, int)
            step.tally[DYING] += memory is None
            step.waits(key, memory or Memory(row.version), row.expiration + 1 - self._work.source.skew)
        elif reason is Reason.LATE:
            step.waits(key, _anew(memory, row.version), going.now)
        elif reason in _FITS_NOT:
            step.ends(key, Fate.FAILED, going.now, str(reason))
        else:  # whether it was written is not known
            step.waits(key, wrote, now + going.horizon)

    def _unanswered(
        self,
        error: StoreUnavailable,
        readings: Mapping[Key, Reading],
        memories: Mapping[Key, Memory | None],
        going: Going,
        step: _Step,
    ) -> None:
        """Nobody knows what was written: it may be on its way still, and is settled from H later on."""
        self._lost += 1
        now = self._clock.now()
        for key, reading in readings.items():
            assert reading.row is not None
            memory = memories[key]
            rounds = 0 if memory is None else memory.rounds
            wrote = Memory(reading.row.version, wrote=now, rounds=rounds)
            step.waits(key, wrote, now + going.horizon)
        said = f"a write into KV was not answered: its keys settle again in {going.horizon:.0f} s"
        self._work.desk.progress.say(said)
        if self._lost >= _LOST or isinstance(error, BudgetSpent):
            self._commit(step)
            raise error

    # ------------------------------------------------------------ rows

    def _give_back(
        self,
        back: Mapping[Key, Reading],
        memories: Mapping[Key, Memory | None],
        going: Going,
        step: _Step,
    ) -> None:
        if not back:
            return
        rows = {key: one.row for key, one in back.items() if one.row is not None}
        try:
            until = self._clock.now() + NOT_AFTER
            outcomes = self._back.revert({key: row.version for key, row in rows.items()}, until)
        except TooLate:
            outcomes = dict.fromkeys(rows, Reversal.CHANGED)
        for key, row in rows.items():
            match outcomes[key]:
                case Reversal.REVERTED:
                    step.ends(key, Fate.EXPIRED if going.over(row) else Fate.REVERTED, going.now)
                case Reversal.KEPT:
                    step.ends(key, Fate.KEPT, going.now)
                case _:
                    step.waits(key, _anew(memories[key], row.version), going.now)

    def _commit(self, step: _Step) -> None:
        items: Iterator[Item] = iter(step.items.values())
        self._task = self._ledger.commit_step(self._task.id, self._position, step.tally, items)
        self._work.desk.progress.reach(self._task.tally[LISTED])
        self._work.desk.waits.over()


_ANEW = (Act.PUT, Act.DELETE, Act.AGAIN, Act.SIGHT)
"""Acts after which a key settles from the beginning."""


def _kept(row: Row, memory: Memory | None, going: Going) -> Fate:
    """By nobody else's hand is a row that was on its way turned into one of KV's."""
    if memory is None:
        return Fate.KEPT
    return Fate.EXPIRED if going.over(row) else Fate.REVERTED


def _anew(memory: Memory | None, version: int) -> Memory:
    """Nothing that was seen counts any more."""
    return Memory(version, rounds=0 if memory is None else memory.rounds + 1)


def _seen(memory: Memory | None, version: int, now: float) -> Memory:
    """KV shows what it is to show; since when is remembered as long as the row stays as it is."""
    if memory is None:
        return Memory(version, at=now)
    if memory.version == version and memory.at is not None:
        return memory
    rounds = memory.rounds + (memory.at is not None)
    return replace(memory, version=version, at=now, rounds=rounds)


def _before(key: Key) -> Key:
    """A text behind which this key comes, and none of its own that is shorter matters."""
    return Key(key[:-1])

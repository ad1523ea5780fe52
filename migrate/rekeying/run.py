"""A rekeying as a call: copy and look again until the code is switched; afterwards delete the old names.

first runs     copy ─ H ─ look ─▶ "switch the code" (exit 3)
after that     look ─ H ─ look, dump, delete ─ H ─ list ─▶ done (exit 0)
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migrate.cleaning.judging import walk
from migrate.cleaning.outside import known
from migrate.confirming import Say, confirm, name_of
from migrate.core.document import Document
from migrate.core.limiting import Rate
from migrate.core.partition import overlap, run_id
from migrate.core.ports import LISTED, RunId, Source, Tally
from migrate.core.record import Key, Record
from migrate.core.rekeying import Step, same
from migrate.core.writing import Writable
from migrate.cost.prices import prices
from migrate.desk import Desk, Ended, desk_of
from migrate.errors import ConfigError, Exit, LedgerError, MigrateError, StoreBroken
from migrate.formats.figures import clean, duration, plural
from migrate.formats.progress import Progress
from migrate.formats.rekey import RekeyFacts, build_rekey
from migrate.ledger.tasks import Task, TaskState
from migrate.rekeying.copying import PORTION, Pass, counted
from migrate.rekeying.deleting import DUMPED, NAME, SEEN, Deleting
from migrate.rekeying.pairs import pairs, portions
from migrate.rekeying.wish import Rekey
from migrate.stores.dump.log import DumpLog, check_new

COPY, DELETE = "rekey", "rekey-delete"
"""The kinds of the two tasks."""

_FEW = 10
"""So many logouts are believed whatever is left."""

_ENDED = (TaskState.COMPLETE, TaskState.ABANDONED)

_SWITCH = """what the application writes under old names from now on is not under the new ones: sessions that
are created are missing there, those that change are behind, and one that is logged out lives again.
1. run this command again, as near to the switch as you can: it copies what changed, and follows logouts
2. switch the code to the new names everywhere at once, in a quiet minute; where it finds no new name, let it
   read the old one; let a logout delete both; it writes new names only
3. when no old version answers any more, and not before: the next command"""

_IN_USE = """new names are in use: somebody else writes or deletes them. Workers KV cannot insert only what
is absent, so nothing is copied while that is so: it could write over what is newer. If the code uses them by
now, go on with --delete-old; else choose another new prefix, or take the code back."""


def rekey(wish: Rekey, say: Say, progress: Progress | None = None) -> Ended:
    """Look; with `execute` copy, or delete old names.

    Raises ConfigError for stores and names that cannot be renamed so, and without a confirmation; StoreError.
    """
    with desk_of(wish.settings, progress) as desk:
        writer, source = desk.opener.writable(wish.source), desk.opener.source(wish.source)
        _outside(wish, desk)
        work = _Work(wish, desk, source, writer, say)
        return work.delete() if wish.delete_old else work.copy()


def _outside(wish: Rekey, desk: Desk) -> None:
    """Raise ConfigError where a migration has begun: its target knows the sessions by their names."""
    for prefix in known(desk.ledger, ()):
        for mine in (wish.names.old, wish.names.new):
            if overlap(prefix, mine):
                raise ConfigError(
                    f'a migration of "{clean(prefix)}" has begun: its target knows sessions by their names',
                    "rename before the first export, or after the migration in the target",
                )


def _believable(tally: Tally) -> None:
    """Raise StoreBroken when more old names are gone than are left: those are no logouts.

    Somebody has deleted them by other means, or a listing is not whole; their copies are kept.
    """
    if tally[Step.FOLLOWING] > max(tally[LISTED], _FEW):
        raise StoreBroken(
            f"{plural(tally[Step.FOLLOWING], 'old name')} of those that were copied are gone, and"
            f" {plural(tally[LISTED], 'old name')} left: these are no logouts, so no copy is deleted",
            "find out who deleted them; if the code uses new names by now, go on with --delete-old",
        )


@dataclass(slots=True)
class _Work:
    """One rekeying at work."""

    wish: Rekey
    desk: Desk
    source: Source
    writer: Writable
    say: Say
    facts: dict[str, object] = field(default_factory=dict)
    samples: list[tuple[Key, str]] = field(default_factory=list)

    @property
    def mine(self) -> RunId:
        """Under which the ledger keeps both tasks."""
        names = self.wish.names
        return run_id(COPY, self.source.address, "", [names.old, "to", names.new])

    @property
    def horizon(self) -> float:
        """H: seconds between two looks."""
        return self.source.horizon if self.wish.settle is None else self.wish.settle

    # ------------------------------------------------------------ before the switch

    def copy(self) -> Ended:
        """Copy and look again; or say what would be copied."""
        wish, ledger = self.wish, self.desk.ledger
        last = ledger.last_task(self.mine, COPY)
        self._not_deleting(last)
        if last is None or last.state in _ENDED:
            listed = self._listed()
            if not wish.execute or listed[Step.ALONE] or listed[Step.CONFLICT]:
                used = listed[Step.ALONE] or listed[Step.CONFLICT]
                return self._told("copy", listed, note=_IN_USE if used else self._cost(listed), dry_run=True)
            self.say(self._cost(listed))
        elif not wish.execute:
            note = f"copying was begun, and stands at pass {last.number}; with --execute it goes on"
            return self._told("copy", self._listed(last), note=note, dry_run=True)
        confirm(name_of(self.source.address), wish.confirmed)
        task = ledger.open_task(self.mine, COPY)
        error, complete = None, False
        try:
            task = self._pass(task, "copy", self.writer)
            _believable(counted(task, "copy"))
            self._settle(task)
            task = self._pass(task, "check", None)
            complete = True
        except MigrateError as failed:
            error = failed
        finally:
            self.desk.progress.finish()
            with contextlib.suppress(LedgerError):
                ledger.close_task(task.id, TaskState.INTERRUPTED, "the code is not switched yet")
        task = ledger.last_task(self.mine, COPY) or task
        checked = counted(task, "check") if complete else None
        used = complete and checked is not None and (checked[Step.CONFLICT] or checked[Step.ALONE])
        note = _IN_USE if used else _SWITCH
        copied = counted(task, "copy")
        return self._told("copy", copied, checked, note=note, complete=complete, error=error)

    def _not_deleting(self, last: Task | None) -> None:
        """Raise ConfigError once old names have been deleted: that one is absent is no logout any more."""
        begun = self.desk.ledger.last_task(self.mine, DELETE)
        if last is None or last.state in _ENDED or begun is None or begun.started_at < last.started_at:
            return
        raise ConfigError(
            "old names were deleted after they had been copied: that one is absent is no logout any more",
            self.wish.again(delete_old=True, execute=True, name=name_of(self.source.address)),
        )

    def _pass(self, task: Task, name: str, writer: Writable | None) -> Task:
        one = Pass(
            self.desk, self.source, writer, self.writer, self.wish.names, self.horizon, task, self.samples
        )
        self.desk.progress.start(name)
        one.go(name)
        return one.task

    def _settle(self, task: Task) -> None:
        """What was written, or seen absent, is believed H later."""
        tally = counted(task, "copy")
        if self.horizon > 0 and tally[LISTED]:
            self.desk.progress.throttled(f"waiting {self.horizon:.0f} s until what was written shows")
            self.desk.settings.clock.sleep(self.horizon)
            self.desk.progress.throttled(None)

    def _listed(self, last: Task | None = None) -> Tally:
        """What the two listings show. Before anything was copied, pairs are read, too: are they the same?"""
        tally: Tally = Counter()
        self.desk.progress.start("look")
        for some in portions(pairs(self.source, self.wish.names, None), PORTION):
            both = [one.rest for one in some if one.old and one.new]
            differ = 0 if last is not None else self._different(both)
            tally[LISTED] += sum(one.old for one in some)
            tally[Step.CONFLICT] += differ
            tally[Step.EQUAL] += len(both) - differ
            tally[Step.COPY] += sum(one.old and not one.new for one in some)
            tally[Step.ALONE] += 0 if last is not None else sum(not one.old for one in some)
            self.desk.progress.advance(len(some))
            self.desk.waits.over()
        self.desk.progress.finish()
        return tally

    def _different(self, rests: Sequence[str]) -> int:
        found = 0
        names, width = self.wish.names, self.source.width
        for start in range(0, len(rests), width):
            some = rests[start : start + width]
            old = self.source.read([names.key(rest) for rest in some])
            new = self.source.read([names.twin(rest) for rest in some])
            for rest in some:
                one, other = old[names.key(rest)], new[names.twin(rest)]
                alike = isinstance(one, Record) and isinstance(other, Record) and same(one, other)
                found += not alike
        return found

    def _cost(self, listed: Tally) -> str:
        keys, table = listed[Step.COPY], prices()
        money = table.kv["writes"].per_million * keys / 1_000_000
        rate = Rate.parse(self.desk.settings.rate)
        seconds = (keys / 100 * 3) * rate.seconds / rate.requests
        return (
            f"copying {plural(keys, 'key')} costs ${money:.2f} at most (prices of {table.dated}), and takes"
            f" {duration(seconds)} at this rate"
        )

    # ------------------------------------------------------------ after the switch

    def delete(self) -> Ended:
        """Delete the old names whose twins are good; or say how many there are."""
        wish, ledger = self.wish, self.desk.ledger
        copies = ledger.last_task(self.mine, COPY)
        if copies is None:
            raise ConfigError(
                "nothing was copied under these names by this ledger: nobody knows which twins are newer",
                wish.again(execute=True, name=name_of(self.source.address)),
            )
        last = ledger.last_task(self.mine, DELETE)
        going = last is not None and last.state not in _ENDED and last.position and not wish.fresh
        if not wish.execute:
            old = sum(one.old for one in pairs(self.source, wish.names, None))
            note = (
                f"{plural(old, 'old name')}: each is deleted if its twin is the same or newer, twice H apart"
            )
            return self._told("delete", dry_run=True, note=note, left=old)
        confirm(name_of(self.source.address), wish.confirmed, "deleted")
        path = None if going else self._new_dump(last)
        task = ledger.open_task(self.mine, DELETE, fresh=wish.fresh)
        if not task.position:
            position = {"dump": None if path is None else str(path), "bytes": 0, "records": 0}
            task = ledger.commit_step(task.id, position, Counter())
        return self._delete(task, copies)

    def _new_dump(self, last: Task | None) -> Path | None:
        wish = self.wish
        if wish.no_dump:
            return None
        number = 1 if last is None else last.number + 1
        path = wish.dump or self.desk.settings.ledger.parent / f"rekey-{self.mine}-{number}.ndjson"
        check_new(path)
        return path.absolute()

    def _delete(self, task: Task, copies: Task) -> Ended:
        ledger = self.desk.ledger
        kept = task.position["dump"]
        dump = None if kept is None else DumpLog(Path(kept), task.position["bytes"])
        work = Deleting(
            self.desk,
            self.source,
            self.writer,
            self.wish.names,
            self.horizon,
            task,
            copies,
            dump,
            self.samples,
        )
        state, error, left = TaskState.INTERRUPTED, None, None
        try:
            self.desk.progress.start("look")
            work.look()
            self.desk.progress.start("delete")
            work.delete()
            left = self._left()
            state = TaskState.COMPLETE
        except MigrateError as failed:
            state, error = TaskState.FAILED, failed
        finally:
            if dump is not None:
                dump.close()
            self.desk.progress.finish()
            with contextlib.suppress(LedgerError):
                ledger.close_task(task.id, state, "" if error is None else error.message)
        tally = counted(work.task, NAME)
        counts = ledger.item_counts(task.id)
        pending = counts[SEEN] + counts[DUMPED]
        shown = None if kept is None else (str(kept), work.task.position.get("records", 0))
        if state is TaskState.COMPLETE and not left:
            self._over(copies)
        return self._told(
            "delete",
            deleted=tally,
            pending=pending,
            dump=shown,
            left=left,
            complete=state is TaskState.COMPLETE,
            error=error,
        )

    def _over(self, copies: Task) -> None:
        """No old name is left: what was copied need not be remembered any more."""
        ledger = self.desk.ledger
        if copies.state not in _ENDED:
            task = ledger.open_task(self.mine, COPY)
            ledger.close_task(task.id, TaskState.COMPLETE, "no old name is left")

    def _left(self) -> int:
        """How many old names a listing shows, H later."""
        if self.horizon > 0:
            self.desk.progress.throttled(f"waiting {self.horizon:.0f} s until a listing shows it")
            self.desk.settings.clock.sleep(self.horizon)
            self.desk.progress.throttled(None)
        return sum(len(page.heads) for page in walk(self.source, self.wish.names.old, None, None))

    # ------------------------------------------------------------ what is told

    def _told(
        self,
        phase: str,
        copied: Tally | None = None,
        checked: Tally | None = None,
        *,
        deleted: Tally | None = None,
        pending: int = 0,
        dump: tuple[str, int] | None = None,
        left: int | None = None,
        complete: bool = False,
        dry_run: bool = False,
        note: str = "",
        error: MigrateError | None = None,
    ) -> Ended:
        wish, desk = self.wish, self.desk
        facts = RekeyFacts(
            source=self.source.address,
            old=wish.names.old,
            new=wish.names.new,
            phase=phase,
            started=desk.started,
            finished=desk.settings.clock.now(),
            settle=self.horizon,
            dry_run=dry_run,
            complete=complete,
            next=self._next(phase, complete=complete, dry_run=dry_run, left=left),
            copied=copied,
            checked=checked,
            deleted=deleted,
            pending=pending,
            left=left,
            dump=dump,
            samples=self.samples,
            requests=desk.opener.requests,
            throttled=desk.waits.seconds,
            note="" if error is not None else note,
        )
        document: Document = build_rekey(facts, desk.ledger.fingerprints)
        if not dry_run:
            desk.ledger.add_evidence(self.mine, COPY, document)
        return Ended(document, Exit(document["exit"]), error)

    def _next(self, phase: str, *, complete: bool, dry_run: bool, left: int | None) -> str:
        name = name_of(self.source.address)
        if phase == "copy" and complete:
            return self.wish.again(delete_old=True, execute=True, name=name)
        if phase == "delete" and complete and not dry_run and not left:
            return "kvferry status"
        return self.wish.again(delete_old=phase == "delete", execute=True, name=name)

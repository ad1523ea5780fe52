"""A cleanup as a call: who may, what it would cost, the removing, and what is there at the end.

ended = cleanup(wish, say, progress)        Ended, or the Refusal of its verdict
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from migrate.cleaning.costing import costs
from migrate.cleaning.judging import Judge, walk
from migrate.cleaning.outside import known, outside, refused
from migrate.cleaning.removing import PENDING, Removing, must_hold
from migrate.cleaning.survey import Survey, survey
from migrate.cleaning.wish import Cleanup
from migrate.confirming import Say, confirm, name_of
from migrate.core.cleaning import Fate, balanced
from migrate.core.document import Document
from migrate.core.gate.verdict import Door
from migrate.core.limiting import Rate
from migrate.core.partition import disjoint, run_id
from migrate.core.ports import Holder, RunId, Source, Tally
from migrate.core.writing import Writable
from migrate.cost.prices import prices
from migrate.desk import Desk, Ended, desk_of
from migrate.errors import ConfigError, Exit, LedgerError, MigrateError
from migrate.formats.cleanup import CleanupFacts, Relisted, build_cleanup, cost_lines
from migrate.formats.figures import clean
from migrate.formats.progress import Progress
from migrate.gate.bundle import Bundle
from migrate.gate.presented import presented
from migrate.gate.still import Still
from migrate.gate.using import Refusal, Use
from migrate.ledger.tasks import Task, TaskState
from migrate.opening import Settings
from migrate.stores.dump.log import DumpLog, check_new

KIND = "cleanup"
"""Of the task, and of the ledger's document about it."""

_ENDED = (TaskState.COMPLETE, TaskState.ABANDONED)


def cleanup(wish: Cleanup, say: Say, progress: Progress | None = None) -> Ended | Refusal:
    """Look, and with `execute` delete; an unfinished one is gone on with.

    Raises ConfigError for a store or prefix that is not cleaned up so, and without a confirmation, and
    StoreError.
    """
    with desk_of(wish.settings, progress) as desk:
        writer, source = desk.opener.writable(wish.source), desk.opener.source(wish.source)
        holder = _holder(wish, desk)
        found = None if holder is None else _verdict(wish, desk, source, holder)
        if isinstance(found, Refusal):
            return found
        work = _Work(wish, desk, source, writer, holder, found, say)
        last = desk.ledger.last_task(work.mine, KIND)
        if (
            wish.execute
            and not wish.fresh
            and last is not None
            and last.position
            and last.state not in _ENDED
        ):
            return work.resume(last)
        return work.begin()


def _holder(wish: Cleanup, desk: Desk) -> Holder | None:
    """The target that must hold what is deleted; None where the prefixes are outside of the migration."""
    migrated = known(desk.ledger, [*wish.migrated, *wish.configured])
    wanted, ask = disjoint(wish.prefixes), wish.again("gate", **{"for": "cleanup"})
    if wish.target is None:
        if outside(wanted, migrated, ask):
            return None
        raise refused(wanted, migrated, ask)
    if not wish.insisted and migrated and outside(wanted, migrated, ask):
        return None
    return desk.opener.holder(wish.target)


def _verdict(wish: Cleanup, desk: Desk, source: Source, holder: Holder) -> Document | Refusal:
    now = wish.settings.clock.now()
    use = Use(Door.CLEANUP, source.address, holder.address, wish.prefixes, now, wish.stores)
    return presented(desk, use, wish.verdict, wish.evidence)


@dataclass(slots=True)
class _Work:
    """One cleanup at work. `verdict` None: outside of the migration, where none is needed."""

    wish: Cleanup
    desk: Desk
    source: Source
    writer: Writable
    holder: Holder | None
    verdict: Document | None
    say: Say
    survey: Survey = field(default_factory=Survey)
    tally: Tally = field(default_factory=Counter)
    relisted: Relisted | None = None
    task: Task | None = None
    removing: Removing | None = None

    @property
    def settings(self) -> Settings:
        """What stores are opened by."""
        return self.wish.settings

    @property
    def mine(self) -> RunId:
        """Under which the ledger keeps it."""
        source, prefixes = self.source.address, tuple(self.wish.prefixes)
        if self.holder is None:
            return run_id(KIND, source, "", prefixes)
        return Bundle(source, self.holder.address, prefixes).migration

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Without overlap."""
        return disjoint(self.wish.prefixes)

    # ------------------------------------------------------------ begun, or gone on with

    def begin(self) -> Ended:
        """Look at everything; with `execute` ask, and delete."""
        wish, desk = self.wish, self.desk
        judge = Judge(self.holder, wish.ageing, self.settings.clock.now() + self.source.skew)
        desk.progress.start("look")
        self.survey = survey(self.source, self.prefixes, judge, self._looked)
        desk.progress.finish()
        self.tally = self.survey.tally
        document = self._document(dry_run=not wish.execute, complete=True)
        if not wish.execute or not self.survey.selected:
            return self._ended(document)
        for line in cost_lines(document):
            self.say(clean(line))
        confirm(name_of(self.source.address), wish.confirmed, "deleted")
        dump = self._new_dump()
        task = desk.ledger.open_task(self.mine, KIND, fresh=wish.fresh)
        position = {
            "selection": wish.selection,
            "as_of": judge.as_of,
            "survey": {
                "selected": self.survey.selected,
                "pages": self.survey.pages,
                "latest": self.survey.latest,
                "never": self.survey.never,
            },
            "dump": None if dump is None else str(dump),
            "bytes": 0,
            "records": 0,
        }
        return self._work(desk.ledger.commit_step(task.id, position, Counter()))

    def resume(self, last: Task) -> Ended:
        """Go on with what an earlier process began."""
        position = last.position
        if position["selection"] != self.wish.selection:
            raise ConfigError(
                "a cleanup of these keys with other options was not finished",
                "run it with its own options, or begin anew with --fresh",
            )
        seen = position["survey"]
        self.survey = Survey(
            Counter({Fate.SELECTED.value: seen["selected"]}), seen["latest"], seen["never"], seen["pages"]
        )
        self.tally = last.tally
        self.desk.progress.say(f"going on with cleanup {last.number} of these keys")
        confirm(name_of(self.source.address), self.wish.confirmed, "deleted")
        return self._work(self.desk.ledger.open_task(self.mine, KIND))

    def _new_dump(self) -> Path | None:
        wish = self.wish
        if wish.no_dump:
            return None
        last = self.desk.ledger.last_task(self.mine, KIND)
        number = 1 if last is None else last.number + 1
        name = f"cleanup-{self.mine}-{number}.ndjson"
        path = wish.dump or self.settings.ledger.parent / name
        check_new(path)
        return path.absolute()

    # ------------------------------------------------------------ the work

    def _work(self, task: Task) -> Ended:
        """Delete, wait, and look again; however it ends, the ledger and the report say how far it came."""
        ledger = self.desk.ledger
        self.task, state, error = task, TaskState.INTERRUPTED, None
        dump = self._open_dump(task)
        try:
            self._remove(task, dump)
            state = TaskState.COMPLETE
        except MigrateError as failed:
            error, state = failed, TaskState.FAILED
        finally:
            if dump is not None:
                dump.close()
            self.desk.progress.finish()
            if self.removing is not None:
                self.task = self.removing.task
            with contextlib.suppress(LedgerError):  # another process has taken over: what it says counts
                ledger.close_task(task.id, state, "" if error is None else error.message)
        self.tally = self.task.tally
        document = self._document(dry_run=False, complete=state is TaskState.COMPLETE)
        ledger.add_evidence(self.mine, KIND, document)
        return self._ended(document, error)

    def _open_dump(self, task: Task) -> DumpLog | None:
        path = task.position["dump"]
        return None if path is None else DumpLog(Path(path), task.position["bytes"])

    def _remove(self, task: Task, dump: DumpLog | None) -> None:
        judge = Judge(self.holder, self.wish.ageing, task.position["as_of"])
        in_time = self._in_time()
        self.removing = Removing(
            self.desk, self.source, self.writer, judge, self.prefixes, task, dump, in_time
        )
        self.desk.progress.start("cleanup", total=None, done=0)
        self.removing.go()
        self._settle()
        self._relist(judge)

    def _in_time(self) -> Callable[[], None]:
        """Raises MigrateError once the verdict has run out, or the application has gone back."""
        ask = self.wish.again("gate", **{"for": "cleanup"})
        if self.verdict is None:
            return lambda: None
        hold = must_hold(self.verdict["expires"]["unix"], self.settings.clock.now, ask)
        still = Still(self.desk, self.verdict, self.wish.target or "", ask)

        def check() -> None:
            hold()
            still.expect(afresh=False)

        return check

    def _settle(self) -> None:
        """A listing shows what is deleted for as long as the source's answers may be old."""
        horizon = self.source.horizon if self.wish.settle is None else self.wish.settle
        if horizon <= 0:
            return
        self.desk.progress.throttled(f"waiting {horizon:.0f} s until a listing shows it")
        self.settings.clock.sleep(horizon)
        self.desk.progress.throttled(None)

    def _relist(self, judge: Judge) -> None:
        still = kept = 0
        for prefix in self.prefixes:
            for page in walk(self.source, prefix, None, None):
                fates = Counter(judge.fates(page.heads).values())
                still += fates[Fate.SELECTED]
                kept += sum(fates.values()) - fates[Fate.SELECTED]
                self.desk.waits.over()
        self.relisted = Relisted(self.settings.clock.now(), still, kept)

    def _looked(self, keys: int) -> None:
        self.desk.progress.reach(keys)
        self.desk.waits.over()

    # ------------------------------------------------------------ what is told

    def _document(self, *, dry_run: bool, complete: bool) -> Document:
        wish, desk, task, removing = self.wish, self.desk, self.task, self.removing
        position = {} if task is None else task.position
        pending = 0 if task is None else desk.ledger.item_counts(task.id)[PENDING]
        price = costs(self.survey, prices(), Rate.parse(self.settings.rate), dump=not wish.no_dump)
        facts = CleanupFacts(
            source=self.source.address,
            target=None if self.holder is None else self.holder.address,
            prefixes=self.prefixes,
            selection=wish.selection,
            started=desk.started if task is None else task.started_at,
            finished=self.settings.clock.now(),
            dry_run=dry_run,
            complete=complete,
            tally=self.tally,
            costs=price,
            latest=self.survey.latest,
            never=self.survey.never,
            next=self._next(dry_run, complete),
            pending=pending,
            evidence=None if self.verdict is None else self.verdict["evidence_digest"],
            dump=(position["dump"], position["records"]) if position.get("dump") else None,
            relisted=self.relisted,
            foreign=self.survey.foreign if removing is None else removing.foreign,
            failed=() if removing is None else removing.failed,
            requests=desk.opener.requests,
            throttled=desk.waits.seconds,
        )
        return build_cleanup(facts, desk.ledger.fingerprints)

    def _next(self, dry_run: bool, complete: bool) -> str:
        wish = self.wish
        do = wish.again(execute=True, name=name_of(self.source.address))
        if self.holder is not None and self.tally[Fate.FOREIGN] and not self.survey.selected:
            return wish.again("verify", stage="object-only")
        if dry_run:
            return do if self.survey.selected else "kvferry status"
        left = self.tally[Fate.FAILED] + self.tally[Fate.UNREAD] + self.tally[Fate.CHANGED]
        still = self.relisted is not None and self.relisted.still
        if left or still or not complete or not balanced(self.tally):
            return do
        if self.holder is not None and self.tally[Fate.FOREIGN]:
            return wish.again("verify", stage="object-only")
        return "kvferry status"

    def _ended(self, document: Document, error: MigrateError | None = None) -> Ended:
        return Ended(document, Exit(document["exit"]), error)

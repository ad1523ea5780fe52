"""Repair as a call: say what would be done, or do it, look at just these keys, and report.

ended = repair(Wish(Mode.MISSING, "kv:", "sqlite:sessions.db", ...))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from migrate.checking import Check, Checked, check
from migrate.confirming import confirm, name_of
from migrate.core.comparing import Kind, Stage
from migrate.core.ports import Claim, Tally, Target
from migrate.core.record import Key
from migrate.core.writing import Writable
from migrate.desk import Desk, Ended, claim, desk_of
from migrate.errors import ConfigError, MigrateError
from migrate.formats.progress import Progress
from migrate.formats.repair import CANDIDATES, LACKING, RepairFacts, build_repair
from migrate.ledger.tasks import Task, TaskState
from migrate.ledger.whole import last_whole
from migrate.repair import burials, missing, refreshing
from migrate.repair.at_work import AtWork
from migrate.repair.deciding import left
from migrate.repair.wish import Asking, Mode, Wish, Work

REPORT = "repair-report"
"""The kind of the ledger's document about one that was executed."""


def repair(wish: Wish, progress: Progress | None = None, asking: Asking | None = None) -> Ended:
    """Do what is wished for; without `execute`, only find out what would become of each key.

    Raises ConfigError and StoreError where nothing is repaired: no verify to go by, no confirmation, a
    target that is finished or behind its fence, isolates that may write KV alone. An error after that is in
    `Ended.error`, with a report of what was done; the same call goes on. `asking`: as of `Work`.
    """
    with desk_of(wish.settings, progress) as desk:
        work = _opened(wish, desk)
        work.asking = asking
        return repaired(work)


def repaired(work: Work) -> Ended:
    """The same, with everything open."""
    wish, mode = work.wish, _MODES[work.wish.mode]
    work.asking = work.asking or AtWork(work)
    mode.refuse(work)
    if wish.mode is Mode.TOMBSTONES:
        work.gone = work.asking.gone()
    if not wish.execute:
        work.tally = mode.rehearse(work)
        return _ended(work, None, None, None)
    confirm(name_of(work.source.address), wish.confirmed, "repaired")
    mode.refuse(work)  # whoever is asked for a name may answer tomorrow
    return _execute(work, mode)


Keys = Callable[[Work, Key | None], Iterator[Key]]
"""The keys that a mode has looked at, behind one, in key order."""


@dataclass(frozen=True, slots=True)
class _Mode:
    """How one mode is done. `kinds`: of the last verify, what it repairs."""

    kinds: Callable[[Work], tuple[Kind, ...]]
    keys: Keys
    refuse: Callable[[Work], None]
    rehearse: Callable[[Work], Tally]
    perform: Callable[[Work, Target, Task, Claim], None]
    effects: Sequence[str]


def _reported(kinds: Callable[[Work], tuple[Kind, ...]]) -> Keys:
    """Those of the last verify."""

    def keys(work: Work, after: Key | None) -> Iterator[Key]:
        return (one.key for one in work.found(kinds(work), after))

    return keys


_MODES = {
    Mode.MISSING: _Mode(
        missing.kinds,
        _reported(missing.kinds),
        missing.refuse,
        missing.rehearse,
        missing.perform,
        missing.EFFECTS,
    ),
    Mode.TOMBSTONES: _Mode(
        burials.kinds,
        _reported(burials.kinds),
        burials.refuse,
        burials.rehearse,
        burials.perform,
        burials.EFFECTS,
    ),
    Mode.KV: _Mode(
        lambda _: (),
        refreshing.keys,
        refreshing.refuse,
        refreshing.rehearse,
        refreshing.perform,
        refreshing.EFFECTS,
    ),
}


def _opened(wish: Wish, desk: Desk) -> Work:
    source = desk.opener.source(wish.source)
    holder = desk.opener.holder(wish.target, values=bool(wish.project))
    if source.address == holder.address:
        raise ConfigError(f"{wish.target} is both source and target", "name two stores")
    last = last_whole(desk.ledger, source.address, holder.address, wish.prefixes)
    if last is None:
        raise ConfigError(
            "no verify of these stores has finished, and a repair goes by what one found",
            wish.again("verify", authority=wish.authority),
        )
    validate = None
    if wish.schema is not None:
        from migrate.payload import load

        validate, _ = load(wish.schema)

    def target() -> Target:
        return desk.opener.target(wish.target, wish.location_hint, values=bool(wish.project))

    def writer() -> Writable:
        return desk.opener.writable_for(wish.source, wish.target)

    return Work(wish, desk, source, holder, last, target, writer, validate=validate)


def _execute(work: Work, mode: _Mode) -> Ended:
    ledger, wish, verify = work.desk.ledger, work.wish, work.last[1].id
    kind = f"repair-{wish.mode}"
    before = ledger.last_task(work.migration, kind)
    # What a newer verify found, or what was asked for now, is more than what is left of an older one.
    by = {"verify": verify, "classes": [str(one) for one in mode.kinds(work)]}
    stale = before is not None and any(before.position.get(name, by[name]) != by[name] for name in by)
    task = ledger.open_task(work.migration, kind, fresh=wish.fresh or stale)
    position = {**task.position, **by}
    task = ledger.commit_step(task.id, position, Tally())
    state, error, checked = TaskState.INTERRUPTED, None, None
    try:
        if "written" not in position:
            target = work.open_target()
            mode.perform(work, target, task, claim(ledger))
            task = _written(work, task)
        work.tally = task.tally
        checked = _check(work, mode, task)
        state = TaskState.COMPLETE
    except MigrateError as failure:
        state, error = TaskState.FAILED, failure
    finally:
        if state is TaskState.INTERRUPTED:
            ledger.close_task(task.id, state)
    ended = _ended(work, task, checked, error)  # kept as evidence before the task is over
    ledger.close_task(task.id, state, "" if error is None else error.message)
    return ended


def _written(work: Work, task: Task) -> Task:
    """All is done but the look at the end."""
    ledger = work.desk.ledger
    now = ledger.last_task(work.migration, task.kind)
    assert now is not None, "it is open"
    rest = Tally(work.tally)
    rest.subtract(now.tally)  # where progress is the target's own, the task has counted nothing yet
    position = {**now.position, "written": work.desk.settings.clock.now()}
    return ledger.commit_step(task.id, position, rest)


def _check(work: Work, mode: _Mode, task: Task) -> Checked:
    """A verify of just the keys that were repaired."""

    def keys(after: Key | None) -> Iterator[Key]:
        return mode.keys(work, after)

    rules = work.rules
    if work.wish.mode is Mode.TOMBSTONES:
        rules = replace(rules, stage=Stage.SHADOW_READ)
    since = float(task.position["written"])
    mirrored = work.wish.mode is Mode.KV
    asked = Check(task.kind, work.prefixes, keys, rules, work.patience, mirrored=mirrored, since=since)
    return check(work.desk, work.source, work.holder, asked)


def _ended(work: Work, task: Task | None, checked: Checked | None, error: MigrateError | None) -> Ended:
    """The report; `task` None: nothing was done."""
    wish, desk, mode = work.wish, work.desk, _MODES[work.wish.mode]
    run, verify = work.last
    tally = Tally(work.tally)
    if task is not None:
        tally[LACKING] = desk.ledger.item_counts(task.id)[LACKING]
    candidates = tally[CANDIDATES] if wish.mode is Mode.KV else work.count(mode.kinds(work))
    facts = RepairFacts(
        mode=str(wish.mode),
        number=None if task is None else task.number,
        source=work.source.address,
        target=work.holder.address,
        prefixes=work.prefixes,
        started=desk.started if task is None else min(task.started_at, desk.started),
        finished=desk.settings.clock.now(),
        verify=(run.id, verify.number, verify.started_at),
        stage=str(work.stage),
        settle=work.horizon,
        candidates=candidates,
        tally=tally,
        complete=error is None and task is not None,
        effects=mode.effects,
        gone=work.gone,
        left=[(str(one.kind), one.keys, one.who, one.todo) for one in left(work, mode.kinds(work))],
        failed=desk.failed,
        quarantined=work.quarantined,
        check=None if checked is None else checked.document,
        requests=desk.opener.requests,
        note="" if error is None else error.message,
        next=_next(work, task, error, candidates),
    )
    document = build_repair(facts, desk.ledger.fingerprints)
    if error is not None:
        document["exit"] = int(error.exit)
    if task is not None:
        desk.ledger.add_evidence(work.migration, REPORT, document)
    return Ended(document, facts.exit if error is None else error.exit, error)


def _next(work: Work, task: Task | None, error: MigrateError | None, candidates: int) -> str:
    wish = work.wish
    if task is None and candidates:
        return wish.repair(wish.mode, execute=True, name=name_of(work.source.address))
    if error is not None:
        return wish.repair(wish.mode, execute=True)
    options = {name: value for name, value in work.last[0].options.items() if name != "config"}
    return wish.again("verify", **options)

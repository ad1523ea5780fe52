"""Rollback as a call: say what would be done, or do it, look at just these keys, and report.

ended = rollback(Wish("kv:", "do+https://bridge.example.com", ...))
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate import addresses
from migrate.addresses import DumpAddress, DurableAddress
from migrate.bridge_keys import Scope
from migrate.checking import Check, Checked, check
from migrate.confirming import confirm, name_of
from migrate.core.comparing import Rules, Stage
from migrate.core.document import Document, moment
from migrate.core.gate.at_rest import Line, Word
from migrate.core.ports import Quarantined, Tally
from migrate.core.record import Key
from migrate.core.rereading import Patience
from migrate.core.reverting import Revertible
from migrate.core.rolling_back import OPEN, Fate
from migrate.desk import SAMPLES, Desk, Ended, claim, desk_of
from migrate.errors import ConfigError, Exit, MigrateError
from migrate.formats.progress import Progress
from migrate.formats.rollback import RollbackFacts, build_rollback
from migrate.gate.exhibits import ROLLED_BACK
from migrate.holding import holding
from migrate.ledger.tasks import Task, TaskState
from migrate.rollback.conditions import Conditions
from migrate.rollback.costs import cost
from migrate.rollback.estimate import estimate
from migrate.rollback.rows import WAITING, Rows
from migrate.rollback.wish import KIND, Wish, Work

REPORT = "rollback-report"
"""The kind of the ledger's document about one that was executed."""

_CHECK_ROUNDS = 5


def rollback(wish: Wish, progress: Progress | None = None) -> Ended:
    """Do what is wished for; without `execute`, or where a condition does not hold, only find out what would
    become of each key.

    Raises ConfigError and StoreError for stores that cannot be gone back between, and without a confirmation.
    An error after that is in `Ended.error`, with a report of what was done; the same call goes on.
    """
    address = addresses.parse(wish.target)
    if isinstance(address, DumpAddress):
        raise ConfigError("a dump is no target that is gone back from", "name the target itself")
    if wish.stage is not None and isinstance(address, DurableAddress):
        raise ConfigError(
            "who is at work at this target is known: nobody's word is asked for", "leave --stage out"
        )
    with desk_of(wish.settings, progress) as desk:
        return rolled_back(_opened(wish, desk))


def rolled_back(work: Work) -> Ended:
    """The same, with everything open."""
    conditions = Conditions(work)
    work.lines = conditions.lines()
    if not work.wish.execute or not all(line.holds for line in work.lines):
        # Whoever is refused is told so at once.
        return _ended(work, None, Tally() if work.wish.execute else estimate(work), None, None)
    confirm(name_of(work.source.address), work.wish.confirmed, "written back")
    return _execute(work, conditions)


def _opened(wish: Wish, desk: Desk) -> Work:
    source, holder = desk.opener.source(wish.source), desk.opener.holder(wish.target)
    if source.address == holder.address:
        raise ConfigError(f"{wish.target} is both source and target", "name two stores")
    if not source.live:
        raise ConfigError("a dump is no KV that an application reads", "name the namespace: kv:")
    if holder.concealed is not None:
        raise ConfigError(
            f"{holder.address}: the values are written into KV, and that needs {holder.concealed}",
            "kvferry bridge keys DIR --for verify,import,values,kv",
        )
    if isinstance(address := addresses.parse(wish.target), DurableAddress):
        for scope in (Scope.IMPORT, Scope.KV):
            desk.opener.bridge(address).require(scope)
    return Work(
        wish,
        desk,
        source,
        holder,
        lambda: desk.opener.target(wish.target),
        lambda: desk.opener.writable_for(wish.source, wish.target),
    )


def _execute(work: Work, conditions: Conditions) -> Ended:
    ledger = work.desk.ledger
    writer, target = work.open_writer(), work.open_target()
    assert isinstance(target, Revertible), "every store that can be copied into, and is no dump, is one"
    task = ledger.open_task(work.migration, KIND, fresh=work.wish.fresh)
    state, error, checked = TaskState.INTERRUPTED, None, None
    _on_record(work, task, finished=False)  # from now on no verdict counts
    work.desk.progress.start("rollback")
    try:
        with holding(target, claim(ledger)):
            rows = Rows(work, target, writer, task, conditions.expect)
            rows.done()
            work.desk.progress.finish()
            checked = _check(work, task)
            conditions.expect_none_since(rows.began)
            state = TaskState.FAILED
            if not _left(work, task) and checked.exit is Exit.CLEAN:
                target.end_gate_verify()
                _on_record(work, task, finished=True)
                state = TaskState.COMPLETE
    except MigrateError as failure:
        state, error = TaskState.FAILED, failure
    finally:
        work.desk.progress.finish()
        note = "" if error is None else error.message
        task = ledger.close_task(task.id, state, note)
    return _ended(work, task, task.tally, checked, error)


def _left(work: Work, task: Task) -> int:
    """How many keys are not given back."""
    counts = work.desk.ledger.item_counts(task.id)
    return sum(counts[state] for state in (*OPEN, WAITING))


def _on_record(work: Work, task: Task, *, finished: bool) -> None:
    """Tell the gates: a verify from before counts for nothing."""
    told: Document = {"started": moment(task.started_at), "finished": moment(work.now) if finished else None}
    work.desk.ledger.add_evidence(work.migration, ROLLED_BACK, told)


def _check(work: Work, task: Task) -> Checked:
    """A verify of just the keys that were given back, or proven empty."""
    done = (Fate.REVERTED, Fate.EXPIRED, Fate.EMPTY)

    def keys(after: Key | None) -> Iterator[Key]:
        while some := work.desk.ledger.items_after(task.id, done, after, SAMPLES * 50):
            yield from (one.key for one in some)
            after = some[-1].key

    settling = Patience(work.horizon, _CHECK_ROUNDS)
    rules = Rules(stage=Stage.SHADOW_READ)
    asked = Check(KIND, work.prefixes, keys, rules, settling, twice=False, mirrored=True, since=work.now)
    return check(work.desk, work.source, work.holder, asked)


def _ended(
    work: Work, task: Task | None, tally: Tally, checked: Checked | None, error: MigrateError | None
) -> Ended:
    """The report; `task` None: nothing was done."""
    desk = work.desk
    counts = Tally() if task is None else desk.ledger.item_counts(task.id)
    samples = {fate: _samples(work, task, fate) for fate in OPEN}
    if task is None:
        samples[Fate.FAILED] = list(desk.failed)
    facts = RollbackFacts(
        number=None if task is None else task.number,
        source=work.source.address,
        target=work.holder.address,
        prefixes=work.prefixes,
        started=desk.started if task is None else min(task.started_at, desk.started),
        finished=work.now,
        settle=work.horizon,
        lines=work.lines,
        tally=tally,
        waiting=counts[WAITING],
        samples=samples,
        lifted=task is not None and task.state is TaskState.COMPLETE,
        cost=cost(tally),
        check=None if checked is None else checked.document,
        requests=desk.opener.requests,
        error=error,
        next=_next(work, task, error),
    )
    document = build_rollback(facts, desk.ledger.fingerprints)
    if task is not None:
        desk.ledger.add_evidence(work.migration, REPORT, document)
    return Ended(document, facts.exit, error)


def _samples(work: Work, task: Task | None, fate: Fate) -> list[Quarantined]:
    if task is None:
        return []
    found = work.desk.ledger.items_after(task.id, (fate,), None, SAMPLES)
    return [Quarantined(one.key, str(one.body.get("reason") or fate.replace("_", " "))) for one in found]


def _next(work: Work, task: Task | None, error: MigrateError | None) -> str:
    name = name_of(work.source.address)
    if task is None:
        waiting = next((line for line in work.lines if not line.holds), None)
        return work.wish.repeat(execute=True, name=name) if waiting is None else _todo(waiting)
    if error is not None or task.state is not TaskState.COMPLETE:
        return work.wish.repeat(execute=True, name=name)
    return "deploy SESSION_STAGE=dual-write"


def _todo(line: Line) -> str:
    assert line.word is not Word.OK
    return line.todo

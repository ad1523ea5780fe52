"""Copying what a verify reported missing: insert if absent, in a sweep of the target over just these keys.

Effect and progress are one transaction of the target, as in an export. What is in the target by now is left
as it is; what KV lacks is read again H later, and then counted as deleted or expired meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from migrate.core.comparing import Kind
from migrate.core.partition import run_id
from migrate.core.ports import LISTED, Claim, Outcome, SweepInfo, Tally, Target
from migrate.core.record import UNKNOWN, Head, Key
from migrate.desk import SAMPLES, claim
from migrate.errors import ConfigError
from migrate.exporting import Exporter, Order
from migrate.ledger.tasks import Task
from migrate.repair.wish import Work
from migrate.stores.finishing import refused
from migrate.stores.rehearsal import Rehearsal

KINDS = (Kind.MISSING,)
"""The class of a verify that is copied."""

EFFECTS = (
    "read these sessions again, and copy those that the target lacks",
    "leave what is there by now as it is",
)


def kinds(_: Work) -> tuple[Kind, ...]:
    """The classes of a verify that are candidates."""
    return KINDS


def refuse(work: Work) -> None:
    """Raise StoreRefused for a target that is finished, ConfigError for one that is written in one go."""
    if work.holder.finished_since() is not None:
        raise refused(work.holder.address)
    if work.holder.address.startswith("dump:"):
        raise ConfigError(
            "a dump is written in one go: nothing can be added to it", work.wish.again("export", fresh=True)
        )


def rehearse(work: Work) -> Tally:
    """What would become of each key, by one reading of both stores; nothing is written."""
    target = Rehearsal(work.holder.address, work.holder, work.desk.settings.clock)
    exporter = Exporter(work.source, target, _order(work, 0), work.desk.settings.clock, _unwatched)
    with exporter.leased(claim(work.desk.ledger)):
        (result,) = exporter.run()
    return result.tally


def perform(work: Work, target: Target, task: Task, mine: Claim) -> None:
    """Do it, from where an earlier process left off; what became of the keys is in `work.tally`."""
    desk = work.desk
    order = _order(work, task.number)

    def watch(info: SweepInfo, tally: Tally) -> None:
        work.tally = tally
        desk.progress.reach(tally[LISTED])
        desk.waits.over()

    exporter = Exporter(work.source, target, order, desk.settings.clock, watch)
    done = target.sweeps(order.run)
    desk.progress.start("repair", total=work.count(KINDS))
    try:
        if done and done[-1].finished is not None:  # killed before the ledger knew
            work.tally = exporter.result_of(done[-1]).tally
        else:
            with exporter.leased(mine):
                (result,) = exporter.run()
            work.tally = result.tally
    finally:
        desk.progress.finish()
    bad = work.tally[Outcome.QUARANTINED]
    for prefix in work.prefixes:
        room = min(SAMPLES, bad) - len(work.quarantined)
        work.quarantined.extend(islice(target.quarantined(prefix), room))


def _order(work: Work, number: int) -> Order:
    """`number`: the task's; 0: of none."""
    token = work.desk.ledger.token

    def only(prefix: str, after: Key | None) -> Iterator[Head]:
        for one in work.found(KINDS, after):
            if one.key.startswith(prefix):
                yield Head(one.key, None, UNKNOWN if one.source is None else one.source.expiration)

    return Order(
        run=run_id("repair", work.source.address, work.holder.address, work.prefixes, token, str(number)),
        prefixes=work.prefixes,
        horizon=work.horizon,
        rounds=work.wish.rounds,
        validate=work.validate,
        failed=work.failed,
        only=only,
    )


def _unwatched(info: SweepInfo, tally: Tally) -> None:
    """A rehearsal is not watched."""

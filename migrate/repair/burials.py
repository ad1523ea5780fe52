"""Tombstones for rows that KV lacks: read row, then KV, wait for H, KV again, and bury that very version.

    candidates ─▶ row, KV ─▶ lacking, waits for H ─▶ KV ─▶ bury by compare-and-set ─▶ counted
                      └──▶ counted: KV has it, or the row is none to be buried

A key on its way is an item of the task. Both readings come at least H after the last `kv` and `dual-write`
isolate was gone: that is asked before the first reading, and again right before every burial. An isolate that
was heard in between makes the readings before it void, and they are made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from migrate import addresses
from migrate.addresses import DurableAddress
from migrate.confirming import name_of
from migrate.core.authority import Authority
from migrate.core.burying import Burial, Burying, kept, late_enough
from migrate.core.comparing import Kind, Stage
from migrate.core.document import iso
from migrate.core.gate.alone import Gone
from migrate.core.partition import run_id
from migrate.core.ports import Answer, Claim, Outcome, Tally, Target, TooLate, Unreadable
from migrate.core.record import Key, Row
from migrate.errors import ConfigError, StoreRefused
from migrate.fencing import met
from migrate.formats.repair import CANDIDATES, IN_KV, LACKING
from migrate.holding import holding
from migrate.ledger.tasks import Item, Task
from migrate.reading import read_all
from migrate.repair.wish import Mode, Work
from migrate.stores.finishing import refused

PORTION = 1000

NOT_AFTER = 20.0
"""Seconds after KV was read within which rows are buried: who is at work may change while this process, or a
request of it, stands still."""
_NAMED = "look at --source, --binding and --env"

EFFECTS = (
    "read these rows and KV, wait for H, read KV again",
    "make tombstones of the rows that KV lacks in both readings and that nobody has changed",
    "whoever has such a session is logged out, for good",
)


def kinds(work: Work) -> tuple[Kind, ...]:
    """The classes of a verify that are candidates."""
    return (Kind.EXTRA, Kind.LEGACY_EXTRA) if _legacy(work) else (Kind.EXTRA,)


def _legacy(work: Work) -> bool:
    return work.authority is Authority.KV


def refuse(work: Work) -> None:
    """Raise ConfigError or StoreRefused where no burial may be, whoever is at work."""
    holder, wish = work.holder, work.wish
    if holder.finished_since() is not None:
        raise refused(holder.address)
    if holder.address.startswith("dump:") or not work.source.live:
        raise ConfigError(
            "only a live source and a live target are repaired so: a snapshot cannot say what was deleted",
            "name KV itself and the target",
        )
    if (since := holder.fenced_since()) is not None:
        sweep = wish.again("export", lift_fence=True, authority=wish.authority)
        raise ConfigError(met(since), f"{sweep}, then this again, and verify --fence at the end")
    if work.stage.target_leads:
        raise ConfigError(
            f"the last verify was made for {work.stage}, where the target is right and KV's silence says"
            " nothing",
            wish.again("verify", stage=Stage.SHADOW_READ),
        )
    alone = run_id("cleanup", work.source.address, "", work.prefixes)  # of KV by itself
    if any(work.desk.ledger.tasks(mine, "cleanup") for mine in (work.migration, alone)):
        raise ConfigError(
            "keys of KV were cleaned up: that KV lacks a session says nothing any more",
            "nothing is left to be repaired so",
        )
    _expect_the_right_namespace(work)


def _expect_the_right_namespace(work: Work) -> None:
    """Raise ConfigError where this looks like another namespace than the application's: all would be logged
    out."""
    address = addresses.parse(work.wish.target)
    name = name_of(work.source.address)
    if isinstance(address, DurableAddress):
        bound = work.desk.opener.bridge(address).health().kv_namespace
        if bound and bound != name:
            raise ConfigError(f"the bridge is bound to another KV namespace than the source: {bound}", _NAMED)
    lacking, there = work.count(kinds(work)), work.shared
    if lacking > there and not work.wish.most:
        raise ConfigError(
            f"KV lacks {lacking:,} of the target's sessions and has {there:,}: is this the namespace?",
            f"{_NAMED}; if it is, and they were deleted: --most",
        )


def rehearse(work: Work) -> Tally:
    """What the first reading of each row finds; nothing is written, and nothing waited for."""
    tally: Tally = Counter()
    keys = (one.key for one in work.found(kinds(work)))
    while some := list(islice(keys, PORTION)):
        lacking, counted = _first(work, some)
        tally.update(counted)
        tally[LACKING] += len(lacking)
    return tally


def perform(work: Work, target: Target, task: Task, mine: Claim) -> None:
    """Do it, from where an earlier process left off; what became of the rows is in `work.tally`."""
    _Burials(work, target, task).done(mine)


def _first(work: Work, keys: Sequence[Key]) -> tuple[Mapping[Key, Row], Tally]:
    """The rows, of those that could be buried, whose key KV lacks; the others are counted."""
    rows = work.holder.rows(keys)
    tally: Tally = Counter({CANDIDATES: len(keys)})
    wanted: list[Key] = []
    now = work.desk.settings.clock.now() + work.source.skew
    for key in keys:
        why = kept(rows.get(key), now, legacy=_legacy(work))
        if why is None:
            wanted.append(key)
        else:
            tally[why] += 1
    answers = read_all(work.source, wanted)
    lacking = {key: rows[key] for key in wanted if answers[key] is None}
    tally.update(_why(work, key, answers[key]) for key in wanted if key not in lacking)
    return lacking, tally


def _why(work: Work, key: Key, answer: Answer) -> str:
    if isinstance(answer, Unreadable):
        work.failed(key, answer.reason)
        return str(Outcome.FAILED)
    return IN_KV


class _Burials:
    """One task at work."""

    def __init__(self, work: Work, target: Target, task: Task) -> None:
        assert isinstance(target, Burying), "every store that can be copied into, and is no dump, buries"
        self._work, self._target, self._task = work, target, task
        self._burying: Burying = target
        self._ledger, self._clock = work.desk.ledger, work.desk.settings.clock
        assert work.asking is not None, "it has been asked before"
        self._asking = work.asking
        self._horizon = self._asking.horizon
        self._position = dict(task.position)
        self._name = f"repair {work.desk.ledger.token[:12]} {task.id}"

    def done(self, mine: Claim) -> None:
        """All of it, under the lease."""
        progress = self._work.desk.progress
        if not self._work.count(kinds(self._work)):
            return
        progress.start("repair", total=self._work.count(kinds(self._work)))
        self._work.tally = self._task.tally
        try:
            with holding(self._target, mine):
                self._burying.bury(self._name, {}, float("inf"))  # a key that is missing is missed now
                self._know(self._asking.gone())
                self._read_all()
                self._bury_all()
        finally:
            progress.finish()

    def _know(self, gone: Gone) -> None:
        """Wait until readings count, and leave in the report by what that is known."""
        self._work.gone = gone
        if (wait := gone.since + self._horizon - self._clock.now()) > 0:
            self._work.desk.progress.throttled(f"until H after {iso(gone.since)}: {wait:.0f} s")
            self._clock.sleep(wait)
            self._work.desk.progress.throttled(None)

    def _read_all(self) -> None:
        """The first reading of every candidate."""
        after = self._position.get("after")
        keys = (one.key for one in self._work.found(kinds(self._work), after))
        while some := list(islice(keys, PORTION)):
            self._read(some, {"after": some[-1]})

    def _read(self, keys: Sequence[Key], position: Mapping[str, object], *, again: bool = False) -> None:
        """Read row and KV, in this order, and remember which rows KV lacks."""
        seen = self._clock.now()
        lacking, tally = _first(self._work, keys)
        if again:
            tally[CANDIDATES] = 0
        due = self._clock.now() + self._horizon
        items = [
            Item(key, LACKING, due, {"version": row.version, "seen": seen}) for key, row in lacking.items()
        ]
        self._commit({**self._position, **position}, tally, items, keys)

    def _bury_all(self) -> None:
        """The second reading, and the burial."""
        while (due_at := self._ledger.next_item_due(self._task.id, LACKING)) is not None:
            if (wait := due_at - self._clock.now()) > 0:
                self._work.desk.progress.throttled(f"KV is read again in {wait:.0f} s")
                self._clock.sleep(wait)
                self._work.desk.progress.throttled(None)
                continue
            items = self._ledger.items(self._task.id, LACKING, PORTION, self._clock.now())
            seen = self._clock.now()
            answers = read_all(self._work.source, [one.key for one in items])
            read_at = self._clock.now()
            gone = self._asking.gone()
            void = [
                one.key for one in items if not late_enough(one.body["seen"], seen, gone.since, self._horizon)
            ]
            if void:
                self._know(gone)
                self._read(void, {}, again=True)
                continue
            self._bury(items, answers, read_at)

    def _bury(self, items: Sequence[Item], answers: Mapping[Key, Answer], read_at: float) -> None:
        lacking = {one.key: int(one.body["version"]) for one in items if answers[one.key] is None}
        until = read_at + NOT_AFTER
        try:
            ended = self._burying.bury(self._name, lacking, until, legacy=_legacy(self._work))
        except TooLate:
            return  # this process stood still since it read: they are due, and read again
        there = [one.key for one in items if one.key not in lacking]
        tally: Tally = Counter(_why(self._work, key, answers[key]) for key in there)
        tally.update(str(one) for one in ended.values() if one is not Burial.FENCED)
        fenced = [key for key, one in ended.items() if one is Burial.FENCED]
        done = [one.key for one in items if one.key not in fenced]
        self._commit(self._position, tally, (), done)
        if fenced:
            self._refuse_fenced()

    def _refuse_fenced(self) -> None:
        refuse(self._work)  # says what to type while the fence is up
        raise StoreRefused(
            f"{self._target.address}: the fence went up meanwhile, and nothing more was buried",
            self._work.wish.repair(Mode.TOMBSTONES, execute=True),
        )

    def _commit(
        self, position: Mapping[str, object], tally: Tally, items: Sequence[Item], forget: Sequence[Key]
    ) -> None:
        saved = self._ledger.commit_step(self._task.id, position, tally, items, forget)
        self._position, self._work.tally = dict(saved.position), saved.tally
        self._work.desk.progress.reach(saved.tally[CANDIDATES])
        self._work.desk.waits.over()

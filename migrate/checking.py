"""A verify of just some keys: row, KV, row, and again at least H later where that is needed.

    asked = Check("repair", prefixes, keys, rules, Patience(horizon, rounds))
    checked = check(desk, source, holder, asked)
    checked.document      what a command prints at its end, see formats.key_check
    checked.agreed()      with twice: the keys that two readings found to agree, with the row's version

Keys come as a stream in key order and differences wait in the ledger, so memory grows with neither; one that
was killed goes on where it was. Nothing of it shows among the runs of the ledger, and no gate rests on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from migrate.core import checking
from migrate.core.checking import Demand, Reading, look, look_again
from migrate.core.comparing import ALIKE, Kind, Rules, Stage
from migrate.core.difference import Difference, ReadError, Side, State
from migrate.core.document import Document
from migrate.core.partition import disjoint, run_id
from migrate.core.ports import Holder, Source, Unreadable
from migrate.core.proving import rows_with_values
from migrate.core.record import Key
from migrate.core.rereading import Patience
from migrate.desk import Desk
from migrate.errors import Exit, MigrateError
from migrate.formats.key_check import ASKED, NOTHING, SHOWN, UNREADABLE, CheckFacts, build_check
from migrate.judging import Judge
from migrate.ledger.ledger import Ledger
from migrate.ledger.verifies import VerifyId, VerifyState
from migrate.verify_pages import SourcePages

PORTION = 1000
"""Keys that are read at once."""

TOO_OLD = 86_400.0
"""Seconds after which one that was broken off is begun anew."""

Keys = Callable[[Key | None], Iterator[Key]]
"""The keys behind one, or all of them, in strictly rising order."""


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked. `name` tells it from others of the same stores, and is what it is resumed by.

    `settling`: H, and how often what keeps changing is read again. `twice`, `mirrored`: see `core.checking`;
    `twice` None: where KV is to mirror the target, and before shadow-read. `since`: Unix seconds; one that
    was begun before is not resumed, for the keys have been written since.
    """

    name: str
    prefixes: Sequence[str]
    keys: Keys
    rules: Rules
    settling: Patience
    twice: bool | None = None
    mirrored: bool = False
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What it came to."""

    document: Document
    exit: Exit
    _ledger: Ledger
    _verify: VerifyId

    def agreed(self) -> Iterator[Difference]:
        """Keys that two readings found to agree, in key order; those that one reading proved are not told."""
        kinds = (*ALIKE, Kind.TOMBSTONED)
        found = self._ledger.each_difference(self._verify, (State.HEALED,), kinds)
        return (one for one in found if checking.agreed(one))

    def against(self) -> Iterator[Difference]:
        """Keys that two readings found to differ, in key order."""
        return self._ledger.each_difference(self._verify, (State.SETTLED,))


def check(desk: Desk, source: Source, holder: Holder, asked: Check) -> Checked:
    """Look at the keys, until each is proven or the rounds are used up. Raises MigrateError; the same call
    goes on then."""
    run = run_id("check", source.address, holder.address, asked.prefixes, asked.name)
    ledger = desk.ledger
    last = ledger.last_verify(run)
    begun = float("-inf") if last is None else last.started_at
    old = begun < asked.since or desk.settings.clock.now() - begun > TOO_OLD
    verify = ledger.open_verify(run, fresh=old)
    work = _Checking(desk, source, holder, asked, verify)
    desk.progress.start("check")
    state = VerifyState.INTERRUPTED
    try:
        work.walk()
        work.settle()
        state = VerifyState.COMPLETE
    except MigrateError:
        state = VerifyState.FAILED
        raise
    finally:
        desk.progress.finish()
        if state is not VerifyState.COMPLETE:
            ledger.close_verify(verify, state, None)
    started = next(one.started_at for one in ledger.verifies(run) if one.id == verify)
    document = build_check(work.facts(started), ledger.fingerprints)
    ledger.close_verify(verify, state, document["verdict"])
    return Checked(document, Exit(document["exit"]), ledger, verify)


class _Checking:
    """One check at work."""

    def __init__(self, desk: Desk, source: Source, holder: Holder, asked: Check, verify: VerifyId) -> None:
        self._desk, self._source, self._holder, self._asked = desk, source, holder, asked
        self._verify, self._ledger, self._clock = verify, desk.ledger, desk.settings.clock
        self._pages = SourcePages(source)
        self._prefixes = disjoint(asked.prefixes)
        self._judge = Judge(source, holder, self._prefixes, asked.rules, asked.settling, self._clock)
        alone = source.live and asked.rules.stage.before(Stage.SHADOW_READ)
        twice = (alone or asked.mirrored) if asked.twice is None else asked.twice
        self._demand = Demand(asked.rules, twice, asked.mirrored)

    def walk(self) -> None:
        """Read all keys once, from where an earlier process left off."""
        position = self._ledger.position(self._verify, "")
        if position.done:
            return
        seen = position.tally[ASKED]
        keys = self._asked.keys(position.last_key)
        last = position.last_key
        while some := list(islice(keys, PORTION)):
            tally: Counter[str] = Counter({ASKED: len(some)})
            found: list[Difference] = []
            errors: list[ReadError] = []
            for key, reading in self._read(some):
                now = self._clock.now()
                if isinstance(reading, str):
                    tally[UNREADABLE] += 1
                    errors.append(ReadError(key, Side.SOURCE, reading, now))
                elif reading.kind is None:
                    tally[NOTHING] += 1
                else:
                    one = look(key, reading, now, self._judge.patience, self._demand)
                    if one.state is State.OPEN:
                        found.append(one)
                    else:
                        tally[one.kind] += 1
            last, seen = some[-1], seen + len(some)
            self._ledger.commit_page(self._verify, "", None, last, tally, found, errors)
            self._desk.progress.reach(seen)
            self._desk.waits.over()
        self._ledger.commit_page(self._verify, "", None, last, Counter(), done=True)

    def settle(self) -> None:
        """Read again what one reading did not prove, when its time has come."""
        while (due_at := self._ledger.next_due(self._verify)) is not None:
            if (seconds := due_at - self._clock.now()) > 0:
                self._desk.progress.throttled(f"keys settle for {seconds:.0f} s")
                self._clock.sleep(seconds)
                self._desk.progress.throttled(None)
                continue
            due = {one.key: one for one in self._ledger.due(self._verify, self._clock.now(), PORTION)}
            results, errors = [], []
            for key, reading in self._read(list(due)):
                now = self._clock.now()
                if isinstance(reading, str):
                    errors.append(ReadError(key, Side.SOURCE, reading, now))
                    results.append(replace(due[key], state=State.UNSETTLED, last_seen=now))
                else:
                    one = look_again(due[key], reading, now, self._judge.patience, self._demand)
                    results.append(one)
            self._ledger.settle(self._verify, results, errors)

    def _read(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Reading | str]]:
        """Row, KV, row of each key; or why KV could not be read."""
        before = self._holder.rows(keys)
        answers = self._pages.read(keys)
        after = rows_with_values(keys, answers, self._holder, self._judge.undecided)
        poor = self._judge.quarantined([key for key in keys if key not in after])
        moving = self._judge.moving((answers[key], after.get(key)) for key in keys)
        for key in keys:
            answer, row = answers[key], after.get(key)
            if isinstance(answer, Unreadable):
                yield key, answer.reason
                continue
            kind = self._judge.classify(answer, row, quarantined=key in poor, moving=key in moving)
            yield key, Reading(kind, answer, before.get(key), row)

    def facts(self, started: float) -> CheckFacts:
        """What is known now."""
        ledger, asked, verify = self._ledger, self._asked, self._verify
        tally = ledger.tally(verify)
        unread = sum(ledger.error_counts(verify).values()) - tally[UNREADABLE]
        return CheckFacts(
            name=asked.name,
            source=self._source.address,
            target=self._holder.address,
            prefixes=self._prefixes,
            stage=str(asked.rules.stage),
            twice=self._demand.twice,
            mirrored=self._demand.mirrored,
            settle=asked.settling.horizon,
            default_settle=self._source.horizon,
            rounds=asked.settling.rounds,
            started=started,
            finished=self._clock.now(),
            tally=tally,
            counts=ledger.counts(verify),
            unread=unread,
            differences=[
                *ledger.differences(verify, (State.SETTLED,), SHOWN),
                *ledger.differences(verify, (State.OPEN, State.UNSETTLED), SHOWN),
            ],
            errors=ledger.read_errors(verify, SHOWN),
        )

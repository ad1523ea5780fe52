"""Random walks of the model of the staged protocol, done by `SessionStore` over SQLite, and the exporter.

Each half of an operation is a step of its own, in the model as here: halves of two operations interleave,
fail, do not answer, land late, or never; between them roll-outs, a gate's verify, ticks and days, and the
real exporter, call by call: imports that are held, sweeps that read the row, KV, and KV again. After every
step the row, KV, and what each live stage reads, whatever a stale KV shows it, must be what the model says.
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

from migrate.core.protocol.halves import Answer
from migrate.core.record import Origin
from migrate.session_store.performing import run
from tests.model import passing, toolkit
from tests.model.application import begun, following
from tests.model.operator import Evidence, deployments, gate_verify, settled
from tests.model.rules import Rules
from tests.model.search import live
from tests.model.world import (
    APP,
    BEGINNING,
    BOTH,
    COPY,
    FIRST,
    KV,
    KV_HALF,
    LOGGED_IN,
    NOTHING,
    OBJECT_HALF,
    OK,
    ONLY,
    SHADOW,
    STAGES,
    TTL,
    Op,
    Session,
    Shared,
    visible,
)
from tests.model.world import Record as Kept
from tests.session_store.doing import Doing
from tests.session_store.exports import Exports
from tests.session_store.sides import DAY, TICK, Sides, Stores

RULES = Rules()
VALUES = 4
AT_ONCE = 2

HASTE = 12
"""Seconds after which a tick ends, so that no half meets its not-after time within it."""

ORIGINS = {Origin.COPY: COPY, Origin.DUAL: BOTH, Origin.APP: APP}


class Disagreement(AssertionError):
    """The store did something else than the model."""


class Choice(NamedTuple):
    """A step of the model, and how it is taken."""

    name: str
    take: Callable[[], None]


class Walk:
    """One session on its way. `told`: what was done, for whoever must understand a disagreement."""

    def __init__(self, stores: Stores, chance: random.Random) -> None:
        self.chance = chance
        self.shared: Shared = BEGINNING
        self.session: Session = LOGGED_IN
        self.told: list[str] = []
        self.sides = Sides(stores)
        self.exports = Exports(self.sides)
        self.clock = self.sides.clock
        self.ticked = self.clock.time
        login = self.sides.stages[KV].plan_put(self.sides.id, self.sides.value(1))
        assert run(login, self.sides.perform).answer is Answer.DONE
        self.sides.noted()

    def run(self, steps: int) -> None:
        """Go on to some stage, then take so many steps. Raises Disagreement."""
        try:
            self._advance(self.chance.randrange(len(STAGES)))
            for _ in range(steps):
                self._take(self._chosen())
        except AssertionError as error:
            told = [*self.told, str(self.shared), str(self.session), str(error)]
            raise Disagreement("\n".join(told)) from error
        finally:
            self.exports.cut()

    # ------------------------------------------------------------ choosing

    def _take(self, choice: Choice) -> None:
        self.told.append(choice.name)
        self.clock.time += 0.01
        choice.take()
        self._refuse_touches()
        self._compare()

    def _chosen(self) -> Choice:
        if self.session.ops and self.clock.time - self.ticked > HASTE:
            return Choice("tick", partial(self._time, "tick"))
        groups = [
            (list(choices), weight)
            for choices, weight in (
                (self._begins(), 4),
                (self._goes_on(), 6),
                (self._together(), 2),
                (self._exporter(), 2),
            )
        ]
        most = [weight * max([_weight(one.name) for one in some], default=0) for some, weight in groups]
        (group, _), *_ = self.chance.choices(groups, most)
        return self.chance.choices(group, [_weight(one.name) for one in group])[0]

    def _advance(self, stage: int) -> None:
        """Roll out one stage after the other, with whatever the gates ask for."""
        only_in_kv = stage != ONLY and self.chance.random() < 0.5
        while not self.shared.everywhere(stage):
            assert len(self.told) < 100, "the stage is never reached"
            if self.session.row is None and self.shared.everywhere(SHADOW) and not only_in_kv:
                for half, choices in (("object", self._begins), ("KV", self._goes_on)):
                    name = f"put at shadow-read: {half} done"
                    self._take(next(one for one in choices() if one.name == name))
            if self.session.old:
                self._time("tick")  # a verify that sees the past shuts the gate
            ahead = ("roll out", "verify", f"{STAGES[self.shared.low]} is gone", "tick")
            choices = list(self._together())
            self._take(next(one for way in ahead for one in choices if one.name.startswith(way)))

    def _begins(self) -> Iterator[Choice]:
        if len(self.session.ops) >= AT_ONCE:
            return
        for stage in live(self.shared):
            for name, after in begun(self.session, stage, VALUES, RULES, early=not self.shared.gate):
                yield Choice(name, partial(self._begin, name, after, stage))

    def _goes_on(self) -> Iterator[Choice]:
        for op in self.session.ops:
            # The third bit keeps an operation that is over among the session's, with its answer.
            kept = op._replace(late=op.late | 4)
            for name, after in following(self._without(op), kept, RULES, early=not self.shared.gate):
                half = KV_HALF if ": KV half" in name else OBJECT_HALF
                if name.endswith("lands late"):
                    yield Choice(name, partial(self._land, after, op, half))
                elif name.endswith("is lost"):
                    yield Choice(name, partial(self._lose, op, half))
                else:
                    yield Choice(name, partial(self._continue, name, after, op))

    def _together(self) -> Iterator[Choice]:
        now, session = self.shared, self.session
        evidence = Evidence(
            may_go_back=toolkit.may_go_back(session, RULES),
            may_be_read_from_kv=toolkit.may_be_read_from_kv(session, RULES),
            all_in_object=toolkit.nothing_only_in_kv(session),
            importing=session.imported is not None,
            sweeping=session.sweep is not None,
            going_back=False,
        )
        for steps in (deployments, gate_verify):
            for name, then in steps(now, evidence, RULES):
                if "lingers" not in name and name != "finish":
                    yield Choice(name, partial(self._operate, name, then))
        if now.verifying:
            for name, after in toolkit.look(session):
                yield Choice(name, partial(self._become, after))
            agrees = toolkit.agrees(session, RULES)
            if agrees is not None:
                name = f"verify: {'open' if agrees else 'shut'}"
                yield Choice(name, partial(self._operate, name, now._replace(verifying=False, gate=agrees)))
        for name in ("tick", "day"):
            yield Choice(name, partial(self._time, name))

    def _exporter(self) -> Iterator[Choice]:
        """One at a time. What a sweep makes of a key that KV lacks is only reported by the real one."""
        now, session = self.shared, self.session
        if session.sweep is None:
            for name, after, _ in toolkit.export(session, RULES, allowed=not now.verifying):
                yield Choice(name, partial(self._export, name, after))
        if session.imported is None:
            at_rest = now.everywhere(SHADOW) and settled(now, RULES)
            fenced = now.verifying or now.gate
            for name, after in toolkit.sweep(session, RULES, fenced=fenced, may_delete=at_rest):
                if name == "sweep: ends" or self._sweeps_so(name, after):
                    yield Choice(name, partial(self._sweep, name, after))

    def _sweeps_so(self, name: str, after: Session) -> bool:
        """Does the real sweep take this step, too?"""
        now = after.sweep
        if name == "sweep: read row":
            return visible(self.session) != {NOTHING}
        if now is None:
            return name == "sweep: apply"
        if now.read == NOTHING:
            return False
        # A day of the model is many expirations; the exporter believes what it has seen twice.
        _, record = self.sides.entry(now.read)
        seen = self.exports.seen
        return now.step != "apply" or (record and record.expiration) == (seen and seen.expiration)

    # ------------------------------------------------------------ operations

    def _begin(self, name: str, after: Session, stage: int) -> None:
        self.clock.time = math.floor(self.clock.time) + 1.0
        verb, store, key = name.split(" at ")[0], self.sides.stages[stage], self.sides.id
        plans = {
            "put": lambda: store.plan_put(key, self.sides.value(after.born)),
            "delete": lambda: store.plan_delete(key),
            "touch": lambda: store.plan_touch(key, int(self.clock.time) + TTL * DAY),
            "get": lambda: store.plan_get(key),
        }
        doing = Doing.begun(verb, plans[verb](), self.sides)
        new = [op for op in after.ops if not isinstance(op.kind, Doing)]
        others = tuple(op for op in after.ops if isinstance(op.kind, Doing))
        op = new[0]._replace(kind=doing) if new else None
        told = Answer.DONE if name.endswith(" done") else None
        self._do(doing, name, op, told, after._replace(ops=others), stage)

    def _continue(self, name: str, after: Session, op: Op) -> None:
        doing = op.kind
        assert isinstance(doing, Doing)
        mine = [one._replace(late=one.late & 3) for one in after.ops if one.kind is doing]
        others = tuple(one for one in after.ops if one.kind is not doing)
        self._do(doing, name, mine[0] if mine else None, None, after._replace(ops=others), op.stage)

    def _do(
        self, doing: Doing, name: str, op: Op | None, told: Answer | None, after: Session, stage: int
    ) -> None:
        """Do a half as the model has done it. `op`: the operation after it, None: it is over; `after`: the
        session without it; `told`: what its caller is told, if nothing else says so."""
        how = name.split(": ")[1]
        doing.half(how, self._read_by(op, doing) if how == "reads KV" else self.session.kv)
        skipped = doing == "touch" and doing.answer is Answer.DONE and how.startswith("reads")
        if op is None or not op.step:
            self._answered(doing, stage, how, Answer.DONE if op and op.answer == OK else told, after)
        elif skipped:
            op = None  # there was nothing to gain over what it read: another touch was longer
        self._keep(after, op)

    def _read_by(self, op: Op | None, doing: Doing) -> Kept:
        """Which record the model's step has read."""
        candidates, row = visible(self.session), self.session.row
        if op is not None:
            exact = doing == "get"
            return next(one for one in candidates if one[0] == op.value and (not exact or one[1] == op.left))
        # It went no further: there was nothing, or another value than the row's.
        if NOTHING in candidates:
            return NOTHING
        return next(one for one in candidates if row is None or one[0] != row.value)

    def _answered(self, doing: Doing, stage: int, how: str, told: Answer | None, after: Session) -> None:
        """Was the caller told what the model says, now that the operation is over?"""
        assert doing.step is None, f"the store goes on with {type(doing.step).__name__}"
        if doing == "get":
            served, read = read_of(after, FIRST, NOTHING), self.sides.units(doing.read)
            assert read == (served if how == "import" else NOTHING), f"the read gets {read}, not {served}"
            return
        if how == "reads KV":
            assert doing.answer in (Answer.MISSING, Answer.UNEXTENDED), f"the caller is told {doing.answer}"
            return
        refused = Answer.UNEXTENDED if doing == "touch" and stage == SHADOW else Answer.FAILED
        word = {"object says gone": Answer.GONE, "object says refused": Answer.CHANGED}.get(how)
        wanted = word or told or refused
        assert doing.answer is wanted, f"the caller is told {doing.answer}, not {wanted}"

    def _refuse_touches(self) -> None:
        """A touch at shadow-read whose row has changed since: the object will refuse it."""
        for op in self.session.ops:
            going = op.kind == "touch" and op.stage == SHADOW and op.step in ("read KV", "object")
            if going and not op.same:
                assert isinstance(op.kind, Doing)
                op.kind.comes_to_nothing()
                self.session = self._without(op)

    def _land(self, after: Session, op: Op, half: int) -> None:
        assert isinstance(op.kind, Doing)
        rest = after._replace(ops=tuple(one for one in after.ops if one.kind is not op.kind))
        # Was nothing left to gain? Then it is as if this half had been lost.
        changed = op.kind.lands(half)
        self._keep(rest if changed else self._without(op), op._replace(late=op.late & ~half))

    def _lose(self, op: Op, half: int) -> None:
        assert isinstance(op.kind, Doing)
        op.kind.held.pop(half)
        self._keep(self._without(op), op._replace(late=op.late & ~half))

    def _without(self, op: Op) -> Session:
        return self.session._replace(ops=tuple(one for one in self.session.ops if one.kind is not op.kind))

    def _keep(self, after: Session, op: Op | None) -> None:
        kept = () if op is None or not (op.step or op.late) else (op,)
        self.session = after._replace(ops=tuple(sorted((*after.ops, *kept))))

    # ------------------------------------------------------------ everybody else

    def _become(self, after: Session) -> None:
        self.session = after

    def _export(self, name: str, after: Session) -> None:
        if name == "export: read KV":
            assert after.imported is not None
            self.exports.read_kv(after.imported[:2])
        elif name == "export: import":
            self.exports.imports()
        else:
            self.exports.cut()
        self.session = after

    def _sweep(self, name: str, after: Session) -> None:
        read = NOTHING if after.sweep is None else after.sweep.read
        match name:
            case "sweep: read row":
                self.exports.reads_row(next(one for one in visible(self.session) if one != NOTHING))
            case "sweep: read KV":
                self.exports.reads_kv(read)
            case "sweep: read KV again":
                self.exports.reads_kv_again(read)
            case "sweep: apply":
                self.exports.applies()
            case _:
                self.exports.cut()
        self.session = after

    def _operate(self, name: str, then: Shared) -> None:
        if name == "verify: begin":
            self.sides.stores.target.begin_gate_verify()
        if (self.shared.gate or self.shared.verifying) and not (then.gate or then.verifying):
            self.sides.stores.lift_the_fence()
        if self.shared.verifying and not then.verifying:
            self.session = self.session._replace(looked=((), ()))
        self.shared = then

    def _time(self, name: str) -> None:
        before, ticks = self.session, name == "tick"
        self.session = (passing.tick if ticks else passing.day)(before, RULES)
        self.shared = self.shared._replace(
            gone=min(RULES.wait, self.shared.gone + 1) if ticks else RULES.wait
        )
        self.clock.time = self.ticked = math.floor(self.clock.time) + (TICK if ticks else DAY)
        for op in before.ops:
            assert isinstance(op.kind, Doing)
            op.kind.comes_too_late()
        if before.imported is not None and self.session.imported is None:
            self.exports.comes_too_late("source.scan")
        elif before.sweep is not None and self.session.sweep is None:
            if before.sweep.step == "apply":
                self.exports.comes_too_late("source.read")
            self.exports.cut()

    # ------------------------------------------------------------ comparing

    def _compare(self) -> None:
        row, kept = self.sides.stored()
        model = self.session.row
        if model is None or row is None:
            assert model is None, "the file has no row"
            assert row is None, f"the file has {row}"
        elif model.value == 0:
            assert row.deleted, "the file has no tombstone"
        else:
            assert not row.deleted, "the file has a tombstone"
            found = (self.sides.units(row), ORIGINS[row.origin])
            expected = (model.value, model.left) if model.left else NOTHING
            assert found == (expected, model.origin), f"the row is {found}"
        assert self.sides.units(kept) == self.session.kv, f"KV has {self.sides.units(kept)}"
        for stage in live(self.shared):
            for shown in visible(self.session):
                served, expected = self.sides.served(stage, shown), read_of(self.session, stage, shown)
                assert served == expected, f"{STAGES[stage]} reads {served}, not {expected}"


def read_of(session: Session, stage: int, shown: Kept) -> Kept:
    """What a read gets at this stage, if KV shows it this record."""
    row = session.row
    if row is not None and (stage >= FIRST or (stage == SHADOW and (row.value == 0 or row.origin == APP))):
        return (row.value, row.left) if row.value and row.left else NOTHING
    return NOTHING if stage == ONLY else shown


def _weight(name: str) -> float:
    """A deletion ends most that a walk could show, failures are rarer than successes, and what takes many
    steps is to get there."""
    if name in ("sweep: ends", "export: ends"):
        return 0.1
    if name == "day" or name.startswith("delete"):
        return 0.5
    if name == "tick" or name.startswith(("roll back", "touch at object")):
        return 1
    if name.startswith(("get", "sweep", "verify", "roll out")) or " is gone" in name:
        return 6
    return 4 if " done" in name or "lands late" in name else 2


def walks(path: str | os.PathLike[str], seed: int, number: int, steps: int = 24) -> Counter[str]:
    """Take so many walks over one file; how often each step was taken. Raises Disagreement."""
    chance, taken = random.Random(seed), Counter[str]()
    with closing(Stores.at(path)) as stores:
        for _ in range(number):
            walk = Walk(stores, chance)
            walk.run(steps)
            taken.update(walk.told)
    return taken

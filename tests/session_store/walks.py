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
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from migrate.core.ports import Claim, RunId
from migrate.core.protocol.half_calls import End, HalfEnd
from migrate.core.protocol.halves import Answer
from migrate.core.protocol.plans import Adopt, Current, KvHalf, Look, ObjectHalf, Plan, ReadKv, Step, Written
from migrate.core.protocol.stages import STAGES as NAMES
from migrate.core.protocol.stages import Ramp
from migrate.core.record import Key, Origin, Record
from migrate.exporting import Order
from migrate.session_store import MemoryNamespace, SessionStore, Settings
from migrate.stores.memory import MemoryKv
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from tests.model import passing, toolkit
from tests.model.application import _kv_half, _object_half, begun, proceed
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
from tests.model.world import (
    Record as Kept,
)
from tests.session_store.stepped import END, Stepped

DAY = 86_400
TICK = 160
"""Seconds: more than H and than a half may take; twice as many are more than an import may."""

H = 120
RULES = Rules()
VALUES = 4
AT_ONCE = 2
LIVES = TTL * DAY - 1000
"""Seconds that a put gives; a touch gives all of TTL, so that there is always something to gain."""

HASTE = 12
"""Seconds after which a tick ends, so that no half meets its not-after time within it."""

ORIGINS = {Origin.COPY: COPY, Origin.DUAL: BOTH, Origin.APP: APP}


class Doing(str):
    """An operation's kind in the model, which knows the real operation.

    `step`: what its plan asks for next. `held`: the halves that did not answer. `answer`: what its caller
    was told.
    """

    plan: Plan[Current] | Plan[Written]
    step: Step | None
    held: dict[int, Step]
    answer: Answer | None
    read: Record | None


@dataclass
class Time:
    """The one clock of all stores."""

    time: float

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


class Disagreement(AssertionError):
    """The store did something else than the model."""


@dataclass
class Stores:
    """One file for all walks, and a session store for each stage over it and a walk's own KV."""

    target: SqliteTarget
    sessions: SqliteSessions
    clock: Time
    number: int = 0

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Stores:
        clock = Time(1_900_000_000.0)
        target = SqliteTarget(path, clock=clock)
        target.acquire(Claim("walks", "the walks", "here", 1))
        return cls(target, SqliteSessions(path, clock=clock), clock)

    def close(self) -> None:
        self.target.close()
        self.sessions.close()

    def lift_the_fence(self) -> None:
        """A gate's verify that found something against it is over."""
        with self.sessions._pool.lent_to_write() as connection:
            connection.execute("DELETE FROM fences")


@dataclass
class Walk:
    """One session on its way. `told`: what was done, for whoever must understand a disagreement."""

    stores: Stores
    chance: random.Random
    shared: Shared = BEGINNING
    session: Session = LOGGED_IN
    told: list[str] = field(default_factory=list)
    ticked: float = 0.0
    importing: Stepped | None = None
    sweeping: Stepped | None = None
    seen: Record | None = None

    def __post_init__(self) -> None:
        self.stores.number += 1
        self.clock = self.stores.clock
        self.clock.time = math.ceil(self.clock.time) + 10 * DAY
        self.ticked = self.clock.time
        self.id = f"{self.stores.number}:s"
        self.kv = MemoryKv(clock=self.clock, horizon=TICK)
        space = MemoryNamespace(self.kv, self.clock)
        self.stage = [
            SessionStore(self.stores.sessions, space, Settings(Ramp(one), touch_every=0), clock=self.clock)
            for one in NAMES
        ]
        self.perform = self.stage[0].performer.perform
        self.written: list[tuple[float, Record | None]] = []
        self.stores.lift_the_fence()
        done = self._whole(self.stage[KV].plan_put(self.id, self._value(1)))
        assert isinstance(done, Written)
        assert done.answer is Answer.DONE

    def run(self, steps: int) -> None:
        """Go on to some stage, then take so many steps. Raises Disagreement."""
        try:
            self._advance(self.chance.randrange(len(STAGES)))
            for _ in range(steps):
                self._step()
                self._compare()
        except AssertionError as error:
            raise Disagreement(
                "\n".join([*self.told, str(self.shared), str(self.session), str(error)])
            ) from error
        finally:
            self._cut()

    # ------------------------------------------------------------ choosing

    def _step(self) -> None:
        self.clock.time += 0.01
        if self.session.ops and self.clock.time - self.ticked > HASTE:
            self._time("tick")
            return
        begins, goes = list(self._begins()), list(self._goes_on())
        others, exports = list(self._together()), list(self._exporter())
        groups = [(begins, 4), (goes, 6), (others, 2), (exports, 2)]
        most = [weight * max([_weight(one[1]) for one in some], default=0) for some, weight in groups]
        group = self.chance.choices(groups, most)[0][0]
        do, *given = self.chance.choices(group, [_weight(one[1]) for one in group])[0]
        self.told.append(str(given[0]))
        do(*given)

    def _advance(self, stage: int) -> None:
        """Roll out one stage after the other, with whatever the gates ask for."""
        only_in_kv = stage != ONLY and self.chance.random() < 0.5
        while not self.shared.everywhere(stage):
            assert len(self.told) < 100, "the stage is never reached"
            if self.session.row is None and self.shared.everywhere(SHADOW) and not only_in_kv:
                self._put_at_shadow_read()
            if self.session.old:
                self._time("tick")  # a verify that sees the past shuts the gate
            ahead = ("roll out", "verify", f"{STAGES[self.shared.low]} is gone", "tick")
            options = list(self._together())
            do, *given = next(one for prefix in ahead for one in options if str(one[1]).startswith(prefix))
            self.told.append(str(given[0]))
            do(*given)
            self._compare()

    def _put_at_shadow_read(self) -> None:
        for ending, steps in (("object done", self._begins), ("KV done", self._goes_on)):
            do, *given = next(one for one in steps() if one[1] == f"put at shadow-read: {ending}")
            self.told.append(str(given[0]))
            do(*given)

    def _begins(self) -> Iterator[tuple]:
        if len(self.session.ops) >= AT_ONCE:
            return
        for stage in live(self.shared):
            for name, after in begun(self.session, stage, VALUES, RULES, early=not self.shared.gate):
                yield self._begin, name, after, stage

    def _goes_on(self) -> Iterator[tuple]:
        for index, op in enumerate(self.session.ops):
            rest = self.session._replace(ops=self.session.ops[:index] + self.session.ops[index + 1 :])
            if op.step:
                # The third bit keeps an operation that is over among the session's, with its answer.
                for name, after in proceed(
                    rest, op._replace(late=op.late | 4), RULES, early=not self.shared.gate
                ):
                    yield self._continue, name, after, op
            for half, where in ((OBJECT_HALF, "object"), (KV_HALF, "KV")):
                if op.late & half:
                    yield self._land, f"{op.kind} at {STAGES[op.stage]}: {where} half lands late", op, half
                    yield self._lose, f"{op.kind} at {STAGES[op.stage]}: {where} half is lost", op, half

    def _together(self) -> Iterator[tuple]:
        now, session = self.shared, self.session
        evidence = Evidence(
            may_go_back=toolkit.may_go_back(session, RULES),
            all_in_object=toolkit.nothing_only_in_kv(session),
            importing=session.imported is not None,
            sweeping=session.sweep is not None,
            going_back=False,
        )
        for steps in (deployments, gate_verify):
            for name, then in steps(now, evidence, RULES):
                if "lingers" not in name and name != "finish":
                    yield self._operator, name, then
        if now.verifying:
            for name, after in toolkit.look(session):
                yield self._only_model, name, after
            agrees = toolkit.agrees(session, RULES)
            if agrees is not None:
                over = now._replace(verifying=False, gate=agrees)
                yield self._operator, f"verify: {'open' if agrees else 'shut'}", over
        yield self._time, "tick"
        yield self._time, "day"

    def _exporter(self) -> Iterator[tuple]:
        now, session = self.shared, self.session
        if session.sweep is None:  # one exporter at a time: it has the lease
            for name, after, _ in toolkit.export(session, RULES, allowed=not now.verifying):
                yield self._export, name, after
        if session.imported is None:
            at_rest = now.everywhere(SHADOW) and settled(now, RULES)
            fenced = now.verifying or now.gate
            for name, after in toolkit.sweep(session, RULES, fenced=fenced, may_delete=at_rest):
                unseen = (
                    after.sweep is not None and after.sweep.step != "read KV" and after.sweep.read == NOTHING
                )
                if (
                    name == "sweep: bury"
                    or unseen
                    or (after.sweep is not None and visible(session) == {NOTHING})
                ):
                    continue
                # A day of the model is many expirations; the exporter believes what it has seen twice.
                again = name == "sweep: read KV again"
                if not again or self._entry(after.sweep.read)[1].expiration == self.seen.expiration:
                    yield self._sweep, name, after

    # ------------------------------------------------------------ operations

    def _begin(self, name: str, after: Session, stage: int) -> None:
        self.clock.time = math.floor(self.clock.time) + 1.0
        verb, store = name.split(" at ")[0], self.stage[stage]
        new = [op for op in after.ops if not isinstance(op.kind, Doing)]
        doing = Doing(verb)
        doing.held, doing.answer, doing.step, doing.read = {}, None, None, None
        if verb == "put":
            doing.plan = store.plan_put(self.id, self._value(after.born))
        elif verb == "delete":
            doing.plan = store.plan_delete(self.id)
        elif verb == "touch":
            doing.plan = store.plan_touch(self.id, int(self.clock.time) + TTL * DAY)
        else:
            doing.plan = store.plan_get(self.id)
        doing.step = next(doing.plan)
        if verb == "get":
            self._send(doing, self.perform(doing.step))
        others = tuple(op for op in after.ops if isinstance(op.kind, Doing))
        op = new[0]._replace(kind=doing) if new else None
        over = Answer.DONE if name.endswith(" done") else None
        self._done(doing, name, op, over, after._replace(ops=others), stage)

    def _continue(self, name: str, after: Session, op: Op) -> None:
        doing = op.kind
        assert isinstance(doing, Doing)
        mine = [one for one in after.ops if one.kind is doing]
        others = tuple(one for one in after.ops if one.kind is not doing)
        done = mine[0]._replace(late=mine[0].late & 3) if mine else None
        self._done(doing, name, done, None, after._replace(ops=others), op.stage)

    def _done(
        self, doing: Doing, name: str, op: Op | None, over: Answer | None, after: Session, stage: int
    ) -> None:
        """Do a half as the model has done it. `op`: the operation after it, None: it is over; `after`: the
        session without it."""
        self._half(doing, name, before=self.session, op=op)
        how = name.split(": ")[1]
        skipped = doing == "touch" and doing.answer is Answer.DONE and how.startswith("reads")
        if op is None or not op.step:
            acknowledged = Answer.DONE if op is not None and op.answer == OK else over
            self._answered(doing, stage, how, acknowledged, after)
        elif skipped:
            op = None  # there was nothing to gain over what it read: another touch was longer
        kept = () if op is None or not (op.step or op.late) else (op,)
        self.session = after._replace(ops=tuple(sorted((*after.ops, *kept))))
        self._refused_touches()

    def _half(self, doing: Doing, name: str, before: Session, op: Op | None) -> None:
        """Do the plan's next step as the model's step says."""
        how, step = name.split(": ")[1], doing.step
        assert step is not None, f"the store has no more steps, the model has: {name}"
        if how == "reads row":
            assert isinstance(step, Look), step
            self._send(doing, self.perform(step))
        elif how == "reads KV":
            assert isinstance(step, ReadKv), step
            record = self._read_by(before, op, doing)
            self._send(doing, self._shown(record, lambda: self.perform(step)))
        elif how == "import":
            assert isinstance(step, Adopt), step
            self._send(doing, self.perform(step))
        elif how.startswith("object"):
            assert isinstance(step, ObjectHalf), step
            self._object(doing, step, how)
        else:
            assert isinstance(step, KvHalf) or how == "KV done", step
            self._kv(doing, step, how)

    def _object(self, doing: Doing, step: ObjectHalf, how: str) -> None:
        if how.endswith("fails"):
            self._send(doing, HalfEnd(End.FAILED))
        elif how.endswith("does not answer"):
            doing.held[OBJECT_HALF] = step
            self._send(doing, HalfEnd(End.UNANSWERED))
        else:
            ended = self.perform(step)
            assert isinstance(ended, HalfEnd)
            says = {"done": End.DONE, "gone": End.GONE, "refused": End.CHANGED}[how.split()[-1]]
            assert ended.end is says, f"the object said {ended.end}"
            self._send(doing, ended)

    def _kv(self, doing: Doing, step: Step, how: str) -> None:
        assert isinstance(step, KvHalf)
        if how.endswith("fails"):
            self._send(doing, End.FAILED)
        elif how.endswith("does not answer"):
            doing.held[KV_HALF] = step
            self._send(doing, End.UNANSWERED)
        else:
            ended = self.perform(step)
            assert ended is End.DONE, f"KV's half is {ended}"
            self._note_kv()
            self._send(doing, ended)

    def _send(self, doing: Doing, answer: object) -> None:
        try:
            doing.step = doing.plan.send(answer)
        except StopIteration as ended:
            doing.step = None
            result = ended.value
            if isinstance(result, Written):
                doing.answer = result.answer
            else:
                doing.read = result.kept

    def _answered(
        self, doing: Doing, stage: int, how: str, acknowledged: Answer | None, after: Session
    ) -> None:
        """Was the caller told what the model says, now that the operation is over?"""
        assert doing.step is None, f"the store goes on with {type(doing.step).__name__}"
        if doing == "get":
            served = _read(after, FIRST, NOTHING) if how == "import" else NOTHING
            assert self._units(doing.read) == served, f"the read gets {self._units(doing.read)}, not {served}"
            return
        if how == "reads KV":
            assert doing.answer in (Answer.MISSING, Answer.UNEXTENDED), f"the caller is told {doing.answer}"
            return
        refused = Answer.UNEXTENDED if doing == "touch" and stage == SHADOW else Answer.FAILED
        word = {"object says gone": Answer.GONE, "object says refused": Answer.CHANGED}.get(how)
        wanted = word or acknowledged or refused
        assert doing.answer is wanted, f"the caller is told {doing.answer}, not {wanted}"

    def _refused_touches(self) -> None:
        """A touch at shadow-read whose row has changed since: the object will refuse it."""
        for op in self.session.ops:
            doomed = (
                op.kind == "touch" and op.stage == SHADOW and not op.same and op.step in ("read KV", "object")
            )
            if doomed:
                assert isinstance(op.kind, Doing)
                self._drain(op.kind)
                rest = tuple(one for one in self.session.ops if one.kind is not op.kind)
                self.session = self.session._replace(ops=rest)

    def _drain(self, doing: Doing) -> None:
        """Let an operation go on to its end: nothing may come of it any more."""
        before = self._stored()
        while doing.step is not None:
            self._send(doing, self.perform(doing.step))
        assert self._stored() == before, "a half had an effect that came too late for it"

    # ------------------------------------------------------------ late halves

    def _land(self, name: str, op: Op, half: int) -> None:
        doing = op.kind
        assert isinstance(doing, Doing)
        step = doing.held.pop(half)
        rest = self._without(op)
        if half == OBJECT_HALF:
            ended = self.perform(step)
            assert isinstance(ended, HalfEnd)
            # Nothing was left to gain: then it is as if this half had been lost.
            idle = ended.end is End.DONE and not ended.changed
            after = rest if idle else _object_half(rest, op, RULES)[0]
        else:
            assert self.perform(step) is End.DONE
            self._note_kv()
            after = _kv_half(rest, op)
        self._keep(after, op._replace(late=op.late & ~half))

    def _lose(self, name: str, op: Op, half: int) -> None:
        assert isinstance(op.kind, Doing)
        op.kind.held.pop(half)
        self._keep(self._without(op), op._replace(late=op.late & ~half))

    def _without(self, op: Op) -> Session:
        return self.session._replace(ops=tuple(one for one in self.session.ops if one.kind is not op.kind))

    def _keep(self, after: Session, op: Op) -> None:
        kept = (op,) if op.step or op.late else ()
        self.session = after._replace(ops=tuple(sorted((*after.ops, *kept))))
        self._refused_touches()

    # ------------------------------------------------------------ exporter

    def _export(self, name: str, after: Session) -> None:
        if name == "export: read KV":
            assert after.imported is not None
            value, left, _ = after.imported
            self.importing = self._stepped(later=False)
            at = self._shown((value, left), lambda: self.importing.to("target.apply"))
            assert at == "target.apply", "the exporter found nothing to import"
        elif name == "export: import":
            assert self.importing is not None
            at = self._shown(
                NOTHING if visible(self.session) == {NOTHING} else self.session.kv, self._finish_import
            )
            assert at == END
            self.importing = None
        else:
            self._cut()
        self.session = after
        self._refused_touches()

    def _finish_import(self) -> str:
        assert self.importing is not None
        at = self.importing.to("sleep")
        if at == "sleep":
            self.importing.cut()  # what differs waits for another reading, which is a sweep's
        return END

    def _sweep(self, name: str, after: Session) -> None:
        if name == "sweep: read row":
            self.sweeping = self._stepped(later=True)
            shown = next(one for one in visible(self.session) if one != NOTHING)
            at = self._shown(shown, lambda: self.sweeping.to("source.read"))
            assert at == "source.read", "the sweep did not get as far as the values"
        elif name == "sweep: ends":
            self._cut()
        else:
            assert self.sweeping is not None
            wanted = {
                "sweep: read KV": "sleep",
                "sweep: read KV again": "target.apply",
                "sweep: apply": "sleep",
            }[name]
            read = (after.sweep or self.session.sweep).read
            self.seen = self._entry(read)[1]
            at = self._shown(read, lambda: self.sweeping.to(wanted))
            assert at == (END if name == "sweep: apply" else wanted), f"the sweep is at {at}"
            if name == "sweep: apply":
                self.sweeping = None
        self.session = after
        self._refused_touches()

    def _stepped(self, *, later: bool) -> Stepped:
        """An export of this session. `later`: one that follows a first sweep, and compares rows."""
        run, target = RunId(f"{self.stores.number} {self.clock.time}"), self.stores.target
        if later:
            target.close_sweep(target.open_sweep(run, 1).id)
        return Stepped(self.kv, target, self.clock, Order(run, (self.id,), H))

    def _cut(self) -> None:
        for one in (self.importing, self.sweeping):
            if one is not None:
                one.cut()
        self.importing = self.sweeping = None

    # ------------------------------------------------------------ everybody

    def _operator(self, name: str, then: Shared) -> None:
        if name == "verify: begin":
            self.stores.target.begin_gate_verify()
        if (self.shared.gate or self.shared.verifying) and not (then.gate or then.verifying):
            self.stores.lift_the_fence()
        if self.shared.verifying and not then.verifying:
            self.session = self.session._replace(looked=((), ()))
        self.shared = then

    def _only_model(self, name: str, after: Session) -> None:
        self.session = after

    def _time(self, name: str) -> None:
        doings = [op.kind for op in self.session.ops]
        before = self.session
        step = passing.tick if name == "tick" else passing.day
        self.session = step(self.session, RULES)
        self.shared = self.shared._replace(
            gone=min(RULES.wait, self.shared.gone + 1) if name == "tick" else RULES.wait
        )
        self.clock.time = self.ticked = math.floor(self.clock.time) + (TICK if name == "tick" else DAY)
        for doing in doings:
            assert isinstance(doing, Doing)
            self._drain(doing)
            stored = self._stored()
            late = doing.held.pop(OBJECT_HALF, None)
            if late is not None:
                ended = self.perform(late)
                assert isinstance(ended, HalfEnd)
                assert ended.end is End.LATE, "the object took a half that came too late"
                assert self._stored() == stored
        if before.imported is not None and self.session.imported is None:
            self._too_late(self.importing, name)
        elif before.sweep is not None and self.session.sweep is None:
            if before.sweep.step == "apply":
                self._too_late(self.sweeping, name)
            self._cut()

    def _too_late(self, stepped: Stepped | None, name: str) -> None:
        """What was read too long ago is not taken any more; the exporter would read it again."""
        assert stepped is not None
        stored = self._stored()
        at = stepped.to("source.scan" if stepped is self.importing else "source.read")
        assert at != END, "the target took a batch that came too late"
        assert self._stored() == stored
        self._cut()

    # ------------------------------------------------------------ what the stores hold and show

    def _whole(self, plan: Plan[Written] | Plan[Current]) -> object:
        try:
            step = next(plan)
            while True:
                step = plan.send(self.perform(step))
        except StopIteration as ended:
            self._note_kv()
            return ended.value

    def _value(self, number: int) -> Record:
        return Record(Key(self.id), b'{"v":%d}' % number, None, int(self.clock.time) + LIVES)

    def _note_kv(self) -> None:
        """Remember what KV has now, and when it got it: a stale read shows it later."""
        self.kv.age = lambda _: 0.0
        self.written.append((self.clock.time, self.kv.entry(Key(self.id))))
        self.clock.time += 0.01

    def _units(self, record: Record | None) -> Kept:
        """A record as the model has it: its value, and the days that it has left."""
        if record is None:
            return NOTHING
        assert isinstance(record.expiration, int)
        left = math.ceil((record.expiration - self.clock.time) / DAY)
        return (int(record.value[5:-1]), left) if left > 0 else NOTHING

    def _entry(self, kept: Kept) -> tuple[float, Record | None]:
        """When KV had this record last, and the record."""
        fitting = [one for one in self.written if self._units(one[1]) == kept]
        assert fitting, f"KV never had {kept}"
        return fitting[-1]

    def _shown(self, kept: Kept, do):
        """Do it while KV shows this record."""
        at, _ = self._entry(kept)
        latest, then = at == self.written[-1][0], at + 0.005
        self.kv.age = lambda _: 0.0 if latest else self.clock.time - then
        try:
            return do()
        finally:
            self.kv.age = lambda _: 0.0

    def _read_by(self, before: Session, op: Op | None, doing: Doing) -> Kept:
        """Which record the model's step has read."""
        candidates = visible(before)
        if op is not None:
            exact = doing == "get"
            return next(one for one in candidates if one[0] == op.value and (not exact or one[1] == op.left))
        # It went no further: there was nothing, or another value than the row's.
        if NOTHING in candidates:
            return NOTHING
        row = before.row
        return next(one for one in candidates if row is None or one[0] != row.value)

    def _stored(self) -> tuple[object, object]:
        self.kv.age = lambda _: 0.0
        return self.stores.sessions.halves.look(Key(self.id)).row, self.kv.entry(Key(self.id))

    def _compare(self) -> None:
        row, kept = self._stored()
        model = self.session.row
        if model is None or row is None:
            assert model is None, "the file has no row"
            assert row is None, f"the file has {row}"
        elif model.value == 0:
            assert row.deleted, "the file has no tombstone"
        else:
            assert not row.deleted, "the file has a tombstone"
            found = self._units(Record(*row[:4]))
            expected = (model.value, model.left) if model.left else NOTHING
            assert (found, ORIGINS[row.origin]) == (expected, model.origin), (
                f"the row is {found} {row.origin}"
            )
        assert self._units(kept) == self.session.kv, f"KV has {self._units(kept)}"
        for number in live(self.shared):
            for shown in visible(self.session):
                self._compare_read(number, shown)

    def _compare_read(self, number: int, shown: Kept) -> None:
        found = self._shown(shown, lambda: self._served(self.stage[number].plan_get(self.id)))
        expected = _read(self.session, number, shown)
        assert self._units(found) == expected, f"{STAGES[number]} reads {self._units(found)}, not {expected}"

    def _served(self, plan: Plan[Current]) -> Record | None:
        """What a read serves; what the fallback finds is not imported, which would be an operation."""
        try:
            step = next(plan)
            while not isinstance(step, Adopt):
                step = plan.send(self.perform(step))
        except StopIteration as ended:
            kept: Record | None = ended.value.kept
            return kept
        plan.close()
        return step.ask.record


def _read(session: Session, stage: int, shown: Kept) -> Kept:
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

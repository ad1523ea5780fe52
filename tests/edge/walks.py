"""Random walks of the model of the staged protocol, done by the real session store and its objects.

A walk is operations one after the other, each with the ends of its halves and with what a stale KV shows,
between them roll-outs, a gate's verify, ticks and days. A half of an object that does not answer may land
after a later operation. After each step every live stage must read what the model says.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.edge.stored import Done, Stored
from tests.model.application import begun, continued
from tests.model.canonical import canonical
from tests.model.rules import Rules
from tests.model.search import Bounds, Search, live
from tests.model.world import (
    APP,
    FIRST,
    NOTHING,
    OBJECT_HALF,
    ONLY,
    SHADOW,
    STAGES,
    TTL,
    Record,
    Session,
    Shared,
    visible,
)

DAY = 86_400
LIFE = {"expirationTtl": TTL * DAY}
RULES = Rules()
BOUNDS = Bounds(values=4, at_once=2)
_ALONE = ("export", "sweep", "rollback", "purge", "finish", "lingering")
"""Not part of these walks: they are the toolkit's own, and are copied and raced elsewhere."""


@dataclass(slots=True)
class Walk:
    """One session on its way. `build`: of the store. `known`: does KV's metadata tell the expiration?
    `told`: what was done."""

    stored: Stored
    session_id: str
    chance: random.Random
    build: str = "EDGE"
    search: Search = field(default_factory=lambda: Search(RULES, BOUNDS))
    known: bool = False
    waiting: bool = False  # a half of an object that does not answer
    told: list[str] = field(default_factory=list)

    def run(self, steps: int) -> None:
        """Begin logged in at kv, go on to some stage, and take so many steps."""
        self._do("kv", "put", {"v": 1}, LIFE)
        world = self._advanced(self.chance.randrange(len(STAGES)))
        for _ in range(steps):
            now, session = self.search.shared[world[0]], self.search.numbers.states[world[1]]
            if self.chance.random() < 0.55:
                session = self._operation(now, session)
                world = (world[0], self.search.numbers.of(session))
            else:
                world = self._surroundings(world)
            now, session = self.search.shared[world[0]], self.search.numbers.states[world[1]]
            self._compare(now, session)

    def _advanced(self, stage: int) -> tuple[int, ...]:
        """Roll out one stage after the other, with a put on the way, and whatever the gates ask for."""
        world = self.search.start
        while not self.search.shared[world[0]].everywhere(stage):
            now, session = self.search.shared[world[0]], self.search.numbers.states[world[1]]
            if now.everywhere(SHADOW) and session.row is None:
                self._do("shadow-read", "put", {"v": 1}, LIFE)
                steps = begun(session._replace(born=0), SHADOW, 1, RULES, early=True)
                for ending in ("object done", "KV done"):
                    session = next(after for name, after in steps if name.endswith(ending))
                    steps = continued(session, RULES, early=True)
                self.known = True
                world = (world[0], self.search.numbers.of(session))
            wanted = ("roll out", "verify", f"{STAGES[now.low]} is gone", "tick")
            steps_on = [
                one
                for prefix in wanted
                for one in self.search.steps(world)
                if one[0].startswith(prefix) and one[1] != world
            ]
            name, world, _ = steps_on[0]
            if name == "tick":
                self._ticked("tick", world, session)
            self.told.append(name)
        return world

    # ------------------------------------------------------------ operations

    def _operation(self, now: Shared, before: Session) -> Session:
        """One operation, to its end: its halves follow each other, and are scripted to end as the model's."""
        stage = self.chance.choice(live(now))
        begins = [
            one
            for one in begun(before, stage, BOUNDS.values, RULES, early=not now.gate)
            if self._possible(one)
        ]
        if not begins:
            return before
        name, session = self._chosen(begins)
        verb = name.split(" at ")[0]
        label, names = f"{verb} at {STAGES[stage]}: ", [name]
        seen = self._seen(name, before, session)
        while any(op.step and op.kind == verb and op.stage == stage for op in session.ops):
            following = [
                one
                for one in continued(session, RULES, early=not now.gate)
                if one[0].startswith(label) and "lands late" not in one[0] and "is lost" not in one[0]
            ]
            name, after = self._chosen([one for one in following if self._possible(one)])
            seen = self._seen(name, session, after) or seen
            names.append(name)
            session = after
        faults, session = self._scripted(names, session, label)
        stale = {} if seen is None or seen == before.kv else {"stale": _shown(seen)}
        value = [{"v": session.born}] if verb == "put" else []
        if verb == "touch":
            self.stored.set_clock(self.stored.now + 1)  # so that there is something to gain
        life = [LIFE] if verb in ("put", "touch") else []
        self._do(STAGES[stage], verb, *value, *life, faults=faults, **stale)
        if verb in ("put", "touch") and (
            any("KV done" in one for one in names) or faults.get("kv.put") == ["lands"]
        ):
            self.known = stage > 0
        return canonical(session, RULES)

    def _chosen(self, steps: list[tuple[str, Session]]) -> tuple[str, Session]:
        """One of them: a deletion ends most that a walk could show, and failures are rarer than successes."""
        weights = [
            (1 if name.startswith("delete") else 6) * (1 if " done" not in name else 4) for name, _ in steps
        ]
        return self.chance.choices(steps, weights)[0]

    def _possible(self, one: tuple[str, Session]) -> bool:
        """One half may wait at a time; the fallback copies only what KV's metadata tell all of."""
        name, _ = one
        if "does not answer" in name and self.waiting:
            return False
        return not name.startswith("get at") or self.known

    def _seen(self, name: str, before: Session, after: Session) -> Record | None:
        """Which record a step read from KV, if it read any."""
        if not name.endswith("reads KV"):
            return None
        new = [op for op in after.ops if op not in before.ops]
        if not new:  # it read that there is nothing, or another value than the row's
            others = [one for one in visible(before) if one == NOTHING] or [before.kv]
            return others[0]
        return next(one for one in visible(before) if one[0] == new[0].value)

    def _scripted(
        self, names: list[str], session: Session, label: str
    ) -> tuple[dict[str, list[str]], Session]:
        """How the store's calls must end; what does not answer lands now, later, or is lost."""
        faults: dict[str, list[str]] = {}
        verb = label.split(" at ")[0]
        method = "kvferryTouch" if verb == "touch" and "object-" in label else f"kvferry{verb.title()}"
        method = (
            "kvferryPut"
            if verb == "touch" and method == "kvferryTouch" and "object-" not in label
            else method
        )
        if verb == "touch" and "object-" not in label:
            method = "kvferryPut"
        for name in names:
            half = (
                method
                if "object" in name.removeprefix(label)
                else f"kv.{'delete' if verb == 'delete' else 'put'}"
            )
            if name.endswith("fails"):
                faults[half] = ["fails"]
            elif name.endswith("does not answer"):
                fault, session = self._unanswered(session, label, "object" if half == method else "KV")
                faults[half] = [fault]
        return faults, session

    def _unanswered(self, session: Session, label: str, half: str) -> tuple[str, Session]:
        ends = dict(
            one for one in continued(session, RULES, early=True) if one[0].startswith(f"{label}{half} half")
        )
        if half == "object" and self.chance.random() < 0.4:
            self.waiting = True
            return "held", session
        if self.chance.random() < 0.5:
            return "lands", ends[f"{label}{half} half lands late"]
        return "silent", ends[f"{label}{half} half is lost"]

    # ------------------------------------------------------------ what is around them

    def _surroundings(self, world: tuple[int, ...]) -> tuple[int, ...]:
        """A roll-out, a step of a gate's verify, a tick, a day, or a late half."""
        session = self.search.numbers.states[world[1]]
        late = [op for op in session.ops if op.late & OBJECT_HALF]
        steps = [
            (name, then)
            for name, then, _ in self.search.steps(world)
            if not name.startswith(_ALONE) and "lingers" not in name and " at " not in name
        ]
        if late and self.waiting and self.chance.random() < 0.6:
            landing = [
                then for name, then, _ in self.search.steps(world) if name.endswith("object half lands late")
            ]
            self.waiting = False
            self.stored.edge.store("land", None)
            self.told.append("the object's half lands late")
            return landing[0]
        weights = [
            8 if name.startswith(("verify", "roll out")) or "is gone" in name else 2 for name, _ in steps
        ]
        name, then = self.chance.choices(steps, weights)[0]
        self.told.append(name)
        if name in ("tick", "day"):
            self._ticked(name, then, session)
        return then

    def _ticked(self, name: str, then: tuple[int, ...], session: Session) -> None:
        """Let time pass for the store, its objects and KV."""
        self.waiting = False
        self.stored.set_clock(self.stored.now + (60 if name == "tick" else DAY))
        self.stored.edge.store("land", None)  # what comes so late is refused
        if name == "day" and self.search.numbers.states[then[1]].kv == NOTHING != session.kv:
            self._do("kv", "delete")  # KV itself does not know of the test's time

    # ------------------------------------------------------------ the real store

    def _do(self, stage: str, verb: str, *args: object, **more: object) -> Done:
        self.told.append(f"{verb} at {stage} {args} {more}")
        variables = {"SESSION_TOUCH_EVERY": "0"}
        done = self.stored.do(stage, verb, self.session_id, *args, build=self.build, vars=variables, **more)
        self.stored.now = float(self.stored.edge.store("now", None))
        return done

    def _compare(self, now: Shared, session: Session) -> None:
        for stage in live(now):
            expected = _read(session, stage)
            if stage == FIRST and session.row is None and expected != NOTHING:
                continue  # it would be copied, which is an operation
            done = self._do(STAGES[stage], "get")
            value = done.value and done.value["data"]["v"]
            assert done.thrown is None, "\n".join([*self.told, str(done.thrown)])
            assert (value or 0) == expected[0], "\n".join([*self.told, str(session), f"reads {value}"])


def _read(session: Session, stage: int) -> Record:
    """What a read gets at this stage when KV is not stale."""
    row = session.row
    if row is not None and (stage >= FIRST or (stage == SHADOW and (row.value == 0 or row.origin == APP))):
        return (row.value, row.left) if row.value and row.left else NOTHING
    return NOTHING if stage == ONLY else session.kv


def _shown(record: Record) -> object:
    return "missing" if record == NOTHING else {"value": f'{{"v":{record[0]}}}', "metadata": None}

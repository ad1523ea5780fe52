"""What walks happen to: one file for all of them, and each walk's own KV, which can show its past."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migrate.core.ports import Claim
from migrate.core.protocol.plans import Adopt, Current, Plan
from migrate.core.protocol.stages import STAGES, Ramp
from migrate.core.record import Key, Record, Row
from migrate.session_store import MemoryNamespace, SessionStore, Settings
from migrate.stores.memory import MemoryKv
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from tests.model.world import NOTHING, TTL
from tests.model.world import Record as Kept

DAY = 86_400
TICK = 160
"""Seconds: more than H and than a half may take; twice as many are more than an import may."""

LIVES = TTL * DAY - 1000
"""Seconds that a put gives; a touch gives all of TTL, so that there is always something to gain."""


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


@dataclass
class Stores:
    """One file for all walks. `number`: of the walks that have begun."""

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
        self.target.end_gate_verify()


class Sides:
    """One session in both stores. `stages`: a session store for each stage, in their order."""

    def __init__(self, stores: Stores) -> None:
        stores.number += 1
        self.stores, self.clock = stores, stores.clock
        self.clock.time = math.ceil(self.clock.time) + 10 * DAY
        self.id = f"{stores.number}:s"
        self.kv = MemoryKv(clock=self.clock, horizon=TICK)
        space = MemoryNamespace(self.kv, self.clock)
        self.stages = [
            SessionStore(stores.sessions, space, Settings(Ramp(one), touch_every=0), clock=self.clock)
            for one in STAGES
        ]
        self.perform = self.stages[0].performer.perform
        self._written: list[tuple[float, Record | None]] = []
        stores.lift_the_fence()

    def value(self, number: int) -> Record:
        """What a put puts."""
        return Record(Key(self.id), b'{"v":%d}' % number, None, int(self.clock.time) + LIVES)

    def units(self, record: Record | Row | None) -> Kept:
        """A record as the model has it: its value, and the days that it has left."""
        if record is None:
            return NOTHING
        assert isinstance(record.expiration, int)
        assert isinstance(record.value, bytes)
        left = math.ceil((record.expiration - self.clock.time) / DAY)
        return (int(record.value[5:-1]), left) if left > 0 else NOTHING

    def stored(self) -> tuple[Row | None, Record | None]:
        """The row, and what is in KV now."""
        return self.stores.sessions.halves.look(Key(self.id)).row, self.kv.entry(Key(self.id))

    def noted(self) -> None:
        """KV was written: remember what it has now, and since when."""
        self._written.append((self.clock.time, self.kv.entry(Key(self.id))))
        self.clock.time += 0.01

    def entry(self, kept: Kept) -> tuple[float, Record | None]:
        """When KV had this record last, and the record."""
        fitting = [one for one in self._written if self.units(one[1]) == kept]
        assert fitting, f"KV never had {kept}"
        return fitting[-1]

    @contextmanager
    def showing(self, kept: Kept) -> Iterator[None]:
        """KV shows this record, whatever it has now."""
        at, _ = self.entry(kept)
        latest = at == self._written[-1][0]
        self.kv.age = lambda _: 0.0 if latest else self.clock.time - at - 0.005
        try:
            yield
        finally:
            self.kv.age = lambda _: 0.0

    def served(self, stage: int, kept: Kept) -> Kept:
        """What a read gets at this stage while KV shows this record; what the fallback finds is not
        imported, which would be an operation."""
        plan: Plan[Current] = self.stages[stage].plan_get(self.id)
        with self.showing(kept):
            try:
                step = next(plan)
                while not isinstance(step, Adopt):
                    step = plan.send(self.perform(step))
            except StopIteration as ended:
                return self.units(ended.value.kept)
        plan.close()
        return self.units(step.ask.record)

"""Histories as a correct pair of stores would give them.

Every operation takes effect at one moment between its start and its end, reads of KV see the past, and
touches that KV answers carry what they read. At first KV is all there is; then the objects take over what
KV has, with nobody at work.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.live.history import DUAL, FIRST, KV, NEVER, ONLY, History, Operation, Verb

STALE = 1.0
MOVED = 50.0
"""When the objects take over."""

Record = tuple[int, float]


@dataclass(slots=True)
class Register:
    """One session: what is stored, since when, and what a correct store makes of operations."""

    chance: random.Random
    session: str
    numbers: Callable[[], int]
    told: list[Operation] = field(default_factory=list)
    shown: list[tuple[float, Record | None]] = field(default_factory=lambda: [(-1e9, None)])
    deleted: bool = False
    buried: bool = False

    def run(self, many: int) -> None:
        """Login, and as many operations before and after the objects take over."""
        self._at(1.0, "put", KV)
        for begin, end, stages in ((4.0, MOVED - 10, (KV, DUAL)), (MOVED, 2 * MOVED, (FIRST, ONLY))):
            if self.buried:
                self.shown.append((begin - 3, None))  # whatever a touch has put into KV since
            for moment in sorted(self.chance.uniform(begin, end) for _ in range(many)):
                verbs: list[Verb] = ["get", "get", "get", "touch", "put", "update", "delete"]
                weights = [10, 10, 10, 10, 6, 3, 1]
                self._at(moment, self.chance.choices(verbs, weights)[0], self.chance.choice(stages))

    def _at(self, moment: float, verb: Verb, stage: int) -> None:
        """An operation whose effect on the store, if it has any, is at this moment."""
        if self.deleted and verb in ("put", "update"):
            verb = "get"
        start, end = moment - self.chance.uniform(0.01, 2), moment + self.chance.uniform(0.01, 2)
        done = self.chance.random() < 0.85 or verb in ("get", "touch")
        op = Operation(self.session, verb, stage, start, end, done=done)
        if not done and self.chance.random() < 0.5:
            op = replace(op, over=end, end=moment - 0.005)  # told before it lands
        until = moment + self.chance.choice([30.0, 300.0, NEVER])
        read = self._read(stage, start if verb == "touch" else moment, moment)
        match verb:
            case "get":
                op = replace(op, value=read and read[0], expiration=read and read[1])
            case "delete":
                self.deleted = True
                if done or self.chance.random() < 0.5:
                    self.shown.append((moment, None))
                    self.buried = self.buried or stage > KV
            case "touch":
                op = replace(op, expiration=until if until != NEVER else 0.0, carried=read and read[0])
                if read is not None and until != NEVER:
                    self.shown.append((moment, (read[0], max(read[1], until))))
                if stage >= FIRST:
                    op = replace(op, carried=None)
            case _:
                carried = read[0] if verb == "update" and read else None
                op = replace(op, value=self.numbers(), expiration=until, carried=carried)
                if op.value is not None and (done or self.chance.random() < 0.5):
                    self.shown.append((moment, (op.value, until)))
        self.told.append(op)

    def _read(self, stage: int, earliest: float, latest: float) -> Record | None:
        """What is alive; of KV, what was a while ago."""
        then = latest if stage >= FIRST else self.chance.uniform(earliest - STALE, latest)
        found = [record for since, record in self.shown if since <= then][-1]
        return found if found is not None and found[1] > latest else None


def recorded(seed: int, sessions: int = 3, many: int = 12) -> History:
    """A history of some sessions."""
    chance = random.Random(seed)
    numbers = iter(range(1, 10_000))
    history = History(STALE, opened=MOVED - 5, alone=[(MOVED - 5, 3 * MOVED)])
    for number in range(sessions):
        register = Register(chance, f"s{number}", lambda: next(numbers))
        register.run(many)
        history.operations += register.told
    return history

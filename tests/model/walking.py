"""A random walk of one session through the model: its operations step by step, and what a read must give.

    walk = Walk(random.Random(1))
    step = walk.choose(now)        # `now`: the model's shared state, which stages are live
    walk.take(step)                # the same step is done with real stores, and must end as it says
    look = walk.look(now)          # a read at a live stage: which record of KV it is shown, what it gives

Whoever replays it scripts how each half ends and which of KV's earlier records a read sees. What the model
does not tell is here: operations have numbers, and what KV has had is kept, in order, to be shown again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.model import passing
from tests.model.application import beginnings, following, kept
from tests.model.rules import Rules
from tests.model.search import live
from tests.model.world import (
    APP,
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
    UNANSWERED,
    Op,
    Record,
    Row,
    Session,
    Shared,
    visible,
)

RULES = Rules()
VALUES = 20
"""How often a session of a walk is put, at most."""

AT_ONCE = 3
"""How many operations of it are in flight, at most."""

LOOKS = "get at object-first: looks"
"""The only step that has no name in the model: between it and the read of KV there may be a row at last."""

_LATE = OBJECT_HALF | KV_HALF
_NUMBERED = _LATE.bit_length()
"""An operation carries its number above the bits of its late halves, so it is not forgotten when it ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that KV has had: a value (0: it was deleted), the day on which it expires, and whether its
    metadata tell so."""

    value: int
    until: int
    told: bool

    def on(self, day: int) -> Record:
        """The record as it is served on a day."""
        return (self.value, self.until - day) if self.value and self.until > day else NOTHING


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an operation, under the model's name for it.

    `op`: the operation's number. `begins`: is it the first step? `value`: what a put puts. `shown`: the
    number of the entry that a read of KV sees. `after`: what the operation does next: "object", "KV",
    "import", "read KV" or, when nothing is left, "". `answered`: has the caller been told? `refused`: was
    that an error? `then`: the session after it.
    """

    name: str
    op: int
    begins: bool
    value: int
    shown: int | None
    after: str
    answered: bool
    refused: bool
    then: Session

    @property
    def verb(self) -> str:
        """The operation's verb."""
        return self.name.split(" at ")[0]

    @property
    def stage(self) -> str:
        """The stage of the isolate that does it."""
        return self.name.split(" at ")[1].split(":")[0]

    @property
    def what(self) -> str:
        """What of the operation is done, and how it ends: "object fails", "reads KV"."""
        return self.name.split(": ")[1]

    @property
    def late(self) -> bool:
        """Is it the end of a half that was not waited for?"""
        return self.what.endswith(("lands late", "is lost"))


@dataclass(frozen=True, slots=True)
class Look:
    """A read by an isolate of `stage` that is shown an entry of KV (None: it asks no KV), and what it must
    give. `told`: does it know the expiration?"""

    stage: str
    shown: int | None
    record: Record
    told: bool


@dataclass(slots=True)
class Walk:
    """One session on its way. `day`: how many have passed. `entries`: of KV, the last one is in it now.
    `names`: what has happened to it so far."""

    chance: random.Random
    session: Session = LOGGED_IN
    day: int = 0
    entries: list[Entry] = field(default_factory=lambda: [Entry(1, TTL, told=False)])
    names: list[str] = field(default_factory=list)
    _operations: int = 0
    _rows: dict[int, Row | None] = field(default_factory=dict)

    # ------------------------------------------------------------ the application

    def steps(self, now: Shared) -> list[Step]:
        """Everything that the application may do next with this session, as far as the code does it too."""
        return [*self._beginning(now), *self._following(now)]

    def _beginning(self, now: Shared) -> Iterator[Step]:
        if len(self.session.ops) >= AT_ONCE:
            return
        number = self._operations + 1
        for stage in live(now):
            for met, op in beginnings(self.session, stage, VALUES, RULES, early=not now.gate):
                numbered = op._replace(late=number << _NUMBERED)
                if op.kind == "get":  # the model does it with the read of KV, in one step
                    yield from self._step(LOOKS, numbered, kept(met, numbered), None, begins=True)
                for name, then, record in _named(met, numbered, early=not now.gate):
                    yield from self._step(name, numbered, then, record, begins=True)

    def _following(self, now: Shared) -> Iterator[Step]:
        for op in self.session.ops:
            for name, then, record in _named(self._without(op), op, early=not now.gate):
                yield from self._step(name, op, then, record, begins=False)

    def _step(
        self, name: str, op: Op, then: Session, record: Record | None, *, begins: bool
    ) -> Iterator[Step]:
        """The step as it is replayed, `record`: what it reads from KV; nothing where the code has no such
        step."""
        number = op.late >> _NUMBERED
        shown = None
        if record is not None:
            shown = self.entry_of(record)
            told = self.entries[shown].told
            if op.kind == "get" and record != NOTHING and not told:
                return  # it is served and not copied: nobody knows for how long
            if op.kind == "touch" and op.stage == SHADOW and not op.same:
                then = self._refused(op, record)
            if op.kind == "touch" and told and record[1] == TTL:
                then = self._without(op)  # nothing to gain
        if op.kind == "touch" and self._gains_nothing(name, op):
            if op.stage >= FIRST:
                return
            then = self._without(op)
        left = [one for one in then.ops if one.late >> _NUMBERED == number]
        ended = left[0] if left else op._replace(step="", answer=OK)
        if not ended.step and not ended.late & _LATE:
            then = then._replace(ops=tuple([one for one in then.ops if one not in left]))
        yield Step(
            name=name,
            op=number,
            begins=begins,
            value=op.value if op.kind == "put" else 0,
            shown=shown,
            after=ended.step,
            answered=ended.answer != UNANSWERED or not ended.step,
            refused=ended.answer not in (UNANSWERED, OK) and not (op.kind == "touch" and op.stage == SHADOW),
            then=then,
        )

    def _refused(self, op: Op, record: Record) -> Session:
        """After a read of KV by a touch whose row has changed since it looked. The model is through with it;
        the code holds the record against the row that it saw, and may ask the object, which refuses."""
        rest, row = self._without(op), self._rows[op.late >> _NUMBERED]
        if record == NOTHING or (row is not None and row.left and row.value != record[0]):
            return rest
        return kept(rest, op._replace(step="object", value=record[0]))

    def _gains_nothing(self, name: str, op: Op) -> bool:
        """Does the row live as long as a touch would let it? Then the code writes nothing."""
        row = self.session.row
        if row is None or row.value == 0 or row.left < TTL:
            return False
        if op.stage >= FIRST:
            return not name.endswith("is lost") and "object" in name
        return name.endswith("reads row") and row.origin == APP

    def choose(self, now: Shared) -> Step | None:
        """One of the steps: deletions end most that there is to see, and failures are rare."""
        steps = self.steps(now)
        if not steps:
            return None
        return self.chance.choices(steps, [self._weight(step) for step in steps])[0]

    def _weight(self, step: Step) -> int:
        if not step.begins:
            return 24 if step.what.endswith(" done") else 6
        if step.verb == "touch":
            gains = any(
                record[1] < TTL or not self.entries[self.entry_of(record)].told
                for record in visible(self.session) - {NOTHING}
            )
            return 20 if gains else 3
        return 1 if step.verb == "delete" else 12

    def take(self, step: Step) -> None:
        """Do it."""
        if step.what == "reads row":
            self._rows[step.op] = self.session.row
        self.session = step.then
        self.names.append(step.name)
        if step.begins:
            self._operations += 1
        if step.what in ("KV done", "KV half lands late"):
            value, left = (0, 0) if step.verb == "delete" else self.session.kv
            self.entries.append(Entry(value, self.day + left, told=step.stage != STAGES[KV]))

    def _without(self, op: Op) -> Session:
        return self.session._replace(ops=tuple([one for one in self.session.ops if one != op]))

    # ------------------------------------------------------------ time

    def tick(self) -> None:
        """Whatever is in flight has had its time."""
        self.names.append("tick")
        self.session = passing.tick(self.session, RULES)

    def days(self) -> None:
        """Everything has a unit less to live."""
        self.names.append("day")
        self.day += 1
        self.session = passing.day(self.session, RULES)

    # ------------------------------------------------------------ reads

    def entry_of(self, record: Record) -> int:
        """The last entry that shows this record."""
        served = [number for number, entry in enumerate(self.entries) if entry.on(self.day) == record]
        return served[-1]

    def shown(self) -> int:
        """An entry that a read of KV may show now, the latest one more often than others."""
        records = sorted(visible(self.session))
        weights = [3 if record == self.session.kv else 2 for record in records]
        return self.entry_of(self.chance.choices(records, weights)[0])

    def look(self, now: Shared) -> Look | None:
        """A read at one of the live stages; None where reading would be an operation of its own."""
        stage, row = self.chance.choice(live(now)), self.session.row
        shown = self.shown()
        entry = self.entries[shown]
        if stage >= FIRST and row is None:
            if stage == FIRST and entry.on(self.day) != NOTHING:
                return None  # it would be copied
            return Look(STAGES[stage], shown if stage == FIRST else None, NOTHING, told=True)
        counts = row is not None and (not row.value or row.origin == APP)
        if row is not None and (stage >= FIRST or (stage == SHADOW and counts)):
            served = (row.value, row.left) if row.value and row.left else NOTHING
            return Look(STAGES[stage], None if stage == ONLY else shown, served, told=True)
        return Look(STAGES[stage], shown, entry.on(self.day), entry.told)


def _named(session: Session, op: Op, *, early: bool) -> Iterator[tuple[str, Session, Record | None]]:
    """The model's steps of an operation that is not among the session's, each with what it reads from KV."""
    steps = list(following(session, op, RULES, early=early))
    if op.step != "read KV":
        yield from ((name, then, None) for name, then in steps)
        return
    for record, (name, then) in zip(visible(session), steps, strict=True):  # the model goes by them too
        yield name, then, record

"""Every law and every read, over everything that a row and KV can be, is what the model says."""

from __future__ import annotations

from itertools import product

import pytest

from migrate.core.protocol.half_calls import AdoptHalf, DeleteHalf, End, Here, PutHalf, TouchHalf
from migrate.core.protocol.laws import adopted, decide
from migrate.core.protocol.plans import Adopt, Look, Operation, ReadKv, World, reading
from migrate.core.protocol.stages import STAGES, origin_at
from migrate.core.record import Key, Origin, Record, Row
from tests.model.application import _object_half, imported
from tests.model.rules import Rules
from tests.model.world import APP, BOTH, COPY, FIRST, LOGGED_IN, NOTHING, SHADOW, TTL, UNANSWERED, Op
from tests.model.world import Row as ModelRow
from tests.session_store.walks import read_of

NOW, DAY = 1_900_000_000, 86_400
KEY = Key("s:one")
RULES = Rules()
ORIGINS = {COPY: Origin.COPY, BOTH: Origin.DUAL, APP: Origin.APP}
VERSION = 5

ROWS = [None, *(ModelRow(*one) for one in product((0, 1, 2), (0, 1, TTL), ORIGINS))]
RECORDS = [NOTHING, *product((1, 2), (1, TTL))]


def record(value, left):
    return Record(KEY, b"%d" % value, None, NOW + left * DAY)


def row(model):
    if model is None:
        return None
    value = b"%d" % model.value if model.value else None
    return Row(KEY, value, None, NOW + model.left * DAY, ORIGINS[model.origin], VERSION, None)


def seen(real):
    """A row as the model has it; how long a tombstone is kept, and whose it is, is no matter here."""
    if real is None or real.value is None:
        return None if real is None else 0
    left = max(0, (real.expiration - NOW) // DAY)
    origin = next(number for number, origin in ORIGINS.items() if origin is real.origin)
    return ModelRow(int(real.value), left, origin)


def flat(model):
    return 0 if model is not None and model.value == 0 else model


def half(kind, stage, same):
    """The model's operation, and what the store asks for it; the row was at VERSION when it was read."""
    op = Op(kind, stage, "object", 2, TTL, 0, same=same, done=False, late=0, answer=UNANSWERED)
    origin = origin_at(STAGES[stage])
    if kind == "delete":
        return op, DeleteHalf(KEY, origin, NOW + 20)
    if kind == "touch" and stage >= FIRST:
        return op, TouchHalf(KEY, NOW + TTL * DAY + 1, origin, NOW + 20)  # there is always something to gain
    return op, PutHalf(record(2, TTL), origin, NOW + 20)


@pytest.mark.parametrize("stage", range(1, 5))
@pytest.mark.parametrize("kind", ["put", "touch", "delete"])
def test_the_object_does_in_every_state_what_the_model_does(kind, stage):
    for model, same in product(ROWS, (True, False)):
        op, ask = half(kind, stage, same)
        there = row(model)
        if kind == "touch" and stage == SHADOW:
            version = 0 if there is None or there.deleted else VERSION
            ask = PutHalf(ask.record, ask.origin, ask.not_after, expect=version if same else VERSION - 1)
        after, ended = _object_half(LOGGED_IN._replace(row=model), op, RULES)
        verdict = decide(ask, there, NOW)
        said = {"gone": {End.GONE}, "refused": {End.CHANGED}, "missing": {End.MISSING, End.NOTHING, End.GONE}}
        assert verdict.end.end in said.get(ended, {End.DONE}), (model, same)
        assert seen(verdict.row or there) == flat(after.row), (model, same)
        if verdict.row is not None:
            assert verdict.row.version == (1 if there is None else VERSION + 1)
        assert decide(ask, there, NOW + 20.5).end.end is End.LATE


@pytest.mark.parametrize("model", ROWS)
def test_an_import_does_in_every_state_what_the_model_does(model):
    for value, left in RECORDS[1:]:
        after = imported(LOGGED_IN._replace(row=model), value, left, RULES)
        there = row(model)
        taken = adopted(AdoptHalf(record(value, left), NOW + 20), there)
        assert seen(there if taken is None else taken) == flat(after.row)


@pytest.mark.parametrize("stage", range(5))
def test_a_read_serves_in_every_state_what_the_model_says(stage):
    for model, kept in product(ROWS, RECORDS):
        there = row(model)
        alive = there is not None and not there.deleted and there.expiration > NOW
        answers = {
            Look: Here(there, alive),
            ReadKv: None if kept == NOTHING else record(*kept),
        }
        plan = reading(Operation(KEY, STAGES[stage], NOW + 20), World(lambda: NOW, lambda name: None))
        asked = []
        try:
            step = next(plan)
            while True:
                asked.append(type(step))
                if isinstance(step, Adopt):
                    step = plan.send(Here(adopted(step.ask, there), live=True))
                else:
                    step = plan.send(answers[type(step)])
        except StopIteration as ended:
            found = ended.value.kept
        served = NOTHING if found is None else (int(found.value), (found.expiration - NOW) // DAY)
        assert served == read_of(LOGGED_IN._replace(row=model), stage, kept), (model, kept)
        assert asked.count(Adopt) == (stage == FIRST and model is None and kept != NOTHING)
        assert (Look in asked) == (stage >= SHADOW)

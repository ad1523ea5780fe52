"""Plans of operations, step by step: what they ask for next, given answers that stores rarely give."""

from __future__ import annotations

from collections import Counter

import pytest

from migrate.core.protocol.half_calls import End, HalfEnd, Here, PutHalf, TouchHalf
from migrate.core.protocol.halves import Answer
from migrate.core.protocol.plans import (
    Adopt,
    KvHalf,
    Look,
    ObjectHalf,
    Operation,
    ReadKv,
    World,
    reading,
    touching,
)
from migrate.core.protocol.stages import Stage
from migrate.core.record import NEVER, UNKNOWN, Key, Origin, Record, Row

NOW = 1_900_000_000
KEY = Key("s:one")
NOTHING = Here(None, live=False)


class Followed:
    """A plan on its way: `asks` is its next step, `result` what it came to."""

    def __init__(self, make, stage) -> None:
        self.counted: Counter[str] = Counter()
        world = World(lambda: NOW, lambda name: self.counted.update([name]), touch_every=0)
        self.plan = make(Operation(KEY, stage, NOW + 20), world)
        self.asks, self.result = next(self.plan), None

    def answer(self, *answers):
        for one in answers:
            try:
                self.asks = self.plan.send(one)
            except StopIteration as ended:
                self.asks, self.result = None, ended.value
        return self.asks


def touch(until):
    return lambda operation, world: touching(operation, until, world)


def kept(expiration):
    return Record(KEY, b"1", None, expiration)


def test_what_nobody_knows_the_end_of_is_served_and_not_given_to_the_object():
    read = Followed(reading, Stage.OBJECT_FIRST)
    assert isinstance(read.asks, Look)
    assert isinstance(read.answer(NOTHING), ReadKv)
    assert read.answer(kept(UNKNOWN)) is None
    assert (read.result.kept, read.counted) == (kept(UNKNOWN), {"fallback_hit": 1, "fallback_unknown": 1})


def test_at_shadow_read_an_end_that_nobody_knows_is_no_difference():
    read = Followed(reading, Stage.SHADOW_READ)
    read.answer(Here(Row(KEY, b"1", None, NOW + 60, Origin.DUAL, 3, None), live=True), kept(UNKNOWN))
    assert (read.result.disputed, read.counted) == (False, {"shadow_equal": 1})


@pytest.mark.parametrize(
    ("expiration", "longer"),
    [(UNKNOWN, NOW + 50), (NOW + 10, NOW + 50), (NOW + 90, NOW + 90), (NEVER, NEVER)],
)
def test_a_touch_puts_what_the_object_could_not_be_given_only_where_nothing_is_there(expiration, longer):
    done = Followed(touch(NOW + 50), Stage.OBJECT_FIRST)
    assert isinstance(done.asks.ask, TouchHalf)
    assert isinstance(done.answer(HalfEnd(End.NOTHING)), ReadKv)
    if expiration is not UNKNOWN:
        assert isinstance(done.answer(kept(expiration)), Adopt)
        done.answer(None)
    else:
        done.answer(kept(UNKNOWN))
    assert isinstance(done.asks, ObjectHalf)
    assert done.asks.ask == PutHalf(kept(longer), Origin.APP, NOW + 20, expect=0)
    assert isinstance(done.answer(HalfEnd(End.DONE, 1, changed=True)), KvHalf)
    assert done.asks.record == kept(longer)
    done.answer(End.DONE)
    assert done.result.answer is Answer.DONE


def test_a_touch_that_finds_a_row_after_all_extends_that_one():
    done = Followed(touch(NOW + 50), Stage.OBJECT_FIRST)
    done.answer(HalfEnd(End.NOTHING), kept(NOW + 10), None)
    assert isinstance(done.answer(HalfEnd(End.CHANGED)).ask, TouchHalf)
    row = Row(KEY, b"2", None, NOW + 50, Origin.APP, 2, None)
    assert done.answer(HalfEnd(End.DONE, 2, changed=True, row=row)).record == Record(
        KEY, b"2", None, NOW + 50
    )


def test_a_touch_at_object_only_asks_no_kv():
    done = Followed(touch(NOW + 50), Stage.OBJECT_ONLY)
    done.answer(HalfEnd(End.NOTHING))
    assert done.result.answer is Answer.NOTHING

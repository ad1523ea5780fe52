"""A session that is written every second while a verify runs: in motion, and nothing is hidden by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from migrate.core.comparing import Rules, Stage
from migrate.core.record import Change, Key, Origin, Record, digest_text
from migrate.desk import Ended
from migrate.stores.memory import MemoryKv, MemoryStore
from tests.flows.world import LATER, FakeClock, classes, key, record, verify

H = 60.0
HERE = "01234567"
SHADOW = Rules(stage=Stage.SHADOW_READ)
REMEMBERED = 5


class Ticking(FakeClock):
    """Time that passes second by second, each of them told."""

    def __init__(self) -> None:
        super().__init__()
        self.tick: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        end = self.time + seconds
        while self.time + 1 <= end:
            self.time += 1
            self.tick()
        self.time = end


class Remembering(MemoryStore):
    """A store that remembers the last few changes of each row, as objects do."""

    namespace: str | None = HERE

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self._now = clock.now
        self._past: dict[Key, list[Change]] = {}
        self.asked = 0

    def put(self, record: Record, origin: Origin = Origin.APP) -> bool:
        done = super().put(record, origin)
        version = self.rows([record.key])[record.key].version
        past = [*self._past.get(record.key, ()), Change(version, self._now())]
        self._past[record.key] = past[-REMEMBERED:]
        return done

    def past(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Change]]:
        self.asked += 1
        return {one: self._past[one] for one in keys if one in self._past}


class Application:
    """Shadow-read: the object's half, and then KV's, each second."""

    def __init__(self, lag: float) -> None:
        self.clock = Ticking()
        self.kv = MemoryKv(clock=self.clock, horizon=H, age=lambda _: lag)
        self.objects = Remembering(self.clock)
        self.namespace = HERE
        self.loses_kv = False
        self.count = 0
        for number in range(9):
            self._write(record(number, b"at rest"))
        self.busy()
        self.clock.tick = self.busy
        self.clock.wait(2 * H)

    def busy(self) -> None:
        """A write of the busy session, its value and its expiration."""
        self.count += 1
        self._write(record(4, b"write %d" % self.count, None, LATER + self.count))

    def still(self) -> None:
        """Nobody writes any more."""
        self.clock.tick = lambda: None

    def _write(self, new: Record) -> None:
        self.objects.put(new, Origin.DUAL)
        if self.loses_kv:
            return
        version = self.objects.rows([new.key])[new.key].version
        stamp = {
            "d": digest_text(new.value),
            "v": version,
            "s": f"shadow-read@{self.namespace}",
            "e": new.expiration,
        }
        self.kv.put(new._replace(metadata=json.dumps({"_kvferry": stamp})))

    def verify(self, ledger: Path, rules: Rules = SHADOW) -> Ended:
        return verify(self.kv, self.objects, self.clock, ledger, rules=rules)


@pytest.mark.parametrize("lag", [1.0, 2.5, 4.0])
def test_a_session_that_is_written_all_the_time_is_clean_after_one_more_reading(
    ledger: Path, lag: float
) -> None:
    app = Application(lag)
    ended = app.verify(ledger)
    assert (ended.exit, ended.document["verdict"]) == (0, "clean")
    assert classes(ended) == {"equal": 8, "in_motion": 1}
    found = ended.document["classes"]["in_motion"]
    assert (found["against"], found["healed"], found["settled"], found["open"]) == (False, 1, 0, 0)
    assert app.clock.slept == [H]
    assert (ended.document["differences"], ended.document["against"]) == ([], 0)
    assert app.objects.asked == 2, "once for each reading"


@pytest.mark.parametrize("stage", [Stage.KV, Stage.DUAL_WRITE])
def test_where_kv_may_be_written_without_the_object_it_is_as_before(ledger: Path, stage: Stage) -> None:
    app = Application(2.5)
    ended = app.verify(ledger, Rules(stage=stage))
    assert (ended.exit, ended.document["verdict"], app.objects.asked) == (3, "unproven", 0)
    assert classes(ended) == {"equal": 8, "value": 1}


def test_stamps_of_other_objects_prove_nothing(ledger: Path) -> None:
    app = Application(2.5)
    app.namespace = "76543210"
    app.clock.wait(H)
    ended = app.verify(ledger)
    assert (ended.exit, classes(ended)) == (3, {"equal": 8, "value": 1})


def test_a_target_that_does_not_tell_its_namespace_proves_nothing(ledger: Path) -> None:
    app = Application(2.5)
    app.objects.namespace = None
    assert (app.verify(ledger).exit, app.clock.slept) == (3, [H] * 3)


@pytest.mark.parametrize("ago", [0.0, 1.0, H - 1.0, H, H + 1.0, 3 * H])
def test_a_lost_half_is_a_difference_whenever_it_was_lost(ledger: Path, ago: float) -> None:
    app = Application(0.0)
    app.still()
    app.loses_kv = True
    app.busy()
    app.clock.wait(ago)
    ended = app.verify(ledger)
    assert (ended.exit, ended.document["verdict"]) == (1, "differences")
    assert classes(ended) == {"equal": 8, "value": 1}
    assert ended.document["classes"]["value"]["settled"] == 1
    assert app.clock.slept == [H], "it settles when it would without the class"


def test_halves_that_are_all_lost_are_never_clean_however_busy_the_session_is(ledger: Path) -> None:
    app = Application(0.0)
    app.loses_kv = True
    app.clock.wait(2.0)
    ended = app.verify(ledger)
    assert (ended.exit, ended.document["verdict"]) == (3, "unproven")
    assert classes(ended) == {"equal": 8, "value": 1}


def test_one_that_comes_to_rest_is_equal_in_the_end(ledger: Path) -> None:
    app = Application(2.5)
    last = app.clock.now() + 30.0
    app.clock.tick = lambda: app.busy() if app.clock.now() < last else None
    ended = app.verify(ledger)
    assert (ended.exit, classes(ended)) == (0, {"equal": 9})


def test_a_value_of_somebody_else_under_a_stamp_carried_along_is_no_motion(ledger: Path) -> None:
    app = Application(0.0)
    app.still()
    app.clock.wait(2 * H)
    seen = app.kv.entry(key(4))
    assert seen is not None
    app.kv.put(seen._replace(value=b"of somebody else"))
    app.loses_kv = True
    app.clock.tick = app.busy
    app.clock.wait(3.0)
    ended = app.verify(ledger)
    assert (ended.exit, classes(ended)) == (3, {"equal": 8, "value": 1})


def test_a_verify_that_ends_before_the_second_reading_has_proven_nothing(ledger: Path) -> None:
    app = Application(2.5)

    class Died(Exception):
        pass

    def die() -> None:
        raise Died

    app.clock.tick = die
    with pytest.raises(Died):
        app.verify(ledger)
    app.clock.tick = app.busy
    app.clock.wait(10.0)
    ended = app.verify(ledger)
    assert (ended.exit, classes(ended)) == (0, {"equal": 8, "in_motion": 1})

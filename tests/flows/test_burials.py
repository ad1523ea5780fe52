"""Tombstones for what was deleted in KV only: two readings, late enough, of a row as it was before both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrate.core.authority import Authority
from migrate.core.comparing import Stage
from migrate.core.gate.alone import Gone
from migrate.core.partition import run_id
from migrate.core.record import Key, Origin
from migrate.desk import Ended
from migrate.errors import ConfigError, StoreRefused, StoreUnavailable
from migrate.gate.bundle import Bundle
from migrate.ledger.ledger import Ledger
from migrate.repair.at_work import AtWork
from migrate.repair.wish import Mode
from migrate.stores.memory import MemoryKv, MemoryStore
from tests.flows.repairing import Told, ToldSource, ToldTarget, became, repair, verified
from tests.flows.world import FakeClock, key, record, sweep

H = 120.0


class Ground:
    """Eight sessions in both stores; 3, 4 and 5 were deleted in KV only, and a verify has found them."""

    def __init__(self, kv: MemoryKv, store: MemoryStore, clock: FakeClock, ledger: Path) -> None:
        self.kv, self.store, self.clock, self.ledger = kv, store, clock, ledger
        for number in range(8):
            kv.put(record(number))
        clock.time += 3600
        sweep(kv, store, clock)
        store.put(record(4), Origin.DUAL)
        for number in (3, 4, 5):
            kv.remove(key(number))
        clock.time += 3600
        assert self.verify().document["classes"]["extra"]["settled"] == 3
        self.gone = clock.now()
        self.told = Told(kv, store, clock)

    def verify(self, **rules: Any) -> Ended:
        return verified(self.kv, self.store, self.clock, self.ledger, **rules)

    def bury(self, **words: Any) -> Ended:
        given = {"gone_since": self.gone, **words}
        given = {name: value for name, value in given.items() if value is not None}
        source: Any = ToldSource(self.told)
        target: Any = ToldTarget(self.told)
        return repair(Mode.TOMBSTONES, source, target, self.clock, self.ledger, **given)

    def change(self, number: int, **fields: Any) -> None:
        """The application changes a row."""
        row = self.store.rows([key(number)])[key(number)]
        self.store._rows[key(number)] = row._replace(version=row.version + 1, **fields)

    @property
    def graves(self) -> set[Key]:
        return {row.key for row in self.store.rows_between("s:", None, None) if row.deleted}


@pytest.fixture
def ground(kv: MemoryKv, store: MemoryStore, clock: FakeClock, ledger: Path) -> Ground:
    return Ground(kv, store, clock, ledger)


def test_rows_that_kv_lacks_become_tombstones_and_the_look_at_them_is_clean(ground: Ground) -> None:
    ended = ground.bury()
    assert (ended.exit, became(ended)) == (0, {"buried": 3})
    assert ground.graves == {key(3), key(4), key(5)}
    assert ended.document["check"]["classes"]["tombstoned"]["keys"] == 3
    assert ended.document["gone"]["word"] is True
    assert "by the operator's word (--gone-since)" in ended.document["gone"]["said"]
    assert ground.verify().document["verdict"] == "clean"


def test_without_execute_nothing_is_buried_and_nothing_waited_for(ground: Ground) -> None:
    slept = len(ground.clock.slept)
    ended = ground.bury(execute=False)
    assert (ended.exit, became(ended)) == (0, {"lacking": 3})
    assert ground.graves == set()
    assert len(ground.clock.slept) == slept


# ---------------------------------------------------------------- the law


def test_both_readings_come_h_after_the_last_isolate_and_h_apart(ground: Ground) -> None:
    ground.bury()
    reads, (buried,) = ground.told.times("kv")[:2], ground.told.times("bury")
    assert reads[0] >= ground.gone + H
    assert reads[1] >= reads[0] + H
    assert buried >= reads[1]


def test_who_stood_still_between_reading_and_burying_reads_again(ground: Ground) -> None:
    def stand_still() -> None:
        ground.clock.time += 30

    ground.told.doing["bury", 1] = stand_still
    ended = ground.bury()
    assert (ended.exit, became(ended)) == (0, {"buried": 3})
    last = ground.told.times("bury")[-1]
    assert last - max(at for at in ground.told.times("kv") if at <= last) <= 20
    assert len(ground.told.times("bury")) == 2


def test_the_row_is_read_before_kv(ground: Ground) -> None:
    ground.bury()
    assert [what for what, _ in ground.told.heard[:4]] == ["rows", "kv", "kv", "bury"]


def test_a_session_that_the_second_reading_finds_is_not_buried(ground: Ground) -> None:
    def login() -> None:
        ground.kv.put(record(3))
        ground.clock.during = None

    ground.told.doing["kv", 1] = lambda: setattr(ground.clock, "during", login)
    ended = ground.bury()
    assert became(ended) == {"buried": 2, "in_kv": 1}
    assert ground.graves == {key(4), key(5)}


def test_a_row_that_is_written_while_kv_is_read_is_not_buried(ground: Ground) -> None:
    ground.told.doing["kv", 1] = lambda: ground.change(4, value=b"written")
    ended = ground.bury()
    assert (ended.exit, became(ended)) == (1, {"buried": 2, "changed": 1})
    assert ground.graves == {key(3), key(5)}


@pytest.mark.parametrize("when", [1, 2])
def test_a_row_that_is_written_after_a_reading_is_not_buried(ground: Ground, when: int) -> None:
    def write() -> None:
        ground.change(5, value=b"written")
        ground.clock.during = None

    if when == 1:
        ground.told.doing["kv", 1] = lambda: setattr(ground.clock, "during", write)
    else:
        ground.told.doing["bury", 1] = lambda: ground.change(5, value=b"written")
    assert became(ground.bury()) == {"buried": 2, "changed": 1}
    assert ground.graves == {key(3), key(4)}


def test_rows_of_the_application_legacy_rows_and_the_expired_stay(ground: Ground) -> None:
    ground.change(3, origin=Origin.APP)
    ground.change(4, origin=Origin.LEGACY)
    ground.change(5, expiration=int(ground.clock.now()) - 10)
    ended = ground.bury()
    assert became(ended) == {"newer_here": 1, "legacy": 1, "expired": 1}
    assert ground.graves == set()


def test_an_isolate_that_is_heard_between_the_readings_makes_them_void(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ground.gone
    beats = [first]

    def gone(_: AtWork) -> Gone:
        return Gone(beats[-1], ("as it was told",))

    def beat() -> None:
        beats.append(ground.clock.now())
        ground.clock.during = None

    monkeypatch.setattr(AtWork, "gone", gone)
    ground.told.doing["kv", 1] = lambda: setattr(ground.clock, "during", beat)
    ended = ground.bury()
    assert became(ended) == {"buried": 3}
    assert ended.document["candidates"] == 3
    assert len(beats) == 2
    *_, third, fourth = ground.told.times("kv")[:4]
    assert third >= beats[-1] + H
    assert fourth >= third + H
    assert ground.told.times("bury") == [fourth]


def test_what_is_no_longer_known_before_the_burial_stops_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = AtWork.gone

    def gone(asking: AtWork) -> Gone:
        if len(ground.told.times("kv")) > 1:
            raise StoreUnavailable("still at work: dual-write", "deploy")
        return known(asking)

    monkeypatch.setattr(AtWork, "gone", gone)
    ended = ground.bury()
    assert (ended.exit, ground.graves) == (3, set())
    assert became(ended) == {"lacking": 3}
    monkeypatch.setattr(AtWork, "gone", known)
    assert became(ground.bury()) == {"buried": 3}


def test_a_process_that_stood_still_between_reading_and_burial_reads_again(ground: Ground) -> None:
    def stand_still() -> None:
        ground.clock.time += 1000

    ground.told.doing["bury", 1] = stand_still
    assert became(ground.bury()) == {"buried": 3}
    assert len(ground.told.times("bury")) == 2
    assert len(ground.told.times("kv")[:3]) == 3


# ---------------------------------------------------------------- what must be known


def test_where_nobody_tells_who_is_at_work_nothing_is_buried(ground: Ground) -> None:
    with pytest.raises(StoreUnavailable, match="known to be gone: no heartbeat was heard") as caught:
        ground.bury(gone_since=None)
    assert "--gone-since TIME" in caught.value.hint
    with pytest.raises(StoreUnavailable, match="lies ahead"):
        ground.bury(gone_since=ground.clock.now() + 60)
    assert ground.graves == set()


def test_behind_the_fence_it_says_what_to_type(ground: Ground) -> None:
    ground.store.begin_gate_verify()
    with pytest.raises(ConfigError, match="no row is replaced") as caught:
        ground.bury()
    assert "kvferry export" in caught.value.hint
    assert "--lift-fence" in caught.value.hint
    ground.store.end_gate_verify()
    assert became(ground.bury()) == {"buried": 3}


def test_a_fence_that_goes_up_meanwhile_stops_it(ground: Ground) -> None:
    ground.told.doing["bury", 1] = ground.store.begin_gate_verify
    ended = ground.bury()
    assert (ended.exit, became(ended), ground.graves) == (2, {"lacking": 3}, set())
    ground.store.end_gate_verify()
    again = ground.bury()
    assert (became(again), again.document["number"]) == ({"buried": 3}, 1)


def test_at_a_stage_where_the_target_is_right_nothing_is_buried(ground: Ground) -> None:
    with pytest.raises(ConfigError, match="the target is right"):
        ground.bury(stage="object-first")
    assert ground.graves == set()


@pytest.mark.parametrize("with_target", [True, False])
def test_once_kv_was_cleaned_up_nothing_is_buried(ground: Ground, with_target: bool) -> None:
    mine = run_id("cleanup", ground.kv.address, "", ("s:",))
    if with_target:
        mine = Bundle(ground.kv.address, ground.store.address, ("s:",)).migration
    with Ledger.open(ground.ledger, clock=ground.clock) as ledger:
        ledger.open_task(mine, "cleanup")
    with pytest.raises(ConfigError, match="cleaned up"):
        ground.bury()
    assert ground.graves == set()


def test_where_kv_lacks_most_of_the_rows_it_looks_like_another_namespace(ground: Ground) -> None:
    for number in (0, 1):
        ground.kv.remove(key(number))
    ground.clock.time += 3600
    assert ground.verify().document["classes"]["extra"]["settled"] == 5
    with pytest.raises(ConfigError, match="KV lacks 5 of the target's sessions and has 3: is this"):
        ground.bury()
    with pytest.raises(ConfigError, match="is this the namespace"):
        ground.bury(execute=False)
    assert ground.graves == set()
    assert became(ground.bury(most=True)) == {"buried": 5}


def test_after_the_end_nothing_is_buried(ground: Ground) -> None:
    ground.store.finish()
    with pytest.raises(StoreRefused):
        ground.bury()


def test_legacy_rows_are_buried_by_the_operators_word_only(ground: Ground) -> None:
    for number in (3, 4, 5):
        ground.change(number, origin=Origin.LEGACY)
    found = ground.verify(stage=Stage.SHADOW_READ, authority=Authority.KV).document
    assert found["classes"]["legacy_extra"]["settled"] == 3
    assert became(ground.bury()) == {"buried": 3}
    assert ground.graves == {key(3), key(4), key(5)}


def test_a_settle_that_is_too_short_for_kv_does_not_shorten_h(ground: Ground) -> None:
    ground.bury(settle=1.0)
    first, second = ground.told.times("kv")[:2]
    assert first >= ground.gone + 110
    assert second >= first + 110


def test_what_a_newer_verify_found_goes_before_what_is_left_of_an_older_one(ground: Ground) -> None:
    ground.clock.during = _interrupt
    with pytest.raises(KeyboardInterrupt):
        ground.bury()
    ground.clock.during = None
    ground.kv.remove(key(6))
    ground.clock.time += 3600
    assert ground.verify().document["classes"]["extra"]["settled"] == 4
    ended = ground.bury()
    assert (became(ended), ended.document["number"]) == ({"buried": 4}, 2)


def _interrupt() -> None:
    raise KeyboardInterrupt

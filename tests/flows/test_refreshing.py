"""KV made to show what the target is right about: app rows and logouts, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from migrate.core.comparing import Stage
from migrate.core.gate.evidence import Evidence, Heartbeats, Live
from migrate.core.ports import Unreadable
from migrate.core.record import NEVER, Expiration, Key, Origin, Record
from migrate.core.writing import Reason, Written
from migrate.desk import Ended
from migrate.errors import ConfigError, StoreRefused, StoreUnavailable
from migrate.ledger.ledger import Ledger
from migrate.repair.at_work import AtWork
from migrate.repair.wish import Mode
from migrate.stores.memory import MemoryKv, MemoryKvWriter, MemoryStore
from migrate.stores.stamp import unstamped
from tests.flows.repairing import became, repair, verified
from tests.flows.world import LATER, FakeClock, key, record, sweep


class Writer(MemoryKvWriter):
    """Told of every call, with its not-after time. `doing`: what happens before the n-th, counted from 1."""

    def __init__(self, kv: MemoryKv, clock: FakeClock) -> None:
        super().__init__(kv, clock=clock)
        self.clock = clock
        self.heard: list[tuple[str, set[Key], float]] = []
        self.doing: dict[int, Callable[[], None]] = {}

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        self._hear("put", {one.key for one in records}, not_after)
        return super().put(records, not_after)

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        self._hear("delete", set(keys), not_after)
        return super().delete(keys, not_after)

    def _hear(self, what: str, keys: set[Key], not_after: float) -> None:
        self.heard.append((what, keys, not_after - self.clock.now()))
        self.doing.get(len(self.heard), lambda: None)()

    @property
    def touched(self) -> set[Key]:
        return {key for _, keys, _ in self.heard for key in keys}


class Ground:
    """Six copied sessions; 0 to 2 the application has written since, 3 it has deleted, of KV's knowledge
    only 2; 6 it has made."""

    def __init__(self, kv: MemoryKv, store: MemoryStore, clock: FakeClock, ledger: Path) -> None:
        self.kv, self.store, self.clock, self.ledger = kv, store, clock, ledger
        for number in range(6):
            kv.put(record(number))
        clock.time += 3600
        sweep(kv, store, clock)
        self.app(0, b"newer", '{"a":1}')
        self.app(1, b"newer", None, NEVER)
        self.app(2, b"both")
        kv.put(record(2, b"both"))
        store.remove(key(3))
        store.put(record(4, b"dual write that lost its other half"), Origin.DUAL)
        self.app(6, b"made")
        clock.time += 3600
        verified(kv, store, clock, ledger, stage=Stage.OBJECT_FIRST)
        self.writer = Writer(kv, clock)

    def app(self, number: int, value: bytes, metadata: str | None = None, until: Expiration = LATER) -> None:
        self.store.put(record(number, value, metadata, until))

    def refresh(self, **words: Any) -> Ended:
        ended = repair(
            Mode.KV, self.kv, self.store, self.clock, self.ledger, **{"writer": self.writer, **words}
        )
        self.clock.time += 3600
        return ended

    def shown(self, number: int) -> tuple[bytes, str | None, Expiration] | None:
        found = self.kv.entry(key(number))
        return None if found is None else (found.value, *unstamped(found.metadata, found.expiration))


@pytest.fixture
def ground(kv: MemoryKv, store: MemoryStore, clock: FakeClock, ledger: Path) -> Ground:
    return Ground(kv, store, clock, ledger)


def test_kv_shows_what_the_application_wrote_and_nothing_of_who_was_logged_out(ground: Ground) -> None:
    rows = list(ground.store.rows_between("s:", None, None))
    ended = ground.refresh()
    assert (ended.exit, became(ended)) == (0, {"written": 3, "emptied": 1, "kv_agrees": 1})
    assert ground.shown(0) == (b"newer", '{"a":1}', LATER)
    assert ground.shown(1) == (b"newer", None, NEVER)
    assert ground.shown(6) == (b"made", None, LATER)
    assert ground.shown(3) is None
    check = ended.document["check"]
    assert (check["verdict"], check["keys"], check["mirrored"]) == ("clean", 5, True)
    assert list(ground.store.rows_between("s:", None, None)) == rows


def test_rows_that_kv_is_right_about_are_never_written(ground: Ground) -> None:
    ground.refresh()
    assert ground.writer.touched == {key(n) for n in (0, 1, 3, 6)}
    assert ground.shown(4) == (b"value", None, LATER)
    assert ground.shown(5) == (b"value", None, LATER)


def test_what_is_written_bears_the_session_stores_mark(ground: Ground) -> None:
    ground.refresh()
    found = ground.kv.read([key(0)])[key(0)]
    assert isinstance(found, Record)
    assert found.marked


def test_writes_begin_within_seconds_of_their_reading(ground: Ground) -> None:
    ground.refresh()
    assert ground.writer.heard
    assert all(0 < left <= 20 for _, _, left in ground.writer.heard)


def test_without_execute_it_counts_and_writes_nothing(ground: Ground) -> None:
    ended = ground.refresh(execute=False)
    assert (ended.exit, became(ended)) == (0, {"written": 3, "emptied": 1, "kv_agrees": 1})
    assert ground.writer.heard == []
    assert ground.shown(3) == (b"value", None, LATER)


def test_sessions_with_less_than_a_minute_to_live_are_skipped_and_counted(ground: Ground) -> None:
    now = int(ground.clock.now())
    ground.app(0, b"dying", None, now + 50)
    ground.app(1, b"dead", None, now - 5)
    ended = ground.refresh()
    assert became(ended) == {"written": 1, "emptied": 1, "kv_agrees": 1, "expiring": 1, "expired": 1}
    assert key(0) not in ground.writer.touched
    assert key(1) not in ground.writer.touched


def test_a_row_that_changes_before_its_value_is_read_is_written_as_it_is_then(ground: Ground) -> None:
    shown = ground.store.shown
    times = 0

    def meddled(keys: Sequence[Key]) -> Any:
        nonlocal times
        times += 1
        if times == 1:
            ground.app(0, b"even newer")
        return shown(keys)

    ground.store.shown = meddled  # type: ignore[method-assign]
    assert became(ground.refresh()) == {"written": 3, "emptied": 1, "kv_agrees": 1}
    assert ground.shown(0) == (b"even newer", None, LATER)


def test_a_row_that_is_given_back_to_kv_before_its_value_is_read_is_left_to_kv(ground: Ground) -> None:
    """This process stood still, and somebody else has rolled back: KV may be newer than the row by now."""
    shown = ground.store.shown

    def meddled(keys: Sequence[Key]) -> Any:
        version = ground.store.rows([key(0)])[key(0)].version
        ground.store.revert({key(0): version}, ground.clock.now() + 5)
        ground.kv.put(record(0, b"newer still"))
        return shown(keys)

    ground.store.shown = meddled  # type: ignore[method-assign]
    ended = ground.refresh()
    assert ground.shown(0) == (b"newer still", None, LATER)
    assert became(ended) == {"written": 2, "emptied": 1, "kv_agrees": 1, "changed": 1}


def test_what_is_confirmed_too_late_is_refused_as_if_it_were_asked_now(ground: Ground) -> None:
    with pytest.raises(StoreRefused, match="finished"):
        ground.refresh(meanwhile=ground.store.finish)
    assert ground.writer.heard == []


def test_one_that_is_logged_out_before_its_value_is_read_is_deleted_instead(ground: Ground) -> None:
    shown = ground.store.shown

    def meddled(keys: Sequence[Key]) -> Any:
        ground.store.remove(key(0))
        return shown(keys)

    ground.store.shown = meddled  # type: ignore[method-assign]
    assert became(ground.refresh()) == {"written": 2, "emptied": 2, "kv_agrees": 1}
    assert ground.shown(0) is None


def test_what_comes_too_late_is_read_again_and_written_then(ground: Ground) -> None:
    ground.writer.doing[1] = lambda: setattr(ground.clock, "time", ground.clock.time + 100)
    assert became(ground.refresh()) == {"written": 3, "emptied": 1, "kv_agrees": 1}


def test_what_kv_does_not_take_is_failed_with_its_reason(ground: Ground) -> None:
    ground.writer._refuse = lambda one: Reason.REFUSED if one == key(6) else None
    ended = ground.refresh()
    assert (ended.exit, became(ended)) == (1, {"written": 2, "emptied": 1, "kv_agrees": 1, "failed": 1})
    assert ended.document["failed"]["samples"][0]["reason"] == str(Reason.REFUSED)
    assert ended.document["check"]["classes"]["extra_app"]["settled"] == 1


def test_a_write_that_nobody_answered_ends_it_and_the_same_command_goes_on(ground: Ground) -> None:
    def lost() -> None:
        raise StoreUnavailable("the bridge does not answer", "run the same command again")

    ground.writer.doing[1] = lost
    ended = ground.refresh()
    assert (ended.exit, ended.document["state"]) == (3, "unfinished")
    again = ground.refresh()
    assert (again.exit, again.document["number"]) == (0, 1)
    assert became(again) == {"written": 3, "emptied": 1, "kv_agrees": 1}


def test_kv_that_goes_on_showing_something_else_counts_in_the_end(ground: Ground) -> None:
    def meddle() -> None:
        ground.clock.during = None
        ground.kv.put(record(3, b"back"))

    ground.writer.doing[2] = lambda: setattr(ground.clock, "during", meddle)
    ended = ground.refresh()
    assert ended.exit in (1, 3)
    assert ended.document["check"]["verdict"] != "clean"


def test_an_unreadable_key_is_failed(ground: Ground) -> None:
    read = ground.kv.read
    ground.kv.read = lambda keys: {  # type: ignore[method-assign]
        one: Unreadable("too large") if one == key(6) else answer for one, answer in read(keys).items()
    }
    assert became(ground.refresh())["failed"] == 1


# ---------------------------------------------------------------- where it is refused


@pytest.mark.parametrize("stage", ["kv", "dual-write"])
def test_before_shadow_read_kv_is_right(ground: Ground, stage: str) -> None:
    with pytest.raises(ConfigError, match="KV is right"):
        ground.refresh(stage=stage)
    assert ground.writer.heard == []


def test_while_somebody_believes_kv_nothing_is_written(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ground.clock.now()
    beats = (Heartbeats(Stage.DUAL_WRITE, "v1", now - 900, now - 5),)
    heard = Evidence(live=Live("live", now, heartbeats=beats))
    monkeypatch.setattr(AtWork, "_evidence", lambda _: heard)
    with pytest.raises(ConfigError, match="dual-write is at work"):
        ground.refresh()
    assert ground.writer.heard == []


def test_after_the_end_and_after_a_cleanup_nothing_is_written(ground: Ground) -> None:
    from migrate.gate.bundle import Bundle

    mine = Bundle(ground.kv.address, ground.store.address, ("s:",)).migration
    with Ledger.open(ground.ledger, clock=ground.clock) as ledger:
        ledger.open_task(mine, "cleanup")
    with pytest.raises(ConfigError, match="cleaned up"):
        ground.refresh()
    ground.store.finish()
    with pytest.raises(StoreRefused):
        ground.refresh()
    assert ground.writer.heard == []

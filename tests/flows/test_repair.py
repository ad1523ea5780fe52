"""Copying what a verify reported missing: insert if absent, counted, looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.core.comparing import Stage
from migrate.core.ports import Unreadable
from migrate.core.record import Key, Origin, Row
from migrate.errors import ConfigError, StoreRefused
from migrate.ledger.ledger import Ledger
from migrate.ledger.status import status_document
from migrate.repair.wish import Mode
from migrate.stores.memory import MemoryKv, MemoryStore
from migrate.stores.sqlite import SqliteTarget
from tests.flows.repairing import became, repair, verified
from tests.flows.world import LATER, FakeClock, Script, key, record, sweep


@pytest.fixture
def lost(kv: MemoryKv, target: SqliteTarget, clock: FakeClock, ledger: Path) -> SqliteTarget:
    """Ten sessions copied, six more written since in KV only, and a verify that says so."""
    for number in range(10):
        kv.put(record(number))
    clock.time += 3600
    sweep(kv, target, clock)
    for number in range(10, 16):
        kv.put(record(number, b"new", '{"a":1}', LATER + number))
    clock.time += 3600
    assert verified(kv, target, clock, ledger).document["classes"]["missing"]["settled"] == 6
    return target


def rows(target: SqliteTarget, *numbers: int) -> dict[Key, Row]:
    return dict(target.rows([key(number) for number in numbers]))


def test_what_was_reported_missing_is_copied_exactly_and_looked_at(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    before = rows(lost, *range(10))
    ended = repair(Mode.MISSING, kv, lost, clock, ledger)
    assert (ended.exit, became(ended), ended.document["candidates"]) == (0, {"copied": 6}, 6)
    found = rows(lost, *range(10, 16))
    assert {row.key: (row.value, row.metadata, row.expiration, row.origin) for row in found.values()} == {
        key(n): (b"new", '{"a":1}', LATER + n, Origin.COPY) for n in range(10, 16)
    }
    assert rows(lost, *range(10)) == before
    check = ended.document["check"]
    assert (check["keys"], check["verdict"], check["classes"]["equal"]["keys"]) == (6, "clean", 6)
    assert ended.document["next"].startswith("kvferry verify --source kv://memory/memory ")


def test_without_execute_it_counts_and_writes_nothing(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    ended = repair(Mode.MISSING, kv, lost, clock, ledger, execute=False)
    assert (ended.exit, became(ended), ended.document["dry_run"]) == (0, {"copied": 6}, True)
    assert rows(lost, *range(10, 16)) == {}
    assert " --execute --name " in ended.document["next"]


@pytest.mark.parametrize("name", [None, "another"])
def test_without_the_name_nothing_is_done(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path, name: str | None
) -> None:
    with pytest.raises(ConfigError, match="nothing was repaired"):
        repair(Mode.MISSING, kv, lost, clock, ledger, name=name)
    assert rows(lost, *range(10, 16)) == {}


def test_what_has_come_or_gone_in_the_meantime_is_counted_as_that(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    from migrate.stores.sqlite import SqliteSessions

    app = SqliteSessions(lost.address.removeprefix("sqlite:"), origin="dual", prefix="s:", clock=clock)
    app.put("10", b"newer", expiration=LATER)  # a login that both stores have, in another value
    app.delete("11")  # a logout: final
    app.put("15", b"new", metadata={"a": 1}, expiration=LATER + 15)
    app.close()
    kv.remove(key(12))
    kv.put(record(13, b"dying", until=int(clock.now()) + 70))
    clock.time += 3600
    ended = repair(Mode.MISSING, kv, lost, clock, ledger)
    assert became(ended) == {
        "copied": 1,
        "equal": 1,
        "tombstoned": 1,
        "waiting_to_settle": 1,
        "deleted_in_flight": 2,
    }
    found = rows(lost, *range(10, 16))
    assert (found[key(10)].value, found[key(11)].deleted, found[key(14)].value) == (b"newer", True, b"new")
    assert key(12) not in found
    assert key(13) not in found
    assert ended.exit == 1  # the look at them finds a value that differs
    assert ended.document["check"]["classes"]["value"]["settled"] == 1


def test_one_that_cannot_be_read_is_failed_and_the_same_command_goes_on(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of([record(n, b"new", '{"a":1}', LATER + n) for n in range(10, 16)], address=kv.address)
    source.answers[key(14)] = Unreadable("too large")
    ended = repair(Mode.MISSING, source, lost, clock, ledger)
    assert (ended.exit, became(ended)) == (3, {"copied": 5, "failed": 1})
    assert ended.document["failed"]["samples"][0]["reason"] == "too large"
    again = repair(Mode.MISSING, kv, lost, clock, ledger)
    assert (again.exit, became(again)) == (0, {"copied": 1, "equal": 5})
    assert again.document["number"] == 2


def test_it_is_told_who_decides_about_the_rest(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    kv.put(record(1, b"changed"))
    kv.remove(key(2))
    clock.time += 3600
    verified(kv, lost, clock, ledger)
    left = repair(Mode.MISSING, kv, lost, clock, ledger).document["left"]
    assert [(one["class"], one["keys"]) for one in left] == [("extra", 1), ("value", 1)]
    assert [one["next"].split()[1] for one in left] == ["repair", "export"]
    assert "--tombstone-deleted" in left[0]["next"]


def test_behind_the_fence_it_copies_too_and_after_the_end_nothing(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    lost.begin_gate_verify()
    assert became(repair(Mode.MISSING, kv, lost, clock, ledger)) == {"copied": 6}
    lost.finish()
    with pytest.raises(StoreRefused, match="finished"):
        repair(Mode.MISSING, kv, lost, clock, ledger)


def test_a_verify_that_reported_nothing_leaves_nothing_to_do(
    kv: MemoryKv, store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    kv.put(record(1))
    clock.time += 3600
    sweep(kv, store, clock)
    verified(kv, store, clock, ledger)
    ended = repair(Mode.MISSING, kv, store, clock, ledger)
    assert (ended.exit, ended.document["candidates"], became(ended)) == (0, 0, {})


def test_a_verify_names_the_repair_that_mends_all_it_found(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    assert (
        verified(kv, lost, clock, ledger, stage=Stage.SHADOW_READ)
        .document["next"]
        .startswith("kvferry repair --source")
    )
    assert verified(kv, lost, clock, ledger).document["next"].startswith("kvferry export ")
    kv.remove(key(2))
    clock.time += 3600
    both = verified(kv, lost, clock, ledger, stage=Stage.SHADOW_READ).document
    assert both["next"].startswith("kvferry export ")
    repair(Mode.MISSING, kv, lost, clock, ledger)
    extra = verified(kv, lost, clock, ledger, stage=Stage.SHADOW_READ).document
    assert extra["next"].endswith(" --tombstone-deleted")
    leads = verified(kv, lost, clock, ledger, stage=Stage.OBJECT_FIRST).document
    assert not leads["next"].startswith("kvferry repair")


def test_status_names_the_repair_and_then_the_verify(
    kv: MemoryKv, lost: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    def told() -> tuple[str, str]:
        with Ledger.open(ledger, clock=clock) as opened:
            document = status_document(opened)
        return document["next"].split()[1], document["why"]

    assert told()[0] == "export"
    verified(kv, lost, clock, ledger, stage=Stage.SHADOW_READ)
    assert told() == ("repair", "verify 2 found what a repair mends")
    repair(Mode.MISSING, kv, lost, clock, ledger, execute=False)
    assert told()[0] == "repair"
    clock.time += 10
    repair(Mode.MISSING, kv, lost, clock, ledger)
    assert told() == ("verify", "what verify 2 found was repaired: verify again")
    verified(kv, lost, clock, ledger, stage=Stage.SHADOW_READ)
    assert told()[1] == "verify 3 was clean; verify again after more writes"

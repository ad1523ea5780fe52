from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from migrate.core.authority import Authority
from migrate.core.comparing import Rules
from migrate.core.ports import LISTED, Outcome, balanced
from migrate.core.record import Origin
from migrate.stores.memory import MemoryStore
from tests.flows.world import ODD, FakeClock, Script, classes, key, record, sweep, verify

OF_KV = [record(number, b'{"token": %d}' % number) for number in range(6)]
KV, TARGET = Authority.KV, Authority.TARGET


@pytest.fixture
def middle(store: MemoryStore) -> MemoryStore:
    """An application's own rows: 0 is equal, 1 and 2 are stale, KV lacks 9; 3 to 5 are not there."""
    for row in (OF_KV[0], record(1, b'{"token": "old"}'), record(2, b"{}"), record(9, b"{}")):
        store.put(row, Origin.LEGACY)
    return store


def origins(store: MemoryStore) -> dict[int, Origin]:
    keys = [key(number) for number in range(10)]
    return {int(one[-2:]): row.origin for one, row in store.rows(keys).items()}


def test_with_kv_in_the_right_the_second_sweep_brings_what_has_settled(
    middle: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of(OF_KV)
    first = sweep(source, middle, clock, authority=KV)
    assert first.tally == Counter({LISTED: 6, Outcome.COPIED: 3, Outcome.EQUAL: 1, Outcome.LEGACY: 2})
    assert clock.slept == []
    second = sweep(source, middle, clock, authority=KV)
    assert second.tally == Counter({LISTED: 6, Outcome.EQUAL: 4, Outcome.UPDATED: 2})
    assert clock.slept == [120.0]
    legacy, copy = Origin.LEGACY, Origin.COPY
    assert origins(middle) == {0: legacy, 1: copy, 2: copy, 3: copy, 4: copy, 5: copy, 9: legacy}
    ended = verify(source, middle, clock, ledger, rules=Rules(authority=KV))
    assert (ended.exit, classes(ended)) == (1, {"equal": 6, "legacy_extra": 1})
    assert ended.document["legacy_equal"] == 1


@pytest.mark.parametrize("authority", [None, TARGET])
def test_without_that_word_no_sweep_touches_a_row_that_was_there(
    middle: MemoryStore, clock: FakeClock, authority: Authority | None
) -> None:
    before = middle.rows([key(number) for number in (0, 1, 2, 9)])
    for _ in range(3):
        done = sweep(Script.of(OF_KV), middle, clock, authority=authority)
        assert done.tally[Outcome.LEGACY] == 2
        assert balanced(done.tally)
    assert middle.rows([key(number) for number in (0, 1, 2, 9)]) == before
    assert clock.slept == []


@pytest.mark.parametrize(
    ("authority", "exit_", "found"),
    [
        (None, 1, {"equal": 4, "legacy": 3}),
        (KV, 1, {"equal": 4, "legacy_stale": 2, "legacy_extra": 1}),
        (TARGET, 0, {"equal": 4, "kv_behind": 2, "extra_app": 1}),
    ],
)
def test_a_verify_counts_them_by_the_operators_word(
    middle: MemoryStore,
    clock: FakeClock,
    ledger: Path,
    authority: Authority | None,
    exit_: int,
    found: dict[str, int],
) -> None:
    source = Script.of(OF_KV)
    sweep(source, middle, clock)
    ended = verify(source, middle, clock, ledger, rules=Rules(authority=authority))
    assert (ended.exit, classes(ended)) == (exit_, found)
    assert (ended.document["authority"], ended.document["legacy_equal"]) == (authority, 1)
    unsaid = "3 rows from before kvferry differ, and only you can say which store is right"
    assert (unsaid in ended.document["note"]) is (authority is None)


def test_a_stale_row_is_believed_to_be_so_only_when_it_has_settled(
    middle: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of(OF_KV)
    sweep(source, middle, clock)

    def heals() -> None:
        source.answers[key(1)] = record(1, b'{"token": "old"}')
        source.answers[key(2)] = record(2, b"{}")

    clock.during = heals
    ended = verify(source, middle, clock, ledger, rules=Rules(authority=KV))
    assert ended.document["classes"]["legacy_stale"]["keys"] == 0
    assert ended.document["settling"]["healed"] == 2
    assert ended.document["legacy_equal"] == 3


def test_a_row_that_the_application_writes_meanwhile_is_its_own(
    middle: MemoryStore, clock: FakeClock
) -> None:
    sweep(Script.of(OF_KV), middle, clock, authority=KV)
    clock.during = lambda: (middle.put(record(1, b"newer")), middle.remove(key(2)))  # type: ignore[assignment]
    done = sweep(Script.of(OF_KV), middle, clock, authority=KV)
    assert done.tally[Outcome.UPDATED] == 0
    assert (done.tally[Outcome.NEWER], done.tally[Outcome.TOMBSTONED]) == (1, 1)
    assert middle.rows([key(1)])[key(1)].value == b"newer"


def test_a_row_that_another_hand_changes_meanwhile_waits_again(middle: MemoryStore, clock: FakeClock) -> None:
    sweep(Script.of(OF_KV), middle, clock, authority=KV)
    turns = iter(range(9))
    clock.during = lambda: (middle.put(record(1, b"old %d" % next(turns)), Origin.LEGACY), None)[1]
    done = sweep(Script.of(OF_KV), middle, clock, authority=KV)
    assert (done.tally[Outcome.WAITING], done.tally[Outcome.UPDATED]) == (1, 1)
    assert middle.rows([key(1)])[key(1)].origin is Origin.LEGACY
    clock.during = lambda: None
    assert sweep(Script.of(OF_KV), middle, clock, authority=KV).tally[Outcome.UPDATED] == 1


def test_a_snapshot_is_never_in_the_right(middle: MemoryStore, clock: FakeClock) -> None:
    source = Script.of(OF_KV, live=False, at_hand=True)
    for _ in range(2):
        assert sweep(source, middle, clock, authority=KV).tally[Outcome.LEGACY] == 2
    assert middle.rows([key(1)])[key(1)].origin is Origin.LEGACY


def test_a_snapshot_is_not_in_the_right_about_what_was_in_quarantine_either(
    store: MemoryStore, clock: FakeClock
) -> None:
    bad = Script.of([record(0, b"bad")], live=False)
    assert sweep(bad, store, clock, authority=KV, validate=ODD).tally[Outcome.QUARANTINED] == 1
    store.put(record(0, b"the application's"), Origin.LEGACY)
    good = Script.of([record(0, b"good")], live=False)
    done = sweep(good, store, clock, authority=KV, validate=ODD, retry_quarantined=True)
    assert done.tally[Outcome.UPDATED] == 0
    assert store.rows([key(0)])[key(0)].value == b"the application's"


def test_none_is_replaced_once_the_gates_verify_has_begun(middle: MemoryStore, clock: FakeClock) -> None:
    sweep(Script.of(OF_KV), middle, clock, authority=KV)
    middle.begin_gate_verify()
    assert sweep(Script.of(OF_KV), middle, clock, authority=KV).tally[Outcome.LEGACY] == 2
    assert middle.rows([key(1)])[key(1)].value == b'{"token": "old"}'

"""A target that shows digests: what a verify and a sweep make of it, with and without its values."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from migrate.core import proving
from migrate.core.comparing import Rules
from migrate.core.ports import LISTED, Outcome, Target, Unreadable
from migrate.core.record import Key, Origin, Record
from migrate.desk import Ended
from migrate.formats.report import validate
from migrate.formats.text import verify_text
from migrate.stores.memory import MemoryStore, Veiled, veiled, with_faults
from tests.flows.test_resume import At, Died
from tests.flows.test_sweeps import CHANGES
from tests.flows.test_sweeps import MANY as SWEPT
from tests.flows.test_verify import DIFFERENT, MANY, changed
from tests.flows.world import FakeClock, Script, classes, key, record, sweep, verify

LACKING = "a key for values"


@pytest.fixture
def copied(store: MemoryStore, clock: FakeClock) -> MemoryStore:
    assert sweep(Script.of(MANY), store, clock).complete
    return store


def revealed(target: Target) -> list[list[Key]]:
    assert isinstance(target, Veiled)
    return [list(keys) for keys in target.revealed]


def report(ended: Ended) -> dict[str, Any]:
    validate(ended.document, "verify-report")
    return ended.document


def test_a_perfect_copy_is_clean_by_digests_alone(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    target = veiled(copied)
    ended = verify(changed(), target, clock, ledger)
    assert (ended.exit, classes(ended)) == (0, {"equal": 23})
    assert (report(ended)["proofs"], report(ended)["json_not_compared"]) == (
        {"bytes": 0, "digest": 23, "listing": 0},
        None,
    )
    assert revealed(target) == []
    assert "compared by digest 23" in verify_text(ended.document)


def test_values_that_are_shown_are_compared_by_their_bytes(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    ended = verify(changed(record(3, b"other")), copied, clock, ledger)
    assert report(ended)["proofs"] == {"bytes": 23, "digest": 0, "listing": 0}
    assert report(ended)["differences"][0]["proof"] == "bytes"
    assert "compared by" not in verify_text(ended.document)


@pytest.mark.parametrize("concealed", [None, LACKING])
@pytest.mark.parametrize(("kind", "answer"), DIFFERENT)
def test_each_difference_is_found_by_digests_as_by_bytes(
    copied: MemoryStore, clock: FakeClock, ledger: Path, kind: str, answer: Record, concealed: str | None
) -> None:
    target = veiled(copied, concealed)
    ended = verify(changed(answer), target, clock, ledger)
    assert (ended.exit, ended.document["against"]) == (1, 1)
    assert report(ended)["classes"][kind]["settled"] == 1
    assert set(map(tuple, revealed(target))) == ({(key(3),)} if kind == "value" and not concealed else set())


def test_equal_json_is_known_as_such_where_values_may_be_read(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    target = veiled(copied)
    ended = verify(changed(record(3, b'{ "v":3 }')), target, clock, ledger)
    assert (ended.exit, classes(ended)) == (0, {"equal": 22, "same_json": 1})
    assert (report(ended)["proofs"], report(ended)["json_not_compared"]) == (
        {"bytes": 1, "digest": 22, "listing": 0},
        None,
    )
    assert revealed(target) == [[key(3)]]


def test_equal_json_counts_as_a_value_where_none_may_be_read_and_the_report_says_what_is_missing(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    ended = verify(changed(record(3, b'{ "v":3 }')), veiled(copied, LACKING), clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"equal": 22, "value": 1})
    assert report(ended)["json_not_compared"] == {"keys": 1, "missing": LACKING}
    assert report(ended)["differences"][0]["proof"] == "digest"
    assert LACKING in verify_text(ended.document)
    assert ended.document["next"].startswith("kvferry verify ")
    more = verify(changed(record(3, b'{ "v":3 }'), record("03x")), veiled(copied, LACKING), clock, ledger)
    assert (report(more)["against"], report(more)["json_not_compared"]) == (
        2,
        {"keys": 1, "missing": LACKING},
    )
    assert more.document["next"].startswith("kvferry export ")


@pytest.mark.parametrize("concealed", [None, LACKING])
def test_where_bytes_count_no_value_is_read_and_nothing_is_left_open(
    copied: MemoryStore, clock: FakeClock, ledger: Path, concealed: str | None
) -> None:
    target = veiled(copied, concealed)
    ended = verify(changed(record(3, b'{ "v":3 }')), target, clock, ledger, rules=Rules(exact=True))
    assert (ended.exit, classes(ended)) == (1, {"equal": 22, "value": 1})
    assert report(ended)["json_not_compared"] is None
    assert revealed(target) == []


def test_only_what_differs_is_read_and_many_at_a_time(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    many = [record(f"{number:04}", b'{"n": %d}' % number) for number in range(1200)]
    assert sweep(Script.of(many, page=1000, width=1000), store, clock).complete
    spaced = [one._replace(value=one.value.replace(b" ", b"")) for one in many[::3]]
    kept = [one for number, one in enumerate(many) if number % 3]
    target = veiled(store)
    ended = verify(Script.of([*kept, *spaced], page=1000, width=1000), target, clock, ledger)
    assert (ended.exit, classes(ended)) == (0, {"equal": 800, "same_json": 400})
    assert [len(keys) for keys in revealed(target)] == [200, 134, 66]
    assert {one for keys in revealed(target) for one in keys} == {one.key for one in spaced}


def test_a_difference_that_becomes_the_same_json_heals(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b'{"v": 99}'), record(4, b'{"v": 99}'))

    def heal() -> None:
        source.answers[key(3)] = record(3, b'{ "v": 3}')

    clock.during = heal
    target = veiled(copied)
    ended = verify(source, target, clock, ledger)
    assert (ended.exit, report(ended)["settling"]["healed"], report(ended)["against"]) == (1, 1, 1)
    assert revealed(target) == [[key(3), key(4)], [key(3), key(4)]]
    assert report(ended)["proofs"] == {"bytes": 2, "digest": 21, "listing": 0}


def test_settling_reads_values_many_at_a_time(store: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    many = [record(f"{number:04}", b"a") for number in range(450)]
    assert sweep(Script.of(many, page=1000, width=1000), store, clock).complete
    other = [one._replace(value=b"b") for one in many]
    target = veiled(store)
    ended = verify(Script.of(other, page=1000, width=1000), target, clock, ledger)
    assert (ended.exit, report(ended)["against"]) == (1, 450)
    assert [len(keys) for keys in revealed(target)] == [200, 200, 50] * 2


def test_a_recheck_says_what_it_compared_by_too(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    source = changed(record(3, b'{ "v":3 }'), record(4, b"other"))
    verify(source, veiled(copied, LACKING), clock, ledger)
    again = verify(source, veiled(copied), clock, ledger, recheck=True)
    assert classes(again) == {"same_json": 1, "value": 1}
    assert (report(again)["proofs"], report(again)["json_not_compared"]) == (
        {"bytes": 2, "digest": 0, "listing": 0},
        None,
    )


def test_a_legacy_row_that_might_be_the_same_json_is_said_to_be_undecided(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    store.put(record(0, b'{"v":0}'), Origin.LEGACY)
    source = Script.of([record(0, b'{"v": 0}')])
    hidden = verify(source, veiled(store, LACKING), clock, ledger)
    assert (hidden.exit, classes(hidden)) == (1, {"legacy": 1})
    assert report(hidden)["json_not_compared"] == {"keys": 1, "missing": LACKING}
    shown = verify(source, veiled(store), clock, ledger, run="00000000000000b0")
    assert (shown.exit, classes(shown)) == (0, {"same_json": 1})


def test_an_unseen_value_is_no_tombstone_and_a_tombstone_no_empty_value(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    for number in range(4):
        store.put(record(number, b""), Origin.COPY)
    store.remove(key(2))
    store.remove(key(3))
    source = Script.of([record(0, b""), record(1, b"x"), record(2, b""), record(3, b"x")])
    ended = verify(source, veiled(store, LACKING), clock, ledger)
    assert classes(ended) == {"equal": 1, "value": 1, "tombstoned": 2}
    assert report(ended)["proofs"] == {"bytes": 0, "digest": 2, "listing": 0}


# ---------------------------------------------------------------- how far it comes before it dies


def test_nothing_is_asked_of_the_target_while_the_ledger_is_held(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    """Every other process waits for the ledger's transaction, so no request may be made inside it."""
    asked: set[str] = set()
    while_held: set[str] = set()

    def look(name: str, _: int, when: str) -> None:
        asked.add(name)
        with contextlib.closing(sqlite3.connect(ledger, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                while_held.add(name)

    for number in range(40):
        copied.put(record(f"extra{number:02}"), Origin.COPY)
    source = changed(record(3, b"other"), record("03x"))
    verify(source, with_faults(veiled(copied), look), clock, ledger)
    assert asked == {"rows_between", "rows", "shown", "quarantined"}
    assert while_held == set()


def test_many_rows_that_the_source_lacks_are_compared_a_portion_at_a_time(
    copied: MemoryStore, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        copied.put(record(f"1{number:02}x"), Origin.COPY)
    whole = report(verify(changed(), copied, FakeClock(), tmp_path / "whole.db"))
    assert whole["classes"]["extra"]["settled"] == 30
    monkeypatch.setattr(proving, "_PORTION", 4)
    cut = report(verify(changed(), copied, FakeClock(), tmp_path / "cut.db"))
    by_size = tmp_path / "by-size.db"
    monkeypatch.setattr(proving, "_PORTION_BYTES", 9)
    small = report(verify(changed(), copied, FakeClock(), by_size))
    same = ("verdict", "against", "classes", "source_keys", "target_rows", "compared", "proofs")
    assert [cut[name] for name in same] == [whole[name] for name in same] == [small[name] for name in same]


def test_a_verify_by_digests_that_failed_anywhere_goes_on_where_it_was(
    copied: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source() -> Script:
        made = changed(record(3, b"other"), record(4, b'{ "v":4}'), record(60), without=[9])
        made.answers[key(11)] = Unreadable("too large")
        return made

    def kept(document: dict[str, Any]) -> dict[str, Any]:
        names = ("verdict", "against", "source_keys", "target_rows", "compared", "classes", "proofs")
        return {name: document[name] for name in names}

    monkeypatch.setattr(proving, "_PORTION", 3)
    at = At(-1)
    watched = with_faults(source(), at), with_faults(veiled(copied), at)
    whole = kept(verify(*watched, FakeClock(), tmp_path / "whole.db").document)
    assert whole["classes"]["same_json"]["keys"] == 1
    assert at.passed >= 30
    for moment in range(at.passed):
        ledger = tmp_path / f"{moment}.db"
        at = At(moment)
        broken = verify(with_faults(source(), at), with_faults(veiled(copied), at), FakeClock(), ledger)
        assert (isinstance(broken.error, Died), broken.exit) == (True, 3)
        again = verify(source(), veiled(copied), FakeClock(), ledger)
        assert kept(again.document) == whole, moment


# ---------------------------------------------------------------- sweeps


@pytest.mark.parametrize("changed_to", [*CHANGES, record(3, b""), record(3, b"v3")])
def test_a_later_sweep_does_by_digests_what_it_does_by_bytes(clock: FakeClock, changed_to: Record) -> None:
    source = [*SWEPT[:3], changed_to, *SWEPT[4:]]
    results = []
    for veil in (False, True):
        store = MemoryStore(clock=clock)
        target = veiled(store, LACKING) if veil else store
        first = sweep(Script.of(SWEPT), target, clock)
        done = sweep(Script.of(source), target, clock)
        results.append((first.tally, done.tally, list(store.rows_between("", None, None))))
    assert results[0] == results[1]
    held = {row.key: row.value for row in results[1][2]}
    assert held[key(3)] == changed_to.value


def test_what_the_application_wrote_is_newer_by_digest_too(store: MemoryStore, clock: FakeClock) -> None:
    target = veiled(store, LACKING)
    sweep(Script.of(SWEPT), target, clock)
    store.put(record(3, b"newer"), Origin.APP)
    store.remove(key(4))
    done = sweep(Script.of([*SWEPT[:5], record(5, b""), *SWEPT[6:]]), target, clock)
    expected = {Outcome.EQUAL: 9, Outcome.NEWER: 1, Outcome.TOMBSTONED: 1, Outcome.UPDATED: 1}
    assert done.tally == Counter({LISTED: 12, **expected})
    assert store.rows([key(3)])[key(3)].value == b"newer"

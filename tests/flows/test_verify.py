from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from migrate.core.comparing import Rules, Stage
from migrate.core.copying import Slice
from migrate.core.ports import Answer, Cursor, Page, Unreadable
from migrate.core.record import NEVER, Head, Key, Origin, Record
from migrate.errors import StoreBroken, StoreUnavailable
from migrate.ledger.ledger import Ledger
from migrate.stores.memory import MemoryKv, MemoryStore, with_faults
from migrate.stores.sqlite import SqliteTarget
from tests.flows.test_resume import At, Died
from tests.flows.world import LATER, ODD, FakeClock, Script, classes, key, record, sweep, verify

MANY = [record(number, b'{"v": %d}' % number) for number in range(23)]


@pytest.fixture
def copied(store: MemoryStore, clock: FakeClock) -> MemoryStore:
    assert sweep(Script.of(MANY), store, clock).complete
    return store


def changed(*answers: Record, without: Sequence[int] = (), at_hand: bool = False) -> Script:
    new = {one.key: one for one in (*MANY, *answers)}
    for number in without:
        del new[key(number)]
    return Script.of(list(new.values()), at_hand=at_hand)


@pytest.mark.parametrize("at_hand", [False, True])
def test_a_perfect_copy_is_clean(copied: MemoryStore, clock: FakeClock, ledger: Path, at_hand: bool) -> None:
    ended = verify(changed(at_hand=at_hand), copied, clock, ledger)
    assert (ended.exit, ended.document["verdict"]) == (0, "clean")
    assert classes(ended) == {"equal": 23}
    assert (ended.document["source_keys"], ended.document["target_rows"]) == (23, 23)
    assert clock.slept == []


DIFFERENT: list[tuple[str, Record]] = [
    ("value", record(3, b'{"v": 99}')),
    ("value", record(3, b"")),
    ("value", record(3, b"\xff\xfe")),
    ("metadata", record(3, b'{"v": 3}', '{"a":1}')),
    ("metadata", record(3, b'{"v": 3}', "{}")),
    ("expiration", record(3, b'{"v": 3}', None, LATER + 2)),
    ("expiration", record(3, b'{"v": 3}', None, NEVER)),
    ("missing", record("03x")),
]


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize(("kind", "answer"), DIFFERENT)
def test_each_difference_is_found_and_believed_after_h(
    copied: MemoryStore, clock: FakeClock, ledger: Path, kind: str, answer: Record, at_hand: bool
) -> None:
    ended = verify(changed(answer, at_hand=at_hand), copied, clock, ledger)
    assert (ended.exit, ended.document["verdict"], ended.document["against"]) == (1, "differences", 1)
    assert ended.document["classes"][kind]["settled"] == 1
    assert clock.slept == [120.0]
    [shown] = ended.document["differences"]
    assert shown["class"] == kind
    assert str(key(3))[2:] not in shown["fingerprint"].partition("#")[0]


@pytest.mark.parametrize("gone", [0, 11, 22])
def test_what_only_the_target_has_is_found_at_every_place(
    copied: MemoryStore, clock: FakeClock, ledger: Path, gone: int
) -> None:
    ended = verify(changed(without=[gone]), copied, clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"equal": 22, "extra": 1})


def test_an_empty_source_is_no_clean_copy_of_a_full_target(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    ended = verify(Script([[]], {}), copied, clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"extra": 23})


def test_equal_counts_are_not_equality_and_two_swapped_values_are_found(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    ended = verify(changed(record(3, b'{"v": 4}'), record(4, b'{"v": 3}')), copied, clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"equal": 21, "value": 2})


def test_equal_json_is_no_difference_unless_bytes_count(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    spaced = changed(record(3, b'{ "v":3 }'))
    assert classes(verify(spaced, copied, clock, ledger)) == {"equal": 22, "same_json": 1}
    exact = verify(spaced, copied, clock, ledger, rules=Rules(exact=True), run="00000000000000b0")
    assert (exact.exit, classes(exact)) == (1, {"equal": 22, "value": 1})


def test_metadata_can_be_left_out_and_nothing_else_is(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b'{"v": 3}', '{"a":1}'), record(4, b'{"v": 4}', '{"a":1}', LATER + 9))
    ended = verify(source, copied, clock, ledger, rules=Rules(metadata=False))
    assert classes(ended) == {"equal": 22, "expiration": 1}


def test_one_second_of_rounding_is_no_difference(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    near = changed(record(3, b'{"v": 3}', None, LATER + 1), record(4, b'{"v": 4}', None, LATER - 1))
    assert classes(verify(near, copied, clock, ledger)) == {"equal": 23}


def test_a_stale_hit_that_heals_is_no_difference(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    source = changed(record(3, b"stale"), without=[5])

    def heal() -> None:
        source.answers |= {one.key: one for one in MANY}

    clock.during = heal
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, ended.document["verdict"]) == (0, "clean")
    assert ended.document["settling"]["healed"] == 2


def test_a_cached_miss_is_no_difference(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    source = changed()
    del source.answers[key(3)]

    def heal() -> None:
        source.answers[key(3)] = MANY[3]

    clock.during = heal
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, clock.slept) == (0, [120.0])


def test_a_listed_key_that_neither_store_gives_is_read_again_and_then_dropped(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of([record(0)])
    source.answers = {}
    ended = verify(source, store, clock, ledger)
    assert (ended.exit, clock.slept, source.read_keys[key(0)]) == (0, [120.0], 2)


def test_a_change_starts_the_clock_again_and_what_never_settles_proves_nothing(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b"0"))
    times = iter(range(1, 99))

    def write() -> None:
        source.answers[key(3)] = record(3, b"%d" % next(times))

    clock.during = write
    ended = verify(source, copied, clock, ledger, rounds=4)
    assert (ended.exit, ended.document["verdict"]) == (3, "unproven")
    assert clock.slept == [120.0] * 4
    assert ended.document["unproven_because"] == ["1 difference did not settle"]


def test_a_change_of_the_row_alone_starts_the_clock_again(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b"other"))

    def touch() -> None:
        if len(clock.slept) == 1:
            copied.put(record(3, b'{"v": 3}', None, LATER + 50), Origin.DUAL)

    clock.during = touch
    assert verify(source, copied, clock, ledger).exit == 1
    assert clock.slept == [120.0, 120.0]


@pytest.mark.parametrize("answer", [Unreadable("too large")])
def test_a_key_that_cannot_be_read_is_neither_equal_nor_different(
    copied: MemoryStore, clock: FakeClock, ledger: Path, answer: Answer
) -> None:
    source = changed()
    source.answers[key(3)] = answer
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, ended.document["verdict"], classes(ended)) == (3, "unproven", {"equal": 22})
    assert ended.document["errors"]["source"] == 1


def test_a_key_that_cannot_be_read_the_second_time_is_an_error(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b"other"))

    def spoil() -> None:
        source.answers[key(3)] = Unreadable("too large")

    clock.during = spoil
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, ended.document["errors"]["source"], ended.document["against"]) == (3, 1, 0)


def test_a_session_that_expires_during_the_verify_drains(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    soon = int(clock.now()) + 60
    kv = MemoryKv(clock=clock)
    for name in ("a", "b", "c"):
        kv.put(record(name, b"v", None, soon))
    sweep(kv, store, clock)
    kv.put(record("b", b"changed", None, soon))
    kv.put(record("d", b"never copied", None, soon))
    clock.time = soon - 0.5
    ended = verify(kv, store, clock, ledger)
    assert (ended.exit, ended.document["verdict"]) == (0, "clean")
    assert ended.document["classes"]["expiring"]["drained"] == 2
    assert classes(ended) == {"equal": 2, "expiring": 2}
    assert clock.time >= soon + kv.horizon


def test_a_session_that_was_renewed_on_one_side_only_is_no_expiring_session(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    soon = int(clock.now()) + 60
    sweep(Script.of([record(0, b"v", None, soon)]), store, clock)
    clock.time = soon + 1
    ended = verify(Script.of([record(0, b"v", None, LATER)]), store, clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"expiration": 1})


def test_a_clock_that_is_ahead_at_the_source_makes_no_difference_of_what_expires_there(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    soon = int(clock.now()) + 30
    sweep(Script.of([record(0, b"v", None, soon)]), store, clock)
    gone = Script([[Head(key(0), None, soon)]], {}, skew=60.0)
    ended = verify(gone, store, clock, ledger)
    assert (ended.exit, classes(ended)) == (0, {"expiring": 1})


def test_tombstones_and_rows_of_the_application_are_not_against_the_copy(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    copied.remove(key(3))
    copied.put(record(4, b"newer"), Origin.APP)
    copied.put(record(60, b"only here"), Origin.APP)
    ended = verify(changed(), copied, clock, ledger)
    found = {"equal": 21, "tombstoned": 1, "newer_in_target": 1, "extra_app": 1}
    assert (ended.exit, classes(ended)) == (0, found)


def test_a_row_that_was_there_before_counts_as_equal_or_against_the_copy(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    for number, value in ((60, b"the same"), (61, b"stale")):
        copied.put(record(number, value), Origin.LEGACY)
    source = changed(record(60, b"the same"), record(61, b"newer"))
    assert sweep(source, copied, clock).tally["legacy"] == 1
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"equal": 24, "legacy": 1})


@pytest.mark.parametrize("stage", list(Stage))
def test_the_stage_says_who_is_right_about_a_dual_row(
    copied: MemoryStore, clock: FakeClock, ledger: Path, stage: Stage
) -> None:
    copied.put(record(3, b"one"), Origin.DUAL)
    ended = verify(changed(record(3, b"two")), copied, clock, ledger, rules=Rules(stage=stage))
    behind = stage in (Stage.OBJECT_FIRST, Stage.OBJECT_ONLY)
    assert classes(ended) == {"equal": 22, "kv_behind" if behind else "value": 1}
    assert ended.exit == (0 if behind else 1)


def test_what_the_export_put_in_quarantine_is_against_the_copy(
    store: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b"bad"), record(22, b"bad"))
    sweep(source, store, clock, validate=ODD)
    ended = verify(source, store, clock, ledger)
    assert (ended.exit, classes(ended)) == (1, {"equal": 21, "quarantined": 2})


@pytest.mark.parametrize("sample", [1, 4, 8, 9, 22])
def test_a_sample_is_never_clean(copied: MemoryStore, clock: FakeClock, ledger: Path, sample: int) -> None:
    ended = verify(changed(), copied, clock, ledger, sample=sample)
    assert (ended.exit, ended.document["verdict"], classes(ended)) == (3, "unproven", {"equal": sample})
    assert ended.document["partial"] == f"--sample {sample}"


def test_a_sample_of_everything_is_still_a_sample(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    assert verify(changed(), copied, clock, ledger, sample=100).exit == 3


def test_a_sample_may_find_a_difference(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    ended = verify(changed(record(3, b"other")), copied, clock, ledger, sample=10)
    assert (ended.exit, ended.document["verdict"]) == (1, "differences")


def test_a_sample_whose_cursor_is_refused_is_no_larger(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed()
    source.refuse = {"1"}
    assert classes(verify(source, copied, clock, ledger, sample=12)) == {"equal": 12}


def test_a_recheck_reads_the_last_differences_only_and_is_never_clean(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b"other"), record(4, b"other"), without=[5])
    assert verify(source, copied, clock, ledger).document["against"] == 3
    source.answers |= {MANY[3].key: MANY[3], MANY[5].key: MANY[5]}
    source.read_keys.clear()
    again = verify(source, copied, clock, ledger, recheck=True)
    assert set(source.read_keys) == {key(3), key(4), key(5)}
    assert (again.exit, again.document["against"]) == (1, 1)
    source.answers[key(4)] = MANY[4]
    third = verify(source, copied, clock, ledger, recheck=True)
    assert (third.exit, third.document["verdict"], third.document["against"]) == (3, "unproven", 0)


def test_a_recheck_right_after_a_rehearsal_waits_for_h_and_does_not_spin(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed(record(3, b"other"))
    verify(source, copied, clock, ledger, settle=0.0)
    source.read_keys.clear()
    again = verify(source, copied, clock, ledger, recheck=True)
    assert (again.document["against"], source.read_keys[key(3)], clock.slept) == (1, 2, [120.0])


def test_settling_for_less_than_the_source_calls_for_is_named_a_rehearsal(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    short = verify(changed(), copied, clock, ledger, settle=119.0)
    assert "never satisfies a gate" in short.document["rehearsal"]
    assert verify(changed(), copied, clock, ledger).document["rehearsal"] is None


def test_empty_pages_are_not_the_end_and_make_nothing_extra(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed()
    source.pages = [[], [], source.pages[0], [], *source.pages[1:], []]
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, classes(ended), clock.slept) == (0, {"equal": 23}, [])
    assert ended.document["target_rows"] == 23


def test_a_refused_cursor_restarts_the_listing_and_reads_nothing_twice(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed()
    source.refuse = {"1", "2"}
    ended = verify(source, copied, clock, ledger)
    assert (ended.exit, classes(ended)) == (0, {"equal": 23})
    assert set(source.read_keys.values()) == {1}


def test_a_cursor_that_is_always_refused_ends_the_verify(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    class Refusing(Script):
        def scan(self, prefix: str, cursor: Cursor | None) -> Page:
            self.refuse = {"2"}
            return Script.scan(self, prefix, cursor)

    ended = verify(Refusing.of(MANY), copied, clock, ledger)
    assert (ended.exit, ended.document["verdict"]) == (3, "unproven")
    assert isinstance(ended.error, StoreUnavailable)


@pytest.mark.parametrize("between", [[], [[]]])
def test_pages_out_of_order_are_a_broken_contract_even_across_an_empty_page(
    copied: MemoryStore, clock: FakeClock, ledger: Path, between: list[Any]
) -> None:
    source = changed()
    source.pages = [source.pages[1], *between, source.pages[0], source.pages[2]]
    ended = verify(source, copied, clock, ledger)
    assert isinstance(ended.error, StoreBroken)
    assert ended.exit == 3


def test_a_key_that_is_left_out_of_an_answer_is_not_gone(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    class Forgetful(Script):
        def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
            return dict(list(Script.read(self, keys).items())[:-1])

    ended = verify(Forgetful.of(MANY), copied, clock, ledger)
    assert isinstance(ended.error, StoreBroken)


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize("lost", ["the last of each slice", "every fifth slice"])
def test_a_bug_in_what_the_exporter_lists_is_caught(
    store: MemoryStore,
    clock: FakeClock,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
    at_hand: bool,
) -> None:
    from migrate import reading

    whole = reading.Reading.slices

    def slices(self: reading.Reading) -> Any:
        for number, piece in enumerate(whole(self)):
            keep = len(piece.heads) if number % 5 != 4 else 0
            keep = len(piece.heads) - 1 if lost.startswith("the last") else keep
            yield Slice(
                piece.heads[:keep], piece.answers[:keep], piece.rows, piece.read_at, piece.next, piece.last
            )

    with monkeypatch.context() as patch:
        patch.setattr(reading.Reading, "slices", slices)
        done = sweep(Script.of(MANY, page=4, width=2, at_hand=at_hand), store, clock)
        assert done.complete
    copied = sum(1 for _ in store.rows_between("", None, None))
    ended = verify(changed(at_hand=at_hand), store, clock, ledger)
    assert copied < 23
    assert (ended.exit, classes(ended)) == (1, {"equal": copied, "missing": 23 - copied})


def test_the_verifier_never_asks_for_what_the_exporter_remembers(
    target: SqliteTarget, clock: FakeClock, ledger: Path
) -> None:
    sweep(Script.of(MANY), target, clock)
    asked: list[str] = []
    watched = with_faults(target, lambda name, _, when: asked.append(name) if when == "before" else None)
    verify(changed(record(3, b"other")), watched, clock, ledger)
    assert set(asked) == {"rows", "rows_between", "quarantined"}


def test_a_verify_that_failed_anywhere_goes_on_where_it_was(
    copied: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    def source() -> Script:
        made = changed(record(3, b"other"), record(60), without=[9])
        made.answers[key(11)] = Unreadable("too large")
        return made

    whole = verify(source(), copied, FakeClock(), tmp_path / "whole.db")
    kept = ("verdict", "against", "source_keys", "target_rows", "compared", "classes", "errors")
    expected = {name: whole.document[name] for name in kept[:-1]}
    at = At(-1)
    verify(with_faults(source(), at), with_faults(copied, at), FakeClock(), tmp_path / "count.db")
    assert at.passed >= 30
    for moment in range(at.passed):
        ledger = tmp_path / f"{moment}.db"
        at = At(moment)
        broken = verify(with_faults(source(), at), with_faults(copied, at), FakeClock(), ledger)
        assert (isinstance(broken.error, Died), broken.exit) == (True, 3)
        again = verify(source(), copied, FakeClock(), ledger)
        assert {name: again.document[name] for name in kept[:-1]} == expected, moment
        assert again.document["number"] == 1


def test_a_resumed_verify_does_not_read_again_what_it_compared(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = changed()
    stop = At(8)
    verify(with_faults(source, stop), copied, clock, ledger)
    done = set(source.read_keys)
    with Ledger.open(ledger, clock=clock) as opened:
        reached = opened._rows("SELECT last_key FROM positions")
    source.read_keys.clear()
    assert classes(verify(source, copied, clock, ledger)) == {"equal": 23}
    if reached:
        assert not {one for one in done if one <= reached[0][0]} & set(source.read_keys)


def test_fresh_begins_a_verify_anew(copied: MemoryStore, clock: FakeClock, ledger: Path) -> None:
    with contextlib.suppress(Died):
        verify(with_faults(changed(), At(10)), copied, clock, ledger)
    ended = verify(changed(), copied, clock, ledger, fresh=True)
    assert (ended.document["number"], classes(ended)) == (2, {"equal": 23})


def test_memory_kv_that_is_as_stale_as_allowed_gives_no_false_alarm(
    clock: FakeClock, store: MemoryStore, ledger: Path
) -> None:
    kv = MemoryKv(clock=clock, horizon=60.0, age=lambda one: 60.0 if str(one) > "s:05" else 0.0, page=4)
    for one in MANY:
        kv.put(one)
    clock.time += 61
    sweep(kv, store, clock)
    for number in (1, 7, 9):
        fresh = record(number, b"written to both")
        store.put(fresh, Origin.DUAL)
        kv.put(fresh)
    for number in (2, 8):
        store.remove(key(number), Origin.DUAL)
        kv.remove(key(number))
    ended = verify(kv, store, clock, ledger, settle=61.0)
    assert (ended.exit, ended.document["verdict"]) == (0, "clean")

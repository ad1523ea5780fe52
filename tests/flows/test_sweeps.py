from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from migrate.core.copying import NOT_AFTER
from migrate.core.ports import DELETED_AT_SOURCE, LISTED, Answer, Outcome, TooLate, Unreadable, balanced
from migrate.core.record import NEVER, Key, Origin, Record
from migrate.stores.memory import MemoryKv, MemoryStore
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from tests.flows.world import LATER, ODD, PREFIX, FakeClock, Script, key, record, sweep

MANY = [record(number, b"v%d" % number) for number in range(12)]


@pytest.fixture(params=["memory", "sqlite"])
def held(request: pytest.FixtureRequest) -> MemoryStore | SqliteTarget:
    found: MemoryStore | SqliteTarget = request.getfixturevalue(
        "store" if request.param == "memory" else "target"
    )
    return found


def copied(held: MemoryStore | SqliteTarget, clock: FakeClock, source: Script | MemoryKv) -> None:
    assert sweep(source, held, clock).complete


CHANGES = [
    record(3, b"changed"),
    record(3, b"v3", '{"new":1}'),
    record(3, b"v3", None, LATER + 2),
    record(3, b"v3", None, LATER - 2),
    record(3, b"v3", None, NEVER),
]


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize("changed", CHANGES)
def test_a_later_sweep_updates_what_stayed_changed_for_h(
    held: MemoryStore | SqliteTarget, clock: FakeClock, changed: Record, at_hand: bool
) -> None:
    copied(held, clock, Script.of(MANY))
    done = sweep(Script.of([*MANY[:3], changed, *MANY[4:]], at_hand=at_hand), held, clock)
    row = held.rows([key(3)])[key(3)]
    assert (row.value, row.metadata, row.expiration) == (changed.value, changed.metadata, changed.expiration)
    assert (row.version, row.origin) == (2, Origin.COPY)
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.UPDATED: 1})
    assert clock.slept == [120.0]


def test_one_second_of_rounding_and_the_order_of_members_are_no_change(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of([record(0, b"v", '{"a":1,"b":2}')]))
    done = sweep(Script.of([record(0, b"v", '{"b": 2, "a": 1}', LATER + 1)]), held, clock)
    assert done.tally == Counter({LISTED: 1, Outcome.EQUAL: 1})
    assert held.rows([key(0)])[key(0)].expiration == LATER


@pytest.mark.parametrize("change", [b"third", None])
def test_what_changes_between_the_two_readings_starts_its_clock_again(
    held: MemoryStore | SqliteTarget, clock: FakeClock, change: bytes | None
) -> None:
    copied(held, clock, Script.of(MANY))
    source = Script.of([*MANY[:3], record(3, b"second"), *MANY[4:]])
    answers: list[Answer] = [record(3, b"fourth"), None if change is None else record(3, change)]

    def write() -> None:
        if answers:
            source.answers[key(3)] = answers.pop()

    clock.during = write
    done = sweep(source, held, clock)
    assert clock.slept == [120.0, 120.0, 120.0]
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.UPDATED: 1})
    assert held.rows([key(3)])[key(3)].value == b"fourth"


class Overtaken(Script):
    """Right behind a reading of `fourth` the application has written, once; KV shows it later."""

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        answers = super().read(keys)
        found = answers.get(key(3))
        if isinstance(found, Record) and found.value == b"fourth" and self.writes:
            self.writes.pop()()
        return answers

    writes: ClassVar[list[Callable[[], object]]] = []


def test_a_row_is_read_before_kv_in_the_second_reading_too(store: MemoryStore, clock: FakeClock) -> None:
    copied(store, clock, Script.of(MANY))
    source = Overtaken.of([*MANY[:3], record(3, b"second"), *MANY[4:]])
    source.writes.append(lambda: store.put(record(3, b"newest"), Origin.DUAL))
    later = [b"newest", b"fourth", b"fourth"]

    def shown() -> None:
        if later:
            source.answers[key(3)] = record(3, later.pop())

    clock.during = shown
    done = sweep(source, store, clock)
    assert store.rows([key(3)])[key(3)].value == b"newest"
    assert done.tally[Outcome.UPDATED] == 0


def test_what_never_stays_is_left_waiting_after_the_rounds_and_nothing_is_written(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of(MANY))
    source = Script.of([*MANY[:3], record(3, b"0"), *MANY[4:]])
    times = iter(range(1, 99))

    def write() -> None:
        source.answers[key(3)] = record(3, b"%d" % next(times))

    clock.during = write
    done = sweep(source, held, clock, rounds=4)
    assert clock.slept == [120.0] * 4
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.WAITING: 1})
    assert held.rows([key(3)])[key(3)].value == b"v3"


@pytest.mark.parametrize("origin", [Origin.APP, Origin.DUAL])
def test_a_stale_answer_never_replaces_what_the_application_wrote_meanwhile(
    clock: FakeClock, target: SqliteTarget, origin: Origin, tmp_path: Path
) -> None:
    copied(target, clock, Script.of(MANY))
    stale = Script.of([*MANY[:3], record(3, b"stale"), *MANY[4:]])

    def write() -> None:
        clock.during = None
        sessions = SqliteSessions(tmp_path / "sessions.db", str(origin), clock=clock)  # type: ignore[arg-type]
        sessions.put(key(3), "newest", expiration=LATER)
        sessions.close()

    clock.during = write
    done = sweep(stale, target, clock, rounds=1)
    assert target.rows([key(3)])[key(3)].value == b"newest"
    assert balanced(done.tally)
    assert done.tally[Outcome.UPDATED] == 0


def test_a_value_that_comes_back_is_told_by_its_version(
    clock: FakeClock, target: SqliteTarget, tmp_path: Path
) -> None:
    copied(target, clock, Script.of([record(0, b"A")]))
    stale = Script.of([record(0, b"older than A")])

    def away_and_back() -> None:
        clock.during = None
        sessions = SqliteSessions(tmp_path / "sessions.db", "dual", clock=clock)
        sessions.put(key(0), b"B", expiration=LATER)
        sessions.put(key(0), b"A", expiration=LATER)
        sessions.close()

    clock.during = away_and_back
    done = sweep(stale, target, clock, rounds=1)
    assert target.rows([key(0)])[key(0)].value == b"A"
    assert done.tally == Counter({LISTED: 1, Outcome.WAITING: 1})


def test_a_row_is_read_before_the_source_and_an_answer_that_came_with_the_listing_is_read_again(
    clock: FakeClock, store: MemoryStore
) -> None:
    copied(store, clock, Script.of([record(0, b"A")]))
    source = Script.of([record(0, b"stale")], at_hand=True)
    order: list[str] = []

    class Listening(Script):
        def read(self, keys):  # type: ignore[no-untyped-def]
            order.append("source")
            return Script.read(self, keys)

    listening = Listening(source.pages, source.answers, at_hand=True)
    rows = store.rows
    store.rows = lambda keys: order.append("rows") or rows(keys)  # type: ignore[func-returns-value, method-assign]
    sweep(listening, store, clock)
    assert order == ["rows", "source", "rows", "source"]


def test_no_sweep_replaces_a_row_once_a_gate_has_begun_to_verify(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of(MANY))
    held.begin_gate_verify()
    done = sweep(Script.of([record(3, b"changed"), record(50, b"new")]), held, clock)
    assert held.rows([key(3)])[key(3)].value == b"v3"
    assert held.rows([key(50)])[key(50)].value == b"new"
    assert done.tally == Counter({LISTED: 2, Outcome.WAITING: 1, Outcome.COPIED: 1, DELETED_AT_SOURCE: 11})


@pytest.mark.parametrize("page", [3, 100])
def test_a_session_that_only_the_source_forgot_is_reported_and_stays(
    held: MemoryStore | SqliteTarget, clock: FakeClock, page: int
) -> None:
    copied(held, clock, Script.of(MANY))
    source = Script.of([MANY[0], *MANY[2:5], MANY[7]], page=page)
    done = sweep(source, held, clock)
    assert done.tally == Counter({LISTED: 5, Outcome.EQUAL: 5, DELETED_AT_SOURCE: 7})
    assert all(not row.deleted for row in held.rows([one.key for one in MANY]).values())
    assert clock.slept == [120.0]


def test_a_listing_that_missed_a_key_is_not_believed(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of(MANY))
    source = Script.of(MANY[:6])
    source.answers = {one.key: one for one in MANY}
    done = sweep(source, held, clock)
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 12})


def test_a_row_that_changed_between_two_misses_is_not_deleted_at_the_source(
    clock: FakeClock, target: SqliteTarget, tmp_path: Path
) -> None:
    copied(target, clock, Script.of(MANY))

    def login() -> None:
        if len(clock.slept) == 1:
            sessions = SqliteSessions(tmp_path / "sessions.db", "dual", clock=clock)
            sessions.put(key(3), "logged in again, and KV does not show it yet", expiration=LATER)
            sessions.close()

    clock.during = login
    done = sweep(Script.of([*MANY[:3], *MANY[4:]]), target, clock, rounds=1)
    assert done.tally == Counter({LISTED: 11, Outcome.EQUAL: 11})


def test_rows_that_the_source_need_not_have_are_not_reported(
    clock: FakeClock, target: SqliteTarget, tmp_path: Path
) -> None:
    dying = record(5, b"v", None, int(clock.now()) + 60)
    copied(target, clock, Script.of([*MANY[:3], dying]))
    sessions = SqliteSessions(tmp_path / "sessions.db", "app", clock=clock)
    sessions.put(key(60), "the application's own", expiration=LATER)
    sessions.delete(key(1))
    sessions.close()
    clock.time += 61
    assert sweep(Script.of([MANY[0]]), target, clock).tally == Counter(
        {LISTED: 1, Outcome.EQUAL: 1, DELETED_AT_SOURCE: 1}
    )


def test_more_lost_rows_than_a_batch_holds_are_all_reported_and_none_twice(
    clock: FakeClock, store: MemoryStore
) -> None:
    from migrate.core.copying import Rules, copy
    from migrate.core.ports import Checkpoint
    from migrate.reading import Reading
    from tests.flows.world import CLAIM, RUN

    copied(store, clock, Script.of(MANY))
    store.acquire(CLAIM)
    info = store.open_sweep(RUN, 2)
    rules = Rules(info.id, PREFIX, True, None, clock.now, flush=2)
    mark = Checkpoint(info.id, PREFIX)
    reading = Reading(Script.of([MANY[0], MANY[11]]), mark, clock, store.rows)
    [*_, last] = copy(reading.slices(), store, mark, rules)
    assert len(store.sightings(info.id, PREFIX, 99, float("inf"))) == 10
    assert last.tally == Counter({LISTED: 2, Outcome.EQUAL: 2})


def test_what_a_killed_process_took_for_lost_is_counted_once_when_it_is_listed(
    clock: FakeClock, store: MemoryStore
) -> None:
    from migrate.core.ports import Batch, Checkpoint, Sighting
    from migrate.core.record import UNKNOWN
    from tests.flows.world import CLAIM, RUN

    copied(store, clock, Script.of(MANY))
    store.acquire(CLAIM)
    info = store.open_sweep(RUN, 2)
    at = Checkpoint(info.id, PREFIX, last_key=key(0), tally=Counter({LISTED: 1, Outcome.EQUAL: 1}))
    flushed = Sighting(key(5), 1, None, None, UNKNOWN, clock.now(), None)
    store.apply(Batch(sightings=[flushed]), at)
    store.release()
    done = sweep(Script.of(MANY), store, clock)
    assert done.info.number == 2
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 12})


def test_a_snapshot_never_updates_a_row_for_nothing_tells_which_is_newer(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of(MANY, live=False))
    newer = Script.of([record(3, b"changed"), *MANY[4:], record(60)], live=False, at_hand=True)
    done = sweep(newer, held, clock)
    assert held.rows([key(3)])[key(3)].value == b"v3"
    assert done.tally == Counter({LISTED: 10, Outcome.EQUAL: 8, Outcome.NEWER: 1, Outcome.COPIED: 1})
    assert clock.slept == []


def test_a_new_session_is_copied_by_a_later_sweep(held: MemoryStore | SqliteTarget, clock: FakeClock) -> None:
    copied(held, clock, Script.of(MANY[:6]))
    done = sweep(Script.of(MANY), held, clock)
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 6, Outcome.COPIED: 6})


def test_a_session_that_expires_while_it_settles_is_not_written(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of([record(0, b"old")]))
    source = Script.of([record(0, b"new", None, int(clock.now()) + 60)])
    clock.during = source.answers.clear
    done = sweep(source, held, clock)
    assert done.tally == Counter({LISTED: 1, Outcome.EXPIRED: 1})
    assert held.rows([key(0)])[key(0)].value == b"old"


def test_what_cannot_be_read_the_second_time_is_failed_and_named(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of(MANY))
    source = Script.of([*MANY[:3], record(3, b"changed"), *MANY[4:]])
    told: list[Key] = []

    def spoil() -> None:
        source.answers[key(3)] = Unreadable("too large")

    clock.during = spoil
    done = sweep(source, held, clock, failed=lambda one, _: told.append(one))
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.FAILED: 1})
    assert told == [key(3)]


def test_an_import_that_waited_too_long_is_read_again(clock: FakeClock, store: MemoryStore) -> None:
    source = Script.of(MANY)
    apply, late = store.apply, [True, True]

    def stand_still(batch, checkpoint):  # type: ignore[no-untyped-def]
        if late and (batch.records or batch.replacements):
            late.pop()
            clock.time += NOT_AFTER + 1
        return apply(batch, checkpoint)

    store.apply = stand_still  # type: ignore[method-assign]
    done = sweep(source, store, clock)
    assert done.tally == Counter({LISTED: 12, Outcome.COPIED: 12})
    assert source.read_keys[key(0)] == 3

    late.append(True)
    source.answers[key(3)] = record(3, b"changed")
    done = sweep(source, store, clock)
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.UPDATED: 1})


def test_the_retry_of_the_quarantine_reads_again_what_waited_too_long(
    clock: FakeClock, store: MemoryStore
) -> None:
    sweep(Script.of([record(0, b"bad")]), store, clock, validate=ODD)
    apply, late = store.apply, [True]

    def stand_still(batch, checkpoint):  # type: ignore[no-untyped-def]
        if late and batch.records:
            late.pop()
            raise TooLate
        return apply(batch, checkpoint)

    store.apply = stand_still  # type: ignore[method-assign]
    done = sweep(Script.of([record(0, b"good")]), store, clock, validate=ODD, retry_quarantined=True)
    assert done.tally == Counter({LISTED: 1, Outcome.COPIED: 1})


def test_retrying_the_quarantine_reads_only_that(held: MemoryStore | SqliteTarget, clock: FakeClock) -> None:
    bad = [record(number, b"bad") for number in (2, 5, 7, 9)]
    source = Script.of([one for one in MANY if one.key not in {b.key for b in bad}] + bad)
    assert sweep(source, held, clock, validate=ODD).tally[Outcome.QUARANTINED] == 4
    source.read_keys.clear()
    source.answers[key(2)] = MANY[2]
    source.answers[key(5)] = None
    source.answers[key(7)] = Unreadable("too large")
    done = sweep(source, held, clock, validate=ODD, retry_quarantined=True)
    assert set(source.read_keys) == {one.key for one in bad}
    assert done.tally == Counter(
        {LISTED: 4, Outcome.COPIED: 1, Outcome.DELETED: 1, Outcome.FAILED: 1, Outcome.QUARANTINED: 1}
    )
    assert [one.key for one in held.quarantined(PREFIX)] == [key(7), key(9)]
    assert held.rows([key(2)])[key(2)].value == b"v2"


def test_retrying_the_quarantine_needs_no_listing_and_counts_as_no_listing(
    store: MemoryStore, clock: FakeClock
) -> None:
    from migrate.core.ports import RunId

    source = Script.of([record(0, b"bad"), *MANY[1:]])
    sweep(source, store, clock, validate=ODD, limit=5)
    sweep(source, store, clock, validate=ODD, retry_quarantined=True, run=RunId("00000000000000dd"))
    done = sweep(source, store, clock, validate=ODD)
    assert (done.info.number, done.complete) == (1, True)
    assert done.tally == Counter({LISTED: 12, Outcome.COPIED: 11, Outcome.QUARANTINED: 1})


def test_a_value_that_got_well_leaves_the_quarantine_whatever_becomes_of_its_row(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    copied(held, clock, Script.of(MANY))
    ill = [*MANY[:3], record(3, b"bad"), record(4, b"bad"), record(5, b"bad"), *MANY[6:]]
    assert sweep(Script.of(ill), held, clock, validate=ODD).tally[Outcome.QUARANTINED] == 3
    well = [*MANY[:4], record(4, b"new"), *MANY[5:]]
    done = sweep(Script.of(well), held, clock, validate=ODD)
    assert list(held.quarantined(PREFIX)) == []
    assert done.tally == Counter({LISTED: 12, Outcome.EQUAL: 11, Outcome.UPDATED: 1})


def test_two_sweeps_in_one_call_catch_what_was_written_behind_the_cursor(
    held: MemoryStore | SqliteTarget, clock: FakeClock
) -> None:
    from tests.flows.world import export

    class Growing(Script):
        def scan(self, prefix, cursor):  # type: ignore[no-untyped-def]
            page = Script.scan(self, prefix, cursor)
            if page.next is None and len(self.pages) == 2:
                self.pages = Script.of([record("00behind"), *MANY]).pages
                self.answers[key("00behind")] = record("00behind")
            return page

    done = export(Growing.of(MANY), held, clock, sweeps=2)
    assert [one.tally[Outcome.COPIED] for one in done] == [12, 1]


@pytest.mark.parametrize("origin", [Origin.COPY, Origin.DUAL, Origin.APP])
def test_what_a_snapshot_had_in_quarantine_replaces_no_row_that_came_since(
    store: MemoryStore, clock: FakeClock, origin: Origin
) -> None:
    def sweeps(value: bytes, **how: bool) -> Counter[str]:
        source = Script.of([record(0, value)], live=False)
        return sweep(source, store, clock, validate=ODD, **how).tally

    assert sweeps(b"bad")[Outcome.QUARANTINED] == 1
    store.put(record(0, b"newer"), origin)
    assert sweeps(b"good", retry_quarantined=True) == Counter({LISTED: 1, Outcome.NEWER: 1})
    assert store.rows([key(0)])[key(0)].value == b"newer"
    assert list(store.quarantined("")) == []

from __future__ import annotations

from collections import Counter

import pytest

from migrate.core.ports import LISTED, Outcome, Phase, Unreadable, balanced
from migrate.core.record import NEVER, UNKNOWN, Head, Key, Origin, Record
from migrate.errors import StoreBroken, StoreUnavailable
from migrate.exporting import RESTARTS
from migrate.stores.memory import MemoryKv, MemoryStore
from migrate.stores.sqlite import SqliteTarget
from tests.flows.world import LATER, ODD, PREFIX, FakeClock, Script, export, key, record, sweep

MANY = [record(number, b"v%d" % number, f'{{"n":{number}}}', LATER + number) for number in range(23)]


def everything(store: MemoryStore | SqliteTarget) -> list[Record]:
    return [
        Record(row.key, row.value, row.metadata, row.expiration)
        for row in store.rows_between("", None, None)
        if row.value is not None
    ]


@pytest.mark.parametrize("at_hand", [False, True])
def test_every_session_is_copied_exactly(store: MemoryStore, clock: FakeClock, at_hand: bool) -> None:
    awkward = [
        record("ünï-\U0001f3a7", "ü".encode()),
        record("binary", bytes(range(256))),
        record("empty", b""),
        record("never", b"n", None, NEVER),
        record("null-metadata", b"m", '{"a":null}'),
        record("z\U0010ffff", b"last"),
    ]
    source = Script.of([*MANY, *awkward], at_hand=at_hand)
    done = sweep(source, store, clock)
    assert everything(store) == sorted([*MANY, *awkward])
    assert done.tally == {LISTED: 29, Outcome.COPIED: 29}
    assert done.complete


def test_an_empty_page_is_not_the_end(store: MemoryStore, clock: FakeClock) -> None:
    source = Script.of(MANY)
    source.pages = [[], *source.pages[:1], [], [], *source.pages[1:], []]
    done = sweep(source, store, clock)
    assert everything(store) == MANY
    assert (done.complete, done.tally[LISTED]) == (True, 23)


def test_an_empty_first_page_of_a_later_sweep_makes_nothing_look_deleted(
    store: MemoryStore, clock: FakeClock
) -> None:
    source = Script.of(MANY)
    sweep(source, store, clock)
    source.pages = [[], [], *source.pages]
    before = sum(source.read_keys.values())
    apply, sighted = store.apply, []

    def watched(batch, checkpoint):  # type: ignore[no-untyped-def]
        sighted.extend(batch.sightings)
        return apply(batch, checkpoint)

    store.apply = watched  # type: ignore[method-assign]
    done = sweep(source, store, clock)
    assert sighted == []
    assert done.tally == {LISTED: 23, Outcome.EQUAL: 23}
    assert clock.slept == []
    assert sum(source.read_keys.values()) == before + 23


def test_null_is_expired_or_deleted_in_flight_and_never_written(store: MemoryStore, clock: FakeClock) -> None:
    kept, gone, dead = record(0), record(1), record(2, b"v", None, int(clock.now()) - 1)
    source = Script.of([kept, gone, dead])
    source.answers = {kept.key: kept}
    done = sweep(source, store, clock)
    assert done.tally == {LISTED: 3, Outcome.COPIED: 1, Outcome.DELETED: 1, Outcome.EXPIRED: 1}
    assert everything(store) == [kept]
    assert clock.slept == [120.0]
    assert source.read_keys[gone.key] == 2


def test_a_cached_miss_is_read_again_after_h_and_copied(
    kv: MemoryKv, store: MemoryStore, clock: FakeClock
) -> None:
    kv.put(record(0))
    clock.time += 120
    source = Script.of([record(0)])
    source.answers = {}

    def heal() -> None:
        source.answers = {key(0): record(0)}

    clock.during = heal
    done = sweep(source, store, clock)
    assert everything(store) == [record(0)]
    assert done.tally[LISTED] == done.tally[Outcome.COPIED] == 1
    assert balanced(done.tally)


def test_what_has_expired_in_a_snapshot_is_not_copied(store: MemoryStore, clock: FakeClock) -> None:
    dead = record(0, b"v", None, int(clock.now()))
    assert sweep(Script.of([dead], live=False), store, clock).tally == {LISTED: 1, Outcome.EXPIRED: 1}
    assert everything(store) == []


def test_what_a_live_source_gives_is_alive_whatever_our_clock_says(
    store: MemoryStore, clock: FakeClock
) -> None:
    alive = record(0, b"v", None, int(clock.now()) - 5)
    assert sweep(Script.of([alive]), store, clock).tally == {LISTED: 1, Outcome.COPIED: 1}
    assert everything(store) == [alive]


def test_expired_is_judged_by_the_clock_of_the_source(store: MemoryStore, clock: FakeClock) -> None:
    short = record(0, b"v", None, int(clock.now()) + 30)
    source = Script.of([short], skew=60.0)
    source.answers = {}
    assert sweep(source, store, clock).tally == {LISTED: 1, Outcome.EXPIRED: 1}
    source.skew = -60.0
    assert sweep(source, store, clock).tally == {LISTED: 1, Outcome.DELETED: 1}


def test_an_unknown_expiration_is_refused_and_is_not_never(store: MemoryStore, clock: FakeClock) -> None:
    done = sweep(Script.of([record(0, b"v", None, UNKNOWN), record(1)]), store, clock)
    assert done.tally == {LISTED: 2, Outcome.QUARANTINED: 1, Outcome.COPIED: 1}
    assert [bad.key for bad in store.quarantined(PREFIX)] == [key(0)]
    assert everything(store) == [record(1)]


def test_what_cannot_be_read_is_failed_and_named(store: MemoryStore, clock: FakeClock) -> None:
    source = Script.of(MANY)
    source.answers[key(7)] = Unreadable("too large")
    told: list[tuple[Key, str]] = []
    done = sweep(source, store, clock, failed=lambda *why: told.append(why))
    assert done.tally == {LISTED: 23, Outcome.COPIED: 22, Outcome.FAILED: 1}
    assert told == [(key(7), "too large")]


def test_a_source_that_leaves_a_key_out_is_broken_and_the_key_is_not_shown(
    store: MemoryStore, clock: FakeClock
) -> None:
    class Forgetful(Script):
        def read(self, keys):  # type: ignore[no-untyped-def]
            return dict(list(super().read(keys).items())[1:])

    with pytest.raises(StoreBroken) as caught:
        sweep(Forgetful.of(MANY), store, clock)
    assert "s:0" not in str(caught.value)


@pytest.mark.parametrize("refused", ["1", "2"])
def test_after_a_refused_cursor_only_what_the_target_lacks_is_read(
    store: MemoryStore, clock: FakeClock, refused: str
) -> None:
    source = Script.of(MANY, refuse={refused})
    source.answers[key(3)] = record(3, b"bad")
    done = sweep(source, store, clock, validate=ODD)
    assert done.restarts == 1
    assert done.tally == {LISTED: 23, Outcome.COPIED: 22, Outcome.QUARANTINED: 1}
    assert {one for one, times in source.read_keys.items() if times > 1} == {key(3)}
    assert sorted(everything(store)) == [one for one in MANY if one.key != key(3)]


def test_what_was_read_before_the_cursor_was_refused_is_not_lost(
    store: MemoryStore, clock: FakeClock
) -> None:
    source = Script.of(MANY, refuse={"1"})
    sweep(source, store, clock)
    assert source.read_keys == Counter({one.key: 1 for one in MANY})


def test_what_a_listing_saw_before_its_cursor_was_refused_is_forgotten(
    store: MemoryStore, clock: FakeClock
) -> None:
    class Healing(Script):
        def scan(self, prefix, cursor):  # type: ignore[no-untyped-def]
            if cursor is None and self.scans:
                self.answers[key(1)] = record(1)
            return super().scan(prefix, cursor)

    source = Healing.of(MANY, refuse={"1"})
    source.answers[key(1)] = None
    done = sweep(source, store, clock)
    assert done.tally == {LISTED: 23, Outcome.COPIED: 23}
    assert clock.slept == []


def test_keys_of_another_origin_are_not_counted_as_copied_after_a_refused_cursor(
    store: MemoryStore, clock: FakeClock
) -> None:
    store.put(record(1, b"the application's"))
    store.remove(key(2))
    done = sweep(Script.of(MANY, refuse={"1"}), store, clock)
    expected = {LISTED: 23, Outcome.COPIED: 21, Outcome.TOMBSTONED: 1, Outcome.UNCOMPARED: 1}
    assert done.tally == expected


def test_a_source_that_refuses_every_cursor_ends_the_run_and_not_in_a_loop(
    store: MemoryStore, clock: FakeClock
) -> None:
    class Refusing(Script):
        def scan(self, prefix, cursor):  # type: ignore[no-untyped-def]
            self.refuse = {"1"}
            return super().scan(prefix, cursor)

    source = Refusing.of(MANY)
    with pytest.raises(StoreUnavailable, match="refused its own cursor"):
        sweep(source, store, clock)
    assert len([one for one in source.scans if one[1] is None]) == RESTARTS + 1
    assert len(everything(store)) == 8
    assert sum(source.read_keys.values()) == 8


def test_overlapping_prefixes_list_no_key_twice(store: MemoryStore, clock: FakeClock) -> None:
    done = sweep(Script.of(MANY), store, clock, prefixes=["s:1", "s:", "s:12", "s:"])
    assert done.tally == {LISTED: 23, Outcome.COPIED: 23}


def test_several_prefixes_take_their_keys_and_no_other(store: MemoryStore, clock: FakeClock) -> None:
    others = [one._replace(key=Key(one.key.replace("s:", "t:"))) for one in MANY]
    alien = record(0)._replace(key=Key("sx"))
    seen: list[int] = []
    source = Script.of([*MANY, *others, alien])
    from migrate.exporting import Exporter
    from tests.flows.world import CLAIM, order

    exporter = Exporter(
        source, store, order(prefixes=["t:", "s:"]), clock, lambda _, tally: seen.append(tally[LISTED])
    )
    with exporter.leased(CLAIM):
        [done] = exporter.run()
    assert done.tally == {LISTED: 46, Outcome.COPIED: 46}
    assert everything(store) == [*MANY, *others]
    assert seen == sorted(seen)
    assert seen[-1] == 46


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 4, 7, 8, 9, 22, 23, 24])
def test_a_limit_stops_there_and_the_same_command_without_it_goes_on(
    store: MemoryStore, clock: FakeClock, at_hand: bool, limit: int
) -> None:
    source = Script.of(MANY, at_hand=at_hand)
    trial = sweep(source, store, clock, limit=limit)
    assert trial.tally[LISTED] == min(limit, 23)
    assert everything(store) == MANY[:limit]
    assert trial.complete == (limit >= 23)
    if not at_hand:
        assert sum(source.read_keys.values()) == min(limit, 23)
    if not trial.complete:
        done = sweep(source, store, clock)
        assert (done.complete, done.info.number) == (True, 1)
        assert done.tally == {LISTED: 23, Outcome.COPIED: 23}
    assert everything(store) == MANY


def test_a_limit_spans_prefixes(store: MemoryStore, clock: FakeClock) -> None:
    others = [one._replace(key=Key(one.key.replace("s:", "t:"))) for one in MANY]
    source = Script.of([*MANY, *others])
    first = sweep(source, store, clock, prefixes=["s:", "t:"], limit=30)
    assert (first.tally[LISTED], first.complete) == (30, False)
    assert len(everything(store)) == 30
    rest = sweep(source, store, clock, prefixes=["s:", "t:"])
    assert (rest.tally[LISTED], rest.complete) == (46, True)


def test_fresh_begins_another_sweep_and_the_same_command_begins_the_next_when_one_is_complete(
    store: MemoryStore, clock: FakeClock
) -> None:
    source = Script.of(MANY)
    assert sweep(source, store, clock, limit=5).info.number == 1
    assert sweep(source, store, clock, limit=5, fresh=True).info.number == 2
    assert sweep(source, store, clock).info.number == 2
    assert sweep(source, store, clock).info.number == 3
    assert [done.info.number for done in export(source, store, clock, sweeps=2)] == [4, 5]


@pytest.mark.parametrize("at_hand", [False, True])
def test_partitions_are_proven_by_a_whole_listing_that_copies_what_they_miss(
    store: MemoryStore, clock: FakeClock, at_hand: bool
) -> None:
    odd = [record("Z-outside-of-hex"), record("é"), Record(Key("s:"), b"the bare prefix", None, NEVER)]
    records = [record("a1"), record("b2"), record("07"), *odd]
    source = Script.of(records, page=3, at_hand=at_hand)
    done = sweep(source, store, clock, alphabet="hex")
    assert everything(store) == sorted(records)
    assert done.tally == {LISTED: 6, Outcome.COPIED: 6}
    assert sum(part[LISTED] for part in done.parts.values()) == 3
    if not at_hand:
        assert set(source.read_keys.values()) == {1}
    assert sweep(source, store, clock, alphabet="hex").tally == {LISTED: 6, Outcome.EQUAL: 6}


def test_a_part_does_not_wait_for_what_the_whole_listing_reads_again(
    store: MemoryStore, clock: FakeClock
) -> None:
    records = [record(name) for name in ("0a", "1a", "2a")]
    source = Script.of(records)
    source.answers = {}
    done = sweep(source, store, clock, alphabet="hex")
    assert done.tally == {LISTED: 3, Outcome.DELETED: 3}
    assert clock.slept == [120.0]


def test_two_runs_in_one_file_keep_their_own_books(target: SqliteTarget, clock: FakeClock) -> None:
    from migrate.core.ports import RunId

    one = sweep(Script.of(MANY), target, clock)
    other = sweep(Script.of(MANY), target, clock, run=RunId("00000000000000ff"))
    assert (one.info.number, other.info.number) == (1, 1)
    assert other.tally == {LISTED: 23, Outcome.EQUAL: 23}


def test_a_finished_sweep_has_every_partition_done(target: SqliteTarget, clock: FakeClock) -> None:
    done = sweep(Script.of(MANY), target, clock)
    [mark] = target.checkpoints(done.info.id)
    assert mark.phase is Phase.DONE
    assert target.sweeps(done.info.run)[0].finished == clock.now()


def test_rows_that_were_there_are_never_replaced_by_a_first_sweep(
    target: SqliteTarget, clock: FakeClock
) -> None:
    from migrate.stores.sqlite import SqliteSessions

    for origin in ("app", "dual"):
        sessions = SqliteSessions(str(target.address)[7:], origin, clock=clock)  # type: ignore[arg-type]
        sessions.put(key(origin), "newer", expiration=LATER)
        sessions.delete(key("gone-" + origin))
        sessions.close()
    stale = [record(name) for name in ("app", "dual", "gone-app", "gone-dual", "new")]
    done = sweep(Script.of(stale), target, clock)
    rows = target.rows([one.key for one in stale])
    assert (rows[key("app")].value, rows[key("dual")].value) == (b"newer", b"newer")
    assert rows[key("gone-app")].deleted
    assert rows[key("gone-dual")].deleted
    assert rows[key("new")].origin is Origin.COPY
    assert done.tally == {
        LISTED: 5,
        Outcome.NEWER: 1,
        Outcome.WAITING: 1,
        Outcome.TOMBSTONED: 2,
        Outcome.COPIED: 1,
    }


def test_heads_may_lack_what_a_read_gives(store: MemoryStore, clock: FakeClock) -> None:
    source = Script.of(MANY)
    source.pages = [[Head(head.key, None, NEVER) for head in page] for page in source.pages]
    sweep(source, store, clock)
    assert everything(store) == MANY

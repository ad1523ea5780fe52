import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.core.burying import Burial
from migrate.core.ports import (
    LISTED,
    Batch,
    Checkpoint,
    Claim,
    Cursor,
    Outcome,
    Phase,
    Quarantined,
    Replacement,
    RunId,
    Sighting,
    TooLate,
)
from migrate.core.record import NEVER, UNKNOWN, Key, Origin, Record, Row, digest, holds
from migrate.core.reverting import Reversal
from migrate.errors import RecordError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores.leasing import LEASE_SECONDS
from migrate.stores.memory import MemoryStore
from migrate.stores.sqlite import SessionGone, SqliteSessions, SqliteTarget
from tests.stores.durable_side import DurableSide, ForeignSide
from tests.stores.manual_clock import NOW, ManualClock

RUN = RunId("0123456789abcdef")
EDGE = pytest.mark.xdist_group("edge")
ME = Claim("my-ledger", "me", "host-a", os.getpid())
OTHER = Claim("other-ledger", "somebody", "host-b", 22)


class MemorySide:
    """A memory target, with the application's side and a second operator."""

    def __init__(self, folder, clock):
        self.target = MemoryStore(clock=clock)

    def put(self, record, origin):
        return self.target.put(record, Origin(origin))

    def delete(self, key, origin="app"):
        self.target.remove(key, Origin(origin))

    def again(self):
        return self.target.opened_again()

    def deleting(self):
        return self.target

    def going_back(self):
        return self.target

    def finish(self):
        self.again().finish()

    def close(self):
        self.target.close()


class SqliteSide:
    def __init__(self, folder, clock):
        self._path = folder / "sessions.db"
        self._clock = clock
        self.target = SqliteTarget(self._path, clock=clock)
        self._open = [self.target]

    def _app(self, origin):
        app = SqliteSessions(self._path, origin, clock=self._clock)
        self._open.append(app)
        return app

    def put(self, record, origin):
        if origin == "legacy":
            app = self._app("app")
            app.put(record.key, record.value)
            with_origin = "UPDATE sessions SET origin = 'legacy', version = version + 1 WHERE key = ?"
            self.target._writer.execute(with_origin, (record.key,))
            return True
        expiration = None if record.expiration is NEVER else record.expiration
        try:
            self._app(origin).put(record.key, record.value, expiration=expiration)
        except SessionGone:
            return False
        return True

    def delete(self, key, origin="app"):
        self._app(origin).delete(key)

    def again(self):
        self._open.append(SqliteTarget(self._path, clock=self._clock))
        return self._open[-1]

    def deleting(self):
        return self.target

    def going_back(self):
        return self.target

    def finish(self):
        self.again().finish()

    def close(self):
        for store in self._open:
            store.close()


@pytest.fixture
def clock():
    return ManualClock()


def durable(request, clock):
    """Objects in Cloudflare's local runtime, which is started for whoever asks for it."""
    edge = request.getfixturevalue("edge")
    if request.param == "foreign":
        return ForeignSide(edge, clock)
    return DurableSide(edge, clock, {"durable": "copied-into", "per-session": "apart-bare"}[request.param])


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        *(pytest.param(name, marks=EDGE) for name in ("durable", "per-session", "foreign")),
    ],
)
def side(request, tmp_path: Path, clock):
    makers = {"memory": MemorySide, "sqlite": SqliteSide}
    make = makers.get(request.param)
    side = make(tmp_path, clock) if make is not None else durable(request, clock)
    side.target.acquire(ME)
    yield side
    side.close()


@pytest.fixture
def target(side):
    return side.target


@pytest.fixture
def mark(target):
    return Checkpoint(target.open_sweep(RUN, 1).id, "p:")


def record(key="p:a", value=b"v", metadata=None, expiration: object = NEVER):
    return Record(Key(key), value, metadata, expiration)


def row(target, key="p:a"):
    """What is there, value and all; and `rows` says the same, by its digest if not by its bytes."""
    shown = target.shown([Key(key)]).get(key)
    found = target.rows([Key(key)]).get(key)
    assert (found is None) == (shown is None)
    if found is not None:
        assert found._replace(value=None) == shown._replace(value=None)
        assert found.deleted == shown.deleted
        assert shown.deleted or holds(found.value, shown.value)
    return shown


# ---------------------------------------------------------------- insert if absent


def test_an_absent_record_is_copied_exactly(target, mark):
    sent = record(value=b"\x00\xff", metadata='{"a": 1}', expiration=2_000_000_000)
    saved = target.apply(Batch(records=[sent]), mark)
    assert saved.tally == Counter({Outcome.COPIED: 1})
    assert row(target) == Row(*sent[:4], Origin.COPY, 1, mark.sweep)


def test_an_empty_value_is_a_session_and_no_tombstone(target, mark):
    target.apply(Batch(records=[record(value=b"")]), mark)
    assert row(target).value == b""
    assert not row(target).deleted


def test_a_record_that_is_there_and_equal_is_counted_equal(target, mark):
    mark = target.apply(Batch(records=[record(metadata='{"a":1,"b":2}', expiration=2_000_000_000)]), mark)
    again = record(metadata='{"b": 2, "a": 1}', expiration=2_000_000_001)
    mark = target.apply(Batch(records=[again]), mark)
    assert mark.tally == Counter({Outcome.COPIED: 1, Outcome.EQUAL: 1})
    assert row(target).version == 1


@pytest.mark.parametrize(
    ("origin", "outcome"),
    [("app", Outcome.NEWER), ("dual", Outcome.WAITING), ("legacy", Outcome.LEGACY)],
)
def test_a_row_of_the_application_is_never_replaced_by_a_copy(side, target, mark, origin, outcome):
    side.put(record(value=b"newer"), origin)
    before = row(target)
    assert target.apply(Batch(records=[record(value=b"older")]), mark).tally == Counter({outcome: 1})
    assert row(target) == before
    assert before.value == b"newer"


def test_an_expired_row_is_present(side, target, mark):
    side.put(record(value=b"old", expiration=int(NOW) - 5), "dual")
    saved = target.apply(Batch(records=[record(value=b"new", expiration=int(NOW) + 500)]), mark)
    assert saved.tally == Counter({Outcome.WAITING: 1})
    assert row(target).value == b"old"


@pytest.mark.parametrize("known", [True, False])
def test_a_tombstone_is_final(side, target, mark, known):
    if known:
        mark = target.apply(Batch(records=[record(expiration=2_000_000_000)]), mark)
    side.delete(Key("p:a"))
    grave = row(target)
    others = [record("p:0"), record("p:a", b"back"), record("p:b")]
    saved = target.apply(Batch(records=others), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.COPIED: 2, Outcome.TOMBSTONED: 1})
    assert row(target) == grave
    assert grave.deleted
    assert grave.expiration == (2_000_000_000 if known else NEVER)
    assert row(target, "p:b").value == b"v"
    assert not side.put(record(), "dual")
    assert not side.put(record(), "app")
    assert row(target) == grave


def test_a_mixed_batch_gives_every_record_one_outcome(side, target, mark):
    mark = target.apply(Batch(records=[record("p:1"), record("p:2")]), mark)
    side.put(record("p:3", b"newer"), "app")
    side.delete(Key("p:4"))
    batch = [record("p:0"), record("p:1"), record("p:2", b"x"), record("p:3"), record("p:4"), record("p:5")]
    saved = target.apply(Batch(records=batch), replace(mark, tally=Counter()))
    assert saved.tally == Counter(
        {
            Outcome.COPIED: 2,
            Outcome.EQUAL: 1,
            Outcome.WAITING: 1,
            Outcome.NEWER: 1,
            Outcome.TOMBSTONED: 1,
        }
    )
    assert set(target.rows([r.key for r in batch])) == {"p:0", "p:1", "p:2", "p:3", "p:4", "p:5"}


def test_a_long_batch_with_rows_and_tombstones_in_its_way_is_copied_around_them(side, target, mark):
    side.put(record("p:0100", b"newer"), "app")
    side.delete(Key("p:0300"))
    side.delete(Key("p:0301"))
    records = [record(f"p:{number:04}", b"v", None, 2_000_000_000 + number) for number in range(777)]
    saved = target.apply(Batch(records=records), mark)
    assert saved.tally == Counter({Outcome.COPIED: 774, Outcome.NEWER: 1, Outcome.TOMBSTONED: 2})
    found = {row.key: row for row in target.rows_between("p:", None, None)}
    assert len(found) == 777
    ours = [(one, found[one.key]) for one in records if found[one.key].origin is Origin.COPY]
    assert all(holds(row.value, one.value) and row[2:4] == one[2:4] for one, row in ours)
    assert holds(found[Key("p:0100")].value, b"newer")
    assert [found[Key(key)].value for key in ("p:0300", "p:0301")] == [None, None]
    assert target.apply(Batch(records=records), replace(mark, tally=Counter())).tally == Counter(
        {Outcome.EQUAL: 774, Outcome.NEWER: 1, Outcome.TOMBSTONED: 2}
    )


def test_a_long_batch_with_a_key_twice_writes_nothing(target, mark):
    records = [record(f"p:{number:04}") for number in range(600)]
    with pytest.raises(StoreBroken):
        target.apply(Batch(records=[*records, records[7]]), mark)
    assert list(target.rows_between("", None, None)) == []


def test_an_unknown_expiration_is_refused_and_nothing_is_written(target, mark):
    with pytest.raises(RecordError):
        target.apply(Batch(records=[record("p:0"), record(expiration=UNKNOWN)]), mark)
    assert target.rows([Key("p:0"), Key("p:a")]) == {}
    assert target.checkpoint(mark.sweep, mark.partition) is None


@pytest.mark.parametrize("there", [True, False])
def test_a_key_that_comes_twice_in_a_batch_breaks_the_contract(side, target, mark, there):
    if there:
        side.put(record(), "dual")
    with pytest.raises(StoreBroken):
        target.apply(Batch(records=[record(value=b"1"), record("p:b"), record(value=b"2")]), mark)
    assert row(target, "p:b") is None


def test_a_batch_that_was_read_too_long_ago_is_refused_whole(target, mark, clock):
    batch = Batch(records=[record()], tally=Counter({LISTED: 1}), not_after=NOW + 300)
    clock.time = NOW + 301
    with pytest.raises(TooLate):
        target.apply(batch, mark)
    assert row(target) is None
    assert target.checkpoint(mark.sweep, mark.partition) is None
    clock.time = NOW + 300
    assert target.apply(batch, mark).tally[Outcome.COPIED] == 1


# ---------------------------------------------------------------- replacements (law 1)


def replacing(version, value=b"settled", not_after=NOW + 300, legacy=False):
    settled = record(value=value, expiration=2_000_000_000)
    return Batch(replacements=[Replacement(settled, version, not_after, legacy)])


@pytest.mark.parametrize("origin", ["copy", "dual"])
def test_a_mirrored_row_is_replaced_and_keeps_origin_and_sweep(side, target, mark, origin):
    if origin == "copy":
        mark = target.apply(Batch(records=[record()]), mark)
    else:
        side.put(record(), "dual")
    sweep = row(target).sweep
    saved = target.apply(replacing(1), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.UPDATED: 1})
    assert row(target) == Row("p:a", b"settled", None, 2_000_000_000, Origin(origin), 2, sweep)


@pytest.mark.parametrize("origin", ["app", "legacy"])
def test_other_rows_are_not_replaced(side, target, mark, origin):
    side.put(record(), origin)
    before = row(target)
    saved = target.apply(replacing(before.version), mark)
    assert saved.tally == Counter({Outcome.NEWER if origin == "app" else Outcome.LEGACY: 1})
    assert row(target) == before


def noticed(side, target, mark):
    """A legacy row that a first sweep has met; returns it."""
    side.put(record(), "legacy")
    target.apply(Batch(records=[record(value=b"of KV")]), mark)
    return row(target)


def test_a_legacy_row_is_replaced_where_kv_is_right_and_becomes_a_copy(side, target, mark):
    before = noticed(side, target, mark)
    saved = target.apply(replacing(before.version, legacy=True), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.UPDATED: 1})
    version = before.version + 1
    assert row(target) == Row("p:a", b"settled", None, 2_000_000_000, Origin.COPY, version, None)
    saved = target.apply(replacing(version, b"again"), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.UPDATED: 1})


@pytest.mark.parametrize("by", ["the application", "a deletion", "another version", "lateness", "the fence"])
def test_a_legacy_row_is_left_where_any_law_is_against_it(side, target, mark, clock, by):
    version = noticed(side, target, mark).version
    outcome, late = Outcome.LEGACY, NOW + 300
    if by == "the application":
        side.put(record(value=b"newer"), "app")
        version, outcome = row(target).version, Outcome.NEWER
    elif by == "a deletion":
        side.delete(Key("p:a"))
        version, outcome = row(target).version, Outcome.TOMBSTONED
    elif by == "another version":
        version += 1
    elif by == "lateness":
        late = clock.now() - 1
    else:
        target.begin_gate_verify()
    before = row(target)
    saved = target.apply(replacing(version, not_after=late, legacy=True), replace(mark, tally=Counter()))
    assert saved.tally == Counter({outcome: 1})
    assert row(target) == before


@pytest.mark.parametrize("origin", ["copy", "dual", "app"])
def test_the_word_about_legacy_rows_says_nothing_of_others(side, target, mark, origin):
    if origin == "copy":
        mark = target.apply(Batch(records=[record()]), mark)
    else:
        side.put(record(), origin)
    saved = target.apply(replacing(1, legacy=True), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.NEWER if origin == "app" else Outcome.UPDATED: 1})
    assert row(target).origin == origin


def test_a_row_that_changed_since_it_was_read_is_not_replaced(side, target, mark):
    mark = target.apply(Batch(records=[record(value=b"A")]), mark)
    side.put(record(value=b"B"), "dual")
    side.put(record(value=b"A"), "dual")
    saved = target.apply(replacing(1), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.WAITING: 1})
    assert row(target).value == b"A"


def test_a_replacement_of_a_tombstone_or_of_nothing_writes_nothing(side, target, mark):
    assert target.apply(replacing(1), mark).tally == Counter({Outcome.WAITING: 1})
    assert row(target) is None
    side.delete(Key("p:a"))
    assert target.apply(replacing(1), mark).tally == Counter({Outcome.TOMBSTONED: 1})
    assert row(target).deleted


def test_a_replacement_past_its_time_is_refused(target, mark, clock):
    mark = target.apply(Batch(records=[record()]), mark)
    clock.time = NOW + 301
    late = target.apply(replacing(1, not_after=NOW + 300), replace(mark, tally=Counter()))
    assert late.tally == Counter({Outcome.WAITING: 1})
    clock.time = NOW + 300
    in_time = target.apply(replacing(1, not_after=NOW + 300), replace(mark, tally=Counter()))
    assert in_time.tally == Counter({Outcome.UPDATED: 1})


def test_no_row_is_replaced_once_the_gates_verify_has_begun(target, mark):
    mark = target.apply(Batch(records=[record()]), mark)
    target.begin_gate_verify()
    target.begin_gate_verify()
    saved = target.apply(replacing(1), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.WAITING: 1})
    assert row(target).value == b"v"


def test_once_the_fence_is_lifted_rows_are_replaced_again(side, target, mark):
    mark = target.apply(Batch(records=[record()]), mark)
    target.end_gate_verify()
    target.begin_gate_verify()
    mark = target.apply(replacing(1), replace(mark, tally=Counter()))
    assert mark.tally == Counter({Outcome.WAITING: 1})
    side.again().end_gate_verify()  # which needs no lease
    target.end_gate_verify()
    saved = target.apply(replacing(1), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.UPDATED: 1})
    target.begin_gate_verify()
    saved = target.apply(replacing(2, b"again"), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.WAITING: 1})
    assert row(target).value == b"settled"


def test_the_fence_says_from_when_on_it_holds(side, target, clock):
    assert target.fenced_since() is None
    before = clock.now()
    target.begin_gate_verify()
    first = target.fenced_since()
    assert before - 0.001 <= first <= clock.now() + 0.001
    clock.time += 600
    side.again().begin_gate_verify()  # one that is up keeps its time
    assert target.fenced_since() == side.again().fenced_since() == pytest.approx(first, abs=0.001)
    target.end_gate_verify()
    assert target.fenced_since() is side.again().fenced_since() is None
    clock.time += 1
    target.begin_gate_verify()
    assert target.fenced_since() > first + 600


def test_after_the_end_nothing_is_imported_or_replaced_and_there_is_no_way_back(side, target, mark):
    mark = target.apply(Batch(records=[record()]), mark)
    side.finish()
    for batch in (Batch(records=[record("p:b")]), replacing(1), Batch(tally=Counter({LISTED: 1}))):
        with pytest.raises(StoreRefused, match="migration is finished"):
            target.apply(batch, replace(mark, tally=Counter()))
    target.end_gate_verify()
    with pytest.raises(StoreRefused, match="migration is finished"):
        side.target.apply(replacing(1), replace(mark, tally=Counter()))
    assert row(target).value == b"v"
    assert target.rows([Key("p:b")]) == {}
    assert target.checkpoint(mark.sweep, "p:") == mark
    assert side.put(record("p:c"), "app")
    target.release()
    target.acquire(ME)


def test_the_end_says_from_when_on_it_is_so_and_keeps_its_time(side, target, clock):
    assert target.finished_since() is None
    before = clock.now()
    side.finish()
    first = target.finished_since()
    assert before - 0.001 <= first <= clock.now() + 0.001
    clock.time += 600
    side.finish()
    assert target.finished_since() == side.again().finished_since() == pytest.approx(first, abs=0.001)


def test_until_when_somebody_wrote_to_it_can_be_read_also_when_the_lease_is_given_back(side, target, clock):
    taken = clock.now()
    assert target.leased_until() > taken
    clock.time += 20
    target.heartbeat()
    assert target.leased_until() == pytest.approx(clock.now() + LEASE_SECONDS, abs=1)
    target.release()
    given_back = clock.now()
    clock.time += 600
    assert target.leased_until() == side.again().leased_until() == pytest.approx(given_back, abs=1)


# ---------------------------------------------------------------- effect and progress


@pytest.fixture
def back(side):
    """The target, ready to give rows back to KV."""
    target = side.going_back()
    if target is not side.target:
        target.acquire(ME)
    return target


def given(target, key, version=None):
    """What becomes of one row, of the version that it has or another."""
    version = row(target, key).version if version is None else version
    return target.revert({Key(key): version}, NOW + 300)[Key(key)]


def test_a_row_of_the_application_is_given_back_to_kv_and_is_the_same_session(side, back, clock):
    side.put(record(value=b"theirs", expiration=int(NOW) + 100), "app")
    side.put(record("p:b", b"expired", expiration=int(NOW) + 100), "app")
    before = {key: row(back, key) for key in ("p:a", "p:b")}
    assert given(back, "p:a") is Reversal.REVERTED
    clock.time = NOW + 200
    assert given(back, "p:b") is Reversal.REVERTED, "expired ones too"
    for key, was in before.items():
        there = row(back, key)
        assert there == was._replace(origin=Origin.DUAL, version=was.version + 1), key


def test_what_is_given_back_is_the_applications_again_only_by_an_authoritative_write(side, back):
    side.put(record(value=b"1"), "app")
    given(back, "p:a")
    side.put(record(value=b"2"), "dual")
    assert row(back).origin is Origin.DUAL
    side.put(record(value=b"3"), "app")
    assert row(back).origin is Origin.APP


def test_a_row_that_the_application_has_changed_stays_its_own(side, back):
    side.put(record(value=b"1"), "app")
    version = row(back).version
    side.put(record(value=b"2"), "app")
    before = row(back)
    assert given(back, "p:a", version) is Reversal.CHANGED
    assert row(back) == before


def test_going_back_concerns_no_other_rows_and_is_the_same_when_repeated(side, back):
    side.put(record("p:dual", b"1"), "dual")
    side.put(record("p:gone", b"1"), "app")
    side.delete(Key("p:gone"))
    side.put(record("p:old", b"1"), "legacy")
    side.put(record("p:app", b"1"), "app")
    keys = ["p:dual", "p:gone", "p:old"]
    before = [row(back, key) for key in keys]
    outcomes = [given(back, key) for key in keys]
    assert outcomes == [Reversal.REVERTED, Reversal.TOMBSTONED, Reversal.KEPT]
    assert given(back, "p:nothing", 1) is Reversal.MISSING
    assert [row(back, key)[1:5] for key in keys] == [was[1:5] for was in before]
    version = row(back, "p:app").version
    assert [given(back, "p:app", version) for _ in range(2)] == [Reversal.REVERTED] * 2
    assert row(back, "p:app").version == version + 1


def test_many_rows_are_given_back_at_once(side, back):
    local = isinstance(side, MemorySide | SqliteSide)
    keys = [Key(f"p:{number:04}") for number in range(1200 if local else 30)]
    for key in keys:
        side.put(record(key), "app")
    rows = back.rows(keys)
    outcomes = back.revert({key: rows[key].version for key in keys}, NOW + 300)
    assert outcomes == dict.fromkeys(keys, Reversal.REVERTED)
    assert {row.origin for row in back.rows(keys).values()} == {Origin.DUAL}


def test_going_back_needs_the_lease_and_comes_in_time(side, back, clock):
    side.put(record(), "app")
    before = row(back)
    with pytest.raises(TooLate):
        back.revert({Key("p:a"): before.version}, NOW - 1)
    back.release()
    with pytest.raises(StoreUnavailable):
        given(back, "p:a")
    assert row(back) == before


def test_the_fence_is_not_in_the_way_back_and_the_end_is(side, back):
    for key in ("p:a", "p:b"):
        side.put(record(key), "app")
    back.begin_gate_verify()
    assert given(back, "p:a") is Reversal.REVERTED
    side.finish()
    with pytest.raises(StoreRefused, match="finished"):
        given(back, "p:b")
    assert row(back, "p:b").origin is Origin.APP


def test_checkpoint_and_batch_commit_together(side, target, mark):
    wanted = replace(
        mark,
        phase=Phase.SETTLING,
        cursor=Cursor("opaque"),
        last_key=Key("p:a"),
        relisting=True,
        tally=Counter({LISTED: 4, Outcome.COPIED: 3, Outcome.FAILED: -1}),
    )
    batch = Batch(records=[record()], tally=Counter({LISTED: 1, Outcome.COPIED: -2, Outcome.EXPIRED: 1}))
    saved = target.apply(batch, wanted)
    counted = {LISTED: 5, Outcome.COPIED: 2, Outcome.FAILED: -1, Outcome.EXPIRED: 1}
    assert dict(saved.tally) == counted
    assert saved == replace(wanted, tally=saved.tally)
    assert side.again().checkpoint(mark.sweep, "p:") == saved
    assert list(target.checkpoints(mark.sweep)) == [saved]
    assert target.checkpoint(mark.sweep, "q:") is None
    assert target.checkpoints(mark.sweep + 1) == []


def test_the_tallies_that_were_passed_in_stay_as_they_were(target, mark):
    batch = Batch(records=[record()], tally=Counter({LISTED: 1}))
    target.apply(batch, mark)
    assert mark.tally == Counter()
    assert batch.tally == Counter({LISTED: 1})


def test_sweeps_are_numbered_within_their_run(side, target, clock):
    first = target.open_sweep(RUN, 1)
    assert (first.run, first.number, first.started, first.finished) == (RUN, 1, NOW, None)
    clock.time += 5
    assert target.open_sweep(RUN, 1) == first
    elsewhere = target.open_sweep(RunId("f" * 16), 1)
    second = target.open_sweep(RUN, 2)
    assert len({first.id, elsewhere.id, second.id}) == 3
    target.close_sweep(first.id)
    clock.time += 5
    target.close_sweep(first.id)
    assert list(side.again().sweeps(RUN)) == [replace(first, finished=NOW + 5), second]


# ---------------------------------------------------------------- sightings and quarantine


def sighting(key, seen_at, outcome=Outcome.WAITING, **changes):
    seen = Sighting(Key(key), 3, digest(b"v"), '{"m":1}', 2_000_000_000, seen_at, outcome)
    return replace(seen, **changes)


def test_sightings_come_oldest_first_and_no_more_than_asked_for(target, mark):
    seen = [sighting("p:c", 1.5), sighting("p:b", 3.0), sighting("p:a", 1.5), sighting("p:d", 4.0)]
    target.apply(Batch(sightings=seen), mark)
    due = target.sightings(mark.sweep, mark.partition, 10, 3.0)
    assert list(due) == [seen[2], seen[0], seen[1]]
    assert list(target.sightings(mark.sweep, mark.partition, 2, 3.0)) == [seen[2], seen[0]]
    assert target.sightings(mark.sweep, "q:", 10, 9.0) == []
    assert target.sightings(mark.sweep + 1, mark.partition, 10, 9.0) == []


def test_every_kind_of_sighting_comes_back_as_it_was(target, mark):
    seen = [
        sighting("p:1", 1.0, expiration=NEVER),
        sighting("p:2", 2.0, expiration=UNKNOWN, digest=None, metadata=None, version=None),
        sighting("p:3", 3.0, outcome=None),
        sighting("p:4", 4.0, outcome=Outcome.DELETED),
    ]
    target.apply(Batch(sightings=seen), mark)
    assert list(target.sightings(mark.sweep, mark.partition, 10, 9.0)) == seen


def test_a_new_sighting_takes_the_old_ones_place_and_settled_ones_go(target, mark):
    target.apply(Batch(sightings=[sighting("p:a", 1.0), sighting("p:b", 2.0)]), mark)
    target.apply(Batch(sightings=[sighting("p:a", 5.0)], settled=[Key("p:a"), Key("p:b")]), mark)
    assert list(target.sightings(mark.sweep, mark.partition, 10, 9.0)) == [sighting("p:a", 5.0)]
    target.apply(Batch(sightings=[sighting("p:a", 6.0)]), mark)
    assert list(target.sightings(mark.sweep, mark.partition, 10, 9.0)) == [sighting("p:a", 6.0)]


def test_the_quarantine_is_listed_in_key_order_behind_a_key(target, mark):
    bad = [Quarantined(Key(key), "too big") for key in ("p:b", "p:\U0001f600", "p:\uffee", "q:z")]
    target.apply(Batch(quarantined=bad), mark)
    assert [held.key for held in target.quarantined("p:")] == ["p:b", "p:\uffee", "p:\U0001f600"]
    assert [held.key for held in target.quarantined("p:", Key("p:b"))] == ["p:\uffee", "p:\U0001f600"]
    assert len(list(target.quarantined(""))) == 4


def test_a_key_leaves_the_quarantine_when_released_or_inserted(side, target, mark):
    keys = ["p:a", "p:b", "p:c", "p:d"]
    target.apply(Batch(quarantined=[Quarantined(Key(key), "first") for key in keys]), mark)
    side.put(record("p:c", b"newer"), "app")
    batch = Batch(
        records=[record("p:a"), record("p:c")],
        released=[Key("p:b"), Key("p:d")],
        quarantined=[Quarantined(Key("p:d"), "second")],
    )
    target.apply(batch, mark)
    assert list(target.quarantined("")) == [
        Quarantined(Key("p:c"), "first"),
        Quarantined(Key("p:d"), "second"),
    ]


# ---------------------------------------------------------------- rows in key order

KEYS = ["o", "p", "p:", "p:\0", "p:\0\0", "p:a", "p:ab", "p:é", "p:\ud7ff", "p:\ue000", "p:\uffee"]
KEYS += ["p:\U0001f600", "p:\U0010ffff", "p:\U0010ffff\U0010ffff", "p;", "q"]


def test_rows_come_in_the_order_of_their_utf8_bytes(target, mark):
    target.apply(Batch(records=[record(key) for key in reversed(KEYS)]), mark)
    assert sorted(KEYS, key=str.encode) == KEYS
    assert [found.key for found in target.rows_between("", None, None)] == KEYS
    assert [found.key for found in target.rows_between("p:", None, None)] == KEYS[2:14]
    assert [found.key for found in target.rows_between("p:", Key("o"), Key("q"))] == KEYS[2:14]
    assert [found.key for found in target.rows_between("p:\U0010ffff", None, None)] == KEYS[12:14]
    for low in range(2, 14):
        for high in range(2, 14):
            found = target.rows_between("p:", Key(KEYS[low]), Key(KEYS[high]))
            assert [one.key for one in found] == KEYS[low + 1 : high + 1]


def test_rows_between_gives_tombstones_and_expired_rows_too(side, target, mark):
    target.apply(Batch(records=[record("p:a"), record("p:b", expiration=int(NOW) - 9)]), mark)
    side.delete(Key("p:a"))
    found = list(target.rows_between("p:", None, None))
    assert [(one.key, one.deleted, one.expiration) for one in found] == [
        ("p:a", True, NEVER),
        ("p:b", False, int(NOW) - 9),
    ]


def test_more_rows_than_one_chunk_all_come_once(target, mark):
    records = [record(f"p:{number:05}", b"x" * (number % 7)) for number in range(4100)]
    target.apply(Batch(records=records), mark)
    found = list(target.rows_between("p:", None, None))
    assert [one.key for one in found] == [one.key for one in records]
    assert all(holds(one.value, sent.value) for one, sent in zip(found, records, strict=True))
    assert len(target.rows([one.key for one in records])) == 4100
    assert len(target.shown([one.key for one in records])) == 4100


def test_what_is_not_shown_is_known_by_size_and_digest(side, target, mark):
    target.apply(Batch(records=[record("p:a", b"one"), record("p:b", b""), record("p:c")]), mark)
    side.delete(Key("p:c"))
    for found in (
        target.rows([Key(key) for key in ("p:a", "p:b", "p:c")]).values(),
        target.rows_between("p:", None, None),
    ):
        one, empty, gone = found
        assert [holds(one.value, value) for value in (b"one", b"two", b"ones", b"")] == [
            True,
            False,
            False,
            False,
        ]
        assert [holds(empty.value, value) for value in (b"", b"v")] == [True, False]
        assert not empty.deleted
        assert gone.deleted
        assert not holds(gone.value, b"")


# ---------------------------------------------------------------- the lease


def test_a_second_operator_is_kept_out_and_told_who_holds_it(side, target):
    with pytest.raises(StoreUnavailable) as caught:
        side.again().acquire(OTHER)
    assert f"me on host-a (pid {ME.pid})" in caught.value.message
    assert caught.value.hint
    assert "my-ledger" not in caught.value.message + caught.value.hint


def test_a_released_lease_is_free(side, target):
    target.release()
    target.release()
    other = side.again()
    other.acquire(OTHER)
    other.heartbeat()


def test_writing_needs_the_lease(side, target, mark):
    target.release()
    for write in (
        lambda: target.apply(Batch(records=[record()]), mark),
        target.heartbeat,
        lambda: target.open_sweep(RUN, 2),
        lambda: target.close_sweep(mark.sweep),
    ):
        with pytest.raises(StoreUnavailable):
            write()
    assert row(target) is None
    assert target.sweeps(RUN)[0].finished is None


def test_heartbeats_and_batches_keep_the_lease_alive(side, target, mark, clock):
    for renew in (target.heartbeat, lambda: target.apply(Batch(), mark)):
        clock.time += 59
        renew()
        clock.time += 59
        with pytest.raises(StoreUnavailable):
            side.again().acquire(OTHER)


def test_an_overdue_lease_is_still_ours_while_nobody_took_it(target, mark, clock):
    clock.time += 3600
    assert target.apply(Batch(records=[record()]), mark).tally[Outcome.COPIED] == 1


def test_a_target_may_take_its_own_lease_again(side, target):
    target.acquire(ME)
    target.heartbeat()
    target.release()
    side.again().acquire(OTHER)


def test_a_second_target_of_the_same_process_is_kept_out(side, target, mark):
    second = side.again()
    with pytest.raises(StoreUnavailable):
        second.acquire(ME)
    second.release()
    with pytest.raises(StoreUnavailable):
        second.apply(Batch(records=[record()]), mark)
    assert target.apply(Batch(records=[record()]), mark).tally[Outcome.COPIED] == 1
    target.release()
    second.acquire(ME)
    with pytest.raises(StoreUnavailable):
        target.acquire(ME)


def test_whoever_was_overdue_does_not_give_back_what_another_took(side, target, mark, clock):
    clock.time += 61
    second = side.again()
    second.acquire(ME)
    with pytest.raises(StoreUnavailable):
        target.heartbeat()
    target.close()
    second.heartbeat()


def test_closing_gives_the_lease_back(side, target):
    target.close()
    side.again().acquire(OTHER)


def test_closing_twice_is_harmless(side, target):
    target.close()
    target.close()


# ---------------------------------------------------------------- burials


@pytest.fixture
def burying(side):
    """The target, opened so that it may bury, with the lease."""
    target = side.deleting()
    target.acquire(ME)
    return target


def bury(target, *rows, name="a task", not_after=NOW + 300, **how):
    found = target.bury(name, {Key(key): version for key, version in rows}, not_after, **how)
    return [found[Key(key)] for key, _ in rows]


@pytest.mark.parametrize("origin", ["copy", "dual"])
def test_a_buried_row_is_a_tombstone_that_is_final(side, burying, origin):
    if origin == "copy":
        mark = Checkpoint(burying.open_sweep(RUN, 1).id, "p:")
        burying.apply(Batch(records=[record(metadata='{"a":1}', expiration=2_000_000_000)]), mark)
    else:
        side.put(record(expiration=2_000_000_000), origin)
    assert bury(burying, ("p:a", 1)) == [Burial.BURIED]
    grave = row(burying)
    assert (grave.value, grave.metadata, grave.expiration) == (None, None, 2_000_000_000)
    assert grave.version == 2
    assert grave.origin in (Origin.COPY, Origin(origin))
    assert not side.put(record(), "app")
    mark = Checkpoint(burying.open_sweep(RUN, 2).id, "p:")
    assert burying.apply(Batch(records=[record()]), mark).tally == Counter({Outcome.TOMBSTONED: 1})
    assert row(burying) == grave
    assert bury(burying, ("p:a", 1)) == [Burial.BURIED], "only its answer was lost"


def test_nothing_but_a_live_row_of_ours_is_buried(side, burying):
    side.put(record("p:app"), "app")
    side.put(record("p:legacy"), "legacy")
    side.put(record("p:dead", expiration=int(NOW) - 5), "dual")
    side.put(record("p:gone"), "dual")
    side.delete(Key("p:gone"), "dual")
    side.put(record("p:changed"), "dual")
    side.put(record("p:changed", b"later"), "dual")
    before = dict(burying.rows([Key(f"p:{name}") for name in ("app", "legacy", "dead", "gone", "changed")]))
    wanted = [(key, found.version) for key, found in before.items() if key not in ("p:gone", "p:changed")]
    found = bury(burying, *wanted, ("p:gone", 1), ("p:changed", 1), ("p:nobody", 1))
    assert dict(zip([*(key for key, _ in wanted), "gone", "changed", "nobody"], found, strict=True)) == {
        "p:app": Burial.NEWER,
        "p:legacy": Burial.LEGACY,
        "p:dead": Burial.EXPIRED,
        "gone": Burial.TOMBSTONED,
        "changed": Burial.CHANGED,
        "nobody": Burial.MISSING,
    }
    assert burying.rows(list(before)) == before


def test_a_legacy_row_is_buried_by_the_operators_word_only(side, burying):
    mark = Checkpoint(burying.open_sweep(RUN, 1).id, "p:")
    before = noticed(side, burying, mark)
    assert bury(burying, ("p:a", before.version)) == [Burial.LEGACY]
    assert bury(burying, ("p:a", before.version), legacy=True) == [Burial.BURIED]
    assert row(burying).deleted


def test_behind_the_fence_nothing_is_buried(side, burying):
    side.put(record(), "dual")
    burying.begin_gate_verify()
    assert bury(burying, ("p:a", 1)) == [Burial.FENCED]
    burying.end_gate_verify()
    assert bury(burying, ("p:a", 1)) == [Burial.BURIED]


def test_burials_that_come_too_late_are_refused_whole(side, burying):
    side.put(record(), "dual")
    with pytest.raises(TooLate):
        bury(burying, ("p:a", 1), not_after=NOW - 1)
    assert not row(burying).deleted


def test_whoever_lost_the_lease_buries_nothing(side, burying, clock):
    side.put(record(expiration=2_000_000_000), "dual")
    clock.time += 3600
    side.again().acquire(OTHER)
    with pytest.raises(StoreUnavailable):
        bury(burying, ("p:a", 1), not_after=NOW + 4000)
    assert not row(burying).deleted


def test_once_it_is_finished_nothing_is_buried(side, burying):
    side.put(record(), "dual")
    side.finish()
    with pytest.raises(StoreRefused):
        bury(burying, ("p:a", 1))
    assert not row(burying).deleted

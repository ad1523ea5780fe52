import math
from dataclasses import replace

import pytest

from migrate.core.protocol.half_calls import AdoptHalf, DeleteHalf, End, HalfEnd, Here, PutHalf, TouchHalf
from migrate.core.protocol.lifetimes import COOKIES_END
from migrate.core.record import NEVER, UNKNOWN, Key, Origin, Record, Row
from migrate.errors import RecordError, StoreUnavailable
from migrate.stores.sqlite import SqliteSessions, connection, schema
from tests.stores.manual_clock import ManualClock

NOW = 1_700_000_000

KEY = Key("s:one")
LATER = NOW + 20


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def open_sessions(tmp_path, clock):
    opened = []

    def open_one(**options):
        opened.append(SqliteSessions(tmp_path / "sessions.db", clock=clock, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def halves(open_sessions):
    return open_sessions().halves


def put(value=b"1", until=NOW + 3600, origin=Origin.DUAL, not_after=LATER, **more):
    return PutHalf(Record(KEY, value, None, until), origin, not_after, **more)


def delete(origin=Origin.DUAL, not_after=LATER):
    return DeleteHalf(KEY, origin, not_after)


def touch(until, origin=Origin.APP, every=0, not_after=LATER):
    return TouchHalf(KEY, until, origin, not_after, every)


def adopt(value=b"kv", until=NOW + 60, not_after=LATER):
    return AdoptHalf(Record(KEY, value, '{"m":1}', until), not_after)


def test_a_put_is_there_with_its_version_and_its_origin(halves):
    assert halves.look(KEY) == Here(None, live=False)
    assert halves.half(put()) == HalfEnd(End.DONE, 1, changed=True)
    assert halves.half(put(b"2")) == HalfEnd(End.DONE, 2, changed=True)
    assert halves.look(KEY) == Here(Row(KEY, b"2", None, NOW + 3600, Origin.DUAL, 2, None), live=True)


def test_an_app_row_stays_one_when_a_dual_write_arrives(halves):
    halves.half(put(origin=Origin.DUAL))
    halves.half(put(origin=Origin.APP))
    halves.half(put(b"2", origin=Origin.DUAL))
    assert (halves.look(KEY).row.origin, halves.look(KEY).row.value) == (Origin.APP, b"2")
    halves.half(delete())
    assert halves.look(KEY).row.origin is Origin.APP


@pytest.mark.parametrize("known", [True, False])
def test_a_tombstone_is_final(halves, known):
    if known:
        halves.half(put())
    assert halves.half(delete()) == HalfEnd(End.DONE, 1 + known, changed=True)
    grave = halves.look(KEY)
    assert (grave.row.deleted, grave.live, grave.version) == (True, False, 0)
    for ask in (put(), put(expect=0), put(expect=1 + known), touch(NOW + 9999)):
        assert halves.half(ask) == HalfEnd(End.GONE)
    assert halves.adopt(adopt()) == grave
    assert halves.half(delete()) == HalfEnd(End.DONE, 1 + known)
    assert halves.look(KEY) == grave


@pytest.mark.parametrize(
    ("expect", "end"), [(None, End.DONE), (2, End.DONE), (1, End.CHANGED), (0, End.CHANGED)]
)
def test_a_put_over_a_row_that_has_changed_is_not_written(halves, expect, end):
    halves.half(put(b"1"))
    halves.half(put(b"2"))
    assert halves.half(put(b"3", expect=expect)).end is end
    assert halves.look(KEY).row.value == (b"3" if end is End.DONE else b"2")


def test_expecting_nothing_wants_that_nothing_is_there_not_even_an_expired_row(halves, clock):
    assert halves.half(put(expect=1)) == HalfEnd(End.CHANGED)
    assert halves.half(put(until=NOW + 5, expect=0)).end is End.DONE
    clock.time += 6
    assert halves.half(put(expect=0)) == HalfEnd(End.CHANGED)


def test_what_only_kv_has_is_taken_if_nothing_at_all_is_there(halves, clock):
    taken = Here(Row(KEY, b"kv", '{"m":1}', NOW + 60, Origin.COPY, 1, None), live=True)
    assert halves.adopt(adopt()) == taken
    assert halves.adopt(adopt(b"older")) == taken
    clock.time += 61
    assert halves.adopt(replace(adopt(b"older", NOW + 99), not_after=math.inf)) == replace(taken, live=False)


@pytest.mark.parametrize("ask", [put(b"late"), delete(), touch(NOW + 9999)], ids=["put", "delete", "touch"])
def test_a_half_that_comes_after_its_time_by_the_stores_clock_writes_nothing(halves, clock, ask):
    halves.half(put())
    before = halves.look(KEY)
    clock.time = LATER + 0.5
    assert halves.half(ask) == HalfEnd(End.LATE)
    assert halves.look(KEY) == before
    clock.time = LATER
    assert halves.half(ask).changed


def test_an_import_that_comes_after_its_time_is_refused(halves, clock):
    clock.time = LATER + 0.5
    assert halves.adopt(adopt()) is None
    assert halves.look(KEY).row is None


def test_a_touch_extends_and_never_shortens_and_says_what_it_met(halves, clock):
    assert halves.half(touch(NOW + 10)) == HalfEnd(End.NOTHING)
    halves.half(put(until=NOW + 100))
    longer = Row(KEY, b"1", None, NOW + 200, Origin.APP, 2, None)
    assert halves.half(touch(NOW + 200)) == HalfEnd(End.DONE, 2, changed=True, row=longer)
    assert halves.half(touch(NOW + 200)) == HalfEnd(End.DONE, 2, row=longer)
    assert halves.half(touch(NOW + 150)) == HalfEnd(End.DONE, 2, row=longer)
    assert halves.half(touch(NOW + 260, every=300)) == HalfEnd(End.DONE, 2, row=longer)
    assert halves.half(touch(NOW + 300, every=300)).changed, "half of what is left"
    clock.time += 300
    assert halves.half(touch(NOW + 999, not_after=math.inf)) == HalfEnd(End.MISSING)


def test_a_touch_of_a_session_that_never_ends_changes_nothing(halves):
    halves.half(put(until=NEVER))
    assert (halves.half(touch(NOW + 10)).changed, halves.look(KEY).row.expiration) == (False, NEVER)


def test_a_put_of_what_is_there_waits_when_it_may(halves):
    halves.half(put(until=NOW + 100))
    assert halves.half(put(until=NOW + 109, every=10)) == HalfEnd(End.DONE, 1)
    for ask in (
        put(until=NOW + 110, every=10),
        put(b"2", until=NOW + 110, every=10),
        put(b"2", NEVER, every=10),
    ):
        assert halves.half(ask).changed
    assert halves.half(put(b"2", NEVER, every=10)) == HalfEnd(End.DONE, 4)
    assert halves.half(put(b"2", NEVER, Origin.APP, every=10)).changed, "the row becomes another's"


def test_an_unknown_expiration_is_never_stored_as_none(halves):
    with pytest.raises(RecordError, match="unknown"):
        halves.half(put(until=UNKNOWN))
    with pytest.raises(RecordError, match="unknown"):
        halves.adopt(adopt(until=UNKNOWN))
    assert halves.look(KEY).row is None


# ---------------------------------------------------------------- how long a logout is remembered


def test_a_logout_is_remembered_for_as_long_as_a_cookie_lives_and_a_repeated_one_renews_it(halves, clock):
    halves.half(put(until=NOW + 3600))
    halves.half(delete())
    assert halves.keep_until(KEY) == NOW + COOKIES_END
    clock.time += 10
    halves.half(delete())
    assert halves.keep_until(KEY) == NOW + 10 + COOKIES_END
    clock.time -= 5
    halves.half(delete())
    assert halves.keep_until(KEY) == NOW + 10 + COOKIES_END, "a clock that goes back shortens nothing"


def test_a_session_that_lived_longer_is_remembered_for_as_long_again(halves, clock):
    halves.half(put(until=NOW + 2 * COOKIES_END))
    clock.time += 10
    halves.half(delete())
    assert halves.keep_until(KEY) == NOW + 10 + 2 * COOKIES_END


@pytest.mark.parametrize(
    ("longest", "until", "kept"),
    [
        (COOKIES_END, NEVER, None),
        (math.inf, NOW + 60, None),
        (2 * COOKIES_END, NOW + 60, NOW + 2 * COOKIES_END),
    ],
)
def test_how_long_depends_on_the_longest_that_any_session_lives(open_sessions, longest, until, kept):
    halves = open_sessions(longest_ttl=longest).halves
    halves.half(put(until=until))
    halves.half(delete())
    assert halves.keep_until(KEY) == kept
    halves.half(delete())
    assert halves.keep_until(KEY) == kept


def test_an_id_that_nobody_knows_is_remembered_as_well(halves):
    halves.half(delete())
    assert halves.keep_until(KEY) == NOW + COOKIES_END


def test_a_file_from_before_the_times_were_kept_gets_them_and_keeps_old_tombstones_for_ever(
    open_sessions, monkeypatch
):
    with monkeypatch.context() as before:
        before.setattr(schema, "STEPS", schema.STEPS[:1])
        for module in (schema, connection):
            before.setattr(module, "VERSION", 1)
        old = open_sessions(prefix="s:")
        old.put("live", 1)
        with old._pool.lent_to_write() as raw:
            raw.execute(
                "INSERT INTO sessions (key, origin, version, created_at, updated_at, deleted_at)"
                " VALUES ('s:one', 'app', 1, 0, 0, 0)"
            )
        old.close()
    sessions = open_sessions(prefix="s:")
    sessions.delete("one")
    assert sessions.halves.keep_until(KEY) is None
    assert sessions.get("live").data == 1
    sessions.delete("live")
    assert sessions.halves.keep_until(Key("s:live")) is None, "it was never to end"


def test_a_file_that_cannot_be_written_fails_the_half_and_changes_nothing(open_sessions):
    sessions = open_sessions(busy=0.05)
    sessions.halves.half(put())
    other = open_sessions()
    with other._pool.lent_to_write() as raw:
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            sessions.halves.half(delete())
        raw.execute("ROLLBACK")
    assert sessions.halves.look(KEY).live

"""What a file forgets after the end of its migration, and not a moment earlier."""

import math
import sqlite3
from contextlib import closing

import pytest

from migrate.core.protocol.half_calls import AdoptHalf
from migrate.core.record import NEVER, Key, Record
from migrate.stores.sqlite import SqliteSessions, SqliteTarget, purging
from tests.stores.manual_clock import NOW, ManualClock

DAY = 86_400


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
def app(path, clock):
    sessions = SqliteSessions(path, clock=clock, longest_ttl=10 * DAY)
    yield sessions
    sessions.close()


@pytest.fixture
def finish(path, clock):
    def finish():
        with closing(SqliteTarget(path, clock=clock)) as target:
            target.finish()

    return finish


def keys(path, table="sessions"):
    with closing(sqlite3.connect(path)) as db:
        return {key for (key,) in db.execute(f"SELECT key FROM {table}")}


def filled(app):
    """A session that lives, one that never ends, one that expires, one that was deleted."""
    app.put("live", "v", expiration_ttl=40 * DAY)
    app.put("never", "v")
    app.put("short", "v", expiration_ttl=DAY)
    app.put("out", "v", expiration_ttl=DAY)
    app.delete("out")


def test_nothing_is_forgotten_before_the_end(app, path, clock):
    filled(app)
    clock.time += 1000 * DAY
    assert app.purge() == 0
    assert keys(path) == {"live", "never", "short", "out"}
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError, match="rows stay until"):
        db.execute("DELETE FROM sessions")


def test_after_the_end_what_has_expired_goes_and_a_logout_when_it_need_not_be_remembered(
    app, path, clock, finish
):
    filled(app)
    until = app.halves.keep_until(Key("out"))
    assert until is not None
    finish()
    assert app.purge() == 0
    clock.time += DAY
    assert app.purge() == 1
    assert keys(path) == {"live", "never", "out"}
    clock.time = until - 1
    assert app.purge() == 0
    clock.time = until
    assert app.purge() == 1
    assert keys(path) == {"live", "never"}
    assert keys(path, "burials") == set()
    assert app.get("live") is not None


def test_a_logout_of_a_session_that_never_ends_is_remembered_for_ever(path, clock, finish):
    with closing(SqliteSessions(path, clock=clock, longest_ttl=math.inf)) as app:
        app.put("a", "v")
        app.delete("a")
        finish()
        clock.time += 100_000 * DAY
        assert app.purge() == 0
    assert keys(path) == {"a"}


def test_it_goes_in_small_batches(app, path, clock, finish):
    for number in range(25):
        app.put(f"s{number}", "v", expiration_ttl=60)
    finish()
    clock.time += 60
    assert [app.purge(10) for _ in range(4)] == [10, 10, 5, 0]


def test_what_lives_again_when_its_turn_comes_stays(app, path, clock, finish):
    app.put("a", "v", expiration_ttl=60)
    finish()
    clock.time += 60
    with closing(sqlite3.connect(path)) as db:
        ids = purging.due(db, clock.now(), 10)
        assert len(ids) == 1
        app.put("a", "again", expiration_ttl=60)
        assert purging.forget(db, ids, clock.now()) == 0
    assert app.get("a").data == "again"


def test_the_fallback_brings_nothing_back_after_the_end(app, path, clock, finish):
    """The logout may be forgotten by then, so what only KV has is nobody's."""
    filled(app)
    finish()
    clock.time += 500 * DAY
    while app.purge():
        pass
    ask = AdoptHalf(Record(Key("out"), b"v", None, NEVER), NOW + 1000 * DAY)
    here = app.halves.adopt(ask)
    assert here is not None
    assert (here.live, here.row is not None and here.row.deleted) == (False, True)
    assert "out" not in keys(path)
    there = app.halves.adopt(AdoptHalf(Record(Key("never"), b"other", None, NEVER), NOW + 1000 * DAY))
    assert there is not None
    assert there.row is not None
    assert (there.live, there.row.value) == (True, b"v")

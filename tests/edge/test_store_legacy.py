"""The session store over rows that are older than the migration: KV is believed before object-first, the row
from there on, and what the store writes is its own."""

import pytest

from tests.edge.sending import fresh
from tests.edge.stored import STAGES

HOUR = 3600
BEFORE = STAGES[1:3]
AFTER = STAGES[3:]


def older(stored, value='{"v":"old"}', kv='{"v":"of KV"}'):
    """A session with a row that nobody accounts for, and what KV has of it; None: nothing."""
    session = fresh()
    stored.call(session, "plant", session, value, int(stored.now) + HOUR)
    if kv is not None:
        stored.plant(session, kv, expirationTtl=HOUR)
    assert shown(stored, session) == ("legacy", 1)
    return session


def shown(stored, session):
    row = stored.row(session)
    return "tombstone" if row["tombstone"] else (row["origin"], row["version"])


def data(done):
    assert done.thrown is None
    return done.value and done.value["data"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_stage_says_which_store_is_believed(stored, stage):
    session = older(stored)
    assert data(stored.do(stage, "get", session)) == {"v": "old" if stage in AFTER else "of KV"}
    assert shown(stored, session) == ("legacy", 1), "reading writes nothing"


@pytest.mark.parametrize("stage", STAGES)
def test_one_that_kv_lacks_is_no_session_before_object_first(stored, stage):
    session = older(stored, kv=None)
    assert data(stored.do(stage, "get", session)) == ({"v": "old"} if stage in AFTER else None)


def test_shadow_read_counts_how_it_differs(stored):
    for kv, counter in (('{"v":"of KV"}', "value"), ('{"v":"old"}', "equal"), (None, "extra")):
        done = stored.do("shadow-read", "get", older(stored, kv=kv))
        assert done.counters[f"shadow_{counter}"] == 1


@pytest.mark.parametrize("stage", STAGES[1:])
@pytest.mark.parametrize("verb", ["put", "update"])
def test_what_is_written_over_it_is_the_stages(stored, stage, verb):
    session = older(stored)
    stored.do(stage, verb, session, {"w": 1}, {"expirationTtl": HOUR})
    assert shown(stored, session) == ("app" if stage in AFTER else "dual", 2)
    base = {} if verb == "put" else {"v": "old" if stage in AFTER else "of KV"}
    assert data(stored.do(stage, "get", session)) == {**base, "w": 1}


@pytest.mark.parametrize("stage", AFTER)
def test_a_touch_makes_it_the_applications_once_the_object_is_believed(stored, stage):
    session = older(stored)
    assert stored.do(stage, "touch", session, {"expirationTtl": 3 * HOUR}).thrown is None
    assert shown(stored, session) == ("app", 2)
    assert data(stored.do("shadow-read", "get", session)) == {"v": "old"}, "an app row is believed there too"


def test_a_touch_at_shadow_read_leaves_a_session_of_two_values_alone(stored):
    session = older(stored)
    done = stored.do("shadow-read", "touch", session, {"expirationTtl": 3 * HOUR})
    assert (done.writes, done.counters["touch_disputed"]) == ([], 1)
    assert shown(stored, session) == ("legacy", 1)


@pytest.mark.parametrize("stage", STAGES[1:])
@pytest.mark.parametrize("kv", ['{"v":"of KV"}', None])
def test_a_logout_is_a_logout(stored, stage, kv):
    session = older(stored, kv=kv)
    assert stored.do(stage, "delete", session).thrown is None
    assert shown(stored, session) == "tombstone"
    for reader in {STAGES[STAGES.index(stage) - 1], *STAGES[2:]}:
        assert data(stored.do(reader, "get", session)) is None, reader


@pytest.mark.parametrize("stage", AFTER)
def test_one_that_has_expired_is_not_brought_back_from_kv(stored, stage):
    session = fresh()
    stored.call(session, "plant", session, "{}", int(stored.now) - 1)
    stored.plant(session, '{"v":"of KV"}', expirationTtl=HOUR)
    assert data(stored.do(stage, "get", session)) is None
    assert shown(stored, session) == ("legacy", 1)

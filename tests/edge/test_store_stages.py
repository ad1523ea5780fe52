"""Stages of the session store side by side: what one isolate wrote, and what another one makes of it."""

import itertools

import pytest

from tests.edge.edge import object_hash
from tests.edge.sending import fresh
from tests.edge.stored import STAGES

HOUR = 3600
NEIGHBOURS = [pair for one in itertools.pairwise(STAGES) for pair in (one, one[::-1])]


def known(stored, *stages, **options):
    """A session that was put at these stages, one after the other."""
    session = fresh()
    for number, stage in enumerate(stages, 1):
        given = {"expirationTtl": HOUR} | options
        assert stored.do(stage, "put", session, {"v": number}, given).thrown is None
    return session


def data(done):
    assert done.thrown is None
    return done.value and done.value["data"]


@pytest.mark.parametrize(("writer", "reader"), NEIGHBOURS)
def test_neighbouring_stages_read_what_either_acknowledged(stored, writer, reader):
    session = known(stored, writer)
    assert data(stored.do(reader, "get", session)) == {"v": 1}
    stored.do(reader, "update", session, {"w": 1}, {"expirationTtl": HOUR})
    assert data(stored.do(writer, "get", session)) == {"v": 1, "w": 1}
    stored.do(writer, "put", session, {"v": 3}, {"expirationTtl": HOUR})
    assert data(stored.do(reader, "get", session)) == {"v": 3}
    stored.do(reader, "touch", session, {"expirationTtl": 2 * HOUR})
    end = "unknown" if reader == "kv" else stored.now + 2 * HOUR
    assert stored.do(writer, "get", session).value["expiration"] == end
    assert stored.do(writer, "delete", session).thrown is None
    assert data(stored.do(reader, "get", session)) is None
    assert data(stored.do(writer, "get", session)) is None


# ---------------------------------------------------------------- tombstones


@pytest.mark.parametrize("deleted", STAGES[1:])
@pytest.mark.parametrize("stage", STAGES[1:])
@pytest.mark.parametrize("existed", [True, False])
def test_nothing_is_written_under_a_deleted_id(stored, deleted, stage, existed):
    session = known(stored, "dual-write") if existed else fresh()
    assert stored.do(deleted, "delete", session).thrown is None
    stored.plant(session, '{"v":"left"}', expirationTtl=HOUR)
    grave = stored.row(session)
    for verb, args in (("put", [{}]), ("create", [{}]), ("touch", [{"expirationTtl": 4 * HOUR}])):
        done = stored.do(stage, verb, session, *args)
        assert (done.thrown is not None) == (verb == "create")
        assert [one for one in done.writes if one.startswith("kv.")] == []
    assert stored.kv(session)["value"] == '{"v":"left"}'
    assert stored.row(session) == grave


@pytest.mark.parametrize("build", ["EDGE", "DISOBEYING"])
@pytest.mark.parametrize("stage", STAGES[2:])
def test_a_deleted_session_is_not_served_while_kv_still_shows_it(stored, stage, build):
    """Broken in DISOBEYING, which asks KV where there is a tombstone."""
    session = known(stored, "dual-write")
    assert stored.do("dual-write", "delete", session).thrown is None
    done = stored.do(stage, "get", session, build=build, stale={"value": '{"v":1}', "metadata": None})
    assert (data(done) is None) == (build == "EDGE")


# ---------------------------------------------------------------- shadow-read


@pytest.mark.parametrize("build", ["EDGE", "UNCOMPARED"])
def test_a_touch_at_shadow_read_puts_no_older_value_over_a_newer_one(stored, build):
    """Broken in UNCOMPARED, whose touches take any row for the one that they read."""
    session = known(stored, "shadow-read")
    meanwhile = stored.order("shadow-read", "put", session, {"v": 2}, {"expirationTtl": HOUR})
    done = stored.do(
        "shadow-read", "touch", session, {"expirationTtl": 3 * HOUR}, meanwhile=meanwhile, build=build
    )
    assert done.thrown is None
    for stage in ("dual-write", "shadow-read", "object-first"):
        assert (data(stored.do(stage, "get", session)) == {"v": 2}) == (build == "EDGE")


def test_a_touch_at_shadow_read_writes_nothing_where_the_stores_have_two_values(stored):
    session = known(stored, "dual-write", "shadow-read")
    stale = {"value": '{"v":1}', "metadata": None}
    touched = stored.do("shadow-read", "touch", session, {"expirationTtl": 3 * HOUR}, stale=stale)
    assert (touched.thrown, touched.writes) == (None, [])
    for stage in ("dual-write", "shadow-read", "object-first"):
        assert data(stored.do(stage, "get", session)) == {"v": 2}


def test_an_applications_own_row_is_served_whatever_kv_shows(stored):
    session = known(stored, "shadow-read", "object-first")
    stale = {"value": '{"v":1}', "metadata": None}
    for stale_kv in (stale, "missing"):
        assert data(stored.do("shadow-read", "get", session, stale=stale_kv)) == {"v": 2}
    touched = stored.do("shadow-read", "touch", session, {"expirationTtl": 3 * HOUR}, stale=stale)
    assert touched.thrown is None
    assert stored.kv(session)["value"] == '{"v":2}'
    assert stored.row(session)["origin"] == "app"
    stored.set_clock(stored.now + 3 * HOUR)
    assert data(stored.do("shadow-read", "get", session, stale=stale)) is None


def test_a_row_from_before_is_not_served_at_shadow_read(stored):
    session = known(stored, "dual-write")
    stored.do("kv", "put", session, {"v": 2}, {"expirationTtl": HOUR})
    assert data(stored.do("shadow-read", "get", session)) == {"v": 2}
    stored.do("kv", "delete", session)
    assert data(stored.do("shadow-read", "get", session)) is None


def test_what_differs_between_the_stores_is_counted(apart):
    def counted(session, stale=None):
        more = {} if stale is None else {"stale": stale}
        counters = apart.do("shadow-read", "get", session, **more).counters
        return {name.removeprefix("shadow_"): count for name, count in counters.items()}

    session = known(apart, "dual-write")
    end = int(apart.now) + HOUR
    assert counted(session) == {"equal": 1}
    assert counted(fresh()) == {"equal": 1}
    assert counted(session, "missing") == {"extra": 1}
    assert counted(known(apart, "kv")) == {"missing": 1}
    same = '{"v":1}'
    for value, metadata, word in (
        (same, None, "equal"),
        (same, {"_kvferry": {"e": end + 1}}, "equal"),
        ('{"v":9}', {"_kvferry": {"e": end}}, "value"),
        (same, {"m": 1, "_kvferry": {"e": end}}, "metadata"),
        (same, {"_kvferry": {"e": end + 2}}, "expiration"),
        (same, {"_kvferry": {"e": None}}, "expiration"),
    ):
        assert counted(session, {"value": value, "metadata": metadata}) == {word: 1}
    assert counted(known(apart, "object-first")) == {}


@pytest.mark.parametrize("stage", STAGES[2:])
def test_an_objects_error_is_no_miss(stored, stage):
    session = known(stored, "kv", "dual-write")
    for verb, args in (("get", []), ("update", [{}])):
        done = stored.do(stage, verb, session, *args, faults={"kvferryLook": ["fails"]})
        assert "SessionStoreError: the session's object" in (done.thrown or "")
        assert done.writes == []
    assert stored.row(session)["version"] == 1


# ---------------------------------------------------------------- object-first


def test_a_session_that_only_kv_has_is_served_and_copied_as_it_is(stored):
    session = fresh()
    stored.only_in_kv(session, {"v": 1}, metadata={"m": 1})
    done = stored.do("object-first", "get", session)
    end = int(stored.now) + HOUR
    assert done.value == {"data": {"v": 1}, "expiration": end, "metadata": {"m": 1}}
    assert done.counters == {"fallback_hit": 1}
    row = stored.row(session)
    assert (row["origin"], row["expiration"], row["metadata"]) == ("copy", end, '{"m":1}')
    assert stored.do("object-first", "get", session).counters == {}
    assert stored.do("object-first", "get", fresh()).counters == {"fallback_miss": 1}


def test_an_expired_row_is_something(stored):
    session = known(stored, "dual-write")
    stored.set_clock(stored.now + HOUR)
    stale = {"value": '{"v":1}', "metadata": None}
    for verb, args in (("get", []), ("touch", [{"expirationTtl": HOUR}])):
        done = stored.do("object-first", verb, session, *args, stale=stale)
        assert (done.value, done.counters) == (None, {})
    assert stored.row(session)["version"] == 1


@pytest.mark.parametrize(("verb", "read"), [("delete", None), ("put", {"v": 2})])
def test_the_fallback_serves_what_came_in_between(stored, verb, read):
    session = known(stored, "kv")
    args = [] if verb == "delete" else [{"v": 2}, {"expirationTtl": HOUR}]
    meanwhile = stored.order("object-first", verb, session, *args)
    stale = {"value": '{"v":1}', "metadata": {"_kvferry": {"e": int(stored.now) + HOUR}}}
    done = stored.do("object-first", "get", session, meanwhile=meanwhile, stale=stale)
    assert data(done) == read
    assert (stored.row(session)["tombstone"] is not None) == (verb == "delete")


def test_a_touch_of_a_session_that_only_kv_has_copies_it_first(stored):
    session = fresh()
    stored.only_in_kv(session, {"v": 1})
    assert stored.do("object-first", "touch", session, {"expirationTtl": 2 * HOUR}).thrown is None
    row, end = stored.row(session), int(stored.now) + 2 * HOUR
    assert (row["origin"], row["expiration"], row["version"]) == ("app", end, 2)
    assert stored.kv(session)["expiration"] == end


# ---------------------------------------------------------------- read, change, write


@pytest.mark.parametrize("stage", STAGES[2:])
def test_an_update_is_done_again_over_what_came_in_between(stored, stage):
    session = known(stored, stage)
    meanwhile = stored.order(stage, "update", session, {"theirs": 1}, {"expirationTtl": 2 * HOUR})
    done = stored.do(stage, "update", session, {"ours": 1}, meanwhile=meanwhile)
    assert done.value == {"v": 1, "theirs": 1, "ours": 1}
    found = stored.do(stage, "get", session).value
    assert (found["data"], found["expiration"]) == (done.value, stored.now + 2 * HOUR)


@pytest.mark.parametrize(
    ("verb", "args"),
    [("touch", [{"expirationTtl": 4 * HOUR}]), ("update", [{"ours": 1}, {"expirationTtl": HOUR}])],
)
def test_what_is_compared_with_a_row_at_shadow_read_read_the_row_before_kv(stored, verb, args):
    """Read the other way round, the row may be newer than what KV showed, and the comparison holds."""
    trace = stored.do("shadow-read", verb, known(stored, "shadow-read"), *args).trace
    assert trace.index("kvferryLook done") < trace.index("kv.get") < trace.index("kvferryPut")


@pytest.mark.parametrize("in_kv", ["another value", "nothing"])
def test_an_update_at_shadow_read_does_not_undo_what_kv_does_not_show_yet(stored, in_kv):
    session = known(stored, "shadow-read")
    if in_kv == "nothing":
        stored.do("kv", "delete", session)
    else:
        stored.do("kv", "put", session, {"v": 0}, {"expirationTtl": HOUR})
    before = stored.row(session), stored.kv(session)
    done = stored.do("shadow-read", "update", session, {"ours": 1})
    assert "lags behind" in done.thrown
    assert done.writes == []
    assert (stored.row(session), stored.kv(session)) == before
    assert stored.do("object-first", "update", session, {"ours": 1}).value == {"v": 1, "ours": 1}


@pytest.mark.parametrize("stage", STAGES)
def test_an_update_of_nothing_makes_a_session_and_one_of_a_deleted_session_does_not(stored, stage):
    session = fresh()
    assert stored.do(stage, "update", session, {"a": 1}, {"expirationTtl": HOUR}).value == {"a": 1}
    if stage == "kv":
        return
    assert stored.do(stage, "get", session).value["expiration"] == stored.now + HOUR
    stored.do(stage, "delete", session)
    stored.do(stage, "update", session, {"a": 2}, {"expirationTtl": HOUR})
    assert data(stored.do(stage, "get", session)) is None


# ---------------------------------------------------------------- less to write


@pytest.mark.parametrize("copied", [True, False])
def test_a_put_of_what_is_there_makes_the_row_the_applications_own(apart, copied):
    session = fresh() if copied else known(apart, "dual-write")
    if copied:
        apart.only_in_kv(session, {"v": 1})
    apart.do("object-first", "get", session)
    every = {"SESSION_PUT_EVERY": "60"}
    apart.do("object-first", "put", session, {"v": 1}, {"expirationTtl": HOUR}, vars=every)
    row = apart.row(session)
    assert (row["origin"], row["version"]) == ("app", 2)


@pytest.mark.parametrize("stage", STAGES)
def test_a_put_of_what_is_there_waits_only_where_the_object_is_right(apart, stage):
    every = {"SESSION_PUT_EVERY": "60"}
    session, waits = known(apart, stage), stage.startswith("object")
    end = int(apart.now) + HOUR

    def writes(value, expiration, **more):
        done = apart.do(stage, "put", session, value, {"expiration": expiration} | more, vars=every)
        assert done.thrown is None
        return apart.row(session), any(one.startswith("kv.") for one in done.writes)

    row, kv = writes({"v": 1}, end + 59)
    assert kv == (not waits and stage != "object-only")
    if stage != "kv":
        assert row["version"] == (1 if waits else 2)
    for change in (({"v": 1}, end + 120), ({"v": 2}, end + 120)):
        row, kv = writes(*change)
        assert kv == (stage != "object-only")
    row, kv = writes({"v": 2}, end + 120, metadata={"m": 1})
    if stage != "kv":
        assert row["version"] == (4 if waits else 5)


def test_a_share_of_the_sessions_is_at_the_next_stage_already(apart):
    sessions = [fresh("ramp") for _ in range(24)]
    for percent in (0, 30, 100):
        ahead = [one for one in sessions if object_hash(f"stage:{one}") % 10_000 < percent * 100]
        assert percent != 30 or 0 < len(ahead) < len(sessions)
        reads = {s: apart.do(f"shadow-read {percent}", "get", s).trace for s in sessions}
        assert [s for s in sessions if "kvferryLook" in reads[s]] == ahead

"""The session store's verbs at every stage, on both placements and both kinds of classes."""

import time

import httpx
import pytest

from migrate.core.record import digest_text
from tests.edge.edge import PREFIX
from tests.edge.sending import fresh
from tests.edge.stored import STAGES, Stored

HOUR = 3600
WITH_KV = STAGES[:4]
WITH_OBJECT = STAGES[1:]


def ok(done):
    assert done.thrown is None
    return done.value


# ---------------------------------------------------------------- what is written is read


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("verb", ["put", "create"])
def test_what_is_put_is_read_until_it_is_deleted(stored, stage, verb):
    session = fresh()
    options = {"expirationTtl": HOUR, "metadata": {"m": 1}}
    ok(stored.do(stage, verb, session, {"user": "u"}, options))
    expiration = int(stored.now) + HOUR
    known = (lambda at: "unknown") if stage == "kv" else (lambda at: at)
    found = {"data": {"user": "u"}, "expiration": known(expiration), "metadata": {"m": 1}}
    assert ok(stored.do(stage, "get", session)) == found
    ok(stored.do(stage, "touch", session, {"expirationTtl": 2 * HOUR}))
    assert ok(stored.do(stage, "get", session)) == found | {"expiration": known(expiration + HOUR)}
    stays = {"expirationTtl": 2 * HOUR} if stage == "kv" else {}
    changed = ok(stored.do(stage, "update", session, {"seen": 1}, {"metadata": {"m": 2}} | stays))
    assert changed == {"user": "u", "seen": 1}
    found = {"data": changed, "expiration": known(expiration + HOUR), "metadata": {"m": 2}}
    assert ok(stored.do(stage, "get", session)) == found
    ok(stored.do(stage, "delete", session))
    assert ok(stored.do(stage, "get", session)) is None
    ok(stored.do(stage, "touch", session, {"expirationTtl": HOUR}))
    assert ok(stored.do(stage, "get", session)) is None


@pytest.mark.parametrize("stage", STAGES)
def test_each_store_has_what_the_stage_says(stored, stage):
    session, expiration = fresh(), int(stored.now) + HOUR
    ok(stored.do(stage, "put", session, {"v": 1}, {"expirationTtl": HOUR, "metadata": {"m": 1}}))
    kv, row = stored.kv(session), stored.row(session)
    digest = digest_text(b'{"v":1}')
    assert (kv is not None) == (stage in WITH_KV)
    assert (row is not None) == (stage in WITH_OBJECT)
    if kv is not None:
        stamp = kv["metadata"].pop("_kvferry", None)
        assert kv == {"value": '{"v":1}', "metadata": {"m": 1}, "expiration": expiration}
        assert (stamp is None) == (stage == "kv")
        if stamp is not None:
            name, _, namespace = stamp.pop("s").partition("@")
            assert (name, len(namespace)) == (stage, 8)
            assert stamp == {"d": digest, "e": expiration, "v": 1}
    if row is not None:
        assert row["origin"] == ("dual" if stage in ("dual-write", "shadow-read") else "app")
        wanted = (1, digest, expiration, '{"m":1}')
        assert (row["version"], row["digest"], row["expiration"], row["metadata"]) == wanted
    ok(stored.do(stage, "delete", session))
    assert stored.kv(session) is None
    row = stored.row(session)
    assert (row is not None and row["tombstone"] is not None) == (stage in WITH_OBJECT)


@pytest.mark.parametrize("stage", WITH_OBJECT)
def test_the_objects_half_comes_first_and_then_kvs(apart, stage):
    session, kv = fresh(), stage != "object-only"
    options = {"expirationTtl": HOUR}
    assert apart.do(stage, "put", session, {}, options).writes == ["kvferryPut"] + ["kv.put"] * kv
    touched = apart.do(stage, "touch", session, {"expirationTtl": 2 * HOUR}).writes
    touch = "kvferryTouch" if stage.startswith("object") else "kvferryPut"
    assert touched == [touch] + ["kv.put"] * kv
    assert apart.do(stage, "delete", session).writes == ["kvferryDelete"] + ["kv.delete"] * kv


def test_object_first_answers_before_kv_is_done(apart):
    for verb, args in (("put", ({}, {})), ("touch", ({"expirationTtl": HOUR},)), ("delete", ())):
        session = fresh()
        apart.do("object-first", "put", session, {}, {"expirationTtl": 60})
        trace = apart.do("object-first", verb, session, *args).trace
        (done,) = [
            index for index, one in enumerate(trace) if one.startswith("kv.") and one.endswith(" done")
        ]
        assert trace.index("answered") < done


def test_the_store_as_applications_have_it(edge):
    stored = Stored(edge)
    stored.set_clock(None)

    def real(stage, verb, *args, **more):
        return edge.store("real", stored.order(stage, verb, *args, **more))

    for stage in STAGES:
        session = fresh()
        real(stage, "create", session, {"v": 1}, {"expirationTtl": HOUR})
        real(stage, "touch", session, {"expirationTtl": 2 * HOUR})
        found = real(stage, "get", session)
        assert found["data"] == {"v": 1}
        assert stage == "kv" or abs(found["expiration"] - time.time() - 2 * HOUR) < 60
        real(stage, "delete", session)
        assert real(stage, "get", session) is None


def test_what_is_left_when_a_request_is_answered_is_done_all_the_same(edge):
    stored, session = Stored(edge), fresh()
    stored.set_clock(None)
    edge.store("real", stored.order("object-first", "put", session, {"v": 1}, faults={}))
    assert stored.kv(session) is None, "it was answered before"
    edge.store("plant", {"key": f"go:{PREFIX}{session}", "value": "go", "options": {}})
    deadline = time.monotonic() + 20
    while stored.kv(session) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored.kv(session)["value"] == '{"v":1}'


@pytest.mark.parametrize("stage", STAGES[:4])
def test_a_client_that_hangs_up_cuts_no_write_in_two(edge, stage):
    stored, session = Stored(edge), fresh()
    stored.set_clock(None)
    put = ["put", session, {"v": 1}, {"expirationTtl": HOUR}]
    with edge.asking("real", stored.order(stage, *put, faults={})):
        until(lambda: edge.store("kv", f"came:{PREFIX}{session}"))
    time.sleep(0.2)  # the runtime has seen that nobody is there any more
    edge.store("plant", {"key": f"go:{PREFIX}{session}", "value": "go", "options": {}})
    until(lambda: stored.kv(session))
    assert stored.kv(session)["value"] == '{"v":1}'
    assert (stored.row(session) is None) == (stage == "kv")


def until(there):
    """Wait for it."""
    deadline = time.monotonic() + 20
    while there() is None:
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


# ---------------------------------------------------------------- data, ids, arguments


@pytest.mark.parametrize("stage", ["kv", "shadow-read", "object-only"])
@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("text", "text"),
        ('{"a":1}', '{"a":1}'),
        (0, 0),
        ([None], [None]),
        ({"base64": "AP8="}, {"base64": "AP8="}),
        ({"base64": "dGV4dA=="}, "text"),
        ({"base64": "eyJhIjoxfQ=="}, {"a": 1}),
    ],
)
def test_data_come_back_as_the_declaration_says(apart, stage, data, read):
    session = fresh()
    ok(apart.do(stage, "put", session, data))
    never = "unknown" if stage == "kv" else None
    assert ok(apart.do(stage, "get", session)) == {"data": read, "expiration": never, "metadata": None}


@pytest.mark.parametrize("stage", ["kv", "shadow-read", "object-only"])
def test_what_can_be_no_id_is_no_session_and_cannot_be_written(apart, stage):
    for wrong in ("", "x" * (513 - len(PREFIX)), "\ud800"):
        done = apart.do(stage, "get", wrong)
        assert (ok(done), done.trace) == (None, ["answered"])
        done = apart.do(stage, "put", wrong, {})
        assert "TypeError" in (done.thrown or "")
        assert done.trace == ["answered"]
    longest = fresh("x" * (512 - len(PREFIX) - 7))
    ok(apart.do(stage, "put", longest, {}))
    assert ok(apart.do(stage, "get", longest)) is not None
    number = 10_000_000 + int(fresh().removeprefix("s-"))
    ok(apart.do(stage, "put", number, "n"))
    assert ok(apart.do(stage, "get", str(number)))["data"] == "n"


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("put", ["v", {"expirationTtl": 60, "expiration": 2_000_000_000}]),
        ("put", ["v", {"expiration": 2_000_000_000.5}]),
        ("touch", [{}]),
    ],
)
def test_a_wrong_call_writes_nothing(apart, verb, args):
    done = apart.do("shadow-read", verb, fresh(), *args)
    assert "TypeError" in (done.thrown or "")
    assert done.writes == []


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_STAGE": ""},
        {"SESSION_STAGE": "dual_write"},
        {"SESSION_STAGE_PERCENT": "101"},
        {"SESSION_STAGE_PERCENT": "half"},
        {"KVFERRY_PLACEMENT": "shards"},
        {"SESSION_TOUCH_EVERY": "often"},
    ],
)
def test_settings_that_cannot_be_understood_are_refused(apart, settings):
    with pytest.raises(httpx.HTTPStatusError, match="500"):
        apart.do("dual-write", "get", "s", vars=settings)


# ---------------------------------------------------------------- expirations


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("left", [-5, 1, 30, 59, 61])
def test_a_session_that_is_nearly_over_ends_when_it_ends(apart, stage, left):
    session, end = fresh(), int(apart.now) + left
    ok(apart.do(stage, "put", session, {"v": 1}, {"expiration": end}))
    if stage in WITH_KV:
        kept = apart.kv(session)
        assert kept["metadata"]["_kvferry"]["e"] == end
        assert 60 <= kept["expiration"] - time.time() < 75
    if left > 0:
        apart.set_clock(end - 0.5)
        assert ok(apart.do(stage, "get", session))["expiration"] == (
            "unknown" if stage == "kv" and left > 64 else end
        )
    apart.set_clock(end)
    assert ok(apart.do(stage, "get", session)) is None
    ok(apart.do(stage, "touch", session, {"expirationTtl": HOUR}))
    assert ok(apart.do(stage, "get", session)) is None


@pytest.mark.parametrize("stage", WITH_OBJECT)
def test_a_touch_never_shortens_and_is_written_only_when_it_is_due(apart, stage):
    session, end = fresh(), int(apart.now) + HOUR
    ok(apart.do(stage, "put", session, {}, {"expiration": end}))
    for until, lasts in ((end - 1, end), (end, end), (end + 299, end), (end + 300, end + 300)):
        done = apart.do(stage, "touch", session, {"expiration": until})
        assert done.thrown is None
        assert ok(apart.do(stage, "get", session))["expiration"] == lasts
        if lasts == end:
            assert not any(one.startswith("kv.put") or one == "kvferryPut" for one in done.writes)
    ok(apart.do(stage, "put", session, {}))
    done = apart.do(stage, "touch", session, {"expirationTtl": 60})
    assert done.thrown is None
    assert [one for one in done.writes if one != "kvferryTouch"] == []
    assert ok(apart.do(stage, "get", session))["expiration"] is None


def test_how_often_a_touch_is_written_can_be_set(apart):
    session, end = fresh(), int(apart.now) + HOUR
    every = {"SESSION_TOUCH_EVERY": "0"}
    for stage in WITH_OBJECT:
        ok(apart.do(stage, "put", session, {}, {"expiration": end}))
        ok(apart.do(stage, "touch", session, {"expiration": end + 1}, vars=every))
        assert ok(apart.do(stage, "get", session))["expiration"] == end + 1


# ---------------------------------------------------------------- metadata


@pytest.mark.parametrize(
    ("metadata", "holds", "counted"),
    [
        ({"m": "x" * 700}, {"d", "v", "s", "e"}, None),
        ({"m": "x" * 950}, {"e"}, "stamp_shortened"),
        ({"m": "x" * 1010}, None, "stamp_left_out"),
        ("text", None, "stamp_left_out"),
        ([1], None, "stamp_left_out"),
    ],
)
def test_a_stamp_that_has_no_room_in_metadata_is_left_out_and_counted(apart, metadata, holds, counted):
    session = fresh()
    done = apart.do("dual-write", "put", session, {}, {"metadata": metadata, "expirationTtl": HOUR})
    assert {name for name in done.counters if name.startswith("stamp")} == ({counted} if counted else set())
    kept = apart.kv(session)["metadata"]
    stamp = kept.pop("_kvferry", None) if isinstance(kept, dict) else None
    assert kept == metadata
    assert (None if stamp is None else set(stamp)) == holds
    assert ok(apart.do("dual-write", "get", session))["metadata"] == metadata


def test_empty_metadata_are_none_in_both_stores(apart):
    session = fresh()
    ok(apart.do("dual-write", "put", session, {}, {"metadata": {}, "expirationTtl": HOUR}))
    assert apart.row(session)["metadata"] is None
    assert set(apart.kv(session)["metadata"]) == {"_kvferry"}
    done = apart.do("shadow-read", "get", session)
    assert (ok(done)["metadata"], done.counters) == (None, {"shadow_equal": 1})


def test_an_expiration_that_cannot_be_kept_is_counted_as_lengthened(apart):
    options = {"metadata": "text", "expirationTtl": 30}
    done = apart.do("dual-write", "put", fresh(), {}, options)
    assert done.counters == {"stamp_left_out": 1, "expiration_lengthened": 1}


# ---------------------------------------------------------------- sessions from before the store


@pytest.mark.parametrize("stage", WITH_KV)
def test_a_session_from_before_the_store_is_read_and_its_expiration_is_not_guessed(apart, stage):
    session = fresh()
    apart.plant(session, '{"user":"u"}', expirationTtl=HOUR, metadata={"m": 1})
    found = {"data": {"user": "u"}, "expiration": "unknown", "metadata": {"m": 1}}
    assert ok(apart.do(stage, "get", session)) == found
    assert apart.row(session) is None, "what has no known expiration is not imported"
    done = apart.do(stage, "update", session, {"seen": 1})
    assert "say how long" in (done.thrown or "")
    ok(apart.do(stage, "touch", session, {"expirationTtl": 2 * HOUR}))
    later = int(apart.now) + 2 * HOUR
    assert ok(apart.do(stage, "get", session)) == found | ({} if stage == "kv" else {"expiration": later})
    kept = apart.kv(session)
    assert (kept["expiration"], kept["metadata"]["m"]) == (later, 1)


# ---------------------------------------------------------------- other classes


def test_somebody_elses_class_keeps_sessions_as_well(edge):
    stored = Stored(edge, "shards:4", "WRAPPED")
    for stage in WITH_OBJECT:
        session = fresh()
        ok(stored.do(stage, "put", session, {"userId": "u"}, {"expirationTtl": HOUR}))
        ok(stored.do(stage, "touch", session, {"expirationTtl": 2 * HOUR}))
        assert ok(stored.do(stage, "update", session, {"n": 1})) == {"userId": "u", "n": 1}
        found = ok(stored.do(stage, "get", session))
        assert found["data"] == {"userId": "u", "n": 1}
        assert abs(found["expiration"] - time.time() - 2 * HOUR) < 60
        row = stored.row(session)
        assert (row["origin"], row["version"]) == ("app" if stage.startswith("object") else "dual", 3)
        ok(stored.do(stage, "delete", session))
        assert stored.row(session)["tombstone"] is not None
        ok(stored.do(stage, "put", session, {"userId": "v"}))
        assert ok(stored.do(stage, "get", session)) is None


def test_at_dual_write_a_class_from_before_the_store_leaves_it_at_kv(edge):
    stored, session = Stored(edge, objects="OLD"), fresh()
    for verb, args in (("put", [{"v": 1}]), ("touch", [{"expirationTtl": HOUR}])):
        done = stored.do("dual-write", verb, session, *args)
        assert done.thrown is None
        if verb == "put":
            assert done.counters["object_older"] == 1
            assert stored.kv(session)["metadata"] is None, "as at kv"
    assert ok(stored.do("dual-write", "get", session))["data"] == {"v": 1}
    done = stored.do("dual-write", "delete", session)
    assert (done.thrown, done.counters) == (None, {"object_older": 1})
    assert stored.kv(session) is None


@pytest.mark.parametrize("stage", WITH_OBJECT[1:])
def test_from_shadow_read_on_a_class_from_before_the_store_is_an_error(edge, stage):
    stored = Stored(edge, objects="OLD")
    for verb, args in (("get", []), ("put", [{}]), ("delete", []), ("update", [{}])):
        done = stored.do(stage, verb, fresh(), *args)
        assert "deploy it first" in (done.thrown or "")
    edge.store("clock", None)


def test_an_object_that_speaks_an_older_version_of_the_calls_says_so_and_writes_nothing(apart):
    session, end = fresh(), apart.now + 10
    ask = {"halves": 2, "key": session, "notAfter": end, "origin": "app", "until": end, "every": 0}
    value = {"value": {"base64": "MQ=="}, "metadata": None, "expiration": None, "expect": None}
    for method in ("kvferryLook", "kvferryAdopt"):
        assert apart.call(session, method, ask | value) == {"is": "older"}
    for method in ("kvferryPut", "kvferryTouch", "kvferryDelete"):
        assert apart.call(session, method, ask | value) == {"outcome": "older"}
    assert apart.row(session) is None

import json
import re
import threading
from pathlib import Path

import pytest

import migrate
from migrate.core.record import NEVER, UNKNOWN, Key, Origin, Record
from migrate.errors import ConfigError, StoreBroken, StoreError, StoreUnavailable
from migrate.session_store import SessionStore, SessionStoreError, Settings, StoredSession
from migrate.session_store.counters import NAMES
from migrate.session_store.kv_side import possible
from tests.session_store.stand import FAILED, NOW, PREFIX, SILENT, Stand

STAGES = ("kv", "dual-write", "shadow-read", "object-first", "object-only")
HOUR = 3600


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path)
    yield made
    made.sessions.close()


# ---------------------------------------------------------------- every verb at every stage


@pytest.mark.parametrize("stage", STAGES)
def test_what_was_put_is_read_renewed_changed_and_deleted(stand, stage):
    store = stand.at(stage)
    assert store.get("a") is None
    store.create("a", {"user": "é"}, expiration_ttl=HOUR, metadata={"ip": 1})
    assert store.get("a") == StoredSession({"user": "é"}, NOW + HOUR, {"ip": 1})
    store.touch("a", expiration_ttl=2 * HOUR)
    store.touch("a", expiration_ttl=HOUR)
    assert store.get("a") == StoredSession({"user": "é"}, NOW + 2 * HOUR, {"ip": 1})
    assert store.update("a", lambda session: session.data | {"n": 2}) == {"user": "é", "n": 2}
    assert store.get("a") == StoredSession({"user": "é", "n": 2}, NOW + 2 * HOUR, {"ip": 1})
    stand.clock.time += 2 * HOUR
    assert store.get("a") is None
    store.put("b", "text")
    assert store.get("b") == StoredSession("text", None, None)
    store.delete("b")
    assert store.get("b") is None


@pytest.mark.parametrize("data", ["1", "", 0, None, [], {"a": [1.5]}, b"\xff\x00", "[" * 99])
def test_data_comes_back_as_it_was(stand, data):
    for stage in STAGES:
        stand.at(stage).put(f"s{stage}", data)
        assert stand.at(stage).get(f"s{stage}").data == data


@pytest.mark.parametrize("stage", STAGES[1:])
def test_an_id_that_was_deleted_is_never_used_again(stand, stage):
    store = stand.at(stage)
    store.put("a", 1)
    store.delete("a")
    store.put("a", 2)
    store.touch("a", expiration_ttl=HOUR)
    assert store.get("a") is None
    assert stand.in_kv("a") is None
    with pytest.raises(SessionStoreError, match="never used again"):
        store.create("a", 3)
    assert store.counters.all()["write_gone"] >= 2


@pytest.mark.parametrize(
    ("stage", "origin"),
    [
        ("kv", None),
        ("dual-write", "dual"),
        ("shadow-read", "dual"),
        ("object-first", "app"),
        ("object-only", "app"),
    ],
)
def test_the_stage_says_where_a_write_goes_and_whose_it_is(stand, stage, origin):
    stand.at(stage).put("a", 1, expiration_ttl=HOUR)
    row, kept = stand.row("a"), stand.in_kv("a")
    assert (row and str(row.origin)) == origin
    assert (kept is None) == (stage == "object-only")
    assert stand.kv.asked == (["put"] if kept else [])
    assert stand.object.asked == (["half"] if row else [])


def test_from_dual_write_on_kv_says_digest_version_stage_and_expiration(stand):
    for stage in STAGES[:4]:
        store = stand.at(stage)
        store.put("a", 1, expiration_ttl=HOUR, metadata={"ip": 1})
        found = json.loads(stand.in_kv("a").metadata)
        assert found.pop("ip") == 1
        if stage == "kv":
            assert found == {}
            continue
        name = stand.sessions.halves.name[:8]
        version = stand.row("a").version
        stamp = {"d": "a4ayc_80_OGda4BO_1o_Vw", "v": version, "s": f"{stage}@{name}", "e": NOW + HOUR}
        assert found == {"_kvferry": stamp}


# ---------------------------------------------------------------- reading


def test_shadow_read_obeys_tombstones_and_app_rows_and_else_kv(stand):
    shadow = stand.at("shadow-read")
    stand.plant("only-kv")
    assert shadow.get("only-kv").data == 1
    stand.at("dual-write").put("dual", 1, expiration_ttl=HOUR)
    stand.plant("dual", b"2")
    assert shadow.get("dual").data == 2
    stand.at("object-first").put("app", 1, expiration_ttl=HOUR)
    stand.plant("app", b"2")
    assert shadow.get("app").data == 1
    stand.at("object-only").put("gone", 1)
    stand.at("object-only").delete("gone")
    stand.plant("gone")
    assert shadow.get("gone") is None
    assert shadow.counters.all() == {"shadow_missing": 1, "shadow_value": 1}


def test_object_first_gives_the_object_what_only_kv_has_with_its_own_expiration(stand):
    stand.plant("a", metadata='{"ip":1,"_kvferry":{"e":1}}')
    store = stand.at("object-first")
    assert store.get("a") == StoredSession(1, NOW + HOUR, {"ip": 1})
    row = stand.row("a")
    assert (row.origin, row.expiration, row.metadata, row.version) == (Origin.COPY, NOW + HOUR, '{"ip":1}', 1)
    stand.plant("a", b"2")
    assert store.get("a").data == 1
    assert store.get("b") is None
    assert store.counters.all() == {"fallback_hit": 1, "fallback_miss": 1}


def test_an_expired_row_is_no_miss(stand):
    store = stand.at("object-first")
    store.put("a", 1, expiration_ttl=100)
    stand.clock.time += 101
    stand.plant("a", until=NOW + HOUR)
    assert store.get("a") is None
    assert store.counters.all() == {}, "KV is not asked"


@pytest.mark.parametrize("stage", STAGES[2:])
def test_an_error_of_the_object_is_no_miss(stand, stage):
    stand.plant("a")
    stand.object.script.append(FAILED)
    with pytest.raises(StoreUnavailable):
        stand.at(stage).get("a")


@pytest.mark.parametrize("stage", STAGES[:4])
def test_an_error_of_kv_is_no_miss(stand, stage):
    stand.kv.script["get"] = [FAILED]
    with pytest.raises(StoreUnavailable):
        stand.at(stage).get("a")


def test_a_session_that_could_not_be_given_to_the_object_is_served_all_the_same(stand):
    stand.plant("a")
    store = stand.at("object-first")

    def only_looks(name, ask, real=stand.object._call):
        if name == "adopt":
            raise FAILED
        return real(name, ask)

    stand.object._call = only_looks
    assert store.get("a").data == 1
    assert store.counters.all() == {"fallback_hit": 1, "fallback_failed": 1}
    assert stand.row("a") is None


# ---------------------------------------------------------------- halves that do not end well

OK, ERROR = "ok", "error"
CALLS = {"put": ("a", 2), "touch": ("a",), "delete": ("a",)}
WITHOUT_THE_OBJECT = {
    # what the caller is told, and whether KV's half follows
    "dual-write": {"put": (OK, True), "touch": (OK, True), "delete": (ERROR, True)},
    "shadow-read": {"put": (ERROR, False), "touch": (OK, False), "delete": (ERROR, True)},
    "object-first": {"put": (ERROR, False), "touch": (ERROR, False), "delete": (ERROR, False)},
    "object-only": {"put": (ERROR, False), "touch": (ERROR, False), "delete": (ERROR, False)},
}
WITHOUT_KV = {
    "kv": {"put": ERROR, "touch": ERROR, "delete": ERROR},
    "dual-write": {"put": ERROR, "touch": ERROR, "delete": ERROR},
    "shadow-read": {"put": ERROR, "touch": OK, "delete": ERROR},
    "object-first": {"put": OK, "touch": OK, "delete": OK},
}


def told(store, verb):
    options = {"expiration_ttl": 3 * HOUR} if verb == "touch" else {}
    try:
        getattr(store, verb)(*CALLS[verb], **options)
    except SessionStoreError as error:
        return ERROR if "is not known to be" in error.message else error.message
    return OK


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("stage", WITHOUT_THE_OBJECT)
def test_when_the_objects_half_fails(stand, stage, verb):
    store = stand.at(stage)
    store.put("a", 1, expiration_ttl=HOUR)
    before = stand.row("a")
    stand.kv.asked.clear()

    def only_looks(name, ask, real=stand.object._call):
        if name == "half":
            raise FAILED
        return real(name, ask)

    stand.object._call = only_looks
    answer, follows = WITHOUT_THE_OBJECT[stage][verb]
    assert told(store, verb) == answer
    assert [one for one in stand.kv.asked if one != "get"] == [
        "delete" if verb == "delete" else "put"
    ] * follows
    assert store.counters.all()["object_failed"] == 1
    assert stand.row("a") == before
    if follows and verb == "put":
        assert "v" not in json.loads(stand.in_kv("a").metadata)["_kvferry"], "a version that nobody told"


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize(("error", "end"), [(FAILED, "failed"), (SILENT, "unanswered")])
@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("stage", WITHOUT_KV)
def test_when_kvs_half_fails_or_does_not_answer(stand, stage, verb, error, end, effect):
    store = stand.at(stage)
    store.put("a", 1, expiration_ttl=HOUR)
    stand.kv.effect = effect
    stand.kv.script["delete" if verb == "delete" else "put"] = [error]
    assert told(store, verb) == WITHOUT_KV[stage][verb]
    assert store.counters.all()[f"kv_{end}"] == 1


@pytest.mark.parametrize(
    ("stage", "script", "answer"),
    [
        ("kv", "kv", ERROR),
        ("dual-write", "kv", ERROR),
        ("shadow-read", "kv", OK),
        ("shadow-read", "object", OK),
    ],
)
def test_a_touch_that_cannot_read_writes_nothing(stand, stage, script, answer):
    store = stand.at(stage)
    store.put("a", 1, expiration_ttl=HOUR)
    before = stand.row("a"), stand.in_kv("a")
    if script == "kv":
        stand.kv.script["get"] = [FAILED]
    else:
        stand.object.script.append(FAILED)
    if answer == OK:
        store.touch("a", expiration_ttl=2 * HOUR)
    else:
        with pytest.raises(StoreError):
            store.touch("a", expiration_ttl=2 * HOUR)
    assert (stand.row("a"), stand.in_kv("a")) == before


def test_no_half_of_kv_begins_after_its_time(stand):
    store = stand.at("object-first")

    def slow(name, ask, real=stand.object._call):
        answer = real(name, ask)
        stand.clock.time += 20.5
        return answer

    stand.object._call = slow
    store.put("a", 1, expiration_ttl=HOUR)
    assert stand.in_kv("a") is None
    assert store.counters.all() == {"kv_late": 1}


# ---------------------------------------------------------------- touch, update, coalescing


def test_a_touch_at_shadow_read_chooses_between_no_two_values(stand):
    store = stand.at("shadow-read")
    store.put("a", 1, expiration_ttl=HOUR)
    stand.plant("a", b"2")
    before = stand.row("a"), stand.in_kv("a")
    store.touch("a", expiration_ttl=2 * HOUR)
    assert (stand.row("a"), stand.in_kv("a")) == before
    assert store.counters.all()["touch_disputed"] == 1


def test_a_touch_at_shadow_read_is_refused_when_the_row_changed_since_it_was_read(stand):
    store = stand.at("shadow-read")
    store.put("a", 1, expiration_ttl=HOUR)

    def interrupted(key, real=stand.kv.kv.get):
        found = real(key)
        stand.kv.kv.get = real
        stand.at("shadow-read").put("a", 2, expiration_ttl=HOUR)
        return found

    stand.kv.kv.get = interrupted
    store.touch("a", expiration_ttl=2 * HOUR)
    assert (stand.row("a").value, stand.in_kv("a").value) == (b"2", b"2")


@pytest.mark.parametrize("known", [True, False])
def test_a_touch_at_object_first_gives_the_object_what_only_kv_has(stand, known):
    stand.plant("a", until=NOW + 100)
    store = stand.at("object-first")
    if not known:
        stand.object.halves.real.adopt(stand_adopt("a"))
    store.touch("a", expiration_ttl=HOUR)
    assert (stand.row("a").expiration, stand.row("a").origin) == (NOW + HOUR, Origin.APP)
    assert stand.in_kv("a").expiration == NOW + HOUR


def stand_adopt(session_id):
    from migrate.core.protocol.half_calls import AdoptHalf

    return AdoptHalf(Record(Key(PREFIX + session_id), b"1", None, NOW + 100), NOW + 20)


def test_touches_that_gain_little_are_skipped_and_cost_no_write(stand):
    for stage in STAGES:
        store = stand.at(stage, touch_every=300)
        store.put(stage, 1, expiration_ttl=HOUR)
        stand.kv.asked.clear()
        before = stand.row(stage)
        stand.clock.time += 200
        store.touch(stage, expiration_ttl=HOUR)
        assert "put" not in stand.kv.asked
        assert stand.row(stage) == before
        stand.clock.time += 100
        store.touch(stage, expiration_ttl=HOUR)
        assert store.get(stage).expiration == int(stand.clock.time) + HOUR


def test_from_object_first_on_a_put_of_what_is_there_may_wait(stand):
    for stage, writes in (("dual-write", 2), ("object-first", 1)):
        store = stand.at(stage, put_every=60)
        stand.kv.asked.clear()
        store.put(stage, 1, expiration_ttl=HOUR)
        stand.clock.time += 30
        store.put(stage, 1, expiration_ttl=HOUR)
        assert stand.kv.asked == ["put"] * writes


@pytest.mark.parametrize("stage", STAGES[2:])
def test_an_update_is_tried_again_until_nobody_interferes(stand, stage):
    store = stand.at(stage)
    store.put("a", 0, expiration_ttl=HOUR)
    tries = []

    def change(session):
        tries.append(session.data)
        if len(tries) < 3:
            stand.at(stage).put("a", len(tries) * 10, expiration_ttl=HOUR)
        return session.data + 1

    assert store.update("a", change) == 21
    assert tries == [0, 10, 20]
    with pytest.raises(SessionStoreError, match="all the time"):
        store.update("a", lambda session: stand.at(stage).put("a", session.data + 1) or 0)


def test_an_update_at_shadow_read_does_not_undo_one_whose_half_in_kv_is_on_its_way(stand):
    store, other = stand.at("shadow-read"), stand.at("shadow-read")
    store.put("a", 0, expiration_ttl=HOUR)

    def interrupted(record, ttl, real=stand.kv.kv.put):
        stand.kv.kv.put = real
        with pytest.raises(SessionStoreError, match="lags behind"):
            other.update("a", lambda session: session.data + 10)
        real(record, ttl)

    stand.kv.kv.put = interrupted
    store.update("a", lambda session: session.data + 1)
    other.update("a", lambda session: session.data + 10)
    assert (store.get("a").data, stand.row("a").value) == (11, b"11")
    assert 0 < stand.clock.slept <= 1


@pytest.mark.parametrize("in_kv", [b"2", None])
def test_an_update_at_shadow_read_chooses_between_no_two_values(stand, in_kv):
    store = stand.at("shadow-read")
    store.put("a", 1, expiration_ttl=HOUR)
    stand.memory.remove(Key(PREFIX + "a"))
    if in_kv is not None:
        stand.plant("a", in_kv)
    before = stand.row("a"), stand.in_kv("a")
    with pytest.raises(SessionStoreError, match="lags behind"):
        store.update("a", lambda session: pytest.fail("it was asked what to change"))
    assert (stand.row("a"), stand.in_kv("a")) == before


def test_an_update_at_shadow_read_goes_by_kv_over_a_row_that_the_store_did_not_write(stand):
    store = stand.at("shadow-read")
    stand.sessions.halves.adopt(stand_adopt("a"))
    stand.plant("a", b"2")
    assert store.update("a", lambda session: session.data + 1) == 3
    assert stand.row("a").value == b"3"


def test_an_update_of_nothing_makes_a_session(stand):
    for stage in STAGES:
        assert stand.at(stage).update(stage, lambda session: [session], expiration_ttl=9) == [None]
        assert stand.at(stage).get(stage).expiration == NOW + 9


# ---------------------------------------------------------------- KV's own rules


def test_a_session_near_its_end_keeps_its_true_expiration_in_metadata(stand):
    for stage in STAGES[:4]:
        store = stand.at(stage)
        store.put(stage, 1, expiration_ttl=30)
        kept = stand.in_kv(stage)
        assert kept.expiration == NOW + 65
        assert json.loads(kept.metadata)["_kvferry"]["e"] == NOW + 30
        assert store.get(stage).expiration == NOW + 30
    stand.clock.time += 31
    assert [stand.at(stage).get(stage) for stage in STAGES[:4]] == [None] * 4


@pytest.mark.parametrize(
    ("metadata", "ttl", "counted"),
    [
        ({"x": "y" * 960}, HOUR, {"stamp_shortened": 1}),
        ({"x": "y" * 1000}, HOUR, {"stamp_left_out": 1}),
        ([1], HOUR, {"stamp_left_out": 1}),
        ("text", 30, {"stamp_left_out": 1, "expiration_lengthened": 1}),
        ({"x": "y" * 960}, 30, {"stamp_shortened": 1}),
    ],
)
def test_what_kv_metadata_have_no_room_for_is_left_out_and_counted(stand, metadata, ttl, counted):
    store = stand.at("dual-write")
    store.put("a", 1, metadata=metadata, expiration_ttl=ttl)
    assert store.counters.all() == counted
    assert store.get("a").metadata == metadata


def test_a_stamp_that_the_application_brings_along_is_never_put(stand):
    carried = {"_kvferry": {"d": "x", "v": 1, "s": "kv@", "e": 1}, "x": "y" * 1000}
    stand.at("dual-write").put("a", 1, metadata=carried)
    assert json.loads(stand.in_kv("a").metadata) == {"x": "y" * 1000}


def test_a_kv_that_does_not_say_when_a_session_ends_is_not_believed(stand):
    stand.plant("a", until=UNKNOWN)
    for stage in STAGES[:4]:
        with pytest.raises(StoreBroken, match="expires"):
            stand.at(stage).get("a")


def test_a_write_that_kv_takes_too_often_is_made_once_more_a_second_later(stand):
    from migrate.session_store import TooOften

    store = stand.at("dual-write")
    stand.kv.script["put"] = [TooOften("429")]
    store.put("a", 1)
    assert (stand.clock.slept, store.counters.all()) == (1, {"kv_429": 1})
    stand.kv.script["put"] = [TooOften("429"), TooOften("429")]
    with pytest.raises(SessionStoreError):
        store.put("a", 2)
    assert store.counters.all() == {"kv_429": 2, "kv_failed": 1}


# ---------------------------------------------------------------- settings, arguments, words


def test_during_a_ramp_each_session_is_at_one_of_two_stages(stand):
    store = stand.at("object-only", percent=50)
    for number in range(40):
        store.put(f"{number}", number, expiration_ttl=HOUR)
    in_kv = [stand.in_kv(f"{number}") is not None for number in range(40)]
    assert 5 < sum(in_kv) < 35


def test_settings_come_from_the_environment_as_in_workers():
    full = {"SESSION_STAGE": "object-first", "SESSION_STAGE_PERCENT": "25", "SESSION_TOUCH_EVERY": "60"}
    settings = Settings.of(full | {"SESSION_PUT_EVERY": "5"})
    assert (settings.ramp.stage, settings.ramp.percent) == ("object-first", 25)
    assert (settings.touch_every, settings.put_every) == (60, 5)
    assert Settings.of({"SESSION_STAGE": "kv"}).touch_every == 300


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"SESSION_STAGE": "both"},
        {"SESSION_STAGE": "kv", "SESSION_STAGE_PERCENT": "150"},
        {"SESSION_STAGE": "kv", "SESSION_TOUCH_EVERY": "often"},
    ],
)
def test_settings_that_cannot_be_understood_are_refused(stand, environ):
    with pytest.raises(ConfigError) as refused:
        SessionStore(stand.sessions, stand.kv, environ=environ)
    assert refused.value.hint


@pytest.mark.parametrize(("stage", "percent"), [("object-first", 100), ("object-only", 99), ("kv", 100)])
def test_no_stage_but_object_only_does_without_kv(stand, stage, percent):
    environ = {"SESSION_STAGE": stage, "SESSION_STAGE_PERCENT": str(percent)}
    with pytest.raises(ConfigError, match="no KV"):
        SessionStore(stand.sessions, None, environ=environ)
    only = SessionStore(stand.sessions, None, environ={"SESSION_STAGE": "object-only"}, clock=stand.clock)
    only.put("a", 1)
    assert only.get("a").data == 1


@pytest.mark.parametrize("bad", ["", "\ud800", "x" * 511])
@pytest.mark.parametrize("stage", STAGES)
def test_an_id_that_no_session_can_have_is_found_nowhere_and_written_nowhere(stand, stage, bad):
    store = stand.at(stage)
    assert store.get(bad) is None
    for verb, args, options in (
        ("put", (1,), {}),
        ("touch", (), {"expiration_ttl": 9}),
        ("delete", (), {}),
        ("update", (lambda _: 1,), {}),
    ):
        with pytest.raises(ValueError, match="session id"):
            getattr(store, verb)(bad, *args, **options)
    assert (stand.kv.asked, stand.object.asked) == ([], [])


def test_times_and_data_that_cannot_be_are_refused(stand):
    store = stand.at("dual-write")
    with pytest.raises(ValueError, match="not both"):
        store.put("a", 1, expiration=NOW, expiration_ttl=1)
    with pytest.raises(ValueError, match="whole number"):
        store.put("a", 1, expiration=NOW + 0.5)
    with pytest.raises(ValueError, match="how long"):
        store.touch("a")
    with pytest.raises(ValueError, match="JSON"):
        store.put("a", float("nan"))
    assert (stand.kv.asked, stand.object.asked) == ([], [])


def test_no_error_names_a_session(stand):
    store = stand.at("shadow-read")
    stand.kv.script["put"] = [FAILED]
    with pytest.raises(SessionStoreError) as failed:
        store.put("planted", "value")
    store.delete("planted")
    with pytest.raises(SessionStoreError) as gone:
        store.create("planted", 1)
    for error in (failed, gone):
        assert not {"planted", "value"} & set(re.split(r"\W+", error.value.message + error.value.hint))


def test_the_key_of_the_canary_is_no_sessions():
    assert not possible(Key("kvferry:canary"))
    assert possible(Key("kvferry:canary2"))


def test_the_counters_are_those_of_the_store_in_workers():
    source = Path(migrate.__file__).parent / "edge/src/store/counters.ts"
    text = source.read_text().split("export type Counter =")[1].split(";")[0]
    theirs = set()
    for quoted in re.findall(
        r'`([^`]*)`|"(\w+)"(?=\s*(?:\||$))', re.sub(r"\$\{([^}]*)\}", r"{\1}", text), re.M
    ):
        parts = re.split(r"\{(.*?)\}", quoted[0] or quoted[1])
        names = [""]
        for index, part in enumerate(parts):
            options = re.findall(r'"(\w+)"', part) if index % 2 else [part]
            names = [name + option for name in names for option in options]
        theirs |= set(names)
    # The object of this store is a file, which is never older than the store; no statistics, no canary.
    assert theirs - set(NAMES) == {"object_older", "stats_failed", "unread", "unwritten"}
    assert set(NAMES) <= theirs


def test_many_threads_share_one_store(stand):
    store = stand.at("object-first")
    store.put("counter", 0)
    failures = []

    def work():
        try:
            for _ in range(10):
                while True:
                    try:
                        store.update("counter", lambda session: session.data + 1)
                        break
                    except SessionStoreError:
                        continue
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, store.get("counter").data) == ([], 40)


def test_a_session_that_never_expires_stays_so(stand):
    for stage in STAGES:
        store = stand.at(stage)
        store.put(stage, 1)
        store.touch(stage, expiration_ttl=5)
        assert store.get(stage).expiration is None
        assert stage == "object-only" or stand.in_kv(stage).expiration is NEVER

"""Halves of writes that fail, do not answer, or land late: who is told what, and what is written."""

import pytest

from tests.edge.edge import MUTANTS
from tests.edge.sending import fresh
from tests.edge.stored import STAGES

HOUR = 3600
CALLS = {
    # verb -> its arguments, the object's half until object-first and from there on, KV's half
    "put": ([{"v": 2}, {"expirationTtl": HOUR}], "kvferryPut", "kvferryPut", "kv.put"),
    "touch": ([{"expirationTtl": 3 * HOUR}], "kvferryPut", "kvferryTouch", "kv.put"),
    "delete": ([], "kvferryDelete", "kvferryDelete", "kv.delete"),
}
OK, ERROR = "ok", "error"
WITHOUT_THE_OBJECT = {
    # what the caller is told when the object's half did not end well, and whether KV's half follows
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
ENDS = {"fails": "failed", "fails after": "failed", "silent": "unanswered", "lands": "unanswered"}


def known(stored, stage):
    """A session that is there at this stage."""
    session = fresh()
    assert stored.do(stage, "put", session, {"v": 1}, {"expirationTtl": HOUR}).thrown is None
    return session


def told(done):
    return OK if done.thrown is None else ERROR


def halves(stage, verb):
    args, early, later, kv = CALLS[verb]
    return args, early if STAGES.index(stage) < 3 else later, kv


@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("stage", WITHOUT_THE_OBJECT)
def test_when_the_objects_half_does_not_end_well(stored, stage, verb, fault):
    session = known(stored, stage)
    args, half, kv = halves(stage, verb)
    done = stored.do(stage, verb, session, *args, faults={half: [fault]})
    answer, follows = WITHOUT_THE_OBJECT[stage][verb]
    assert told(done) == answer
    assert done.writes == [f"{half} {fault}"] + [kv] * follows
    assert done.counters[f"object_{ENDS[fault]}"] == 1
    if done.thrown is not None:
        assert done.thrown.startswith("SessionStoreError: the session is not known to be")
        assert session not in done.thrown
    if follows and verb == "put":
        assert "v" not in stored.kv(session)["metadata"]["_kvferry"], "a version that nobody told"


@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("stage", WITHOUT_KV)
def test_when_kvs_half_does_not_end_well(stored, stage, verb, fault):
    session = known(stored, stage)
    args, half, kv = halves(stage, verb)
    done = stored.do(stage, verb, session, *args, faults={kv: [fault]})
    assert told(done) == WITHOUT_KV[stage][verb]
    assert done.writes == [half] * (stage != "kv") + [f"{kv} {fault}"]
    assert done.counters[f"kv_{ENDS[fault]}"] == 1


@pytest.mark.parametrize(
    ("stage", "call", "answer"),
    [
        ("kv", "kv.get", ERROR),
        ("dual-write", "kv.get", ERROR),
        ("shadow-read", "kv.get", OK),
        ("shadow-read", "kvferryLook", OK),
    ],
)
def test_when_a_touch_cannot_read_it_writes_nothing(stored, stage, call, answer):
    session = known(stored, stage)
    done = stored.do(stage, "touch", session, {"expirationTtl": 3 * HOUR}, faults={call: ["fails"]})
    assert (told(done), done.writes) == (answer, [])


# ---------------------------------------------------------------- late


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("stage", WITHOUT_THE_OBJECT)
def test_an_objects_half_that_comes_after_its_time_is_refused_by_the_object(stored, stage, verb):
    for wait, outcome in ((20, "stored"), (20.5, "late")):
        session, began = known(stored, stage), stored.now
        args, half, _ = halves(stage, verb)
        stored.do(stage, verb, session, *args, faults={half: ["held"]})
        before = stored.row(session)
        stored.set_clock(began + wait)
        (landed,) = stored.edge.store("land", None)
        assert landed["outcome"] == outcome
        assert (stored.row(session) == before) == (outcome == "late")
        stored.set_clock(began)


def test_an_import_that_comes_after_its_time_is_refused(apart):
    session, began = fresh(), apart.now
    apart.only_in_kv(session, {"v": 1})
    done = apart.do("object-first", "get", session, faults={"kvferryAdopt": ["held"]})
    assert done.value["data"] == {"v": 1}
    assert done.counters == {"fallback_hit": 1, "fallback_failed": 1}
    apart.set_clock(began + 20.5)
    assert apart.edge.store("land", None) == [None]
    assert apart.row(session) is None


@pytest.mark.parametrize(
    ("stage", "verb", "answer"),
    [
        ("dual-write", "put", ERROR),
        ("dual-write", "delete", ERROR),
        ("shadow-read", "put", ERROR),
        ("shadow-read", "delete", ERROR),
        ("object-first", "put", OK),
    ],
)
def test_kvs_half_does_not_begin_after_its_time(stored, stage, verb, answer):
    session = known(stored, stage)
    args, half, _ = halves(stage, verb)
    done = stored.do(stage, verb, session, *args, faults={half: ["slow"]})
    assert told(done) == answer
    assert done.writes == [f"{half} slow"]
    assert done.counters == {"kv_late": 1}
    assert stored.kv(session)["value"] == '{"v":1}'


def test_kvs_half_still_begins_when_the_object_does_not_answer(apart):
    session = known(apart, "dual-write")
    done = apart.do("dual-write", "put", session, {"v": 2}, faults={"kvferryPut": ["silent"]})
    assert told(done) == OK
    assert apart.kv(session)["value"] == '{"v":2}'


# ---------------------------------------------------------------- one write per second


@pytest.mark.parametrize("verb", ["put", "touch", "delete"])
@pytest.mark.parametrize("stage", WITHOUT_KV)
def test_a_key_that_is_written_too_often_is_written_once_more_after_a_second(apart, stage, verb):
    session = known(apart, stage)
    args, _, kv = halves(stage, verb)
    done = apart.do(stage, verb, session, *args, faults={kv: ["429"]})
    assert told(done) == OK
    assert {name for name in done.counters if name.startswith("kv")} == {"kv_429"}
    assert [one for one in done.trace if one.startswith((kv, "pause"))][:3] == [f"{kv} 429", "pause 1", kv]


def test_it_is_not_tried_a_third_time_and_not_after_any_other_error(apart):
    session = known(apart, "kv")
    done = apart.do("kv", "put", session, {"v": 2}, faults={"kv.put": ["429", "429"]})
    assert (told(done), done.counters) == (ERROR, {"kv_429": 1, "kv_failed": 1})
    assert apart.do("kv", "put", session, {"v": 2}, faults={"kv.put": ["fails"]}).writes == ["kv.put fails"]


# ---------------------------------------------------------------- what is strict


@pytest.mark.parametrize("build", ["EDGE", "LAX"])
def test_what_is_acknowledged_at_shadow_read_is_read_at_dual_write(stored, build):
    """Broken in LAX, which acknowledges without KV."""
    assert build in {"EDGE", *MUTANTS}
    session = known(stored, "shadow-read")
    done = stored.do(
        "shadow-read",
        "put",
        session,
        {"v": 2},
        {"expirationTtl": HOUR},
        build=build,
        faults={"kv.put": ["fails"]},
    )
    read = stored.do("dual-write", "get", session).value["data"]
    kept = done.thrown is not None or read == {"v": 2}
    assert kept == (build == "EDGE")


def test_a_logout_that_failed_in_kv_is_obeyed_from_shadow_read_on(stored):
    session = known(stored, "dual-write")
    done = stored.do("dual-write", "delete", session, faults={"kv.delete": ["fails"]})
    assert told(done) == ERROR
    assert stored.do("dual-write", "get", session).value is not None
    for stage in STAGES[2:]:
        assert stored.do(stage, "get", session).value is None

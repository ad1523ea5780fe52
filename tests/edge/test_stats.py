"""The statistics of a migration: who is at work at which stage, what was counted, and which halves failed."""

import pytest

from tests.edge.sending import fresh
from tests.edge.watched import Watched

HOUR = 3600
DAY = 24 * HOUR


def known(watched, stage):
    session = fresh()
    assert watched.do(stage, "put", session, {"v": 1}, {"expirationTtl": HOUR}, stats=None).thrown is None
    return session


# ---------------------------------------------------------------- heartbeats


def test_an_isolate_tells_its_stage_version_and_counters(watched):
    session, began = known(watched, "kv"), watched.now
    watched.do("shadow-read", "get", session, isolate="a", version="v1")
    watched.set_clock(began + 40)
    watched.do("shadow-read", "get", session, isolate="b", version="v1")
    watched.set_clock(began + 45)
    watched.do("shadow-read", "get", session, isolate="a", version="v1")
    watched.set_clock(began + 50)
    watched.do("object-first 50", "get", session, isolate="c", version="v2")
    stats = watched.ask("kvferryStats")
    assert (stats["now"], stats["beatEvery"], stats["journal"]) == (
        began + 50,
        30,
        {"entries": 0, "oldest": None},
    )
    assert stats["seen"] == [
        {
            "stage": "shadow-read",
            "version": "v2",
            "isolates": 1,
            "recent": 1,
            "first": began + 50,
            "last": began + 50,
        },
        {
            "stage": "shadow-read",
            "version": "v1",
            "isolates": 2,
            "recent": 2,
            "first": began,
            "last": began + 45,
        },
    ]


def test_counters_are_those_of_all_isolates_and_each_counts_once(watched):
    beat = {"stage": "kv", "version": ""}
    for isolate, counters in (
        ("a", {"kv_failed": 2}),
        ("b", {"kv_failed": 3}),
        ("a", {"kv_failed": 4, "kv_429": 1}),
    ):
        watched.ask("kvferryBeat", beat | {"isolate": isolate, "counters": counters})
    assert watched.ask("kvferryStats")["counters"] == {"kv_429": 1, "kv_failed": 7}


def test_a_heartbeat_that_comes_late_takes_nothing_back(watched):
    beat = {"stage": "kv", "version": "", "isolate": "a"}
    began = watched.now
    for at, counters in ((0, {"fallback_hit": 2, "kv_429": 1}), (9, {"fallback_hit": 1, "kv_429": 2})):
        watched.set_clock(began + at)
        watched.ask("kvferryBeat", beat | {"counters": counters})
    stats = watched.ask("kvferryStats")
    assert stats["counters"] == {"fallback_hit": 2, "kv_429": 2}
    assert stats["rose"] == {"fallback_hit": began, "kv_429": began + 9}


def test_isolates_are_forgotten_but_not_what_they_counted(watched):
    beat, began = {"stage": "kv", "version": ""}, watched.now
    for day, isolate in ((0, "a"), (1, "b"), (31.5, "c"), (63, "d")):
        watched.set_clock(began + day * DAY)
        watched.ask("kvferryBeat", beat | {"isolate": isolate, "counters": {"kv_429": 1}})
    stats = watched.ask("kvferryStats")
    (seen,) = stats["seen"]
    assert (seen["isolates"], stats["counters"]) == (1, {"kv_429": 4})
    assert stats["rose"] == {"kv_429": began + 63 * DAY}


def test_when_a_counter_rose_outlives_its_isolate(watched):
    beat, began = {"stage": "kv", "version": ""}, watched.now
    for day, isolate in ((0, "a"), (31, "b"), (62, "c")):
        watched.set_clock(began + day * DAY)
        counters = {"fallback_hit": 1} if isolate == "a" else {}
        watched.ask("kvferryBeat", beat | {"isolate": isolate, "counters": counters})
    stats = watched.ask("kvferryStats")
    assert (stats["counters"], stats["rose"]) == ({"fallback_hit": 1}, {"fallback_hit": began})


def test_a_fallback_hit_is_told_although_its_isolate_never_comes_back(watched):
    session = fresh()
    watched.only_in_kv(session, {"v": 1})
    done = watched.do("object-first", "get", session, isolate="a")
    assert (done.thrown, done.trace.count("later 5"), done.trace.count("kvferryBeat")) == (None, 1, 2)
    assert done.trace.index("answered") < [i for i, one in enumerate(done.trace) if one == "kvferryBeat"][1]
    assert watched.ask("kvferryStats")["counters"]["fallback_hit"] == 1
    done = watched.do("object-first", "get", session, isolate="b")
    assert (done.trace.count("kvferryBeat"), "later 5" in done.trace) == (1, False)


@pytest.mark.parametrize("fault", ["fails", "silent"])
def test_a_fallback_hit_that_cannot_be_told_is_served_all_the_same(watched, fault):
    session = fresh()
    watched.only_in_kv(session, {"v": 1})
    done = watched.do("object-first", "get", session, faults={"kvferryBeat": [None, fault]})
    assert (done.thrown, done.value["data"], done.counters["stats_failed"]) == (None, {"v": 1}, 1)


def test_a_heart_beats_once_in_a_while_and_again_when_nobody_heard_it(watched):
    session, began = known(watched, "kv"), watched.now
    times = [{"at": at} for at in (0, 1, 29, 30, 31)]
    beats = watched.edge.store("beats", watched.order("kv", "get", session) | {"times": times, "faults": {}})
    assert beats == [True, False, False, True, False]
    faults = {"kvferryBeat": ["fails", "silent"]}
    watched.set_clock(began)
    beats = watched.edge.store(
        "beats", watched.order("kv", "get", session) | {"times": times, "faults": faults}
    )
    assert beats == [True, True, True, False, False]


def test_a_session_whose_object_is_older_is_told_to_be_at_kv(edge):
    watched = Watched(edge)
    watched.objects = "OLD"
    watched.do("dual-write", "put", fresh(), {})
    assert {one["stage"] for one in watched.ask("kvferryStats")["seen"]} == {"kv", "dual-write"}
    edge.store("clock", None)


@pytest.mark.parametrize("fault", ["fails", "silent"])
def test_statistics_that_are_down_do_not_keep_anybody_from_anything(watched, fault):
    for stage in ("kv", "dual-write", "shadow-read", "object-first", "object-only"):
        session = fresh()
        for verb, args in (
            ("put", [{"v": 1}]),
            ("get", []),
            ("touch", [{"expirationTtl": 60}]),
            ("delete", []),
        ):
            done = watched.do(stage, verb, session, *args, faults={"kvferryBeat": [fault]})
            assert done.thrown is None
            assert done.counters["stats_failed"] == 1


# ---------------------------------------------------------------- the journal


@pytest.mark.parametrize("fault", ["fails", "silent"])
@pytest.mark.parametrize(
    ("stage", "verb", "half", "call"),
    [
        ("dual-write", "put", "object", "kvferryPut"),
        ("dual-write", "touch", "object", "kvferryPut"),
        ("dual-write", "delete", "kv", "kv.delete"),
        ("shadow-read", "put", "kv", "kv.put"),
        ("object-first", "put", "kv", "kv.put"),
        ("object-first", "touch", "kv", "kv.put"),
        ("object-first", "delete", "kv", "kv.delete"),
    ],
)
def test_a_half_that_is_not_known_to_be_done_is_in_the_journal(watched, stage, verb, half, call, fault):
    session = known(watched, stage)
    args = {"put": [{"v": 2}], "touch": [{"expirationTtl": 3 * HOUR}], "delete": []}[verb]
    watched.do(stage, verb, session, *args, faults={call: [fault]})
    end = {"fails": "failed", "silent": "unanswered"}[fault]
    assert watched.journal() == [(session, half, verb, stage, end, 1)]


def test_what_went_well_is_not_in_the_journal(watched):
    for stage in ("kv", "dual-write", "shadow-read", "object-first", "object-only"):
        session = fresh()
        for verb, args in (
            ("put", [{}]),
            ("touch", [{"expirationTtl": HOUR}]),
            ("delete", []),
            ("put", [{}]),
        ):
            assert watched.do(stage, verb, session, *args).thrown is None
    assert watched.journal() == []


@pytest.mark.parametrize("fault", ["fails", "silent"])
def test_a_write_whose_failed_half_is_not_in_the_journal_either_is_an_error(watched, fault):
    session = known(watched, "dual-write")
    faults = {"kvferryPut": ["fails"], "kvferryNote": [fault]}
    done = watched.do("dual-write", "put", session, {"v": 2}, faults=faults)
    assert "it could not be put into the journal" in (done.thrown or "")
    assert watched.do("dual-write", "put", session, {"v": 2}, faults={"kvferryPut": ["fails"]}).thrown is None
    done = watched.do("dual-write", "put", session, {"v": 2}, stats=None, faults={"kvferryPut": ["fails"]})
    assert done.thrown is None, "without statistics there is no journal"


def test_the_journal_is_read_in_pages_and_struck_only_as_it_was_read(watched):
    session, began = known(watched, "dual-write"), watched.now
    sessions = sorted([session, known(watched, "dual-write"), known(watched, "dual-write")])
    for one in sessions:
        watched.do("dual-write", "put", one, {}, {"expirationTtl": HOUR}, faults={"kvferryPut": ["fails"]})
    page = watched.ask("kvferryJournal", None, 2)
    assert [entry["key"] for entry in page] == sessions[:2]
    after = {"key": page[1]["key"], "half": page[1]["half"]}
    (last,) = watched.ask("kvferryJournal", after, 2)
    assert last["key"] == sessions[2]
    watched.set_clock(began + 60)
    watched.do(
        "dual-write", "touch", sessions[0], {"expirationTtl": 9 * HOUR}, faults={"kvferryPut": ["fails"]}
    )
    entries = [{"key": one["key"], "half": one["half"], "at": one["at"]} for one in page]
    watched.ask("kvferrySettled", entries)
    left = [(key, verb, times) for key, _, verb, _, _, times in watched.journal()]
    assert left == [(sessions[0], "touch", 2), (sessions[2], "put", 1)]

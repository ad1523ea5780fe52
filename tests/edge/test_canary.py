"""The canary: how far KV lags behind, and whether the counter of fallback hits counts while it is at 0."""

import json
import time

import pytest

from tests.edge.sending import fresh

HOUR = 3600
EVERY = 300  # seconds between two canaries
BEAT = 30  # seconds between two heartbeats of an isolate
WITH_KV = ("kv", "dual-write", "shadow-read", "object-first")


def beat(watched, at=None, *, stage="object-first", **more):
    """A heartbeat: of an isolate that was never seen before, with a read of no session."""
    if at is not None:
        watched.set_clock(at)
    done = watched.do(stage, "get", "nobody", **{"isolate": fresh("isolate")} | more)
    assert done.thrown is None
    return done


def number(value):
    return json.loads(value)["number"]


# ---------------------------------------------------------------- whose turn it is


def test_an_isolate_writes_a_canary_once_in_five_minutes_over_all_of_them(watched):
    began, written = watched.now, []
    for at in (0, 1, 299, 300, 301, 599.5, 600.5):
        done = beat(watched, began + at)
        written.append("canary.put" in done.trace)
    assert written == [True, False, False, True, False, False, True]
    value = watched.flying()
    assert json.loads(value) == {"number": 3, "at": began + 600.5}
    assert watched.canary()["written"] == {"number": 3, "at": began + 600.5}
    assert watched.canary()["every"] == EVERY


@pytest.mark.parametrize("stage", [*WITH_KV, "object-only 50"])
def test_the_canary_flies_wherever_kv_is_used(watched, stage):
    first, second = beat(watched, stage=stage), beat(watched, stage=stage)
    assert first.trace.count("canary.put") == 1
    assert "canary.put" not in second.trace
    assert watched.reads() == {"missing": 1, "counted": 1}


def test_at_object_only_the_canary_rests(watched):
    assert not [one for one in beat(watched, stage="object-only").trace if one.startswith("canary")]
    assert (watched.reads(), watched.canary()["written"], watched.flying()) == ({}, None, None)
    assert [one["stage"] for one in watched.ask("kvferryStats")["seen"]] == ["object-only"]


def test_without_statistics_there_is_no_canary(watched):
    assert beat(watched, stats=None).trace.count("kv.get") == 1
    assert watched.flying() is None


def test_a_canary_lives_for_a_day(watched):
    beat(watched)
    kept = watched.edge.store("kv", f"{watched.name}/kvferry:canary")
    assert (kept["metadata"], kept["expiration"]) == (None, int(watched.now) + 24 * HOUR)


def test_a_clock_that_was_set_back_does_not_keep_the_canary_from_flying(watched):
    began = watched.now
    beat(watched, began + 9 * HOUR)
    assert "canary.put" in beat(watched, began).trace


# ---------------------------------------------------------------- how far KV lags behind


def two(watched):
    """Two canaries, five minutes apart; the value of the first."""
    began = watched.now
    beat(watched, began)
    first = watched.flying()
    beat(watched, began + EVERY)
    assert (number(first), number(watched.flying())) == (1, 2)
    return began, first


def test_the_lag_is_how_long_an_older_canary_is_read_after_a_newer_one(watched):
    began, first = two(watched)
    assert watched.canary()["lag"] == {"seconds": 0, "at": began}, "nothing was ever stale"
    for at, shows, lag in ((10, first, 10), (50, first, 50), (40, first, 50), (70, None, 50)):
        beat(watched, began + EVERY + at, **({"canary": shows} if shows else {}))
        assert watched.canary()["lag"] == {"seconds": lag, "at": began + EVERY}


def test_a_canary_that_is_two_behind_lags_since_the_first_that_is_newer(watched):
    began, first = two(watched)
    beat(watched, began + 2 * EVERY)
    assert number(watched.flying()) == 3
    beat(watched, began + 2 * EVERY + 7, canary=first)
    assert watched.canary()["lag"]["seconds"] == EVERY + 7


def test_the_lag_counts_from_kvs_answer_and_not_from_when_it_was_told(watched):
    began = watched.now
    beat(watched, began)
    first = watched.flying()
    done = beat(watched, began + EVERY, faults={"canary.put": ["slow"]})
    assert "canary.put done" in done.trace
    beat(watched, began + EVERY + 20, canary=first)
    assert watched.canary()["written"] == {"number": 2, "at": began + EVERY + 21}
    assert watched.canary()["lag"]["seconds"] == 0, "KV had not acknowledged the second one"
    beat(watched, began + EVERY + 30, canary=first)
    assert watched.canary()["lag"]["seconds"] == 9


@pytest.mark.parametrize("took", [-5, 0, 4, 9, 1e9])
def test_what_an_isolate_measures_moves_the_acknowledgement_only_between_turn_and_word(watched, took):
    began = watched.now
    seen = {"isolate": "a", "stage": "kv", "version": "", "counters": {}, "canary": None}
    turn = watched.ask("kvferryBeat", seen)["turn"]
    assert turn == {"number": 1, "at": began}
    watched.set_clock(began + 9)
    watched.ask("kvferryCanary", turn | {"took": took})
    assert watched.canary()["written"] == {"number": 1, "at": began + max(0, min(took, 9))}


@pytest.mark.parametrize("fault", ["fails", "silent"])
def test_a_canary_that_kv_is_not_known_to_have_measures_nothing(watched, fault):
    began = watched.now
    beat(watched, began)
    first = watched.flying()
    done = beat(watched, began + EVERY, faults={"canary.put": [fault]})
    assert done.counters["canary_unwritten"] == 1
    assert "kvferryCanary" not in done.trace
    beat(watched, began + EVERY + 60, canary=first)
    assert watched.canary()["lag"] == {"seconds": 0, "at": began}
    assert watched.canary()["written"]["number"] == 1
    beat(watched, began + 2 * EVERY)
    assert number(watched.flying()) == 3, "the next turn comes in its time"


def test_a_canary_of_other_statistics_measures_no_lag_and_proves_the_counter(watched):
    two(watched)
    for other in ('{"number": 1, "at": 5}', '{"number": 7, "at": 5}', "7", "null", "no JSON"):
        before = watched.canary()["lag"]
        beat(watched, watched.now + 20, canary=other)
        assert watched.canary()["lag"] == before
    assert watched.reads() == {"missing": 1, "counted": 6, "foreign": 5}


def test_a_lag_is_forgotten_with_its_canary(watched):
    began, first = two(watched)
    beat(watched, began + EVERY + 50, canary=first)
    beat(watched, began + 29 * 24 * HOUR)
    assert watched.canary()["lag"]["seconds"] == 50
    beat(watched, began + 31 * 24 * HOUR)
    assert watched.canary()["lag"]["seconds"] == 0


# ---------------------------------------------------------------- is the counter alive?


def test_the_counter_of_fallback_hits_counts_canaries_and_sessions_apart(watched):
    session = fresh()
    watched.only_in_kv(session, {"v": 1})
    done = watched.do("object-first", "get", session, isolate="a")
    assert (done.counters["fallback_hit"], done.counters["canary_fallback_hit"]) == (1, 2)
    assert watched.reads() == {"missing": 1, "counted": 2}
    counters = watched.ask("kvferryStats")["counters"]
    assert (counters["fallback_hit"], counters["canary_fallback_hit"]) == (1, 2)


def test_a_counter_that_does_not_count_shows_although_it_stands_at_0(watched):
    """The build's reader counts no hits: see MUTANTS of the runtime's plan."""
    for build in ("EDGE", "UNCOUNTING"):
        beat(watched, build=build)
        done = beat(watched, build=build)
        assert "fallback_hit" not in done.counters, "it stands at 0"
    assert watched.reads() == {"missing": 1, "counted": 1, "uncounted": 2}


def test_a_heartbeat_that_comes_late_does_not_make_a_counter_look_broken(watched):
    turn = watched.ask("kvferryBeat", told("a", 0, None))["turn"]
    for before, hits in ((1, 2), (0, 1), (2, 3)):
        watched.ask("kvferryBeat", told("a", hits, turn | {"before": before}))
    assert watched.reads() == {"missing": 1, "counted": 3}


def test_a_counter_that_has_stopped_counting_shows(watched):
    turn = watched.ask("kvferryBeat", told("a", 0, None))["turn"]
    for before, hits in ((0, 1), (1, 1), (1, 1)):
        watched.ask("kvferryBeat", told("a", hits, turn | {"before": before}))
    assert watched.reads() == {"missing": 1, "counted": 1, "uncounted": 2}


def told(isolate, hits, canary):
    counters = {"canary_fallback_hit": hits}
    return {"isolate": isolate, "stage": "kv", "version": "", "counters": counters, "canary": canary}


# ---------------------------------------------------------------- nobody waits for it


VERBS = (("put", [{"v": 1}]), ("get", []), ("touch", [{"expirationTtl": HOUR}]), ("delete", []))


@pytest.mark.parametrize("stage", WITH_KV)
@pytest.mark.parametrize(
    "faults",
    [
        {"canary.get": ["fails"]},
        {"canary.get": ["silent"]},
        {"canary.put": ["fails"]},
        {"canary.put": ["silent"]},
        {"canary.put": ["429", "429"]},
        {"kvferryCanary": ["fails"]},
        {"kvferryCanary": ["silent"]},
        {"kvferryBeat": ["silent"], "canary.get": ["silent"]},
    ],
)
def test_a_canary_that_fails_or_is_silent_changes_no_call(watched, stage, faults):
    for verb, args in VERBS:
        for turn in (True, False):
            watched.set_clock(watched.now + EVERY * turn)
            session = fresh()
            plain = watched.do(stage, verb, session, *args, stats=None)
            done = watched.do(stage, verb, session, *args, isolate=fresh(), faults=faults)
            assert (done.thrown, done.value) == (plain.thrown, plain.value)
            own = [one for one in done.trace if one.startswith(("kv.", "kvferryPut", "kvferryT", "kvferryD"))]
            assert own == [one for one in plain.trace if one in own]
            counted = {name for name in done.counters if not name.startswith(("canary_", "stats_"))}
            assert counted == set(plain.counters)


def test_a_call_is_answered_before_the_canary_is_written(watched):
    trace = beat(watched).trace
    assert trace.index("answered") < trace.index("canary.put done")


@pytest.mark.parametrize("stage", WITH_KV)
def test_no_call_waits_for_a_canary_that_kv_never_shows(watched, stage):
    watched.set_clock(None)
    took = []
    for _ in range(3):  # whoever waits for it waits for 2 seconds each time; a busy machine does not
        began, session = time.monotonic(), fresh()
        watched.edge.store("real", watched.order(stage, "put", session, {"v": 1}, {"expirationTtl": HOUR}))
        found = watched.edge.store("real", watched.order(stage, "get", session))
        took.append(time.monotonic() - began)
        assert found["data"] == {"v": 1}
    assert min(took) < 2


def test_a_heartbeat_is_told_although_kv_does_not_show_the_canary(watched):
    for fault in ("fails", "silent"):
        done = beat(watched, faults={"canary.get": [fault]})
        assert "kvferryBeat" in done.trace
        assert done.counters["canary_unread"] == 1
    assert (watched.ask("kvferryStats")["seen"][0]["isolates"], watched.reads()) == (2, {})
    assert watched.flying() is None, "whoever cannot read it has no turn"


def test_statistics_from_before_the_canary_give_nobody_the_turn(watched):
    done = beat(watched, statistics="EARLY_STATS")
    assert ("kvferryBeat done" in done.trace, "canary.put" in done.trace) == (True, False)
    assert "stats_failed" not in done.counters
    order = {"binding": "EARLY_STATS", "object": watched.name, "method": "kvferryStats", "args": []}
    assert watched.edge.store("call", order)["counters"] == {"heard": 1}


# ---------------------------------------------------------------- its key


@pytest.mark.parametrize("prefix", ["", "kvferry:"])
@pytest.mark.parametrize("stage", ["kv", "shadow-read", "object-first"])
def test_the_canarys_key_is_no_sessions(watched, prefix, stage):
    session, of = "kvferry:canary".removeprefix(prefix), {"KVFERRY_PREFIX": prefix}
    done = watched.do(stage, "get", session, vars=of, stats=None)
    assert (done.value, done.trace) == (None, ["answered"])
    done = watched.do(stage, "put", session, {"v": 1}, vars=of, stats=None)
    assert "TypeError" in done.thrown
    assert done.writes == []

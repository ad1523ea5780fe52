"""Each half failing, not answering and landing late, at each stage, and what is read then.

Reads before and after the next operation are held against what the protocol promises: tests/live/contract.py.
`test_store_halves.py` says who is told what.
"""

from dataclasses import replace

import pytest

from tests.edge.sending import fresh
from tests.edge.stored import STAGES
from tests.live.contract import breaches
from tests.live.history import DUAL, FIRST, KV, ONLY, SHADOW, History, Operation

HOUR = 3600
PAIRS = [(KV, DUAL), (DUAL, SHADOW), (SHADOW, FIRST), (FIRST, ONLY)]
CELLS = [
    (pair, stage, half)
    for pair in PAIRS
    for stage in pair
    for half in ("object", "kv")
    if not (stage == KV and half == "object") and not (stage == ONLY and half == "kv")
]
HOW = {"fails": "fails", "times out": "silent", "lands late": "held"}
SEQUENCES = [
    ("put", "put"),
    ("put", "delete"),
    ("create", "delete"),
    ("update", "put"),
    ("touch", "put"),
    ("touch", "delete"),
    ("delete", "get"),
]
METHODS = {"put": "Put", "create": "Put", "update": "Put", "delete": "Delete"}


class Story:
    """A session while two stages are live, and all that is done to it, one after the other."""

    def __init__(self, stored, pair, build):
        self.stored, self.pair, self.build = stored, pair, build
        self.session = fresh()
        self.history = History(stale=0.0, opened=0.0 if pair[0] >= SHADOW else 1e9)
        self.time = self.value = 0

    def do(self, stage, verb, faults=None):
        """One operation; what it left under way may land until `land`."""
        start, args, options = self.time + 1, [], {}
        self.time += 2
        if verb in ("put", "create", "update", "touch"):
            options = {"expiration": int(self.stored.now) + 2 * HOUR + self.time * 400}
        if verb in ("put", "create", "update"):
            self.value += 1
            args = [{"v": self.value}]
        if options:
            args = [*args, options]
        given = {} if faults is None else {"faults": faults}
        done = self.stored.do(STAGES[stage], verb, self.session, *args, build=self.build, **given)
        self.stored.now = float(self.stored.edge.store("now", None))
        found = done.value if verb == "get" else None
        asked = None if found is None else found["expiration"]
        self.history.operations.append(
            Operation(
                self.session,
                "put" if verb == "create" else verb,
                stage,
                start,
                self.time,
                done=done.thrown is None,
                value=self.value if args and verb != "touch" else found and found["data"]["v"],
                expiration=(None if asked == "unknown" else asked)
                if verb == "get"
                else options.get("expiration"),
                silent=verb == "touch",
            )
        )
        return done

    def land(self, which):
        """What was held by this operation lands now."""
        operations = self.history.operations
        self.time += 2
        self.stored.edge.store("land", None)
        operations[which] = replace(operations[which], over=self.time - 1)

    def read(self):
        """By all live stages."""
        for stage in self.pair:
            self.do(stage, "get")


def test_the_table_has_every_half_of_every_stage():
    assert {(stage, half) for _, stage, half in CELLS} == {
        (stage, half) for stage in range(5) for half in ("object", "kv")
    } - {(KV, "object"), (ONLY, "kv")}


def broken(stored, pair, stage, half, how, build="EDGE"):
    """Every breach, after each sequence of operations; the half is one of the first of them."""
    found = []
    for verb, then in SEQUENCES:
        story = Story(stored, pair, build)
        if verb != "create":
            assert story.do(pair[0], "put").thrown is None
        early = "Put" if stage < FIRST else "Touch"
        of_kv = "kv.delete" if verb == "delete" else "kv.put"
        call = f"kvferry{METHODS.get(verb, early)}" if half == "object" else of_kv
        which = len(story.history.operations)
        done = story.do(stage, verb, {call: [HOW[how]]})
        assert f"{call} {HOW[how]}" in done.trace
        story.read()
        story.do(pair[0] + pair[1] - stage, then)
        story.read()
        if how == "lands late":
            story.land(which)
            story.read()
        found += [(verb, then, one.breach) for one in breaches(story.history)]
    return found


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("pair", "stage", "half"), CELLS)
def test_whatever_becomes_of_a_half_no_promise_is_broken(apart, pair, stage, half, how):
    assert broken(apart, pair, stage, half, how) == []


@pytest.mark.parametrize(
    ("build", "pair", "stage", "half", "how"),
    [
        ("LAX", (DUAL, SHADOW), SHADOW, "kv", "fails"),
        ("LAX", (SHADOW, FIRST), SHADOW, "kv", "times out"),
        ("DISOBEYING", (DUAL, SHADOW), DUAL, "kv", "lands late"),
    ],
)
def test_a_store_that_breaks_a_rule_breaks_a_promise(apart, build, pair, stage, half, how):
    assert broken(apart, pair, stage, half, how, build) != []


# ---------------------------------------------------------------- an object that has too much to do


@pytest.mark.parametrize("verb", ["put", "update", "touch", "delete"])
@pytest.mark.parametrize("stage", STAGES[1:])
def test_an_overloaded_object_is_asked_once_and_not_again(apart, stage, verb):
    session = fresh()
    assert apart.do(stage, "put", session, {"v": 1}, {"expirationTtl": HOUR}).thrown is None
    method = f"kvferry{METHODS.get(verb, 'Touch' if stage.startswith('object') else 'Put')}"
    args = {"touch": [{"expirationTtl": 3 * HOUR}], "delete": []}.get(
        verb, [{"v": 2}, {"expirationTtl": HOUR}]
    )
    done = apart.do(stage, verb, session, *args, faults={method: ["overloaded"]})
    assert done.counters["object_failed"] == 1
    assert [one for one in done.trace if one.startswith(method)] == [f"{method} overloaded"]
    assert (done.thrown is None) == (
        (stage == "dual-write" and verb != "delete") or (stage, verb) == ("shadow-read", "touch")
    )


@pytest.mark.parametrize("stage", STAGES[2:])
def test_an_overloaded_object_is_no_miss(apart, stage):
    session = fresh()
    assert apart.do("shadow-read", "put", session, {"v": 1}, {"expirationTtl": HOUR}).thrown is None
    done = apart.do(stage, "get", session, faults={"kvferryLook": ["overloaded"]})
    assert done.thrown == "SessionStoreError: the session's object failed"
    assert [one for one in done.trace if one.startswith("kvferry")] == ["kvferryLook overloaded"]
    assert apart.do(stage, "get", session).value["data"] == {"v": 1}


def test_an_overloaded_object_is_not_given_what_only_kv_has_and_it_is_served_all_the_same(apart):
    session = fresh()
    apart.only_in_kv(session, {"v": 1})
    done = apart.do("object-first", "get", session, faults={"kvferryAdopt": ["overloaded"]})
    assert (done.value["data"], done.counters) == ({"v": 1}, {"fallback_hit": 1, "fallback_failed": 1})
    assert apart.row(session) is None
    assert apart.do("object-first", "get", session).value["data"] == {"v": 1}
    assert apart.row(session)["origin"] == "copy"


# ---------------------------------------------------------------- metadata that hold no stamp


@pytest.mark.parametrize("metadata", ["text", [1], {"m": "x" * 1010}], ids=["text", "list", "full"])
@pytest.mark.parametrize(
    ("pair", "stage"), dict.fromkeys((pair, stage) for pair, stage, half in CELLS if half == "kv")
)
def test_metadata_without_room_for_the_stamp_are_kept_and_read_at_both_stages(apart, pair, stage, metadata):
    session, end = fresh(), int(apart.now) + HOUR
    done = apart.do(STAGES[stage], "put", session, {"v": 1}, {"expiration": end, "metadata": metadata})
    assert done.thrown is None
    assert done.counters.get("stamp_left_out", 0) == (stage != KV)
    assert apart.kv(session) == {"value": '{"v":1}', "metadata": metadata, "expiration": end}
    for reader in pair:
        found = apart.do(STAGES[reader], "get", session).value
        tells = max(reader, stage) >= FIRST
        assert found == {"data": {"v": 1}, "metadata": metadata, "expiration": end if tells else "unknown"}
    assert apart.do(STAGES[pair[1]], "touch", session, {"expirationTtl": 2 * HOUR}).thrown is None
    for reader in pair:
        found = apart.do(STAGES[reader], "get", session).value
        assert (found["data"], found["metadata"]) == ({"v": 1}, metadata)
        assert found["expiration"] in ("unknown", int(apart.now) + 2 * HOUR)
    assert apart.kv(session)["expiration"] == (end if pair[1] == ONLY else end + HOUR)


# ---------------------------------------------------------------- statistics that are down


@pytest.mark.parametrize("fault", ["fails", "silent"])
@pytest.mark.parametrize(
    ("stage", "verb", "call", "acknowledged"),
    [
        # every write that is acknowledged although a half of it is not known to be done
        ("dual-write", "put", "kvferryPut", False),
        ("dual-write", "touch", "kvferryPut", False),
        ("object-first", "put", "kv.put", True),  # it was answered before KV was asked
        ("object-first", "touch", "kv.put", True),
        ("object-first", "delete", "kv.delete", True),
    ],
)
def test_what_nobody_can_put_into_the_journal(apart, stage, verb, call, acknowledged, fault):
    session = fresh()
    assert apart.do(stage, "put", session, {"v": 1}, {"expirationTtl": HOUR}).thrown is None
    args = {"put": [{"v": 2}, {"expirationTtl": HOUR}], "touch": [{"expirationTtl": 3 * HOUR}], "delete": []}
    faults = {call: ["fails"], "kvferryNote": [fault]}
    done = apart.do(stage, verb, session, *args[verb], faults=faults, stats=fresh("stats"))
    assert (done.thrown is None) == acknowledged
    assert done.counters["stats_failed"] == 1
    assert ("it could not be put into the journal" in (done.thrown or "")) != acknowledged

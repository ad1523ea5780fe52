"""The end of a migration: from then on nothing is imported, replaced or buried, whatever was on its way."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.edge.edge import MUTANTS
from tests.edge.sending import burying, checkpoint, importing, record
from tests.edge.test_fence import Side, noting, replacing
from tests.edge.test_sessions import DAY, Session

WORD = "urn:kvferry:problem:"
NOTE = "finished"
WAIT = 330


def finished(side, *ids):
    return side.bridge.ask("finish", {"ids": list(ids)})


def over(side):
    """The end, everywhere."""
    wait = finished(side)["wait"]
    assert wait == pytest.approx(WAIT if side.alone else 0, abs=1)
    if wait:
        side.pass_time(wait + 1)
        assert finished(side)["wait"] == 0


ORDERS = {
    "import": lambda one, other: ("import", importing(record(other))),
    "replacement": lambda one, other: ("import", replacing(one)),
    "burial": lambda one, other: ("bury", burying(one)),
    "checkpoint": lambda one, other: ("import", importing(notAfter=None, checkpoint=checkpoint(other))),
}


@pytest.mark.parametrize("name", ["held", "held-per-session"])
@pytest.mark.parametrize("what", ORDERS)
def test_after_the_end_nothing_is_imported_replaced_or_buried(edge, what, name):
    with Side(edge, name) as side:
        one, other = side.copied(side.session()), side.session()
        before = side.head(one)
        finished(side)  # from the first word on, and not only once it holds everywhere
        verb, body = ORDERS[what](one, other)
        scope = "delete" if verb == "bury" else "import"
        assert side.bridge.refused(verb, body, scope)["type"] == WORD + "finished"
        assert side.head(one) == before
        assert side.head(other) is None
        assert side.bridge.ask("checkpoint", {"names": [other]})["notes"] == [None]


@pytest.mark.parametrize("name", ["held", "held-per-session"])
def test_the_application_goes_on_and_a_lease_can_be_given_back(edge, name):
    with Side(edge, name) as side:
        one = side.copied(side.session())
        over(side)
        assert side.tell(one, "putSession", one, "newer")["outcome"] == "stored"
        assert side.tell(one, "deleteSession", one)["outcome"] == "stored"
        side.bridge.ask("import", importing(notAfter=None, notes=[{"name": "lease", "body": "{}"}]))


def nothing_on_its_way_is_done_after_the_end(side):
    one = side.session()
    side.held(one)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(
            side.bridge.send, "import", importing(record(one, expiration=None), notAfter=farthest())
        )
        try:
            side.wait_for_it(one)  # past every look of the bridge's
            over(side)
        finally:
            side.tell(one, "letGo")
        answer = late.result()
    assert side.head(one) is None
    assert answer.json()["type"] == WORD + ("late" if side.alone else "finished")


def farthest():
    """As far ahead as a bridge takes, give or take."""
    return time.time() + 890


@pytest.mark.parametrize("name", ["held", "held-per-session"])
def test_what_was_on_its_way_at_the_end_is_refused(edge, name):
    with Side(edge, name) as side:
        nothing_on_its_way_is_done_after_the_end(side)


@pytest.mark.parametrize(("mutant", "name"), [("UNFINISHED", "held-unfinished"), ("ENDLESS", "held-endless")])
def test_an_import_that_is_accepted_after_the_end_is_seen(edge, mutant, name):
    """Where the objects do not look at their note, and where the bridge sets no time to what it sends."""
    assert mutant in MUTANTS
    with Side(edge, name) as side, pytest.raises(AssertionError):
        nothing_on_its_way_is_done_after_the_end(side)


def test_an_object_that_was_not_told_at_once_keeps_importing_from_nobody_meanwhile(edge):
    """The wait is for what was on its way: nothing new is sent during it."""
    with Side(edge, "held-per-session") as side:
        assert finished(side)["wait"] == pytest.approx(WAIT, abs=1)
        side.pass_time(10)
        assert finished(side)["wait"] == pytest.approx(WAIT - 10, abs=5)  # and it is the same end
        body = importing(record(side.session()), notAfter=time.time() + 60)
        assert side.bridge.refused("import", body)["type"] == WORD + "finished"


def test_the_end_keeps_its_time_and_is_in_every_shard(edge):
    with Side(edge, "held") as side:
        first = finished(side)
        side.pass_time(600)
        assert finished(side) == {**first, "wait": 0}
        for shard in range(4):
            home = f"{side.world}kvferry:shard:{shard}/4"
            (note,) = edge.call("HELD", home, "kvferryNotes", [NOTE])
            assert json.loads(note["body"])["since"] <= first["since"]
        assert side.bridge.refused("finish", {"ids": ["0" * 64]}, "delete")["type"] == WORD + "placement"
        assert side.bridge.refused("finish", {"ids": []}, "import")["type"] == WORD + "forbidden"


def test_objects_of_one_session_are_told_when_it_is_over_and_empty_ones_stay_empty(edge):
    with Side(edge, "held-per-session") as side:
        there, never = side.copied(side.session()), side.session()
        ids = edge.object_ids("HELD", [side.world + there, side.world + never])
        assert finished(side, *ids)["told"] == 0
        assert side.tell(there, "kvferryNotes", [NOTE]) == [None]
        side.pass_time(WAIT + 1)
        assert [finished(side, *ids)["told"] for _ in range(2)] == [1, 1]
        assert side.tell(there, "kvferryNotes", [NOTE])[0]["name"] == NOTE
        assert side.tell(never, "kvferryNotes", [NOTE]) == [None]


# ---------------------------------------------------------------- the application's fallback


def test_what_only_kv_has_is_nobodys_after_the_end(edge):
    with Side(edge, "held") as side:
        known, other = side.copied(side.session()), side.session()
        over(side)
        for session, found in ((other, "deleted"), (known, "row")):
            value = {"base64": "dg=="}
            asked = {"halves": 1, "key": session, "notAfter": time.time() + 20, "value": value}
            told = side.tell(session, "kvferryAdopt", {**asked, "metadata": None, "expiration": None})
            assert told["is"] == found
        assert side.head(other) is None


# ---------------------------------------------------------------- what may go


def ended(session, *, alone):
    session.edge.call(session.binding, session.id, "kvferryFinish", 2_000_000_000, alone)


def ring(session, now):
    session.edge.set_clock(now)
    session.edge.call(session.binding, session.id, "ring")


def test_an_object_that_knows_of_a_migration_forgets_nothing_before_its_end(edge):
    session, start = Session(edge, "LOOKED_INTO"), 2_000_000_000
    try:
        edge.set_clock(start)
        session.putSession("v", {"expirationTtl": DAY})
        edge.call(session.binding, session.id, "kvferryImport", noting({"state": "up"}))
        ring(session, start + 40 * DAY)
        assert session.head() is not None
        assert session.look()["alarm"] == (start + 70 * DAY) * 1000
        ended(session, alone=False)
        ring(session, start + 70 * DAY)
        assert session.head() is None
        assert edge.call(session.binding, session.id, "kvferryNotes", [NOTE])[0]["name"] == NOTE
    finally:
        edge.set_clock(None)


def test_an_object_of_one_session_is_as_if_it_had_never_been_once_all_in_it_is_over(edge):
    session, never, start = Session(edge, "LOOKED_INTO"), Session(edge, "LOOKED_INTO"), 2_000_000_000
    try:
        edge.set_clock(start)
        session.putSession("v", {"expirationTtl": DAY})
        ended(session, alone=True)
        ended(never, alone=True)
        assert never.look() == Session(edge, "LOOKED_INTO").look()
        ring(session, start + 31 * DAY)
        assert session.look()["bytes"] <= never.look()["bytes"]
        assert edge.call(session.binding, session.id, "kvferryNotes", [NOTE]) == [None]
    finally:
        edge.set_clock(None)

"""Deleting over the wire: only a row that is ours, alive and unchanged becomes a tombstone."""

import time

import pytest

from tests.edge.edge import object_hash
from tests.edge.sending import checkpoint, fresh, importing, key, record

DAY = 86_400


class Side:
    """A bridge and the application beside it, over the same objects."""

    def __init__(self, edge, placement):
        self.edge = edge
        self.bridge = edge.bridge(placement)
        self.placement = placement

    def app(self, session, method, *args):
        shard = f"kvferry:shard:{object_hash(session) % 4}/4"
        home = session if self.placement == "per-session" else shard
        return self.edge.call("USER_SESSIONS", home, method, session, *args)

    def heads(self, *sessions):
        return self.bridge.ask("heads", {"keys": list(map(key, sessions))})["rows"]


@pytest.fixture(params=["shards", "per-session"])
def side(edge, request):
    return Side(edge, request.param)


def burying(*rows, **changes):
    named = [{"key": key(session), "version": version} for session, version in rows]
    given = {"batch": fresh("bury"), "notAfter": time.time() + 300, "expect": [], "rows": named}
    return given | changes


def test_a_row_of_ours_becomes_a_tombstone_that_is_final(side):
    copied, dual, forever = fresh(), fresh(), fresh()
    until = int(time.time()) + 500 * DAY
    side.bridge.ask("import", importing(record(copied, expiration=until), record(forever, expiration=None)))
    side.app(dual, "putSession", "1", {"origin": "dual", "expirationTtl": 60})
    order = burying((copied, 1), (dual, 1), (forever, 1))
    assert side.bridge.ask("bury", order)["outcomes"] == ["buried"] * 3
    graves = side.heads(copied, dual, forever)
    assert [grave["origin"] for grave in graves] == ["copy", "dual", "copy"]
    assert [grave["version"] for grave in graves] == [2, 2, 2]
    assert [grave["digest"] for grave in graves] == [None] * 3
    keep = [grave["tombstone"]["keepUntil"] for grave in graves]
    assert keep[0] == pytest.approx(until, abs=30)
    assert keep[0] >= until
    assert keep[1] == pytest.approx(time.time() + 400 * DAY, abs=30)
    assert keep[2] is None
    for session in (copied, dual, forever):
        assert side.bridge.ask("import", importing(record(session)))["outcomes"] == ["tombstoned"]
        assert side.app(session, "putSession", "back") == {"outcome": "gone"}
        assert side.app(session, "getSession") is None
    assert side.heads(copied, dual, forever) == graves


def test_nothing_else_is_buried(side):
    app, renewed, expired, deleted, missing = (fresh() for _ in range(5))
    side.app(app, "putSession", "1")
    past = int(time.time()) - 60
    side.bridge.ask("import", importing(record(renewed), record(expired, expiration=past), record(deleted)))
    side.app(renewed, "touchSession", {"origin": "dual", "expirationTtl": 30 * DAY})
    side.app(deleted, "deleteSession")
    before = side.heads(app, renewed, expired, deleted, missing)
    order = burying((app, 1), (renewed, 1), (expired, 1), (deleted, 2), (missing, 1))
    outcomes = side.bridge.ask("bury", order)["outcomes"]
    assert outcomes == ["newer_here", "changed", "expired", "tombstoned", "missing"]
    assert side.heads(app, renewed, expired, deleted, missing) == before


def test_burials_that_are_repeated_count_as_they_did(side):
    one, other = fresh(), fresh()
    side.bridge.ask("import", importing(record(one), record(other)))
    order = burying((one, 1), (other, 1))
    side.bridge.ask("bury", {**order, "rows": order["rows"][:1]})  # it was broken off
    assert side.bridge.ask("bury", order)["outcomes"] == ["buried"] * 2
    graves = side.heads(one, other)
    assert side.bridge.ask("bury", order)["outcomes"] == ["buried"] * 2
    assert side.bridge.ask("bury", {**order, "batch": fresh()})["outcomes"] == ["tombstoned"] * 2
    assert side.heads(one, other) == graves


def test_only_a_key_for_delete_buries(side):
    session = fresh()
    side.bridge.ask("import", importing(record(session)))
    before = side.heads(session)
    for scope in ("verify", "import", "values"):
        problem = side.bridge.refused("bury", burying((session, 1)), scope)
        assert (problem["status"], problem["type"]) == (403, "urn:kvferry:problem:forbidden")
    assert side.heads(session) == before
    for verb, order in (("import", importing()), ("fence", {"up": True}), ("read", {"keys": []})):
        assert side.bridge.refused(verb, order, "delete")["status"] == 403
    assert side.bridge.ask("heads", {"keys": [key(session)]}, "delete")["rows"] == before


def test_burials_past_their_time_are_refused_by_the_objects_own_clock(edge, side):
    session = fresh()
    side.bridge.ask("import", importing(record(session)))
    order = burying((session, 1))
    edge.set_clock(order["notAfter"] + 0.5)
    assert side.bridge.refused("bury", order, "delete")["type"] == "urn:kvferry:problem:late"
    edge.set_clock(None)
    assert side.heads(session)[0]["tombstone"] is None


def test_whoever_lost_the_lease_buries_nothing(side):
    session, lease = fresh(), fresh("lease")
    side.bridge.ask("import", importing(record(session), checkpoint=checkpoint(lease)))
    wrong = burying((session, 1), expect=[{"name": lease, "version": 2}])
    problem = side.bridge.refused("bury", wrong, "delete")
    assert (problem["type"], problem["index"]) == ("urn:kvferry:problem:conflict", 0)
    assert side.heads(session)[0]["tombstone"] is None
    right = burying((session, 1), expect=[{"name": lease, "version": 1}])
    assert side.bridge.ask("bury", right)["outcomes"] == ["buried"]


def test_wrong_burials_are_refused_at_their_place(side):
    wrong = [
        (burying(("a", 1), ("a", 2)), "/rows/1/key"),
        (burying(("", 1)), "/rows/0/key"),
        (burying(("a", 1), notAfter=time.time() + 1000), "/notAfter"),
    ]
    for order, pointer in wrong:
        assert side.bridge.refused("bury", order, "delete")["pointer"] == pointer

"""The fence: once a gate's verify has begun, no row is replaced or buried, whatever was on its way."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.edge.edge import MUTANTS, object_hash
from tests.edge.sending import burying, fresh, importing, key, record

READY_WITHIN = 20.0


class Side:
    """A bridge to objects that can be told to let imports wait, in a world of their own."""

    def __init__(self, edge, name):
        self.edge = edge
        self.bridge = edge.bridge(name)
        self.world = fresh("world") + ":"
        self.bridge.set_world(self.world)
        self.binding = "HELD_UNFENCED" if name == "held-unfenced" else "HELD"
        self.alone = name == "held-per-session"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bridge.set_world("")
        self.bridge.set_clock(None)
        self.edge.set_clock(None)

    def session(self):
        """One that does not live in the first shard, which keeps the notes."""
        return next(s for s in iter(fresh, None) if self.alone or object_hash(s) % 4 != 0)

    def tell(self, session, method, *args):
        home = session if self.alone else f"kvferry:shard:{object_hash(session) % 4}/4"
        return self.edge.call(self.binding, self.world + home, method, *args)

    def held(self, session):
        """Its object lets imports wait from now on."""
        self.tell(session, "hold")

    def wait_for_it(self, session):
        """Until an import waits in its object."""
        deadline = time.monotonic() + READY_WITHIN
        while self.tell(session, "waiting") == 0:
            assert time.monotonic() < deadline, "no import has come"
            time.sleep(0.01)

    def head(self, session):
        return self.bridge.ask("heads", {"keys": [key(session)]})["rows"][0]

    def pass_time(self, seconds):
        now = time.time() + seconds
        self.edge.set_clock(now)
        self.bridge.set_clock(now)


def replacing(session, version=1):
    changes = {"version": version, "notAfter": time.time() + 600}
    return importing(replacements=[{**record(session, b"settled"), **changes}], notAfter=time.time() + 600)


ORDERS = {"import": (replacing, "waiting_to_settle"), "bury": (burying, "fenced")}


@pytest.mark.parametrize("name", ["held", "held-per-session"])
@pytest.mark.parametrize("verb", ORDERS)
def test_behind_the_fence_nothing_is_replaced_or_buried_and_copies_go_on(edge, verb, name):
    make, refused = ORDERS[verb]
    with Side(edge, name) as side:
        one = side.session()
        side.bridge.ask("import", importing(record(one)))
        before = side.head(one)
        for _ in range(2):  # it may be put up again
            side.bridge.ask("fence", {})
        assert side.bridge.ask(verb, make(one))["outcomes"] == [refused]
        assert side.head(one) == before
        assert side.bridge.ask("import", importing(record(side.session())))["outcomes"] == ["copied"]


def nothing_on_its_way_is_done_behind_the_fence(side, verb):
    make, _ = ORDERS[verb]
    one = side.session()
    side.bridge.ask("import", importing(record(one)))
    before = side.head(one)
    side.held(one)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(side.bridge.ask, verb, make(one))
        try:
            side.wait_for_it(one)  # past every look of the bridge's at the fence
            wait = side.bridge.ask("fence", {})["wait"]
            if wait:
                side.pass_time(wait + 1)
        finally:
            side.tell(one, "letGo")
        outcomes = late.result()["outcomes"]
    assert outcomes == [ORDERS[verb][1]]
    assert side.head(one) == before
    assert (wait == 0) != side.alone


@pytest.mark.parametrize("name", ["held", "held-per-session"])
@pytest.mark.parametrize("verb", ORDERS)
def test_what_was_on_its_way_when_the_fence_was_put_up_is_refused(edge, verb, name):
    with Side(edge, name) as side:
        nothing_on_its_way_is_done_behind_the_fence(side, verb)


@pytest.mark.parametrize("verb", ORDERS)
def test_an_object_that_does_not_look_at_its_fence_is_seen(edge, verb):
    assert "UNFENCED" in MUTANTS
    with Side(edge, "held-unfenced") as side, pytest.raises(AssertionError):
        nothing_on_its_way_is_done_behind_the_fence(side, verb)


@pytest.mark.parametrize("verb", ORDERS)
def test_sessions_with_objects_of_their_own_need_the_wait(edge, verb):
    """Without it, what was on its way is still done: the verify must not begin before it is over."""
    make, _ = ORDERS[verb]
    with Side(edge, "held-per-session") as side:
        one = side.session()
        side.bridge.ask("import", importing(record(one)))
        side.held(one)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(side.bridge.ask, verb, make(one))
            try:
                side.wait_for_it(one)
                assert side.bridge.ask("fence", {})["wait"] == 60
            finally:
                side.tell(one, "letGo")
            assert late.result()["outcomes"] == [{"import": "updated", "bury": "buried"}[verb]]


def test_the_fence_is_in_every_object(edge):
    with Side(edge, "held") as side:
        side.bridge.ask("fence", {})
        for shard in range(4):
            home = f"{side.world}kvferry:shard:{shard}/4"
            (note,) = edge.call("HELD", home, "kvferryNotes", ["fence/gate-verify"])
            assert (note["name"], note["version"]) == ("fence/gate-verify", 1)
        assert side.bridge.refused("fence", {}, "verify")["type"] == "urn:kvferry:problem:forbidden"

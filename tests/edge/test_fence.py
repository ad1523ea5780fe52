"""The fence: while it is up, no row is replaced or buried, whatever was on its way, and whoever lifts it."""

import json
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
        owner = {"held-unfenced": "HELD_UNFENCED", "held-unfinished": "HELD_UNFINISHED"}
        self.binding = owner.get(name, "HELD")
        self.alone = name in ("held-per-session", "held-endless")

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

    def raised(self):
        return self.bridge.ask("fence", {"up": True})

    def lifted(self):
        return self.bridge.ask("fence", {"up": False})

    def since(self):
        """As whoever reads the book knows it."""
        (note,) = self.bridge.ask("checkpoint", {"names": [NOTE]})["notes"]
        return None if note is None else json.loads(note["body"]).get("since")

    def copied(self, session):
        self.bridge.ask("import", importing(record(session)))
        return session

    def replaced(self, session):
        """Is its row replaced, if somebody tries to?"""
        version = self.head(session)["version"]
        (outcome,) = self.bridge.ask("import", replacing(session, version))["outcomes"]
        assert outcome in ("updated", "waiting_to_settle")
        return outcome == "updated"

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
    settled = b"settled %d" % version
    return importing(replacements=[{**record(session, settled), **changes}], notAfter=time.time() + 600)


NOTE = "fence/gate-verify"


def noting(body):
    """The part of an import that writes the fence's note, whatever is there."""
    book = {
        "expect": [],
        "checkpoint": None,
        "notes": [{"name": NOTE, "body": json.dumps(body)}],
        "forget": [],
    }
    nothing = {"records": [], "replacements": [], "burials": [], "counted": {}, "notAfter": None}
    return {"sweep": 0, "batch": "b", "differing": "waiting_to_settle", **nothing, "book": book}


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
            side.bridge.ask("fence", {"up": True})
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
            wait = side.bridge.ask("fence", {"up": True})["wait"]
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
                assert side.bridge.ask("fence", {"up": True})["wait"] == 60
            finally:
                side.tell(one, "letGo")
            assert late.result()["outcomes"] == [{"import": "updated", "bury": "buried"}[verb]]


def test_the_fence_is_in_every_object(edge):
    with Side(edge, "held") as side:
        side.bridge.ask("fence", {"up": True})
        for shard in range(4):
            home = f"{side.world}kvferry:shard:{shard}/4"
            (note,) = edge.call("HELD", home, "kvferryNotes", [NOTE])
            assert note["name"] == NOTE
            assert json.loads(note["body"])["state"] == "up"
        assert side.bridge.refused("fence", {"up": True}, "verify")["type"] == "urn:kvferry:problem:forbidden"


# ---------------------------------------------------------------- lifting it


@pytest.mark.parametrize("name", ["held", "held-per-session"])
@pytest.mark.parametrize("verb", ORDERS)
def test_once_it_is_lifted_rows_are_replaced_and_buried_again(edge, verb, name):
    make, refused = ORDERS[verb]
    with Side(edge, name) as side:
        one = side.copied(side.session())
        side.raised()
        assert side.bridge.ask(verb, make(one))["outcomes"] == [refused]
        assert side.lifted() == {"protocol": 1, "since": None, "wait": 0}
        assert side.since() is None
        assert side.bridge.ask(verb, make(one))["outcomes"] != [refused]


@pytest.mark.parametrize("name", ["held", "held-per-session"])
def test_it_goes_up_again_behind_everything_that_the_lifting_let_through(edge, name):
    with Side(edge, name) as side:
        one = side.copied(side.session())
        first = side.raised()["since"]
        assert side.replaced(one) is False
        for _ in range(2):  # it may be lifted again
            side.lifted()
        assert side.replaced(one)
        again = side.raised()["since"]
        assert again > first
        assert side.since() == again
        assert side.replaced(one) is False


@pytest.mark.parametrize(("name", "wait"), [("held", 0), ("held-per-session", 60)])
def test_it_says_from_when_on_it_holds_and_keeps_to_it(edge, name, wait):
    with Side(edge, name) as side:
        assert side.since() is None
        before = time.time()
        told = side.raised()
        assert told["wait"] == wait
        assert before <= told["since"] - wait <= time.time()
        assert side.since() == told["since"]
        side.pass_time(20)
        later = side.raised()
        assert later["since"] == told["since"]
        assert later["wait"] == pytest.approx(max(0, wait - 20), abs=5)
        side.pass_time(100)
        assert side.raised() == {"protocol": 1, "since": told["since"], "wait": 0}


def test_a_note_of_before_it_could_be_lifted_holds_and_says_no_time(edge):
    with Side(edge, "held") as side:
        one = side.copied(side.session())
        for shard in range(4):
            side.edge.call("HELD", f"{side.world}kvferry:shard:{shard}/4", "kvferryImport", noting({"at": 1}))
        assert (side.replaced(one), side.since()) == (False, None)
        assert side.raised()["since"] == side.since() is not None
        side.lifted()
        assert side.replaced(one)


# ---------------------------------------------------------------- two operators at once


def everywhere(side):
    """A copied session in each shard; the first is not in the book."""
    found = {}
    while len(found) < 4:
        session = fresh()
        found.setdefault(object_hash(session) % 4, session)
    return [side.copied(found[shard]) for shard in (1, 2, 3, 0)]


def holds_where_the_book_says_up(side, sessions):
    """The promise: there is no shard that lets replacements through while the book says up."""
    assert side.since() is None or not any(map(side.replaced, sessions))


def a_late_lift(side, what, *, up=True):
    """Somebody lifts the fence, and one shard's part of it is late: the fence goes up again meanwhile.

    `up`: is it up before?
    """
    one, *_ = sessions = everywhere(side)
    side.raised()
    if not up:
        side.lifted()
    side.tell(one, "holdFence", what)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(side.lifted)
        try:
            side.wait_for_it(one)
            side.raised()
        finally:
            side.tell(one, "letGo")
        late.result()
    holds_where_the_book_says_up(side, sessions)
    if side.since() is not None:
        return "up"
    return "down" if all(map(side.replaced, sessions)) else "neither"


def test_a_late_lift_undoes_no_newer_raise(edge):
    with Side(edge, "held") as side:
        assert a_late_lift(side, "write") == "up"
        side.lifted()
        assert all(map(side.replaced, everywhere(side)))


@pytest.mark.parametrize("up", [True, False])
def test_a_lift_that_has_only_looked_when_it_is_overtaken_lifts_it_all(edge, up):
    with Side(edge, "held") as side:
        assert a_late_lift(side, "look", up=up) == "down"


def a_late_raise(side, meanwhile):
    """Somebody puts the fence up, and one shard's part of it is late; what others see and do then."""
    one, *_ = sessions = everywhere(side)
    side.tell(one, "holdFence", "write")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(side.raised)
        try:
            side.wait_for_it(one)
            holds_where_the_book_says_up(side, sessions)
            told = meanwhile()
        finally:
            side.tell(one, "letGo")
        assert late.result()["since"] == side.since() is not None
    assert not any(map(side.replaced, sessions))
    return told


def test_it_is_not_up_before_every_shard_has_it(edge):
    with Side(edge, "held") as side:
        a_late_raise(side, lambda: None)


def test_a_raise_that_was_overtaken_by_a_lift_begins_again(edge):
    with Side(edge, "held") as side:
        assert a_late_raise(side, side.lifted)["since"] is None


def test_of_two_raises_at_once_both_tell_the_same_time(edge):
    with Side(edge, "held") as side:
        assert a_late_raise(side, side.raised)["since"] == side.since()


@pytest.mark.parametrize("name", ["held", "held-per-session"])
def test_a_raise_that_was_broken_off_says_no_time_and_may_be_lifted_or_finished(edge, name):
    with Side(edge, name) as side:
        one = side.copied(side.session())
        home = "kvferry:book" if side.alone else "kvferry:shard:0/4"
        rising = noting({"state": "rising"})
        side.edge.call("HELD", side.world + home, "kvferryImport", rising)
        assert side.since() is None
        assert side.replaced(one) is not side.alone  # where the book alone has it, it holds from then on
        side.lifted()
        assert side.replaced(one)
        side.edge.call("HELD", side.world + home, "kvferryImport", rising)
        assert side.raised()["since"] == side.since() is not None
        assert not side.replaced(one)


def test_a_lift_that_was_broken_off_is_finished_by_the_next(edge):
    with Side(edge, "held") as side:
        sessions = everywhere(side)
        side.raised()
        try:
            side.bridge.set_budget(7)  # of the eight calls that it takes
            assert side.bridge.refused("fence", {"up": False})["type"] == "urn:kvferry:problem:too-much"
        finally:
            side.bridge.set_budget(None)
        assert side.since() is None
        assert not all(map(side.replaced, sessions))
        try:
            side.bridge.set_budget(8)
            side.lifted()
        finally:
            side.bridge.set_budget(None)
        assert all(map(side.replaced, sessions))


@pytest.mark.parametrize(
    ("mutant", "break_it"),
    [
        ("BACKWARDS", lambda side: a_late_lift(side, "look")),
        ("HEEDLESS", lambda side: a_late_lift(side, "write")),
        ("EARLY", lambda side: a_late_raise(side, lambda: None)),
    ],
)
def test_that_the_order_matters_is_seen(edge, mutant, break_it):
    assert mutant in MUTANTS
    with Side(edge, f"held-{mutant.lower()}") as side, pytest.raises(AssertionError):
        break_it(side)

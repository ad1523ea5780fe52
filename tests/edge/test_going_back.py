"""Going back over the wire: writes into KV that begin in time, and rows that are KV's again."""

import base64
import time

import pytest

from tests.edge.edge import PREFIX, object_hash
from tests.edge.sending import checkpoint, fresh, importing, key, record

NAMESPACE = "GOING_BACK"
BINDINGS = {"kv-careless": "CARELESS"}


class Side:
    """A bridge with a KV namespace, and the application beside it, over the same objects."""

    def __init__(self, edge, name):
        self.edge = edge
        self.bridge = edge.bridge(name)
        self.name = name

    def app(self, session, method, *args):
        shard = f"kvferry:shard:{object_hash(session) % 4}/4"
        home = session if self.name == "kv-apart" else shard
        return self.edge.call(BINDINGS.get(self.name, "USER_SESSIONS"), home, method, session, *args)

    def heads(self, *sessions):
        return self.bridge.ask("heads", {"keys": list(map(key, sessions))})["rows"]

    def kv(self, session):
        return self.edge.kv_item(NAMESPACE, key(session))

    def write(self, *puts, deletes=(), **changes):
        order = {"notAfter": time.time() + 20, "puts": list(puts), "deletes": list(map(key, deletes))}
        return self.bridge.ask("kv", order | changes)

    def revert(self, *rows, **changes):
        return self.bridge.ask("revert", reverting(*rows, **changes))["outcomes"]


@pytest.fixture(params=["kv", "kv-apart"])
def side(edge, request):
    yield Side(edge, request.param)
    edge.bridge(request.param).set_kv()
    edge.bridge(request.param).set_clock(None)


@pytest.fixture
def shards(edge):
    yield Side(edge, "kv")
    edge.bridge("kv").set_kv()
    edge.bridge("kv").set_clock(None)


def reverting(*rows, **changes):
    named = [{"key": key(session), "version": version} for session, version in rows]
    given = {"batch": fresh("revert"), "notAfter": time.time() + 300, "expect": [], "rows": named}
    return given | changes


# ---------------------------------------------------------------- KV


def test_values_metadata_and_expirations_arrive_as_they_are(side):
    one, forever, gone = fresh(), fresh(), fresh()
    until = int(time.time()) + 3600
    bytes_of = bytes(range(256))
    side.write(record(gone))
    assert side.kv(gone) is not None
    answer = side.write(
        record(one, bytes_of, metadata='{"a":[1,"é"]}', expiration=until),
        record(forever, b"", expiration=None),
        deletes=[gone],
    )
    assert (answer["puts"], answer["deletes"]) == (["done", "done"], ["done"])
    assert side.kv(one) == (bytes_of, {"a": [1, "é"]}, until)
    assert side.kv(forever) == (b"", None, None)
    assert side.kv(gone) is None


def test_only_a_key_for_kv_writes_into_kv_or_gives_rows_back(side):
    session = fresh()
    side.app(session, "putSession", "1")
    for scope in ("verify", "import", "values", "delete"):
        for verb, order in (
            ("kv", {"notAfter": time.time() + 20, "puts": [record(session)], "deletes": []}),
            ("revert", reverting((session, 1))),
        ):
            problem = side.bridge.refused(verb, order, scope)
            assert (problem["status"], problem["type"]) == (403, "urn:kvferry:problem:forbidden")
    assert side.kv(session) is None
    assert side.heads(session)[0]["origin"] == "app"
    for verb, order in (("import", importing()), ("fence", {"up": True}), ("read", {"keys": []})):
        assert side.bridge.refused(verb, order, "kv")["status"] == 403
    assert len(side.bridge.ask("heads", {"keys": [key(session)]}, "kv")["rows"]) == 1


@pytest.mark.parametrize("broken", [False, True])
def test_a_write_begins_in_time_or_not_at_all(edge, broken):
    side = Side(edge, "kv-belated" if broken else "kv")
    now = int(time.time())
    sessions = [fresh() for _ in range(8)]
    side.bridge.set_clock(now)
    side.bridge.set_kv(takes=5)
    try:
        answer = side.write(*map(record, sessions), notAfter=now + 12, deletes=[fresh()])
    finally:
        side.bridge.set_kv()
        side.bridge.set_clock(None)
    there = ["done" if side.kv(session) else "late" for session in sessions]
    assert answer["puts"] == there, "what is late has not been written"
    late = [*answer["puts"], *answer["deletes"]].count("late")
    assert late == (0 if broken else 6), "three of them began within 12 s"


def test_what_kv_would_not_take_is_refused_one_by_one(side):
    now = int(time.time())
    soon, long, exact, fits = fresh(), fresh(), fresh(), fresh()
    answer = side.write(
        record(soon, expiration=now + 55),
        record(long, metadata='"' + "x" * 1023 + '"'),
        record(exact, metadata="12345678901234567890"),
        record(fits, metadata='"' + "x" * 1022 + '"'),
    )
    assert answer["puts"] == ["soon", "unfit", "unfit", "done"]
    assert [side.kv(one) is None for one in (soon, long, exact, fits)] == [True, True, True, False]


def test_a_key_that_was_written_within_the_second_is_tried_once_more(shards):
    slow, once, broken = fresh(), fresh(), fresh()
    shards.bridge.set_kv("KV PUT failed: 429 Too Many Requests")
    assert shards.write(record(once))["puts"] == ["done"]
    shards.bridge.set_kv(*["KV PUT failed: 429 Too Many Requests"] * 2)
    assert shards.write(record(slow))["puts"] == ["slow"]
    assert shards.kv(slow) is None
    shards.bridge.set_kv("KV PUT failed: 500 Internal Server Error")
    assert shards.write(record(broken))["puts"] == ["failed"]
    shards.bridge.set_kv("KV DELETE failed: 500 Internal Server Error")
    assert shards.write(deletes=[once])["deletes"] == ["failed"]
    assert shards.kv(once) is not None


def test_wrong_writes_are_refused_at_their_place_and_none_is_begun(side):
    session, other = fresh(), fresh()
    now = time.time()
    wrong = [
        ({"puts": [record(session), record(session)]}, "/puts/1/key"),
        ({"puts": [record(session)], "deletes": [key(session)]}, "/deletes/0"),
        ({"puts": [record(session), record("x", key="cache:x")]}, "/puts/1/key"),
        ({"puts": [record(session)], "deletes": [PREFIX]}, "/deletes/0"),
        ({"puts": [record(session)], "deletes": ["cache:temp:1"]}, "/deletes/0"),
        ({"puts": [record(session)], "notAfter": now + 60}, "/notAfter"),
        ({"puts": [record(session)], "deletes": [key(f"{other}-{n}") for n in range(200)]}, "/deletes"),
    ]
    for changes, pointer in wrong:
        order = {"notAfter": now + 20, "puts": [], "deletes": [], **changes}
        assert side.bridge.refused("kv", order, "kv")["pointer"] == pointer
    assert side.kv(session) is None


def test_a_full_request_is_done(side):
    sessions = [fresh() for _ in range(200)]
    assert side.write(*map(record, sessions))["puts"] == ["done"] * 200
    assert side.write(deletes=sessions)["deletes"] == ["done"] * 200


def test_a_bridge_without_a_namespace_says_so(edge):
    bridge = edge.bridge("shards")
    order = {"notAfter": time.time() + 20, "puts": [], "deletes": []}
    assert bridge.refused("kv", order, "kv")["type"] == "urn:kvferry:problem:kv"


def test_health_tells_the_namespace_and_how_many_keys_a_write_may_have(edge):
    def health(name):
        return edge.bridge(name).raw("kvferry/v1/health", "GET", "verify").json()

    assert health("kv")["kv"] == {"namespace": NAMESPACE}
    assert health("kv")["limits"]["kvKeys"] == 200
    assert health("shards")["kv"] is None


# ---------------------------------------------------------------- rows


def test_rows_of_the_application_are_kvs_again_expired_ones_too(side):
    live, dying, forever = fresh(), fresh(), fresh()
    side.app(live, "putSession", "1", {"expirationTtl": 3600})
    side.app(live, "putSession", "2", {"expirationTtl": 3600, "metadata": {"a": 1}})
    side.app(dying, "putSession", "1", {"expirationTtl": 60})
    side.app(forever, "putSession", "1")
    before = side.heads(live, dying, forever)
    side.edge.set_clock(time.time() + 100)
    try:
        assert side.revert((live, 2), (dying, 1), (forever, 1)) == ["reverted"] * 3
    finally:
        side.edge.set_clock(None)
    after = side.heads(live, dying, forever)
    assert [row["origin"] for row in after] == ["dual"] * 3
    assert [row["version"] for row in after] == [3, 2, 2]
    for name in ("digest", "bytes", "metadata", "expiration", "tombstone", "sweep"):
        assert [row[name] for row in after] == [row[name] for row in before]
    assert [row["changes"][-1]["version"] for row in after] == [3, 2, 2]
    # From now on they are the application's dual writes, and a stage that is authoritative takes them over.
    side.app(live, "putSession", "3", {"origin": "dual"})
    assert side.heads(live)[0]["origin"] == "dual"
    side.app(live, "putSession", "4")
    assert side.heads(live)[0]["origin"] == "app"


@pytest.mark.parametrize("name", ["kv", "kv-apart", "kv-careless"])
def test_a_row_that_has_changed_is_not_given_back(edge, name):
    side, session = Side(edge, name), fresh()
    side.app(session, "putSession", "1")
    side.app(session, "putSession", "2")
    changed = name != "kv-careless"
    assert side.revert((session, 1)) == (["changed"] if changed else ["reverted"])
    assert side.heads(session)[0]["origin"] == ("app" if changed else "dual")


def test_nothing_else_is_touched(side):
    copied, dual, deleted, missing = (fresh() for _ in range(4))
    side.bridge.ask("import", importing(record(copied)))
    side.app(dual, "putSession", "1", {"origin": "dual"})
    side.app(deleted, "deleteSession")
    before = side.heads(copied, dual, deleted, missing)
    outcomes = side.revert((copied, 1), (dual, 1), (deleted, 1), (missing, 1))
    assert outcomes == ["kept", "reverted", "tombstoned", "missing"]
    assert side.heads(copied, dual, deleted, missing) == before


def test_a_request_whose_answer_was_lost_may_be_sent_again(side):
    session = fresh()
    side.app(session, "putSession", "1")
    order = reverting((session, 1))
    assert side.bridge.ask("revert", order)["outcomes"] == ["reverted"]
    row = side.heads(session)
    assert side.bridge.ask("revert", order)["outcomes"] == ["reverted"]
    assert side.heads(session) == row


def test_going_back_past_its_time_or_without_the_lease_does_nothing(edge, side):
    session, lease = fresh(), fresh("lease")
    side.app(session, "putSession", "1")
    side.bridge.ask("import", importing(checkpoint=checkpoint(lease)))
    order = reverting((session, 1))
    edge.set_clock(order["notAfter"] + 0.5)
    try:
        assert side.bridge.refused("revert", order, "kv")["type"] == "urn:kvferry:problem:late"
    finally:
        edge.set_clock(None)
    wrong = reverting((session, 1), expect=[{"name": lease, "version": 2}])
    problem = side.bridge.refused("revert", wrong, "kv")
    assert (problem["type"], problem["index"]) == ("urn:kvferry:problem:conflict", 0)
    assert side.heads(session)[0]["origin"] == "app"
    assert side.revert((session, 1), expect=[{"name": lease, "version": 1}]) == ["reverted"]


def test_wrong_reversals_are_refused_at_their_place(side):
    wrong = [
        (reverting(("a", 1), ("a", 2)), "/rows/1/key"),
        (reverting(("", 1)), "/rows/0/key"),
        (reverting(("a", 1), notAfter=time.time() + 1000), "/notAfter"),
    ]
    for order, pointer in wrong:
        assert side.bridge.refused("revert", order, "kv")["pointer"] == pointer


def test_a_value_goes_from_row_to_kv_byte_for_byte(side):
    session = fresh()
    side.app(session, "putSession", {"base64": base64.b64encode(b"\x00\xff\xfe").decode()})
    row = side.bridge.ask("read", {"keys": [key(session)]})["rows"][0]
    sent = {name: row[name] for name in ("key", "value", "metadata", "expiration")}
    assert side.write(sent)["puts"] == ["done"]
    assert side.kv(session) == (b"\x00\xff\xfe", None, None)

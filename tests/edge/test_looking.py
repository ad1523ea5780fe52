"""What the toolkit sees through the bridge: heads, values, scans in key order, counts, notes, health."""

import base64
import itertools
import time

import pytest

from migrate import __version__
from tests.edge.edge import PREFIX, digest_text
from tests.edge.sending import fresh, importing, key, record
from tests.edge.test_wire import cases


@pytest.fixture
def bridge(edge):
    return edge.bridge("shards")


def scan(bridge, shard=0, scope="verify", **changes):
    order = {"shard": shard, "prefix": PREFIX, "after": None, "upto": None, "limit": 1000, "live": False}
    return bridge.ask("scan", {**order, "values": False, **changes}, scope)


def keys_of(page):
    return [row["key"] for row in page["rows"]]


def test_heads_have_the_digest_of_the_bytes_that_are_there(bridge):
    session, value = fresh(), bytes(range(256))
    bridge.ask("import", importing(record(session, value)))
    missing, head = bridge.ask("heads", {"keys": [key(fresh()), key(session)]})["rows"]
    assert missing is None
    assert (head["key"], head["digest"], head["bytes"]) == (key(session), digest_text(value), 256)
    assert "value" not in head


def test_values_that_have_no_room_in_an_answer_are_asked_for_again(bridge):
    sessions = [fresh("big") for _ in range(7)]
    value = b"x" * 1_600_000
    for session in sessions:
        bridge.ask("import", importing(record(session, value)))
    wanted, rounds = [key(session) for session in sessions], 0
    while wanted:
        answer = bridge.ask("read", {"keys": wanted})
        got = [row for row in answer["rows"] if row is not None]
        assert got
        assert all(row["digest"] == digest_text(base64.b64decode(row["value"])) for row in got)
        assert len(got) + len(answer["unanswered"]) == len(wanted)
        wanted = [wanted[index] for index in answer["unanswered"]]
        rounds += 1
    assert 1 < rounds < 7


def test_a_shards_rows_come_in_the_order_of_their_bytes_between_bounds(edge):
    bridge = edge.bridge("single")
    stem = fresh("order") + ":"
    ids = [stem + one.removeprefix("p:") for one in cases("order") if one.startswith("p:") and one != "p:"]
    bridge.ask("import", importing(*(record(one) for one in reversed(ids))))
    wanted = [key(one) for one in ids]
    assert keys_of(scan(bridge, prefix=key(stem))) == wanted
    for low in range(len(wanted)):
        page = scan(bridge, prefix=key(stem), after=wanted[low], upto=wanted[-3])
        assert keys_of(page) == wanted[low + 1 : len(wanted) - 2]
    pages, after = [], None
    while True:
        page = scan(bridge, prefix=key(stem), after=after, limit=4)
        pages += keys_of(page)
        if not page["more"]:
            break
        after = pages[-1]
    assert pages == wanted


def test_every_row_is_in_one_shard_and_a_long_scan_gives_each_once(bridge):
    stem = fresh("many") + ":"
    ids = [f"{stem}{number:04}" for number in range(950)]
    bridge.ask("import", importing(*map(record, ids)))
    found = [keys_of(scan(bridge, shard, prefix=key(stem))) for shard in range(4)]
    assert sorted(itertools.chain.from_iterable(found)) == [key(one) for one in ids]
    assert all(len(shard) > 150 for shard in found)


def test_live_rows_are_neither_deleted_nor_expired(edge):
    bridge = edge.bridge("single")
    stem = fresh("live") + ":"
    past = int(time.time()) - 5
    bridge.ask(
        "import", importing(record(stem + "a"), record(stem + "b", expiration=past), record(stem + "c"))
    )
    edge.call("USER_SESSIONS", "kvferry:shard:0/1", "deleteSession", stem + "c")
    assert keys_of(scan(bridge, prefix=key(stem), live=True)) == [key(stem + "a")]
    assert keys_of(scan(bridge, prefix=key(stem))) == [key(stem + one) for one in "abc"]
    order = {"shard": 0, "prefix": key(stem), "after": None, "limit": 10}
    (grave,) = bridge.ask("tombstones", order)["rows"]
    assert (grave["key"], grave["digest"]) == (key(stem + "c"), None)
    assert grave["tombstone"]["keepUntil"] > grave["tombstone"]["deletedAt"] >= past
    count = bridge.ask("count", {"prefix": key(stem)})["count"]
    assert count == {"live": 1, "expired": 1, "tombstones": 1, "copy": 2, "dual": 0, "app": 0, "legacy": 0}


def test_a_scan_of_values_ends_where_the_answer_is_full(edge):
    bridge = edge.bridge("single")
    stem = fresh("full") + ":"
    for number in range(6):
        bridge.ask("import", importing(record(f"{stem}{number}", b"x" * 1_900_000)))
    page = scan(bridge, scope="values", prefix=key(stem), values=True)
    assert [len(base64.b64decode(row["value"])) for row in page["rows"]] == [1_900_000] * 4
    assert page["more"]
    rest = scan(bridge, scope="values", prefix=key(stem), values=True, after=keys_of(page)[-1])
    assert (len(rest["rows"]), rest["more"]) == (2, False)


def test_a_session_of_its_own_object_is_what_the_application_reads(edge):
    bridge, session = edge.bridge("per-session"), fresh()
    bridge.ask("import", importing(record(session, b'{"user":"u"}')))
    assert edge.call("USER_SESSIONS", session, "getSession", session) == {"data": {"user": "u"}}
    for verb, order in [
        (
            "scan",
            {
                "shard": 0,
                "prefix": "",
                "after": None,
                "upto": None,
                "limit": 1,
                "live": False,
                "values": False,
            },
        ),
        ("tombstones", {"shard": 0, "prefix": "", "after": None, "limit": 1}),
        ("count", {"prefix": ""}),
    ]:
        assert bridge.refused(verb, order)["type"] == "urn:kvferry:problem:placement"


def test_notes_come_in_pages_behind_a_name(bridge):
    stem = fresh("notes")
    names = [f"{stem}/{number}" for number in range(5)]
    bridge.ask("import", importing(notes=[{"name": name, "body": ""} for name in names], notAfter=None))
    first = bridge.ask("checkpoint", {"prefix": stem + "/", "limit": 3})
    assert ([note["name"] for note in first["notes"]], first["more"]) == (names[:3], True)
    second = bridge.ask("checkpoint", {"prefix": stem + "/", "limit": 3, "after": names[2]})
    assert ([note["name"] for note in second["notes"]], second["more"]) == (names[3:], False)


@pytest.mark.parametrize(("name", "placement"), [("shards", "shards:4"), ("per-session", "per-session")])
def test_health_tells_versions_clocks_placement_and_limits(edge, name, placement):
    answer = edge.bridge(name).raw("kvferry/v1/health", "GET", "verify").json()
    assert (answer["protocol"], answer["version"], answer["object"]["version"]) == (
        1,
        __version__,
        __version__,
    )
    assert (answer["placement"], answer["prefix"]) == (placement, PREFIX)
    assert abs(answer["now"] - time.time()) < 60
    assert abs(answer["object"]["now"] - answer["now"]) < 60
    assert answer["limits"]["records"] == (1000 if placement == "per-session" else 4000)

"""Requests that come again, all at once, or not to their end."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.edge.edge import mint, valid_key
from tests.edge.sending import burying, checkpoint, fresh, importing, key, record


@pytest.fixture
def bridge(edge):
    return edge.bridge("shards")


def test_a_replayed_import_brings_nothing_back(edge, bridge):
    """Its session was logged out meanwhile, and after 15 minutes it is not even looked at."""
    session = fresh()
    order = importing(record(session), notAfter=time.time() + 890)
    bridge.ask("import", order)
    (head,) = bridge.ask("heads", {"keys": [key(session)]})["rows"]
    names = [f"kvferry:shard:{number}/4" for number in range(4)]
    for name in names:
        edge.call("USER_SESSIONS", name, "deleteSession", session)
    graves = bridge.ask("heads", {"keys": [key(session)]})
    bridge.ask("import", order)
    bridge.ask("import", {**order, "batch": fresh("batch")})
    assert bridge.ask("heads", {"keys": [key(session)]}) == graves
    assert graves["rows"][0]["tombstone"]
    edge.set_clock(time.time() + 900)
    assert bridge.refused("import", order)["type"] == "urn:kvferry:problem:late"
    assert head["version"] == 1


def test_the_same_import_many_times_at_once_has_its_effect_once(edge):
    """With one shard, and with the rows in other objects than the checkpoint."""
    for name in ("single", "shards", "per-session"):
        bridge = edge.bridge(name)
        sessions = [fresh() for _ in range(8)]
        order = importing(*map(record, sessions), checkpoint=checkpoint(fresh("checkpoint"), listed=8))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, b=bridge, o=order: b.ask("import", o), range(8)))
        tallies = [answer["checkpoint"]["tally"] for answer in answers]
        assert tallies == [{"listed": 8, "copied": 8}] * 8, name
        assert {answer["checkpoint"]["version"] for answer in answers} == {1}
        rows = bridge.ask("heads", {"keys": list(map(key, sessions))})["rows"]
        assert {row["version"] for row in rows} == {1}


def test_fifty_requests_of_all_kinds_at_once_are_each_answered_as_alone(bridge):
    kept, bad = fresh(), fresh()
    orders = [importing(record(fresh("mixed"))) for _ in range(5)]
    bridge.ask("import", importing(record(kept)))
    headers = {"Content-Type": "application/json"}
    forged = {**headers, "Authorization": f"Bearer {mint('import', 1, 2, '0' * 40)}"}
    path = "kvferry/v1/import"

    def ask(number):
        order = orders[number // 10]
        match number % 10:
            case 0 | 1 | 2:  # the same one three times
                return bridge.send("import", order).status_code
            case 3:
                return bridge.send("heads", {"keys": [key(kept)]}, "verify").status_code
            case 4:
                return bridge.raw(path, "POST", json={"protocol": 1, **importing(record(bad))}).status_code
            case 5:
                return bridge.raw(path, "POST", headers=forged, content=b"{").status_code
            case 6:
                return bridge.raw(path, "POST", "import", headers=headers, content=b"{").status_code
            case 7:
                return bridge.send("import", importing(record(bad)), "values").status_code
            case 8:
                return bridge.send("bury", burying(kept), "import").status_code
            case _:
                return bridge.raw(path, "OPTIONS").status_code

    with ThreadPoolExecutor(25) as pool:
        assert list(pool.map(ask, range(50))) == [200, 200, 200, 200, 401, 401, 400, 403, 403, 401] * 5
    copied = [order["records"][0]["key"] for order in orders]
    rows = bridge.ask("heads", {"keys": [*copied, key(kept), key(bad)]})["rows"]
    assert [row and (row["version"], row["tombstone"]) for row in rows] == [(1, None)] * 6 + [None]


def test_a_client_that_goes_away_in_the_middle_of_its_body_writes_nothing(bridge):
    session = fresh()
    body = json.dumps({"protocol": 1, **importing(record(session))}).encode()
    host = urlsplit(bridge.url)
    head = f"POST /kvferry/v1/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {valid_key('import')}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host.hostname, host.port), timeout=10) as connection:
        connection.sendall(head.encode() + body[:-1])
    assert bridge.ask("heads", {"keys": [key(session)]})["rows"] == [None]

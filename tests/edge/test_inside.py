"""Objects known by their ids only: what the bridge says that they hold, and where new ones are made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge.edge import OWNER, Bridge, Edge, digest_text
from tests.edge.sending import checkpoint, fresh, importing, key, record

WORLD = "inside:"


@pytest.fixture
def bridge(edge: Edge) -> Iterator[Bridge]:
    bridge = edge.bridge("apart")
    bridge.set_world(WORLD)
    yield bridge
    bridge.set_world("")


def inside(edge: Edge, bridge: Bridge, *names: str) -> list[dict[str, Any]]:
    ids = edge.object_ids("APART", [WORLD + name for name in names])
    found: list[dict[str, Any]] = bridge.ask("objects", {"ids": ids})["objects"]
    return found


def test_a_session_is_told_with_its_head_and_never_with_its_value(edge: Edge, bridge: Bridge) -> None:
    session, deleted = fresh(), fresh()
    bridge.ask("import", importing(record(session, b"planted")))
    edge.call("APART", WORLD + deleted, "deleteSession", deleted)
    one, other = inside(edge, bridge, session, deleted)
    assert (one["kind"], one["others"], one["head"]["key"]) == ("session", False, key(session))
    assert (one["head"]["digest"], one["head"]["bytes"]) == (digest_text(b"planted"), 7)
    assert "value" not in one["head"]
    assert (other["kind"], other["head"]["tombstone"] is not None) == ("session", True)


def test_what_is_no_session_is_told_apart_and_asking_stores_nothing(edge: Edge, bridge: Bridge) -> None:
    bridge.ask("import", importing(checkpoint=checkpoint("mark"), notAfter=None))
    asked, table, tabled, stored = (fresh() for _ in range(4))
    edge.call("APART", WORLD + asked, "getSession", asked)
    edge.call("APART", WORLD + table, "scribble", 0)
    edge.call("APART", WORLD + tabled, "scribble", 1)
    edge.call("APART", WORLD + stored, "store", "a")
    names = ("kvferry:book", asked, fresh(), table, tabled, stored)
    for _ in range(2):  # the second look would find what the first one left
        found = inside(edge, bridge, *names)
        assert [one["kind"] for one in found] == ["book", "empty", "empty", "empty", "unnamed", "unnamed"]
        assert [one["head"] for one in found] == [None] * 6


def test_a_row_in_another_object_than_its_own_is_no_session_there(edge: Edge, bridge: Bridge) -> None:
    home, away = fresh(), fresh()
    edge.call("APART", WORLD + away, "putSession", home, "v")
    edge.calls([("APART", WORLD + home, "putSession", fresh("other"), n) for n in range(3)])
    found = [(one["kind"], one["others"]) for one in inside(edge, bridge, home, away)]
    assert found == [("unnamed", True)] * 2
    edge.call("APART", WORLD + home, "putSession", home, "v")
    (one,) = inside(edge, bridge, home)
    assert (one["kind"], one["others"], one["head"]["key"]) == ("session", True, key(home))


def test_the_row_of_an_object_is_found_behind_many_others(edge: Edge, bridge: Bridge) -> None:
    home = fresh("zz")
    calls = [("APART", WORLD + home, "putSession", f"{number:03}", "v") for number in range(120)]
    edge.calls([*calls, ("APART", WORLD + home, "putSession", home, "v")])
    (one,) = inside(edge, bridge, home)
    assert (one["kind"], one["others"]) == ("session", True)


def test_ids_of_another_class_are_refused(edge: Edge, bridge: Bridge) -> None:
    (foreign,) = edge.object_ids("USER_SESSIONS", [fresh()])
    for wrong in (foreign, "0" * 64):
        answer = bridge.refused("objects", {"ids": [wrong]})
        assert answer["type"] == "urn:kvferry:problem:foreign"
        assert wrong not in str(answer)


def test_objects_are_made_where_the_import_says_else_where_the_bridge_does(
    edge: Edge, bridge: Bridge
) -> None:
    bridge.hints()
    bridge.ask("import", importing(record(fresh()), checkpoint=checkpoint("m"), locationHint="oc"))
    assert set(bridge.hints()) == {"oc"}
    bridge.ask("import", importing(record(fresh())))
    assert set(bridge.hints()) == {None}
    answer = edge.bridge("misled").raw("kvferry/v1/health", "GET", "verify")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:kvferry:problem:unconfigured")


def test_health_names_the_class_where_the_bridge_knows_it(edge: Edge, bridge: Bridge) -> None:
    told = bridge.raw("kvferry/v1/health", "GET", "verify").json()
    assert (told["script"], told["class"]) == (OWNER["KVFERRY_SCRIPT"], OWNER["KVFERRY_CLASS"])
    told = edge.bridge("shards").raw("kvferry/v1/health", "GET", "verify").json()
    assert (told["script"], told["class"]) == (None, None)

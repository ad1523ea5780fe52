"""The statistics of a migration as the bridge tells them: counts and ages, and never which sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.edge.edge import Bridge, Edge
from tests.edge.sending import fresh
from tests.edge.stored import Stored

NAME = "kvferry:stats"  # of the object
HOUR = 3600


class Told(Stored):
    """Stores that tell their statistics where `bridge` reads them."""

    def __init__(self, edge: Edge, bridge: Bridge) -> None:
        super().__init__(edge)
        self.bridge = bridge
        world = fresh("world") + "/"
        self.name = world + NAME
        bridge.set_world(world)
        bridge.set_clock(self.now)

    def beat(self, isolate: str, stage: str, version: str, **counters: int) -> None:
        """A heartbeat."""
        beat = {"isolate": isolate, "stage": stage, "version": version, "counters": counters}
        order = {"binding": "STATS", "object": self.name, "method": "kvferryBeat", "args": [beat]}
        self.edge.store("call", order)

    def fail(self, session: str) -> None:
        """A half that is not known to be done."""
        faults = {"kvferryPut": ["fails"]}
        done = self.do("dual-write", "put", session, {"v": 1}, stats=self.name, faults=faults)
        assert done.thrown is None


@pytest.fixture
def told(edge: Edge) -> Iterator[Told]:
    bridge = edge.bridge("counting")
    yield Told(edge, bridge)
    edge.store("clock", None)
    bridge.set_world("")
    bridge.set_clock(None)


def test_nobody_has_been_at_work_yet(told: Told) -> None:
    assert told.bridge.ask("stats", {})["stats"] == {
        "now": told.now,
        "beatEvery": 30,
        "seen": [],
        "counters": {},
        "journal": {"entries": 0, "oldest": None},
    }


def test_stages_versions_isolates_and_counters(told: Told) -> None:
    began = told.now
    told.beat("a", "dual-write", "v1", kv_failed=2)
    told.set_clock(began + 60)
    told.beat("b", "dual-write", "v1", kv_failed=1)
    told.set_clock(began + 100)
    told.beat("c", "shadow-read", "v2", shadow_differs=5)
    stats = told.bridge.ask("stats", {})["stats"]
    assert stats["now"] == began + 100
    shadow = {"stage": "shadow-read", "version": "v2", "isolates": 1, "recent": 1}
    dual = {"stage": "dual-write", "version": "v1", "isolates": 2, "recent": 1}
    assert stats["seen"] == [
        {**shadow, "first": began + 100, "last": began + 100},
        {**dual, "first": began, "last": began + 60},
    ]
    assert stats["counters"] == {"kv_failed": 3, "shadow_differs": 5}


def test_the_journal_is_a_number_and_an_age_and_names_no_session(told: Told) -> None:
    began, sessions = told.now, [fresh("planted"), fresh("planted")]
    told.fail(sessions[0])
    told.set_clock(began + HOUR)
    told.fail(sessions[1])
    told.fail(sessions[0])
    answer = told.bridge.ask("stats", {})
    assert answer["stats"]["journal"] == {"entries": 2, "oldest": began}
    assert not [session for session in sessions if session in json.dumps(answer)]
    order = {"binding": "STATS", "object": told.name, "method": "kvferryJournal", "args": [None, 9]}
    assert {one["key"] for one in told.edge.store("call", order)} == set(sessions), (
        "they were there to be told"
    )


def test_health_says_whether_there_are_statistics(edge: Edge, told: Told) -> None:
    for name, there in (("counting", True), ("per-session", False)):
        answer = edge.bridge(name).raw("kvferry/v1/health", "GET", "verify")
        assert answer.json()["stats"] is there


def test_a_bridge_without_statistics_says_so(edge: Edge) -> None:
    assert edge.bridge("per-session").ask("stats", {}) == {"protocol": 1, "stats": None}


def test_a_class_that_keeps_no_statistics_is_a_problem(edge: Edge) -> None:
    assert edge.bridge("miscounting").refused("stats", {}, "verify")["type"] == "urn:kvferry:problem:toolkit"

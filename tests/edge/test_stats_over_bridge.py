"""The statistics of a migration as the bridge tells them: counts and ages, and never which sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.clock import SystemClock
from migrate.formats.report import validate
from migrate.ledger.ledger import DEFAULT, Ledger
from migrate.main import run
from tests.edge.edge import Bridge, Edge, valid_key
from tests.edge.sending import fresh
from tests.edge.stored import Stored

NAME = "kvferry:stats"  # of the object
READS = ("counted", "uncounted", "missing", "foreign")
NEVER = {"times": 0, "last": None}
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

    def flown(self, hits: int, canary: dict[str, Any] | None, **more: Any) -> dict[str, Any] | None:
        """A heartbeat at object-first that has read a canary; the turn that it is given."""
        counters = {"canary_fallback_hit": hits}
        beat = {"isolate": "a", "stage": "object-first", "version": "v1", "counters": counters}
        args = [{**beat, "canary": canary, **more}]
        order = {"binding": "STATS", "object": self.name, "method": "kvferryBeat", "args": args}
        turn: dict[str, Any] | None = self.edge.store("call", order)["turn"]
        return turn

    def written(self, turn: dict[str, Any], took: float) -> None:
        """KV has taken a canary."""
        args = [{**turn, "took": took}]
        order = {"binding": "STATS", "object": self.name, "method": "kvferryCanary", "args": args}
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
        "rose": {},
        "journal": {"entries": 0, "oldest": None},
        "canary": {"every": 300, "written": None, "lag": None, "reads": dict.fromkeys(READS, NEVER)},
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
    assert stats["rose"] == {"kv_failed": began + 60, "shadow_differs": began + 100}


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


# ---------------------------------------------------------------- kvferry status


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger that has seen nothing, and a key for every bridge."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KVFERRY_BRIDGE_TOKEN", valid_key("verify"))
    Ledger.open(tmp_path / DEFAULT, clock=SystemClock()).close()
    return tmp_path


def status(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What `kvferry status` says as JSON, which keeps its schema."""
    capsys.readouterr()
    assert run(["status", "--json", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document, "status")
    return dict(document)


def target(bridge: Bridge) -> str:
    return "do+" + bridge.url.rstrip("/")


def test_status_tells_stages_counters_and_the_journal(
    told: Told, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began, session = told.now, fresh("planted")
    told.fail(session)
    told.set_clock(began + 3 * HOUR)
    told.beat("c", "shadow-read", "v2", shadow_differs=5)
    told.set_clock(began + 3 * HOUR + 4)
    live = status(capsys, "--target", target(told.bridge))["live"]
    assert (live["standing"], live["said"]) == ("seen", "at work: shadow-read")
    shown = [(one["stage"], one["isolates"], one["recent"], one["age_seconds"]) for one in live["stages"]]
    assert shown == [("shadow-read", 1, 1, 4), ("dual-write", 1, 0, 3 * HOUR + 4)]
    assert live["counters"]["shadow_differs"] == 5
    assert live["rose"]["shadow_differs"]["unix"] == began + 3 * HOUR
    assert (live["journal"]["entries"], live["journal"]["age_seconds"]) == (1, 3 * HOUR + 4)
    assert run(["status", "--target", target(told.bridge)]) == 0
    text = capsys.readouterr().out
    assert "shadow-read, version v2: 1 isolate at work, 1 seen, heartbeat 4 s ago" in text
    assert "journal: 1 half of a write is open, the oldest for 3 h" in text
    assert session not in text + json.dumps(live)


def test_status_tells_of_the_canary_its_lag_and_whether_it_was_counted(
    told: Told, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began, words = told.now, ("--target", target(told.bridge))

    def now(at: float) -> None:
        told.set_clock(began + at)
        told.bridge.set_clock(began + at)

    def canary() -> dict[str, Any]:
        return dict(status(capsys, *words)["live"]["canary"])

    assert (canary()["standing"], canary()["newest"], canary()["lag"]) == ("unproven", None, None)
    first = told.flown(0, None)
    assert first is not None
    told.written(first, 0)
    assert canary()["standing"] == "unproven", "nobody has read it"
    told.flown(1, {**first, "before": 0})
    assert canary()["standing"] == "counted"
    now(300)
    second = told.flown(2, {**first, "before": 1})
    assert second is not None
    told.written(second, 0)
    now(315)
    told.flown(3, {**first, "before": 2})
    now(320)
    told.flown(4, {**second, "before": 3})
    told.flown(5, {"number": 9, "at": 9, "before": 4})
    found = canary()
    assert (found["standing"], found["newest"]["number"], found["newest"]["age_seconds"]) == (
        "counted",
        2,
        20,
    )
    assert (found["lag"]["seconds"], found["lag"]["horizon_seconds"]) == (15, 45)
    times = {what: one["times"] for what, one in found["reads"].items()}
    assert times == {"counted": 5, "uncounted": 0, "missing": 1, "foreign": 1}
    assert run(["status", *words]) == 0
    text = capsys.readouterr().out
    assert "  canary: the counter of fallback hits counted the canary\n" in text
    assert "number 2, written 20 s ago; read 5, counted 5, missing 1\n" in text
    assert "1 read of a canary that other statistics wrote" in text
    assert "KV lagged behind by 15 s at most, so H is 45 s or more\n" in text
    told.flown(5, {**second, "before": 5})
    assert canary()["standing"] == "uncounted"
    assert run(["status", *words]) == 0
    assert "  canary: uncounted: " in capsys.readouterr().out
    now(320 + 901)
    assert canary()["standing"] == "unproven", "no canary for long"


def test_statistics_from_before_the_canary_say_so(
    edge: Edge, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stats = edge.bridge("counting-early").ask("stats", {})["stats"]
    assert (stats["canary"], stats["rose"]) == (None, {})
    live = status(capsys, "--target", target(edge.bridge("counting-early")))["live"]
    assert (live["canary"]["standing"], live["canary"]["reads"]) == ("unproven", {})
    assert "deploy the one of this release" in live["canary"]["said"]


def test_status_says_that_the_canary_rests_at_object_only(
    told: Told, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told.beat("a", "object-only", "v1")
    assert status(capsys, "--target", target(told.bridge))["live"]["canary"]["standing"] == "rests"
    told.beat("b", "object-first", "v1")
    assert status(capsys, "--target", target(told.bridge))["live"]["canary"]["standing"] == "unproven"


def test_status_calls_unproven_what_nobody_told(
    told: Told, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = status(capsys, "--target", target(told.bridge))["live"]
    assert (live["standing"], live["stages"]) == ("unproven", [])
    told.beat("a", "dual-write", "v1")
    assert status(capsys, "--target", target(told.bridge))["live"]["standing"] == "seen"
    told.set_clock(told.now + 90)
    live = status(capsys, "--target", target(told.bridge))["live"]
    assert (live["standing"], len(live["stages"])) == ("unproven", 1)
    assert "unproven" in live["said"]


def test_status_says_that_a_bridge_has_no_statistics(
    edge: Edge, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = status(capsys, "--target", target(edge.bridge("per-session")))["live"]
    assert (live["standing"], live["journal"]) == ("unbound", None)
    assert "unproven" in live["said"]


def test_before_there_is_a_ledger_status_tells_of_a_target_that_is_typed_and_writes_nothing(
    told: Told, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (here / DEFAULT).parent.iterdir():
        path.unlink()
    told.beat("c", "kv", "v1")
    found = status(capsys, "--target", target(told.bridge))
    assert (found["live"]["said"], found["runs"], found["next"]) == ("at work: kv", [], "kvferry plan")
    assert found["ledger"] == str(DEFAULT)
    assert not (here / DEFAULT).exists()
    (here / "kvferry.toml").write_text(f'target = "{target(told.bridge)}"\n')
    assert run(["status"]) == 3, "nobody has asked for the target alone"


def test_a_target_of_the_configuration_is_asked_and_may_be_away(
    told: Told, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = here / "kvferry.toml"
    config.write_text(f'target = "{target(told.bridge)}"\n')
    assert status(capsys)["live"]["standing"] == "unproven"
    config.write_text('target = "sqlite:sessions.db"\n')
    assert "live" not in status(capsys)
    config.write_text(f'target = "{target(told.bridge)}"\n')
    monkeypatch.delenv("KVFERRY_BRIDGE_TOKEN")
    assert status(capsys)["live"]["standing"] == "unasked"
    assert run(["status", "--target", target(told.bridge)]) == 2, "what was typed must be done"
    assert run(["status", "--target", "sqlite:sessions.db"]) == 2

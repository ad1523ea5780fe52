"""A gate over what the bridge, the objects and Cloudflare say: unproven, shut, and open in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.core.document import Document, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.formats import report
from migrate.gate.verdicts import gate
from migrate.opening import Settings
from migrate.runner import export, verify
from tests.edge.edge import PREFIX, Edge
from tests.edge.test_stats_over_bridge import HOUR, Told
from tests.fake_api import ACCOUNT, NAMESPACE, TOKEN, Entry, FakeApi, FakeServer
from tests.stores.durable_side import Following, keys
from tests.stores.manual_clock import ManualClock

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SESSIONS = 40
DAY = 24 * HOUR
SOURCE = f"kv://{ACCOUNT}/{NAMESPACE}"


class Course:
    """A migration of forty sessions in time that a test tells: KV of a fake account, real objects."""

    def __init__(self, edge: Edge, fake: FakeServer, clock: ManualClock, folder: Path) -> None:
        self.told = Told(edge, edge.bridge("gated"))
        self.clock, self.fake = clock, fake
        clock.time = self.told.now
        self.target = "do+" + self.told.bridge.url.rstrip("/")
        self.environment = {
            "CLOUDFLARE_API_BASE_URL": fake.url,
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
        }
        self.settings = Settings(
            clock=Following(edge, self.told.bridge, clock),
            ledger=folder / "ledger.db",
            cwd=folder,
            environ=self.environment,
            rate="1000/1",
        )
        self.wait(0)
        self.application = fake.api.workers.deploy("application")

    def wait(self, seconds: float) -> None:
        self.clock.time += seconds
        self.environment[VARIABLE] = keys("import", "verify", "values", "delete", now=self.clock.time)
        self.settings.clock.now()
        self.told.set_clock(self.clock.time)

    def beat(self, stage: str, version: str, **more: Any) -> Any:
        beat = {"isolate": f"{stage} {version}", "stage": stage, "version": version, "counters": {}} | more
        order = {"binding": "STATS", "object": self.told.name, "method": "kvferryBeat", "args": [beat]}
        return self.told.edge.store("call", order)

    def deploy(self, stage: str, version: str) -> None:
        """A roll-out: the old version is heard for the last time, the new one for the first time."""
        created = datetime.fromtimestamp(self.clock.time, UTC).isoformat()
        self.application.tags[version] = COMMIT[:12]
        self.application.serve(created, **{version: 100.0})
        self.beat(stage, version)

    def fly(self, stage: str, version: str) -> None:
        """A canary that was read 15 s after a newer one was there."""
        first = self.beat(stage, version, canary=None)["turn"]
        self.told.written(first, 0)
        self.wait(300)
        hits = {"counters": {"canary_fallback_hit": 1}}
        second = self.beat(stage, version, canary={**first, "before": 0}, **hits)["turn"]
        self.told.written(second, 0)
        self.wait(15)
        hits = {"counters": {"canary_fallback_hit": 2}}
        self.beat(stage, version, canary={**first, "before": 1}, **hits)

    def export(self, **more: Any) -> Document:
        ended = export(SOURCE, self.target, settings=self.settings, prefixes=[PREFIX], **more)
        assert ended.document["balanced"]
        return ended.document

    def verify(self, stage: str = "shadow-read", **more: Any) -> Document:
        ended = verify(SOURCE, self.target, settings=self.settings, prefixes=[PREFIX], stage=stage, **more)
        return ended.document

    def gate(self, door: Door = Door.OBJECT_FIRST) -> Document:
        audit = {"audited": moment(self.clock.time), "commit": COMMIT, "dirty": False, "whole": True}
        ended = gate(
            door,
            SOURCE,
            self.target,
            settings=self.settings,
            prefixes=[PREFIX],
            policy=Policy(),
            audit=audit | {"writes": [], "caches_seconds": 60.0},
        )
        report.validate(ended.document, "verdict")
        assert not ended.document["notes"]
        return ended.document


@pytest.fixture
def course(edge: Edge, tmp_path: Path) -> Iterator[Course]:
    clock = ManualClock()
    with FakeServer(FakeApi(clock=clock.now)) as fake:
        course = Course(edge, fake, clock, tmp_path)
        later = int(clock.time) + 10 * 86_400
        items = [
            (f"{PREFIX}{number:03}", Entry(b'{"n":%d}' % number, None, later)) for number in range(SESSIONS)
        ]
        fake.api.namespace.load(items)
        yield course
    edge.store("clock", None)
    edge.set_clock(None)
    course.told.bridge.set_world("")
    course.told.bridge.set_clock(None)


def at_shadow_read(course: Course) -> None:
    """Copied, and shadow-read everywhere for two hours."""
    course.deploy("dual-write", "v1")
    course.export()
    course.wait(HOUR)
    course.beat("dual-write", "v1")
    course.deploy("shadow-read", "v2")
    course.fly("shadow-read", "v2")
    course.wait(2 * HOUR)
    course.beat("shadow-read", "v2")


def standings(verdict: Document, *wanted: str) -> dict[str, str]:
    return {one["name"]: one["standing"] for one in verdict["conditions"] if one["standing"] in wanted}


def test_the_first_door_is_unproven_then_shut_then_open(course: Course) -> None:
    at_shadow_read(course)
    verdict = course.gate()
    assert (verdict["verdict"], standings(verdict, "failed")) == ("unproven", {})

    namespace = course.fake.api.namespace
    namespace.load([(f"{PREFIX}000", Entry(b'{"n":"changed"}', None, int(course.clock.time) + 10 * 86_400))])
    assert course.verify(fence=True)["verdict"] == "differences"
    course.beat("shadow-read", "v2")
    verdict = course.gate()
    assert verdict["verdict"] == "shut"
    assert standings(verdict, "failed") == {"stores-agree": "failed", "no-foreign-writer": "failed"}

    # What differs is mended by sweeps once the fence is down, and nothing of it is evidence any more.
    course.export(lift_fence=True)
    assert standings(course.gate(), "unproven")["nothing-written-since"] == "unproven"
    course.wait(HOUR)
    assert course.verify(fence=True)["verdict"] == "clean"
    course.beat("shadow-read", "v2")
    verdict = course.gate()
    assert [(one["name"], one["said"]) for one in verdict["conditions"] if one["standing"] != "passed"] == []
    assert (verdict["verdict"], verdict["exit"]) == ("open", 0)
    assert verdict["next"] == "deploy SESSION_STAGE=object-first"


def test_the_other_doors_open_one_after_the_other(course: Course) -> None:
    at_shadow_read(course)
    assert course.verify(fence=True)["verdict"] == "clean"
    course.deploy("object-first", "v3")
    course.wait(HOUR)
    course.beat("object-first", "v3")
    found = standings(course.gate(Door.OBJECT_ONLY), "failed", "unproven")
    assert found["stage-everywhere"] == found["fallback-unused"] == "unproven"  # not for the whole window

    course.wait(7 * DAY)
    course.fly("object-first", "v3")
    assert course.verify("object-first")["verdict"] == "clean"
    course.beat("object-first", "v3")
    verdict = course.gate(Door.OBJECT_ONLY)
    assert [(one["name"], one["said"]) for one in verdict["conditions"] if one["standing"] != "passed"] == []

    course.deploy("object-only", "v4")
    course.wait(HOUR)
    course.beat("object-only", "v4")
    dying = Entry(b"v", None, int(course.clock.time) + 100)  # expires between the listings
    course.fake.api.namespace.load([(f"{PREFIX}dying", dying)])
    assert standings(course.gate(Door.CLEANUP), "failed", "unproven") == {"kv-quiet": "unproven"}
    course.wait(180)
    course.beat("object-only", "v4")
    assert course.gate(Door.CLEANUP)["verdict"] == "open"

    later = int(course.clock.time) + DAY
    course.fake.api.namespace.load([(f"{PREFIX}new", Entry(b"somebody", None, later))])
    course.wait(180)
    course.beat("object-only", "v4")
    assert standings(course.gate(Door.CLEANUP), "failed", "unproven") == {"kv-quiet": "failed"}


def test_one_isolate_of_an_earlier_stage_shuts_it_again(course: Course) -> None:
    at_shadow_read(course)
    assert course.verify(fence=True)["verdict"] == "clean"
    course.beat("shadow-read", "v2")
    assert course.gate()["verdict"] == "open"
    course.beat("dual-write", "v1")
    found = standings(course.gate(), "failed", "unproven")
    assert found["stage-everywhere"] == "failed"
    assert found["one-version"] == "failed"
    assert found["verify-after-older-stages"] == "unproven"


def test_a_fence_that_was_lifted_and_put_up_again_is_another_one(course: Course) -> None:
    at_shadow_read(course)
    course.verify(fence=True)
    course.beat("shadow-read", "v2")
    assert course.gate()["verdict"] == "open"
    course.export(lift_fence=True)
    course.wait(HOUR)
    course.verify(sample=1)
    course.beat("shadow-read", "v2")
    found = standings(course.gate(), "failed", "unproven")
    assert found == {"verify-full": "unproven", "nothing-written-since": "unproven"}

"""Back from object-first to dual-write with the real session store, real objects and clients at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.desk import Ended
from migrate.errors import ConfigError
from migrate.formats.report import render, validate
from migrate.opening import Settings
from migrate.rollback.rolling import rollback
from migrate.rollback.wish import Wish
from tests.edge.edge import PREFIX, ROLLED, Edge
from tests.edge.sending import fresh
from tests.edge.stored import Stored
from tests.edge.test_stats_over_bridge import NAME
from tests.flows.world import FakeClock
from tests.stores.durable_side import keys

H = 110.0
HOUR = 3600


class Site(Stored):
    """Stores over objects of their own, with the bridge that reaches them and KV, in time that a test
    tells."""

    def __init__(self, edge: Edge, folder: Path, bridge: str = "rolled") -> None:
        apart = bridge.endswith("apart")
        placement, objects = ("per-session", "ROLLED_APART") if apart else ("shards:4", "ROLLED")
        super().__init__(edge, placement, objects)
        self.bridge = edge.bridge(bridge)
        start = max(float(int(self.edge.store("now", None))), Told.latest + HOUR)
        self.clock = Told(self, start)
        self.environ = {VARIABLE: keys("verify", "import", "values", "kv", now=self.clock.time)}
        self.clock.now()
        self.settings = Settings(
            clock=self.clock, ledger=folder / "ledger.db", cwd=folder, environ=self.environ
        )

    def beat(self, stage: str) -> None:
        """Somebody is at work at this stage."""
        beat = {"isolate": stage, "stage": stage, "version": "v", "counters": {}}
        order = {"binding": "ROLLED_STATS", "object": NAME, "method": "kvferryBeat", "args": [beat]}
        self.edge.store("call", order)

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.clock.now()

    def roll_back(self, source: str = "", **options: Any) -> Ended:
        wish = Wish(
            source or self.edge.kv_address("SESSIONS"),
            "do+" + self.bridge.url.rstrip("/"),
            options.pop("prefixes", (PREFIX,)),
            self.settings,
            **{"confirmed": lambda name: name, "execute": True, "settle": H} | options,
        )
        ended = rollback(wish)
        validate(ended.document, "rollback-report")
        assert ended.document["balanced"], ended.document
        assert render(ended.document, "text")
        return ended

    def reads(self, stage: str, session: str) -> Any:
        """What a client at a stage gets."""
        done = self.do(stage, "get", session)
        assert done.thrown is None
        return done.value and done.value["data"]


class Told(FakeClock):
    """A clock that takes the time of store, objects and bridge along."""

    latest = 0.0
    """What the statistics have heard until then is not unheard by another test."""

    def __init__(self, site: Site, start: float) -> None:
        super().__init__(start)
        self._site = site
        self._told = 0.0

    def now(self) -> float:
        now = super().now()
        if now != self._told:
            self._told = Told.latest = now
            self._site.set_clock(now)
            self._site.bridge.set_clock(now)
        return now

    def sleep(self, seconds: float) -> None:
        during, self.during = self.during, None
        self.time += seconds / 2
        self.now()
        if during is not None:
            during()
        self.during = during
        self.time += seconds / 2


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[Site]:
    site = Site(edge, tmp_path)
    yield site
    site.set_clock(None)
    site.bridge.set_clock(None)


@pytest.fixture(params=ROLLED)
def placed(request: pytest.FixtureRequest, edge: Edge, tmp_path: Path) -> Iterator[Site]:
    """In either placement; objects of one session each are listed by the local runtime's own API."""
    site = Site(edge, tmp_path, request.param)
    site.environ["CLOUDFLARE_API_BASE_URL"] = edge.explorer
    yield site
    site.set_clock(None)
    site.bridge.set_clock(None)


def lives(hours: float = 5) -> dict[str, Any]:
    return {"expirationTtl": int(hours * HOUR)}


def back_at_shadow_read(site: Site) -> None:
    """One stage back, everywhere, and for long enough."""
    site.beat("object-first")
    for _ in range(12):
        site.wait(20)
        site.beat("shadow-read")


NAMES = ("plain", "lacking", "older", "gone", "stale", "ending", "busy", "leaving")
AFTER = {"plain": 2, "lacking": 2, "older": 2, "busy": 3}
"""What the sessions are in the end; the others are nobody's."""


def from_dual_write_to_object_first(site: Site) -> dict[str, str]:
    """Sessions by name, as the stages have left them: KV's half may have failed, and all was acknowledged."""
    ids = {name: fresh(f"r-{name}") for name in NAMES}
    no_put, no_delete = {"kv.put": ["fails"]}, {"kv.delete": ["fails"]}
    for name in NAMES:
        site.do("dual-write", "put", ids[name], {"v": 1}, lives())
    orders: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
        *((name, "put", ({"v": 2}, lives()), {}) for name in ("plain", "busy", "leaving", "gone", "stale")),
        *((name, "put", ({"v": 2}, lives()), no_put) for name in ("lacking", "older")),
        ("ending", "put", ({"v": 2}, {"expirationTtl": 100}), no_put),
        *((name, "delete", (), no_delete) for name in ("gone", "stale")),
    ]
    for name, verb, args, faults in orders:
        assert site.do("object-first", verb, ids[name], *args, faults=faults).thrown is None
    return ids


def expect(site: Site, stage: str, ids: dict[str, str], wanted: dict[str, int]) -> None:
    """Nobody is logged out, and nobody comes back."""
    for name, session in ids.items():
        found = site.reads(stage, session)
        assert (found and found["v"]) == wanted.get(name), (stage, name)


class Clients:
    """At work at shadow-read all the time: nobody may see anything else than before."""

    def __init__(self, site: Site, ids: dict[str, str]) -> None:
        self.site, self.ids, self.times = site, ids, 0
        self.new = fresh("r-new")

    def __call__(self) -> None:
        quiet = {name: self.ids[name] for name in ("plain", "lacking", "older", "gone", "stale")}
        expect(self.site, "shadow-read", quiet, AFTER)
        self.site.beat("shadow-read")
        self.times += 1
        if self.times == 1:
            self._does("put", self.ids["busy"], {"v": 3}, lives())
            self._does("delete", self.ids["leaving"])
            self._does("create", self.new, {"v": 1}, lives())
        if self.times == 2:
            self._does("touch", self.ids["plain"], lives(8))

    def _does(self, verb: str, session: str, *args: Any) -> None:
        assert self.site.do("shadow-read", verb, session, *args).thrown is None


def test_nobody_is_logged_out_and_nobody_comes_back_on_the_way_to_dual_write(placed: Site) -> None:
    site = placed
    ids = from_dual_write_to_object_first(site)
    back_at_shadow_read(site)
    site.clock.during = clients = Clients(site, ids)
    ended = site.roll_back()
    assert (ended.exit, ended.error) == (0, None), render(ended.document, "text")
    assert ended.document["fence_lifted"]
    assert clients.times >= 3
    assert ended.document["kv"]["written"] >= 2
    # Dual-write reads KV alone: what the objects knew is there, and nothing else.
    for stage in ("dual-write", "shadow-read", "object-first", "dual-write"):
        expect(site, stage, ids, AFTER)
        assert site.reads(stage, clients.new) == {"v": 1}
    for name in AFTER:
        assert site.row(ids[name])["origin"] == "dual"
    for name in ("gone", "stale", "leaving"):
        assert site.row(ids[name])["tombstone"] is not None


def test_afterwards_kv_is_right_again_where_the_objects_half_of_a_write_fails(site: Site) -> None:
    ids = from_dual_write_to_object_first(site)
    back_at_shadow_read(site)
    site.clock.during = lambda: site.beat("shadow-read")
    assert site.roll_back().exit == 0
    lost = {"kvferryPut": ["fails"]}
    assert site.do("dual-write", "put", ids["older"], {"v": 4}, lives(), faults=lost).thrown is None
    for stage in ("dual-write", "shadow-read"):
        assert site.reads(stage, ids["older"]) == {"v": 4}, "the row is not the application's any more"


def test_it_does_not_begin_before_shadow_read_is_at_rest(site: Site) -> None:
    session = fresh("r-early")
    site.do("object-first", "put", session, {"v": 1}, lives(), faults={"kv.put": ["fails"]})
    site.beat("object-first")
    site.wait(40)
    site.beat("shadow-read")
    ended = site.roll_back()
    assert (ended.exit, ended.document["dry_run"]) == (3, True)
    words = {one["name"]: one["word"] for one in ended.document["conditions"]}
    assert words["ahead"] == "unproven"
    assert "ask again in" in ended.document["next"]
    assert site.row(session)["origin"] == "app"
    assert site.kv(session) is None
    site.beat("object-first")
    assert site.roll_back().exit == 1, "it is at work again"


def test_one_that_goes_forward_meanwhile_stops_it(site: Site) -> None:
    session = fresh("r-forward")
    site.do("object-first", "put", session, {"v": 1}, lives(), faults={"kv.put": ["fails"]})
    back_at_shadow_read(site)
    site.clock.during = lambda: (site.beat("shadow-read"), site.beat("object-first"), None)[-1]
    ended = site.roll_back()
    assert ended.exit != 0
    assert ended.error is not None
    assert "object-first" in ended.error.message
    assert site.row(session)["origin"] == "app"
    site.clock.during = lambda: site.beat("shadow-read")
    site.wait(3 * H)
    site.beat("shadow-read")
    assert site.roll_back().exit == 0
    assert site.row(session)["origin"] == "dual"


def test_without_a_key_for_kv_nothing_is_begun(site: Site) -> None:
    site.environ[VARIABLE] = keys("verify", "import", "values", now=site.clock.time)
    with pytest.raises(ConfigError, match="no key for kv"):
        site.roll_back()
    site.environ[VARIABLE] = keys("verify", "import", "kv", now=site.clock.time)
    with pytest.raises(ConfigError, match="a key for values"):
        site.roll_back()


def test_a_bridge_that_writes_another_namespace_than_the_source_is_refused(site: Site) -> None:
    back_at_shadow_read(site)
    site.environ["CLOUDFLARE_API_TOKEN"] = "planted-token-of-nobody"
    site.environ["CLOUDFLARE_API_BASE_URL"] = site.edge.explorer
    ended = site.roll_back("kv://0123456789abcdef0123456789abcdef/other")
    assert (ended.exit, ended.document["dry_run"]) == (1, True)
    (line,) = [one for one in ended.document["conditions"] if one["name"] == "kv"]
    assert line["said"] == "the bridge writes another KV namespace than the source: SESSIONS"
    assert "--kv-binding" in ended.document["next"]


def test_some_of_the_sessions_alone_are_not_gone_back_with(site: Site) -> None:
    back_at_shadow_read(site)
    ended = site.roll_back(prefixes=(PREFIX + "a",))
    (line,) = [one for one in ended.document["conditions"] if one["word"] not in ("ok", "note")]
    assert (ended.exit, line["name"], line["next"]) == (1, "prefix", f"pass --prefix {PREFIX}")

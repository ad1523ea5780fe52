"""Sessions that the real session store writes every second, at shadow-read, while a verify runs over real
objects: in motion, and what KV has lost is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.core.comparing import Rules, Stage
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.desk import Ended
from migrate.stores.cloudflare import Api
from migrate.stores.durable import Bridge, DurableHolder
from migrate.stores.kv import KvSource
from tests.edge.edge import PREFIX, Edge
from tests.edge.sending import fresh
from tests.edge.stored import Stored
from tests.flows.world import classes, verify
from tests.stores import kv_server
from tests.stores.durable_side import keys

H = 60.0
EVERY_TIME = {"SESSION_TOUCH_EVERY": "0"}


class Clock:
    """The test's time, which the store, its objects and their bridge have too. It passes in seconds, and
    `tick` is called in each of them."""

    def __init__(self, stored: Stored, bridge: Any) -> None:
        self.slept: list[float] = []
        self.tick: Callable[[], None] = lambda: None
        self._stored, self._bridge = stored, bridge
        self._bridge.set_clock(stored.now)

    def now(self) -> float:
        return self._stored.now

    def monotonic(self) -> float:
        return self._stored.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(int(seconds))

    def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            self._stored.set_clock(self._stored.now + 1)
            self._bridge.set_clock(self._stored.now)
            self.tick()


class Application:
    """Three sessions at rest, one that is put and one that is touched every second. A verify is shown KV as
    it was `lag` seconds ago."""

    def __init__(self, edge: Edge, lag: int) -> None:
        self.stored = Stored(edge, "shards:4")
        self.bridge = edge.bridge("walked")
        self.clock = Clock(self.stored, self.bridge)
        self.word = fresh("motion")
        self.kv = kv_server.Kv()
        self.lag = lag
        self.writes = 0
        self.elsewhere = False
        """Is KV shown with the stamps of other objects?"""
        self._shown: list[dict[str, kv_server.Entry]] = []
        for name in ("rest-1", "rest-2", "rest-3", "touched"):
            self.do("put", name, {"n": name}, {"expirationTtl": 3600})
        self.clock.tick = self.second
        self.clock.pass_(lag + 2)

    def name(self, name: str) -> str:
        return f"{self.word}-{name}"

    def do(self, verb: str, name: str, *args: Any, lost: bool = False) -> None:
        faults = {"kv.put": ["fails"]} if lost else {}
        done = self.stored.do("shadow-read", verb, self.name(name), *args, vars=EVERY_TIME, faults=faults)
        assert (done.thrown is not None) == (lost and verb == "put")

    def second(self) -> None:
        """What happens in each second: both writes, and what a reader of KV gets to see moves on."""
        self.writes += 1
        self.do("put", "busy", {"n": self.writes}, {"expirationTtl": 3600})
        self.do("touch", "touched", {"expirationTtl": 3600})
        self.look()

    def look(self) -> None:
        """Remember what KV has, and show what it had."""
        self._shown.append(dict(self._entries()))
        self.kv.entries = self._shown[max(0, len(self._shown) - 1 - self.lag)]

    def _entries(self) -> Iterator[tuple[str, kv_server.Entry]]:
        for name in ("busy", "rest-1", "rest-2", "rest-3", "touched"):
            found = self.stored.kv(self.name(name))
            if found is not None:
                metadata = found["metadata"]
                if self.elsewhere:
                    stage = metadata["_kvferry"]["s"].partition("@")[0]
                    metadata["_kvferry"]["s"] = f"{stage}@00000000"
                entry = kv_server.Entry(found["value"].encode(), metadata, found["expiration"])
                yield PREFIX + self.name(name), entry

    def verify(self, ledger: Path, stage: Stage = Stage.SHADOW_READ) -> Ended:
        clock = self.clock
        api = Api(
            kv_server.BASE,
            kv_server.TOKEN,
            clock=clock,
            log=MemoryRequestLog(),
            rate=Rate(10**6, 1.0),
            transport=httpx.MockTransport(self.kv),
        )
        access = find_bridge_keys({VARIABLE: keys("verify", now=clock.now())}, None, 0)
        holder = DurableHolder(Bridge(self.bridge.url.rstrip("/"), access, clock=clock))
        source = KvSource(api, "acc", "ns")
        prefixes = (f"{PREFIX}{self.word}-",)
        try:
            return verify(
                source, holder, clock, ledger, prefixes=prefixes, settle=H, rules=Rules(stage=stage)
            )
        finally:
            holder.close()


@pytest.fixture
def begin(edge: Edge) -> Iterator[Callable[[int], Application]]:
    yield lambda lag: Application(edge, lag)
    edge.store("clock", None)
    edge.bridge("walked").set_clock(None)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / ".kvferry" / "ledger.db"


@pytest.mark.parametrize("lag", [2, 30])
def test_sessions_that_are_written_every_second_do_not_keep_a_verify_from_being_clean(
    begin: Callable[[int], Application], ledger: Path, lag: int
) -> None:
    app = begin(lag)
    ended = app.verify(ledger)
    assert classes(ended) == {"equal": 3, "in_motion": 2}
    assert (ended.exit, ended.document["verdict"], app.clock.slept) == (0, "clean", [H])


def test_before_shadow_read_they_stay_unsettled(begin: Callable[[int], Application], ledger: Path) -> None:
    ended = begin(2).verify(ledger, Stage.DUAL_WRITE)
    assert classes(ended) == {"equal": 3, "value": 1, "expiration": 1}
    assert (ended.exit, ended.document["verdict"]) == (3, "unproven")


def test_what_kv_has_lost_is_a_difference_beside_sessions_in_motion(
    begin: Callable[[int], Application], ledger: Path
) -> None:
    app = begin(2)
    app.do("put", "rest-2", {"n": "lost by KV"}, {"expirationTtl": 3600}, lost=True)
    app.do("touch", "rest-3", {"expirationTtl": 7200}, lost=True)
    app.clock.pass_(3)
    ended = app.verify(ledger)
    assert classes(ended) == {"equal": 1, "in_motion": 2, "value": 1, "expiration": 1}
    assert (ended.exit, ended.document["against"]) == (1, 2)
    assert app.clock.slept == [H]


def test_a_stamp_of_other_objects_proves_nothing(begin: Callable[[int], Application], ledger: Path) -> None:
    app = begin(2)
    app.elsewhere = True
    app.clock.pass_(4)
    ended = app.verify(ledger)
    assert classes(ended) == {"equal": 3, "value": 1, "expiration": 1}
    assert ended.exit == 3

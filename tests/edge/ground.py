"""What a batch of walks stands on: time, the stores at that time, and how the code is held against the model.

KV is what the runtime's worker has kept of all writes (`worker/walking.ts`): a reader is shown any of them
that a stale KV may still show. The product reads it as Cloudflare's API, and the objects through a bridge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.record import Key, Origin, Row, expired, holds
from migrate.stores.cloudflare import Api
from migrate.stores.durable import Bridge, DurableTarget
from migrate.stores.kv import KvSource
from tests.edge.edge import PREFIX, Edge
from tests.model import world as model
from tests.model.timeline import Timeline
from tests.model.walking import Walk
from tests.model.world import APP, BOTH, COPY, Record, Session
from tests.stores import kv_server
from tests.stores.durable_side import keys as bridge_keys

DAY = 86_400
TICK = 160.0
"""Seconds: longer than a half may take and than H, and two of them are longer than an import's lease."""

_ORIGINS = {COPY: Origin.COPY, BOTH: Origin.DUAL, APP: Origin.APP}


@dataclass(frozen=True, slots=True)
class Build:
    """What is tested: the store's build, the objects' binding, their placement, and the bridge to them.
    Over objects for each session the exporter only imports: for a later sweep it would have to list them."""

    store: str = "EDGE"
    objects: str = "OWN"
    bridge: str = "walked"
    placement: str = "shards:4"


APART = Build(bridge="walked-apart", placement="per-session")

BROKEN = {
    # made from changed sources, see MUTANTS of the runtime's plan
    "LAX": Build("LAX"),
    "DISOBEYING": Build("DISOBEYING"),
    "UNCOMPARED": Build("UNCOMPARED"),
    "OVERWRITING": Build(objects="OVERWRITING", bridge="walked-overwriting"),
    "UNTIMED": Build(objects="UNTIMED", bridge="walked-untimed"),
    "UNVERSIONED": Build(objects="UNVERSIONED", bridge="walked-unversioned"),
}


@dataclass(slots=True)
class Counts:
    """How much has been compared. `names`: of the steps, as the code told those of the application."""

    walks: int = 0
    steps: int = 0
    reads: int = 0
    rows: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Those of another batch, too."""
        self.walks += other.walks
        self.steps += other.steps
        self.reads += other.reads
        self.rows += other.rows
        self.names.update(other.names)


class Disagreement(AssertionError):
    """The code does not do what the model says. The message is the walk of the session, to its end."""


class Standing:
    """A clock for what is done at once."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """No replacement is on its way while a fence is raised, so nothing has to be waited for."""


@dataclass(slots=True)
class Ground:
    """Of one batch. `name`: in the runtime, where its objects are a world of their own. `base`: when it
    began, `now`: its time (Unix seconds). `everybody`: also the walks that have ended."""

    edge: Edge
    seed: int
    name: str
    build: Build
    line: Timeline
    base: int
    now: float
    everybody: dict[str, Walk]
    counts: Counts
    kv: kv_server.Kv = field(default_factory=kv_server.Kv)

    @property
    def world(self) -> str:
        """What the names of its objects begin with."""
        return f"{self.name}:"

    def ask(self, path: str, body: Any) -> Any:
        """Ask the worker that does the operations."""
        return self.edge.store(f"walking/{path}?batch={self.name}", body)

    def until(self, left: int) -> int:
        """The expiration of what has so many units left to live."""
        return self.base + (self.line.names.count("day") + left) * DAY

    def passes(self, name: str) -> None:
        """A tick, or the next day has come, for all."""
        days = self.line.names.count("day")
        self.now = self.base + days * DAY + 1 if name == "day" else self.now + TICK
        self.edge.store("clock", self.now)
        self.edge.bridge(self.build.bridge).set_clock(self.now)

    # ------------------------------------------------------------ the stores

    @property
    def source(self) -> KvSource:
        """KV as it is shown."""
        api = Api(
            kv_server.BASE,
            kv_server.TOKEN,
            clock=Standing(self.now),
            log=MemoryRequestLog(),
            rate=Rate(10**6, 1.0),
            transport=httpx.MockTransport(self.kv),
        )
        return KvSource(api, "acc", "ns")

    def target(self, clock: Any = None) -> DurableTarget:
        """The objects through their bridge. `clock`: None: time stands still."""
        clock = clock or Standing(self.now)
        given = {VARIABLE: bridge_keys("import", "values", "delete", now=self.now)}
        url = self.edge.bridge(self.build.bridge).url.rstrip("/")
        return DurableTarget(Bridge(url, find_bridge_keys(given, None, 0), clock=clock), clock=clock)

    def show(self, ids: Sequence[str]) -> dict[str, Record]:
        """Show some entry of KV for each session from now on, stale or not; what the model calls it."""
        chosen = {one: self.everybody[one].shown() for one in ids}
        found = self.ask("shown", chosen)
        self.kv.entries = {
            PREFIX + one: kv_server.Entry(entry["value"].encode(), entry["metadata"], entry["expiration"])
            for one, entry in found.items()
            if entry is not None
        }
        walks = self.everybody
        return {one: walks[one].entries[number].on(walks[one].day) for one, number in chosen.items()}

    # ------------------------------------------------------------ comparing

    def compare_rows(self, wanted: Mapping[Key, model.Row | None], found: Mapping[Key, Row]) -> None:
        """Are these the rows that the model has?"""
        for key, row in wanted.items():
            self.counts.rows += 1
            wrong = self._wrong_row(row, found.get(key))
            if wrong:
                self.disagree(id_of(key), wrong)

    def _wrong_row(self, wanted: model.Row | None, found: Row | None) -> str:
        if wanted is None or found is None or wanted.value == 0 or found.deleted:
            same = (wanted is None) == (found is None) and (
                wanted is None or found is None or (wanted.value == 0) == found.deleted
            )
            return "" if same else f"the row is {_told(found)}, and should be {wanted}"
        # An expired row's end is known no more.
        until = self.until(wanted.left) if wanted.left else found.expiration
        right = (
            holds(found.value, f'{{"v":{wanted.value}}}'.encode()),
            found.expiration == until,
            expired(found.expiration, self.now) == (wanted.left == 0),
            found.origin is _ORIGINS[wanted.origin],
        )
        return "" if all(right) else f"the row is {_told(found)}, and should be {wanted}: {right}"

    def disagree(self, one: str, wrong: str, session: Session | None = None, upto: int | None = None) -> None:
        """Raise Disagreement. `session`, `upto`: of a walk that has gone on since."""
        walk = self.everybody[one]
        steps = "\n".join(f"{number:4} {name}" for number, name in enumerate(walk.names[:upto], 1))
        raise Disagreement(f"seed {self.seed}, session {one}: {wrong}\n{steps}\n{session or walk.session}")


def id_of(key: str) -> str:
    """The session's id."""
    return key.removeprefix(PREFIX)


def _told(row: Row | None) -> str:
    if row is None:
        return "nothing"
    return f"{row.origin} {row.value!r} until {row.expiration}, version {row.version}"

"""Objects in Cloudflare's local runtime as a target under test, with the application's side of them."""

from __future__ import annotations

import base64
import itertools
import json
import time
from typing import Any, Protocol

import httpx

from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.record import NEVER, Key, Record
from migrate.stores.cloudflare import Api
from migrate.stores.durable import Bridge, DurableTarget
from migrate.stores.durable.bridge import Health
from migrate.stores.durable.namespace import Namespace
from tests.edge.edge import Bridge as RunningBridge
from tests.edge.edge import Edge, mint, object_hash
from tests.edge.listing import ACCOUNT, TOKEN, ObjectList

SHARDS = 3
_WORLDS = itertools.count()


class Time(Protocol):
    time: float

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Following:
    """A clock that takes the bridge's and the objects' time along before anybody reads it."""

    def __init__(self, edge: Edge, bridge: RunningBridge, clock: Time) -> None:
        self._edge, self._bridge, self._clock = edge, bridge, clock
        self._told: float | None = None

    def now(self) -> float:
        now = self._clock.now()
        if now != self._told:
            self._edge.set_clock(now)
            self._bridge.set_clock(now)
            self._told = now
        return now

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


def keys(*scopes: str, now: float | None = None) -> str:
    """Valid keys for these, as the variable holds them; `now`: the bridge's time."""
    issued = time.time() if now is None else now
    return " ".join(mint(scope, issued - 5, issued + 7 * 86_400) for scope in scopes or ("import", "values"))


class DurableSide:
    """Fresh objects behind a bridge: "copied-into" has no prefix, "keeping" the usual one.

    "apart-bare" and "apart" are the same with an object for each session.
    """

    def __init__(self, edge: Edge, clock: Time, bridge: str = "copied-into") -> None:
        self._edge = edge
        self.bridge = edge.bridge(bridge)
        self.world = f"world-{next(_WORLDS)}:"
        self.bridge.set_world(self.world)
        self.clock = Following(edge, self.bridge, clock)
        self._apart = bridge.startswith("apart")
        self.objects = ObjectList(edge, "Apart", page=20, rough=True)
        self._open: list[DurableTarget] = []
        self.target = self.again()

    def again(self) -> DurableTarget:
        self._open.append(DurableTarget(self.connection(), self.namespace, clock=self.clock))
        return self._open[-1]

    def deleting(self) -> DurableTarget:
        """The same objects, opened with a key for deletions besides; the lease is free for it."""
        self.target.release()
        connection = self.connection("import", "values", "delete")
        self._open.append(DurableTarget(connection, self.namespace, clock=self.clock))
        return self._open[-1]

    def going_back(self) -> DurableTarget:
        """The same objects, opened with a key for KV besides; the lease is free for it."""
        self.target.release()
        keyed = self.connection("import", "values", "kv")
        self._open.append(DurableTarget(keyed, self.namespace, clock=self.clock))
        return self._open[-1]

    def finish(self) -> None:
        keyed = self.connection("import", "values", "delete")
        self._open.append(DurableTarget(keyed, self.namespace, clock=self.clock))
        self._open[-1].finish()

    def connection(self, *scopes: str, **options: Any) -> Bridge:
        found = find_bridge_keys({VARIABLE: keys(*scopes, now=self.clock.now())}, None, 0)  # type: ignore[arg-type]
        return Bridge(self.bridge.url.rstrip("/"), found, clock=self.clock, **options)

    binding = "COPIED_INTO"

    def namespace(self, health: Health) -> Namespace:
        """The list of the objects, over a connection of its own."""
        transport = httpx.MockTransport(self.objects.answer)
        rate, log = Rate(1_000_000, 1.0), MemoryRequestLog()
        base = "https://api.example/client/v4"
        api = Api(base, TOKEN, clock=self.clock, log=log, rate=rate, transport=transport, patience=0.0)
        return Namespace(api, f"/accounts/{ACCOUNT}", health.script or "", health.class_name or "")

    def put(self, record: Record, origin: str) -> bool:
        data = {"base64": base64.b64encode(record.value).decode()}
        if origin == "legacy":
            self._call(record.key, "plant", record.key, data)
            return True
        options: dict[str, Any] = {"origin": origin}
        if record.expiration is not NEVER:
            options["expiration"] = record.expiration
        if record.metadata is not None:
            options["metadata"] = json.loads(record.metadata)
        return bool(self._call(record.key, "putSession", record.key, data, options)["outcome"] == "stored")

    def delete(self, key: Key, origin: str = "app") -> None:
        self._call(key, "deleteSession", key, {"origin": origin})

    def _call(self, key: str, method: str, *arguments: Any) -> Any:
        self.clock.now()
        return self._edge.call(
            "APART" if self._apart else self.binding, self._object(key), method, *arguments
        )

    def _object(self, key: str) -> str:
        return self.world + (key if self._apart else f"kvferry:shard:{object_hash(key) % SHARDS}/{SHARDS}")

    def close(self) -> None:
        for store in self._open:
            store.close()
        self.bridge.set_clock(None)
        self.bridge.set_world("")


class ForeignSide(DurableSide):
    """The same, of somebody else's class: its own methods, and the stage says the origin."""

    binding = "STORING"

    def __init__(self, edge: Edge, clock: Time) -> None:
        super().__init__(edge, clock, "storing")

    def put(self, record: Record, origin: str) -> bool:
        data = {"base64": base64.b64encode(record.value).decode()}
        if origin == "legacy":
            self._call(record.key, "plant", record.key, data)
            return True
        until = None if record.expiration is NEVER else record.expiration
        (answer,) = self._at(origin, record.key, "storeSession", record.key, data, until)
        assert "thrown" not in answer or "SessionGone" in answer["thrown"], answer
        return "thrown" not in answer

    def delete(self, key: Key, origin: str = "app") -> None:
        (answer,) = self._at(origin, key, "deleteSession", key)
        assert "thrown" not in answer, answer

    def _at(self, origin: str, key: Key, *call: Any) -> list[dict[str, Any]]:
        self.clock.now()
        self._edge.set_stage("dual-write" if origin == "dual" else "object-first")
        answers = self._edge.calls([(self.binding, self._object(key), *call)])
        self._edge.set_stage("object-first")
        return answers

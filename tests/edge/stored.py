"""A session store in the local runtime, its two sides, and how to ask for a verb with scripted halves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tests.edge.edge import PREFIX, Edge, object_hash

STAGES = ("kv", "dual-write", "shadow-read", "object-first", "object-only")
SHARDS = 4


@dataclass(frozen=True, slots=True)
class Done:
    """How a verb ended: its value, or the error's text; the calls in their order; what was counted."""

    value: Any
    thrown: str | None
    trace: list[str]
    counters: dict[str, int]

    @property
    def writes(self) -> list[str]:
        """The writes that were begun, in their order, and how those ended that a script ended."""
        words = [one for one in self.trace if not one.endswith(" done")]
        return [
            one for one in words if one.startswith(("kvferryPut", "kvferryT", "kvferryD", "kv.p", "kv.d"))
        ]


class Stored:
    """The stores behind `sessionStore`: one placement, one class, any stage, and time that stands still."""

    def __init__(self, edge: Edge, placement: str = "per-session", objects: str = "OWN") -> None:
        self.edge, self.placement, self.objects = edge, placement, objects
        self.now = float(int(time.time()))
        if objects == "OWN":
            self.set_clock(self.now)

    def set_clock(self, now: float | None) -> None:
        """The time of the store and its objects (Unix seconds)."""
        self.edge.store("clock", now)
        if now is not None:
            self.now = now

    def do(self, stage: str, verb: str, *args: Any, build: str = "EDGE", **more: Any) -> Done:
        """One verb at a stage, which may be told as "stage percent". `more`: see worker/store.ts."""
        answer = self.edge.store("do", self.order(stage, verb, *args, build=build, **more))
        return Done(answer.get("value"), answer.get("thrown"), answer["trace"], answer["counters"])

    def order(self, stage: str, verb: str, *args: Any, **more: Any) -> dict[str, Any]:
        """The same as a document, to be done in the middle of another one."""
        stage, _, percent = stage.partition(" ")
        named = {"SESSION_STAGE": stage, "SESSION_STAGE_PERCENT": percent or "100"}
        own = {"KVFERRY_PREFIX": PREFIX, "KVFERRY_PLACEMENT": self.placement}
        given = {"vars": named | own | more.pop("vars", {}), "objects": self.objects}
        return given | {"verb": verb, "args": list(args)} | more

    def kv(self, session: str) -> dict[str, Any] | None:
        """What KV has: value, metadata, expiration."""
        found: dict[str, Any] | None = self.edge.store("kv", PREFIX + session)
        return found

    def plant(self, session: str, value: str, **options: Any) -> None:
        """What some other code has put into KV."""
        self.edge.store("plant", {"key": PREFIX + session, "value": value, "options": options})

    def call(self, session: str, method: str, *args: Any) -> Any:
        """A method of the session's object."""
        shard = f"kvferry:shard:{object_hash(session) % SHARDS}/{SHARDS}"
        name = session if self.placement == "per-session" else shard
        order = {"binding": self.objects, "object": name, "method": method, "args": list(args)}
        return self.edge.store("call", order)

    def row(self, session: str) -> dict[str, Any] | None:
        """The row's head: origin, version, digest, expiration, tombstone."""
        found: dict[str, Any] | None = self.call(session, "kvferryHeads", [session])[0]
        return found

    def only_in_kv(self, session: str, value: Any, **options: Any) -> None:
        """A session that its object has never heard of, with an expiration that is known."""
        faults = {"kvferryPut": ["fails"]}
        done = self.do("dual-write", "put", session, value, {"expirationTtl": 3600} | options, faults=faults)
        assert done.thrown is None
        assert self.row(session) is None

"""The application beside a copy: it writes, renews and deletes by the session class's own methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migrate.core.record import Key, Record
from tests.edge.edge import PREFIX, Bridge, Edge, object_hash

SHARDS = 4


@dataclass(frozen=True, slots=True)
class Side:
    """One class behind one bridge, in objects of its own: `world` is what their names begin with."""

    edge: Edge
    name: str
    binding: str
    apart: bool
    world: str

    @classmethod
    def of(cls, edge: Edge, binding: str, placement: str, world: str) -> Side:
        """`binding`: USER_SESSIONS, or one of the mutants; `placement`: shards or per-session."""
        apart = placement == "per-session"
        mutant = binding.lower() + ("-apart" if apart else "")
        if binding != "USER_SESSIONS":
            return cls(edge, mutant, binding, apart, world)
        return (
            cls(edge, "apart", "APART", True, world) if apart else cls(edge, "shards", binding, False, world)
        )

    @property
    def bridge(self) -> Bridge:
        return self.edge.bridge(self.name)

    @property
    def address(self) -> str:
        return "do+" + self.bridge.url.rstrip("/")

    def put(self, record: Record, origin: str) -> str:
        """How it ended: stored, or gone."""
        options = {"expiration": record.expiration, "origin": origin}
        data = record.value.decode()
        return str(self._call(record.key, "putSession", data, options)["outcome"])

    def touch(self, key: Key, until: int, origin: str) -> str:
        options = {"expiration": until, "origin": origin}
        return str(self._call(key, "touchSession", options)["outcome"])

    def delete(self, key: Key, origin: str) -> None:
        self._call(key, "deleteSession", {"origin": origin})

    def get(self, keys: Sequence[Key]) -> list[str | None]:
        """The values, as the application sees them."""
        calls = [(self.binding, self._object(key), "getSession", _session(key)) for key in keys]
        answers = [answer["value"] for answer in self.edge.calls(calls)]
        return [None if found is None else str(found["data"]) for found in answers]

    def rows(self, keys: Sequence[Key]) -> list[dict[str, Any] | None]:
        """What the bridge says of them, with their values."""
        rows: list[dict[str, Any] | None] = self.bridge.ask("read", {"keys": list(keys)})["rows"]
        return rows

    def _call(self, key: Key, method: str, *arguments: Any) -> Any:
        return self.edge.call(self.binding, self._object(key), method, _session(key), *arguments)

    def _object(self, key: Key) -> str:
        session = _session(key)
        shard = f"kvferry:shard:{object_hash(session) % SHARDS}/{SHARDS}"
        return self.world + (session if self.apart else shard)


def _session(key: Key) -> str:
    return key.removeprefix(PREFIX)

"""A KV namespace in memory, for rehearsals and tests: as stale as `MemoryKv` is told to be."""

from __future__ import annotations

from migrate.core.ports import Clock
from migrate.core.record import NEVER, Expiration, Key, Record
from migrate.stores.memory import MemoryKv


class MemoryNamespace:
    """Implements `KvNamespace` over a `MemoryKv`, which an export can read at the same time."""

    def __init__(self, kv: MemoryKv, clock: Clock) -> None:
        self._kv = kv
        self._clock = clock

    def get(self, key: Key) -> Record | None:
        """What a reader gets to see now."""
        return self._kv.entry(key)

    def put(self, record: Record, ttl: int | None) -> None:
        """Readers may not see it at once."""
        until: Expiration = record.expiration if ttl is None else int(self._clock.now()) + ttl
        assert until is NEVER or isinstance(until, int), "KV keeps no expiration that is unknown"
        self._kv.put(record._replace(expiration=until))

    def delete(self, key: Key) -> None:
        """Readers may go on seeing it for a while."""
        self._kv.remove(key)

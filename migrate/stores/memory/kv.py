"""Workers KV in memory: as stale, and with pages as empty, as the real one may be."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from migrate.core.ports import Answer, Clock, Cursor, Page
from migrate.core.record import Head, Key, Record, expired
from migrate.stores.stamp import listed


class _Written(NamedTuple):
    at: float
    record: Record | None


class MemoryKv:
    """Workers KV in memory, as stale as the script says. Implements `ports.Source`.

    `age(key)`: how many seconds old the truth is that a reader gets to see under that key, in
    values, metadata and listings alike; at most `horizon`. A listing walks deleted and expired
    keys without giving them, so its pages may be empty. As a source it leaves out what the session store
    keeps in metadata.
    """

    skew = 0.0
    identity = ""
    live = True

    def __init__(
        self,
        *,
        clock: Clock,
        horizon: float = 60.0,
        age: Callable[[Key], float] = lambda _: 0.0,
        page: int = 1000,
        width: int = 100,
        address: str = "kv://memory/memory",
    ) -> None:
        self.address = address
        self.horizon = horizon
        self.width = width
        self.age = age
        self._page = page
        self._clock = clock
        self._lock = threading.Lock()
        self._history: dict[Key, list[_Written]] = {}

    def put(self, record: Record) -> None:
        """Write a record; readers may not see it before `horizon` seconds have passed."""
        self._write(record.key, record)

    def remove(self, key: Key) -> None:
        """Delete a key; readers may go on seeing it for `horizon` seconds."""
        self._write(key, None)

    def entry(self, key: Key) -> Record | None:
        """What a Worker gets to see now, with all that is in its metadata."""
        with self._lock:
            return self._seen(key)

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """A page of heads; `page` counts the keys that were walked."""
        with self._lock:
            keys = sorted(key for key in self._history if key.startswith(prefix))
            start = 0 if cursor is None else bisect_right(keys, cursor)
            walked = keys[start : start + self._page]
            found = [self._seen(key) for key in walked]
        heads = [Head(one.key, *listed(one.metadata, one.expiration)) for one in found if one]
        return Page(heads, Cursor(walked[-1]) if start + self._page < len(keys) else None)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """What a reader gets to see now."""
        with self._lock:
            seen = {key: self._seen(key) for key in keys}
        return {key: record and _bare(record) for key, record in seen.items()}

    def close(self) -> None:
        """Nothing to release."""

    def _write(self, key: Key, record: Record | None) -> None:
        with self._lock:
            self._history.setdefault(key, []).append(_Written(self._clock.now(), record))

    def _seen(self, key: Key) -> Record | None:
        now = self._clock.now()
        then = now - min(max(self.age(key), 0.0), self.horizon)
        past = [written for written in self._history.get(key, ()) if written.at <= then]
        record = past[-1].record if past else None
        return None if record is None or expired(record.expiration, now) else record


def _bare(record: Record) -> Record:
    """The record without what the session store keeps beside it."""
    return Record(record.key, record.value, *listed(record.metadata, record.expiration))

"""What the fake account holds: namespaces of entries, walked and read as Workers KV does it.

Deleted keys stay in the walk as ghosts and expired ones as they are: a page is `limit` *walked*
entries, so a run of dead keys is a short or empty page that still has a cursor.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A value with its metadata (JSON text, None = absent) and expiration (Unix seconds, None = never)."""

    value: bytes
    metadata: str | None = None
    expiration: int | None = None

    def alive(self, now: float) -> bool:
        """Is it still visible at `now`? It vanishes in the second that it names."""
        return self.expiration is None or self.expiration > now


@dataclass(slots=True)
class _Hold:
    entry: Entry | None
    reads: int | None
    until: float | None
    listed: bool

    def over(self, now: float) -> bool:
        return (self.reads is not None and self.reads <= 0) or (self.until is not None and now >= self.until)


@dataclass(frozen=True, slots=True)
class Walk:
    """One page: the visible entries among the walked ones, and where the next page begins after."""

    found: list[tuple[str, Entry]]
    after: str | None


class Namespace:
    """One namespace. Every method may be called from any thread."""

    def __init__(self, name: str, title: str) -> None:
        self.id = name
        self.title = title
        self._lock = threading.RLock()
        self._entries: dict[str, Entry | None] = {}
        self._order: list[str] = []
        self._holds: dict[str, _Hold] = {}

    def load(self, items: Iterable[tuple[str, Entry]]) -> None:
        """Put many at once, unchecked: also what Cloudflare would refuse, such as expired entries."""
        with self._lock:
            self._entries.update(items)
            self._order = sorted(self._entries)

    def put(self, key: str, value: bytes, metadata: str | None = None, expiration: int | None = None) -> None:
        """Put one, unchecked. The old expiration and the old metadata are gone."""
        with self._lock:
            if key not in self._entries:
                insort(self._order, key)
            self._entries[key] = Entry(value, metadata, expiration)

    def delete(self, key: str) -> None:
        """Make it a ghost; a key that was never there stays unknown."""
        with self._lock:
            if key in self._entries:
                self._entries[key] = None

    def hold(
        self,
        key: str,
        entry: Entry | None,
        *,
        reads: int | None = None,
        until: float | None = None,
        listed: bool = False,
    ) -> None:
        """Answer `entry` (None: a cached miss) for the next `reads` reads or until the time `until`.

        With `listed` the listing is stale in the same way; listing uses up no reads.
        """
        with self._lock:
            self._holds[key] = _Hold(entry, reads, until, listed)

    def read(self, key: str, now: float) -> Entry | None:
        """What a read of `key` sees, stale or not."""
        with self._lock:
            hold = self._hold(key, now)
            if hold is None:
                entry = self._entries.get(key)
            else:
                entry = hold.entry
                if hold.reads is not None:
                    hold.reads -= 1
        return entry if entry is not None and entry.alive(now) else None

    def walk(self, prefix: str, after: str, limit: int, now: float) -> Walk:
        """Walk `limit` entries in UTF-8 byte order, from the first behind `after` ("" = the start)."""
        with self._lock:
            order = self._order
            at = max(bisect_right(order, after) if after else 0, bisect_left(order, prefix))
            found: list[tuple[str, Entry]] = []
            last = after
            for key in order[at : at + limit]:
                if not key.startswith(prefix):
                    return Walk(found, None)
                last = key
                hold = self._hold(key, now)
                entry = hold.entry if hold is not None and hold.listed else self._entries[key]
                if entry is not None and entry.alive(now):
                    found.append((key, entry))
            at += limit
            return Walk(found, last if at < len(order) and order[at].startswith(prefix) else None)

    def entries(self, now: float, prefix: str = "") -> Mapping[str, Entry]:
        """The truth: what is there at `now`, without staleness, in key order."""
        with self._lock:
            pairs = ((key, self._entries[key]) for key in self._order if key.startswith(prefix))
            return {key: entry for key, entry in pairs if entry is not None and entry.alive(now)}

    def _hold(self, key: str, now: float) -> _Hold | None:
        hold = self._holds.get(key)
        if hold is not None and hold.over(now):
            del self._holds[key]
            return None
        return hold

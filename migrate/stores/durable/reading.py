"""Reading objects through the bridge: rows in key order, merged from one stream per shard."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import NamedTuple

from migrate.bridge_keys import Scope
from migrate.core.ports import Answer, Cursor, Page, Quarantined
from migrate.core.record import Head, Key, Record, Row
from migrate.errors import StoreBroken, StoreRefused
from migrate.stores.durable import notes
from migrate.stores.durable.bridge import Bridge, Health
from migrate.stores.durable.wire import KEY_BYTES, row_of

_ROWS_IN_MEMORY = 2000
"""Rows that the shards' streams hold ahead, altogether."""

_OPENING = 20.0
"""Seconds that the first answer may take: a host name that is wrong is not waited for like a bridge."""

_LEAST_PAGE = 25
_AT_ONCE = 16


class Bounds(NamedTuple):
    """Keys that start with `prefix`, with after < key <= upto."""

    prefix: str
    after: str | None
    upto: str | None


class Shards:
    """The objects behind a bridge, as far as they are read. Placement `per-session` is refused.

    Opening asks for the bridge's health. Methods raise as `Bridge.ask`.
    """

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        try:
            self.health = bridge.health(_OPENING)
        except BaseException:
            bridge.close()
            raise
        if not self.health.shards:
            bridge.close()
            raise StoreRefused(
                f"{bridge.address}: one object per session cannot be copied or listed yet",
                "deploy the bridge with KVFERRY_PLACEMENT shards:N, before anything is written",
            )

    @property
    def identity(self) -> str:
        """Placement and prefix: with others, the same bridge leads to other objects."""
        return f"{self.health.placement} {self.health.prefix}"

    def look(self) -> Health:
        """Ask for the bridge's health anew; its clock may have moved against ours."""
        self.health = self.bridge.health()
        return self.health

    def check_prefix(self, text: str) -> None:
        """Raise StoreRefused when the bridge keeps no key that begins with `text`."""
        ours = self.health.prefix
        if not text.startswith(ours) and not ours.startswith(text):
            raise StoreRefused(
                f"{self.bridge.address}: the bridge keeps other keys than these: its prefix is {ours}",
                f"pass --prefix {ours}, or deploy the bridge with another KVFERRY_PREFIX",
            )

    def rows(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The rows under these keys, with their values; absent ones are left out."""
        found: dict[Key, Row] = {}
        ours = self.health.prefix
        wanted = [
            key
            for key in dict.fromkeys(keys)
            if key.startswith(ours) and key != ours and len(key.encode()) <= KEY_BYTES
        ]
        while wanted:
            some, rest = wanted[: self.health.limits.keys], wanted[self.health.limits.keys :]
            answer = self.bridge.ask("read", Scope.VALUES, {"keys": some})
            later = set(answer["unanswered"])
            if len(answer["rows"]) != len(some) or len(later) >= len(some):
                raise StoreBroken("the bridge did not answer for the keys it was asked for", "report it")
            for number, (key, sent) in enumerate(zip(some, answer["rows"], strict=True)):
                if number not in later and sent is not None:
                    row = row_of(sent)
                    if row.key != key:
                        raise StoreBroken("the bridge answered for another key", "report it")
                    found[key] = row
            wanted = [key for number, key in enumerate(some) if number in later] + rest
        return found

    def page(self, shard: int, bounds: Bounds, limit: int, *, live: bool) -> tuple[list[Row], bool]:
        """The first rows of a shard within the bounds, and whether there are more behind them."""
        asked = {"shard": shard, **bounds._asdict(), "limit": limit, "live": live, "values": True}
        answer = self.bridge.ask("scan", Scope.VALUES, asked)
        rows = [row_of(sent) for sent in answer["rows"]]
        last = bounds.after
        for row in rows:
            if not row.key.startswith(bounds.prefix) or (last is not None and row.key <= last):
                raise StoreBroken("the bridge listed keys out of order", "report it")
            last = row.key
        if answer["more"] and not rows:
            raise StoreBroken("the bridge ended a page that has more without a row", "report it")
        return rows, bool(answer["more"])

    def first_pages(self, bounds: Bounds, limit: int, *, live: bool) -> list[tuple[list[Row], bool]]:
        """The first page of every shard, asked for at the same time."""
        shards = range(self.health.shards)
        with ThreadPoolExecutor(min(_AT_ONCE, len(shards)), thread_name_prefix="shard") as pool:
            return list(pool.map(lambda shard: self.page(shard, bounds, limit, live=live), shards))

    def limit(self, rows: int) -> int:
        """How many rows to ask each shard for, so that all of them together are about `rows`."""
        return min(self.health.limits.rows, max(_LEAST_PAGE, rows // self.health.shards))

    def bounds(self, prefix: str, after: Key | None, upto: Key | None) -> Bounds | None:
        """These bounds as the bridge takes them, all within its prefix; None: nothing is between them."""
        self.check_prefix(prefix)
        ours = self.health.prefix
        low: str | None = after or None
        high: str | None = upto
        if low is not None and not low.startswith(ours):
            if low > ours:
                return None
            low = None
        if high is not None and (not high or not high.startswith(ours)):
            if high < ours or not high:
                return None
            high = None
        return Bounds(prefix, low, high)


class DurableHolder:
    """The objects' rows, read-only. Implements `ports.Holder`; needs a key for values."""

    def __init__(self, bridge: Bridge) -> None:
        bridge.require(Scope.VALUES)
        self._shards = Shards(bridge)

    @property
    def address(self) -> str:
        """`do+https://HOST`."""
        return self._shards.bridge.address

    @property
    def identity(self) -> str:
        """Placement and prefix of the bridge."""
        return self._shards.identity

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """What it holds under these keys, tombstones and expired rows too."""
        return self._shards.rows(keys)

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto, in key order, streamed.

        Each shard's page is what the shard held when it was asked.
        """
        return rows_between(self._shards, prefix, after, upto)

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The keys in quarantine with the prefix and behind `after`, in key order."""
        return notes.quarantined(self._shards.bridge, prefix, after)

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._shards.bridge.close()


def rows_between(shards: Shards, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
    """See `DurableHolder.rows_between`."""
    bounds = shards.bounds(prefix, after, upto)
    if bounds is None:
        return
    limit = shards.limit(_ROWS_IN_MEMORY)
    pages = shards.first_pages(bounds, limit, live=False)
    streams = [_stream(shards, number, bounds, limit, page) for number, page in enumerate(pages)]
    yield from heapq.merge(*streams, key=attrgetter("key"))


def _stream(
    shards: Shards, shard: int, bounds: Bounds, limit: int, page: tuple[list[Row], bool]
) -> Iterator[Row]:
    rows, more = page
    while True:
        yield from rows
        if not more:
            return
        rows, more = shards.page(shard, bounds._replace(after=rows[-1].key), limit, live=False)


class DurableSource:
    """The objects' live sessions as a source. Implements `ports.Source`; needs a key for values.

    A page comes with its records; the cursor is the page's last key. It is never stale.
    """

    horizon = 0.0
    live = True
    width = 500

    def __init__(self, bridge: Bridge, page: int = 1000) -> None:
        bridge.require(Scope.VALUES)
        self._shards = Shards(bridge)
        self._page = page

    @property
    def address(self) -> str:
        """`do+https://HOST`."""
        return self._shards.bridge.address

    @property
    def identity(self) -> str:
        """Placement and prefix of the bridge."""
        return self._shards.identity

    @property
    def skew(self) -> float:
        """Seconds by which the objects' clock is ahead of ours; 0 up to a second."""
        ahead = self._shards.health.ahead
        return ahead if abs(ahead) > 1.0 else 0.0

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page of live rows behind `cursor`: as far as every shard has been seen."""
        bounds = self._shards.bounds(prefix, None if cursor is None else Key(cursor), None)
        if bounds is None:
            return Page([], None, [])
        pages = self._shards.first_pages(bounds, self._shards.limit(self._page), live=True)
        ends = [rows[-1].key for rows, more in pages if more]
        end = min(ends, default=None)
        seen = heapq.merge(*(rows for rows, _ in pages), key=attrgetter("key"))
        records = [_record(row) for row in seen if end is None or row.key <= end]
        heads = [Head(record.key, record.metadata, record.expiration) for record in records]
        return Page(heads, None if end is None else Cursor(end), records)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """The live records under these keys; None for every other."""
        answers: dict[Key, Answer] = dict.fromkeys(keys)
        now = self._shards.bridge.now() + self._shards.health.ahead
        for row in self._shards.rows(keys).values():
            if row.value is not None and not (isinstance(row.expiration, int) and row.expiration <= now):
                answers[row.key] = _record(row)
        return answers

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._shards.bridge.close()


def _record(row: Row) -> Record:
    if row.value is None:
        raise StoreBroken("the bridge listed a deleted session as a live one", "report it")
    return Record(row.key, row.value, row.metadata, row.expiration)

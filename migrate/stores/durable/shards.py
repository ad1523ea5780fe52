"""Shards in key order: the sessions of a few objects, merged from one stream per object."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter

from migrate.bridge_keys import Scope
from migrate.core.ports import Cursor, Page
from migrate.core.record import Head, Row
from migrate.errors import StoreBroken
from migrate.stores.durable.bridge import Choked
from migrate.stores.durable.objects import Bounds, Objects, record_of
from migrate.stores.durable.pace import chokes
from migrate.stores.durable.wire import Document, head_of, row_of

_ROWS_IN_MEMORY = 2000
_HEADS_IN_MEMORY = 16_000
"""Rows that the shards' streams hold ahead, altogether: with their values, and without."""

_LEAST_PAGE = 25
_AT_ONCE = 16


class Shards:
    """The objects of the placement `shards:N`. Implements `reading.Listing`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._most = objects.health.limits.rows  # of a page; fewer when that was too much for the Worker

    def rows_between(self, bounds: Bounds, *, values: bool) -> Iterator[Row]:
        """Every row within the bounds, in key order; each page is what its shard held when it was asked."""
        limit = self._limit(_ROWS_IN_MEMORY if values else _HEADS_IN_MEMORY)

        def stream(shard: int, page: tuple[list[Row], bool]) -> Iterator[Row]:
            rows, more = page
            while True:
                yield from rows
                if not more:
                    return
                behind = bounds._replace(after=rows[-1].key)
                rows, more = self._page(shard, behind, limit, live=False, values=values)

        pages = self._first_pages(bounds, limit, live=False, values=values)
        streams = [stream(number, page) for number, page in enumerate(pages)]
        yield from heapq.merge(*streams, key=attrgetter("key"))

    def live_page(self, bounds: Bounds, rows: int) -> Page:
        """About `rows` of the live rows within the bounds: as far as every shard has been seen."""
        pages = self._first_pages(bounds, self._limit(rows), live=True, values=True)
        ends = [some[-1].key for some, more in pages if more]
        end = min(ends, default=None)
        seen = heapq.merge(*(some for some, _ in pages), key=attrgetter("key"))
        records = [record_of(row) for row in seen if end is None or row.key <= end]
        heads = [Head(record.key, record.metadata, record.expiration) for record in records]
        return Page(heads, None if end is None else Cursor(end), records)

    @property
    def aside(self) -> Mapping[str, int]:
        """Shards have names: there is nothing beside them."""
        return {}

    def wrote(self, heads: Sequence[Head]) -> None:
        """They will be listed."""

    def close(self) -> None:
        """Nothing is held."""

    def _page(
        self, shard: int, bounds: Bounds, limit: int, *, live: bool, values: bool
    ) -> tuple[list[Row], bool]:
        """The first rows of a shard within the bounds, and whether there are more behind them."""
        asked = {"shard": shard, **bounds._asdict(), "live": live, "values": values}
        answer = self._scan(asked, Scope.VALUES if values else Scope.VERIFY, limit)
        rows = [row_of(sent) if values else head_of(sent) for sent in answer["rows"]]
        last = bounds.after
        for row in rows:
            if not row.key.startswith(bounds.prefix) or (last is not None and row.key <= last):
                raise StoreBroken("the bridge listed keys out of order", "report it")
            last = row.key
        if answer["more"] and not rows:
            raise StoreBroken("the bridge ended a page that has more without a row", "report it")
        return rows, bool(answer["more"])

    def _scan(self, asked: Document, scope: Scope, limit: int) -> Document:
        """Ask for `limit` rows at most: as many as the Worker may do at once."""
        while True:
            rows = min(limit, self._most)
            try:
                return self._objects.bridge.ask("scan", scope, {**asked, "limit": rows}, chokes=chokes(rows))
            except Choked:
                if rows == 1:
                    raise
                self._most = max(1, rows // 2)

    def _first_pages(
        self, bounds: Bounds, limit: int, *, live: bool, values: bool
    ) -> list[tuple[list[Row], bool]]:
        """The first page of every shard, asked for at the same time."""
        shards = range(self._objects.health.shards)

        def first(shard: int) -> tuple[list[Row], bool]:
            return self._page(shard, bounds, limit, live=live, values=values)

        with ThreadPoolExecutor(min(_AT_ONCE, len(shards)), thread_name_prefix="shard") as pool:
            return list(pool.map(first, shards))

    def _limit(self, rows: int) -> int:
        """How many rows to ask each shard for, so that all of them together are about `rows`."""
        return min(self._most, max(_LEAST_PAGE, rows // self._objects.health.shards))

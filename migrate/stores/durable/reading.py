"""Reading objects through the bridge, in key order: the read-only side of a verify, and a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from migrate.bridge_keys import Scope
from migrate.core.ports import Answer, Cursor, Page, Quarantined
from migrate.core.record import Head, Key, Record, Row, expired
from migrate.errors import StoreBroken, StoreRefused
from migrate.stores.durable import notes
from migrate.stores.durable.bridge import Bridge
from migrate.stores.durable.objects import Bounds, Objects
from migrate.stores.durable.shards import Shards


class Listing(Protocol):
    """How rows come in key order, which depends on the placement."""

    def rows_between(self, bounds: Bounds, *, values: bool) -> Iterator[Row]:
        """Every row within the bounds, in key order, streamed; with values, or with digests for them."""
        ...

    def live_page(self, bounds: Bounds, rows: int) -> tuple[list[Row], Key | None]:
        """About `rows` of the live rows within the bounds, with values, and the key behind which there
        are more."""
        ...

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...


def listing_of(objects: Objects) -> Listing:
    """The listing for the bridge's placement. Raises StoreRefused for `per-session`."""
    if objects.health.shards:
        return Shards(objects)
    raise StoreRefused(
        f"{objects.bridge.address}: one object per session cannot be listed yet",
        "copy into it; to verify it, deploy the bridge with KVFERRY_PLACEMENT shards:N",
    )


class DurableHolder:
    """The objects' rows, read-only. Implements `ports.Holder`.

    Its rows have digests, which a key for verify is enough for; those that `shown` is asked for, or
    all of them with `values`, need one for values.
    """

    def __init__(self, bridge: Bridge, *, values: bool = False) -> None:
        bridge.require(Scope.VALUES if values else Scope.VERIFY)
        self._objects = Objects(bridge)
        self._values = values

    @property
    def address(self) -> str:
        """`do+https://HOST`."""
        return self._objects.bridge.address

    @property
    def identity(self) -> str:
        """Placement and prefix of the bridge."""
        return self._objects.identity

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """What it holds under these keys, tombstones and expired rows too."""
        return self._objects.rows(keys) if self._values else self._objects.heads(keys)

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto, in key order, streamed.

        Each page is what its objects held when they were asked.
        """
        bounds = self._objects.bounds(prefix, after, upto)
        if bounds is not None:
            yield from listing_of(self._objects).rows_between(bounds, values=self._values)

    @property
    def concealed(self) -> str | None:
        """The key that is missing; None: there is one for values."""
        return self._objects.bridge.missing(Scope.VALUES)

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """As `rows`, with values. Raises ConfigError without a key for them."""
        return self._objects.rows(keys)

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The keys in quarantine with the prefix and behind `after`, in key order."""
        return notes.quarantined(self._objects.bridge, prefix, after)

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._objects.bridge.close()


class DurableSource:
    """The objects' live sessions as a source. Implements `ports.Source`; needs a key for values.

    A page comes with its records; the cursor is the page's last key. It is never stale.
    """

    horizon = 0.0
    live = True
    width = 500

    def __init__(self, bridge: Bridge, page: int = 1000) -> None:
        bridge.require(Scope.VALUES)
        self._objects = Objects(bridge)
        self._page = page

    @property
    def address(self) -> str:
        """`do+https://HOST`."""
        return self._objects.bridge.address

    @property
    def identity(self) -> str:
        """Placement and prefix of the bridge."""
        return self._objects.identity

    @property
    def skew(self) -> float:
        """Seconds by which the objects' clock is ahead of ours; 0 up to a second."""
        ahead = self._objects.health.ahead
        return ahead if abs(ahead) > 1.0 else 0.0

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page of live rows behind `cursor`."""
        bounds = self._objects.bounds(prefix, None if cursor is None else Key(cursor), None)
        if bounds is None:
            return Page([], None, [])
        rows, end = listing_of(self._objects).live_page(bounds, self._page)
        records = [_record(row) for row in rows]
        heads = [Head(record.key, record.metadata, record.expiration) for record in records]
        return Page(heads, None if end is None else Cursor(end), records)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """The live records under these keys; None for every other."""
        answers: dict[Key, Answer] = dict.fromkeys(keys)
        now = self._objects.bridge.now() + self._objects.health.ahead
        for row in self._objects.rows(keys).values():
            if not row.deleted and not expired(row.expiration, now):
                answers[row.key] = _record(row)
        return answers

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._objects.bridge.close()


def _record(row: Row) -> Record:
    if not isinstance(row.value, bytes):
        raise StoreBroken("the bridge listed a session without its value", "report it")
    return Record(row.key, row.value, row.metadata, row.expiration)

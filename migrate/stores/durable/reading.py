"""Reading objects through the bridge, in key order: the read-only side of a verify, and a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from migrate.bridge_keys import Scope
from migrate.core.ports import Answer, Cursor, Page, Quarantined
from migrate.core.record import Change, Head, Key, Row, expired
from migrate.errors import ConfigError
from migrate.stores.durable import notes
from migrate.stores.durable.bridge import Bridge, Health
from migrate.stores.durable.by_id import ById
from migrate.stores.durable.namespace import Namespace
from migrate.stores.durable.objects import Bounds, Objects, record_of
from migrate.stores.durable.shards import Shards


class Listing(Protocol):
    """How rows come in key order, which depends on the placement."""

    @property
    def aside(self) -> Mapping[str, int]:
        """Objects that are no session's, by what they are; as of the last whole list."""
        ...

    def rows_between(self, bounds: Bounds, *, values: bool) -> Iterator[Row]:
        """Every row within the bounds, in key order, streamed; with values, or with digests for them."""
        ...

    def live_page(self, bounds: Bounds, rows: int) -> Page:
        """About `rows` of the live rows within the bounds; with their records, if they are at hand."""
        ...

    def wrote(self, heads: Sequence[Head]) -> None:
        """Be told of rows that were just written."""
        ...

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...


OpenNamespace = Callable[[Health], Namespace]
"""Gives access to the list of the objects of a bridge's class. Raises ConfigError."""


class Lister:
    """The listing of a bridge's objects, made when it is first wanted."""

    def __init__(self, objects: Objects, open_namespace: OpenNamespace | None) -> None:
        self._objects = objects
        self._open = open_namespace
        self._made: Listing | None = None

    def __call__(self) -> Listing:
        """The listing. Raises ConfigError when nothing tells how objects without names are listed."""
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def made(self) -> Listing | None:
        """The listing, if there is one already."""
        return self._made

    def _make(self) -> Listing:
        if self._objects.health.shards:
            return Shards(self._objects)
        if self._open is None:
            raise ConfigError(
                f"{self._objects.bridge.address}: one object per session is listed by Cloudflare's API only",
                "set CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN",
            )
        return ById(self._objects, self._open(self._objects.health))

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        if self._made is not None:
            self._made.close()


class DurableHolder:
    """The objects' rows, read-only. Implements `ports.Holder` and `ports.Remembering`.

    Its rows have digests, which a key for verify is enough for; those that `shown` is asked for, or
    all of them with `values`, need one for values.
    """

    def __init__(
        self, bridge: Bridge, open_namespace: OpenNamespace | None = None, *, values: bool = False
    ) -> None:
        bridge.require(Scope.VALUES if values else Scope.VERIFY)
        self._objects = Objects(bridge)
        self._listing = Lister(self._objects, open_namespace)
        self._values = values

    @property
    def address(self) -> str:
        """`do+https://HOST`."""
        return self._objects.bridge.address

    @property
    def identity(self) -> str:
        """Placement and prefix of the bridge."""
        return self._objects.identity

    @property
    def aside(self) -> Mapping[str, int]:
        """As `ports.Countable`."""
        made = self._listing.made
        return {} if made is None else made.aside

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """What it holds under these keys, tombstones and expired rows too."""
        return self._objects.rows(keys) if self._values else self._objects.heads(keys)

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto, in key order, streamed.

        Each page is what its objects held when they were asked.
        """
        bounds = self._objects.bounds(prefix, after, upto)
        if bounds is not None:
            yield from self._listing().rows_between(bounds, values=self._values)

    @property
    def namespace(self) -> str | None:
        """As `ports.Remembering`."""
        return self._objects.health.namespace

    def past(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Change]]:
        """As `ports.Remembering`."""
        return self._objects.past(keys)

    @property
    def verbatim(self) -> bool:
        """Is the class kvferry's own? Another may keep decoded fields."""
        return self._objects.health.verbatim

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

    def fenced_since(self) -> float | None:
        """Since when no row is replaced or buried, by our clock; None: the fence is down, or rising."""
        found = notes.read(self._objects.bridge, [notes.FENCE]).get(notes.FENCE)
        since = notes.fenced_since(found)
        return None if since is None else since - self._objects.look().bridge_ahead

    def finished_since(self) -> float | None:
        """From when on nothing is imported, by our clock; None: the migration is not finished."""
        found = notes.read(self._objects.bridge, [notes.FINISHED]).get(notes.FINISHED)
        if found is None:
            return None
        return notes.finished_since(found) - self._objects.look().bridge_ahead

    def leased_until(self) -> float | None:
        """Until when somebody has held the lease, by our clock; None: nobody ever did."""
        found = notes.read(self._objects.bridge, [notes.LEASE]).get(notes.LEASE)
        if found is None:
            return None
        return notes.leased_until(found) - self._objects.look().bridge_ahead

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._listing.close()
        self._objects.bridge.close()


class DurableSource:
    """The objects' live sessions as a source. Implements `ports.Source`; needs a key for values.

    A page comes with its records; the cursor is the page's last key. It is never stale.
    """

    horizon = 0.0
    live = True
    width = 500

    def __init__(
        self, bridge: Bridge, open_namespace: OpenNamespace | None = None, *, page: int = 1000
    ) -> None:
        bridge.require(Scope.VALUES)
        self._objects = Objects(bridge)
        self._listing = Lister(self._objects, open_namespace)
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

    @property
    def aside(self) -> Mapping[str, int]:
        """As `ports.Countable`."""
        made = self._listing.made
        return {} if made is None else made.aside

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page of live rows behind `cursor`.

        One object per session: their list is made when a listing begins, or is resumed, and gives no
        records, so that every value is read afresh.
        """
        bounds = self._objects.bounds(prefix, None if cursor is None else Key(cursor), None)
        if bounds is None:
            return Page([], None, [])
        return self._listing().live_page(bounds, self._page)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """The live records under these keys; None for every other."""
        answers: dict[Key, Answer] = dict.fromkeys(keys)
        now = self._objects.now()
        for row in self._objects.rows(keys).values():
            if not row.deleted and not expired(row.expiration, now):
                answers[row.key] = record_of(row)
        return answers

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._listing.close()
        self._objects.bridge.close()

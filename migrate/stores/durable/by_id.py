"""Objects that hold one session each, in key order: listed by id, asked for their names, sorted on disk.

    Cloudflare's API: ids ─▶ the bridge's verb `objects`: heads ─▶ Sorter ─▶ keys in order ─▶ read afresh

Only keys and what a listing gives are kept, never a value: rows are read again by their names when they
are wanted, so what is compared or copied is as fresh as with shards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from migrate.bridge_keys import Scope
from migrate.core.partition import overlap
from migrate.core.ports import EMPTY, UNNAMED, Cursor, Page
from migrate.core.record import NEVER, Head, Key, Row, expired
from migrate.errors import StoreBroken, StoreRefused
from migrate.stores.durable import notes
from migrate.stores.durable.bridge import Choked
from migrate.stores.durable.namespace import Listed, Namespace
from migrate.stores.durable.objects import Bounds, Objects
from migrate.stores.durable.pace import chokes
from migrate.stores.durable.sorting import Sorted, Sorter
from migrate.stores.durable.wire import Document

_AT_ONCE = 8


class ById:
    """The objects of the placement `per-session`. Implements `reading.Listing`.

    A pass over the keys begins with a new list of all objects; calls that go on where the last one ended
    belong to it, and so does the first one for a prefix beside those it was begun for.
    """

    def __init__(self, objects: Objects, namespace: Namespace) -> None:
        self._objects = objects
        self._namespace = namespace
        self._width = objects.health.limits.objects
        self._sorter: Sorter | None = None
        self._begun: set[str] = set()
        self._at: tuple[str, str | None] | None = None
        self._aside: Counter[str] = Counter()

    @property
    def aside(self) -> Mapping[str, int]:
        """How many objects are UNNAMED, and EMPTY, by the last list."""
        return dict(self._aside)

    def rows_between(self, bounds: Bounds, *, values: bool) -> Iterator[Row]:
        """Every row within the bounds, in key order, each as it is when its turn comes."""
        read = self._objects.rows if values else self._objects.heads
        sorter = self._passing(bounds)
        self._at = (bounds.prefix, bounds.upto)
        heads = sorter.between(*bounds)
        with ThreadPoolExecutor(1, thread_name_prefix="rows") as pool:
            keys = [one.head.key for one in islice(heads, self._objects.width)]
            while keys:
                rows = pool.submit(read, keys)
                following = [one.head.key for one in islice(heads, self._objects.width)]
                found = rows.result()
                yield from (found[key] for key in keys if key in found)
                keys = following

    def live_page(self, bounds: Bounds, rows: int) -> Page:
        """The next heads of sessions that were alive when they were listed; their values are to be read."""
        sorter = self._passing(bounds)
        now = self._objects.now()
        alive = (
            one.head
            for one in sorter.between(*bounds)
            if not one.deleted and not expired(one.head.expiration, now)
        )
        heads = list(islice(alive, rows + 1))
        more = len(heads) > rows
        heads = heads[:rows]
        end = heads[-1].key if more else None
        self._at = (bounds.prefix, end)
        return Page(heads, None if end is None else Cursor(end))

    def wrote(self, heads: Sequence[Head]) -> None:
        """These are there now as well."""
        if self._sorter is not None:
            self._sorter.add(Sorted(head, deleted=False) for head in heads)

    def close(self) -> None:
        """Let go of what was sorted, and close the connection. May be called twice."""
        self._namespace.close()
        if self._sorter is not None:
            self._sorter.close()
            self._sorter = None

    # ------------------------------------------------------------ the list

    def _passing(self, bounds: Bounds) -> Sorter:
        """What is sorted, anew unless these bounds go on where the last ones ended."""
        prefix, after, _ = bounds
        goes_on = after is not None and self._at == (prefix, after)
        beside = after is None and not any(overlap(prefix, one) for one in self._begun)
        sorter = self._sorter
        if sorter is None or not (goes_on or beside):
            self._sorter = None  # and not closed: somebody may be reading what it holds
            self._begun.clear()
            self._sorter = sorter = self._listed()
        if after is None:
            self._begun.add(prefix)
        return sorter

    def _listed(self) -> Sorter:
        """List all objects, ask each what it holds, and sort the sessions."""
        sorter, counts = Sorter(), Counter[str]()
        try:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="objects") as pool:
                for page in self._namespace.pages():
                    self._take(sorter, counts, page, pool)
            self._check_book(counts)
        except BaseException:
            sorter.close()
            raise
        self._aside = Counter({UNNAMED: counts["unnamed"], EMPTY: counts["empty"]})
        return sorter

    def _take(
        self, sorter: Sorter, counts: Counter[str], page: Sequence[Listed], pool: ThreadPoolExecutor
    ) -> None:
        stored = {one.id: one.stored for one in page}
        fresh = sorter.unseen(list(stored))
        asked = [one for one in fresh if stored[one]]
        counts["empty"] += len(fresh) - len(asked)
        width = self._width
        parts = [asked[start : start + width] for start in range(0, len(asked), width)]
        for found in pool.map(self._ask, parts):
            for one in found:
                counts[one["kind"]] += 1
                counts["unnamed"] += one["kind"] == "session" and one["others"]
            sorter.add(_sorted(one["head"]) for one in found if one["head"] is not None)

    def _ask(self, ids: Sequence[str]) -> list[Document]:
        """What these objects hold; asks for fewer at a time when the Worker is not allowed so much."""
        found: list[Document] = []
        while ids:
            some = ids[: self._width]
            try:
                answers = self._objects.bridge.ask(
                    "objects", Scope.VERIFY, {"ids": some}, chokes=chokes(len(some))
                )
            except Choked:
                if len(some) == 1:
                    raise
                self._width = max(1, len(some) // 2)
                continue
            answered = answers["objects"]
            later = [one for one, answer in zip(some, answered, strict=False) if answer is None]
            if len(answered) != len(some) or len(later) == len(some):
                raise StoreBroken("the bridge did not answer for the objects it was asked for", "report it")
            for answer in answered:
                if answer is not None and (answer["kind"] == "session") != (answer["head"] is not None):
                    raise StoreBroken("the bridge told of a session without its row", "report it")
            found += [answer for answer in answered if answer is not None]
            ids = [*later, *ids[len(some) :]]
        return found

    def _check_book(self, counts: Counter[str]) -> None:
        """The list of another class, or account, may be empty, and would look like the end of a copy."""
        if not counts["book"] and next(notes.listed(self._objects.bridge, "", limit=1), None) is not None:
            raise StoreRefused(
                f"{self._objects.bridge.address}: the list of objects lacks that of the exporter's notes",
                "check that KVFERRY_SCRIPT, KVFERRY_CLASS and the account name the class behind the bridge;"
                " if they do, run the same command again later",
            )


def _sorted(sent: Document) -> Sorted:
    expiration = NEVER if sent["expiration"] is None else sent["expiration"]
    head = Head(Key(sent["key"]), sent["metadata"], expiration)
    return Sorted(head, deleted=sent["tombstone"] is not None)

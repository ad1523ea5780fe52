"""`kv://ACCOUNT/NAMESPACE`: Workers KV over Cloudflare's REST API, as a source of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from migrate.core.ports import Answer, Cursor, CursorRefused, Page
from migrate.core.record import Head, Key
from migrate.stores import kv_answers
from migrate.stores.cloudflare import LISTS, Api
from migrate.stores.envelope import BAD_CURSOR, Envelope, Rejected
from migrate.stores.kv_reading import WIDTH, Reader

PAGE = 1000
"""Keys of a list page, the most that the API gives."""

HORIZON = 120.0
"""Seconds: KV promises nothing fresher than "60 seconds or more", plus a write in flight."""


@dataclass(slots=True)
class _Trail:
    """What a listing has shown so far, to notice when it goes round or back."""

    expected: str | None = None
    last: Key | None = None
    seen: set[str] = field(default_factory=set)

    def follow(self, cursor: str | None, heads: Sequence[Head], following: str | None) -> None:
        """Add a page. Cursors are remembered over empty pages only: keys that rise cannot circle."""
        if heads:
            if self.last is not None and heads[0].key <= self.last:
                raise kv_answers.broken("a page does not come after the one before it")
            self.last = heads[-1].key
            self.seen.clear()
        if cursor is not None:
            self.seen.add(cursor)
        if following is not None and following in self.seen:
            raise kv_answers.broken("the listing gave the same cursor twice")
        self.expected = following


class KvSource:
    """A Workers KV namespace as a Source. `read` may be used by many threads, `scan` by one at a time.

    Value, metadata and expiration of a record come from one bulk answer; the expiration of a
    listing is for looking only. `close` closes the `api`.
    """

    horizon = HORIZON
    identity = ""
    live = True
    width = WIDTH

    def __init__(self, api: Api, account: str, namespace: str) -> None:
        self._api = api
        self.address = f"kv://{account}/{namespace}"
        self._path = f"/accounts/{quote(account, safe='')}/storage/kv/namespaces/{quote(namespace, safe='')}"
        self._reader = Reader(api, self._path, whole=True)
        self._trails: dict[str, _Trail] = {}

    @property
    def skew(self) -> float:
        """How far Cloudflare's clock is ahead of ours, in seconds."""
        return self._api.skew

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """One list page. It may be empty and have a cursor: expired keys are walked but left out.

        Order and cycles are checked against the page before, if this object listed that; the
        first page after a stored cursor can only be checked by whoever knows the last key.
        """
        envelope = self._list(prefix, cursor)
        if envelope is None:
            raise CursorRefused("the listing does not go on from the cursor that was saved")
        heads = kv_answers.read_heads(envelope, prefix)
        following = kv_answers.read_cursor(envelope)
        trail = self._trails.get(prefix)
        if trail is None or cursor is None or trail.expected != cursor:
            trail = self._trails[prefix] = _Trail()
        trail.follow(cursor, heads, following)
        return Page(heads, None if following is None else Cursor(following))

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """The records under these keys, each from one answer; None for what is gone."""
        return self._reader.read(keys)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def _list(self, prefix: str, cursor: Cursor | None) -> Envelope | None:
        """The page, None when the cursor is refused."""
        query = {"limit": str(PAGE)}
        if prefix:
            query["prefix"] = prefix
        if cursor is not None:
            query["cursor"] = cursor
        try:
            return self._api.fetch(LISTS, f"{self._path}/keys", query)
        except Rejected as error:
            if cursor is None or BAD_CURSOR not in error.codes:
                raise
            return None

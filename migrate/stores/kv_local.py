"""`kv+http://HOST:PORT/NAMESPACE`: the KV of a running `wrangler dev`, through its local REST API.

It differs from Cloudflare's (seen with wrangler 4.86 and 4.164): bulk reads have neither metadata
nor expiration, so they are joined with the listing; an unknown namespace is an empty one, so the
name is looked up first; a cursor that it does not know starts anywhere or ends the listing, so
ours carry the last key and are checked against what comes. Nothing of it is ever stale.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson

from migrate.core.ports import Answer, Cursor, CursorRefused, Page
from migrate.core.record import Head, Key, Record
from migrate.errors import StoreRefused, StoreUnavailable
from migrate.stores import kv_answers
from migrate.stores.cloudflare import LISTS, OTHER, Api
from migrate.stores.envelope import Rejected
from migrate.stores.kv_reading import WIDTH, Reader

EXPLORERS = ("/cdn-cgi/local/explorer/api", "/cdn-cgi/explorer/api")
"""Where `wrangler dev` serves its API, newest first; a GET answers its OpenAPI document."""

PATIENCE = 30.0
"""Seconds to give to an `Api` for this source: a local server that is down will not come back."""

_PROBING = 3.0
_PAGE = 1000


class LocalKvSource:
    """A namespace of a running `wrangler dev` as a Source. `close` closes the `api`.

    `api` has the base URL http://HOST:PORT and no token. Nothing is asked before the first use.
    """

    horizon = 0.0
    identity = ""
    live = True
    width = WIDTH
    skew = 0.0

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self.address = f"kv+http://{api.origin}/{namespace}"
        self._lock = threading.Lock()
        self._ready: tuple[str, Reader] | None = None
        self._given: Cursor | None = None

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """One list page with its records. Raises CursorRefused when the runtime lost its place."""
        path, reader = self._open()
        last, theirs = ("", None) if cursor is None else _unpack(cursor)
        query = {"limit": str(_PAGE)}
        if prefix:
            query["prefix"] = prefix
        if theirs is not None:
            query["cursor"] = theirs
        envelope = self._api.fetch(LISTS, f"{path}/keys", query)
        heads = kv_answers.read_heads(envelope, prefix)
        following = kv_answers.read_cursor(envelope)
        if cursor is not None and _lost(last, heads, following, known=cursor == self._given):
            raise CursorRefused("the local runtime does not go on from the cursor that was saved")
        if following is not None and following == theirs:
            raise kv_answers.broken("the listing gave the same cursor twice")
        if heads:
            last = heads[-1].key
        self._given = None if following is None else _pack(last, following)
        return Page(heads, self._given, _joined(heads, reader.read([head.key for head in heads])))

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """Look each key up in the listing, then read the values of those that are there."""
        _, reader = self._open()
        heads = {key: reader.head(key) for key in dict.fromkeys(keys)}
        values = reader.read([key for key, head in heads.items() if head is not None])
        return {key: None if head is None else _join(head, values[key]) for key, head in heads.items()}

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    # ------------------------------------------------------------ finding the namespace

    def _open(self) -> tuple[str, Reader]:
        with self._lock:
            if self._ready is None:
                root = self._explorer() + "/storage/kv/namespaces"
                self._check(root)
                path = f"{root}/{quote(self._namespace, safe='')}"
                self._ready = (path, Reader(self._api, path, whole=False))
            return self._ready

    def _explorer(self) -> str:
        """The path under which this wrangler serves its API."""
        for path in EXPLORERS:
            try:
                answer = self._api.fetch_raw(OTHER, path, patience=_PROBING)
            except (Rejected, StoreUnavailable):
                continue
            if _is_openapi(answer.content):
                return path
        raise StoreUnavailable(
            f"no `wrangler dev` answers at {self._api.origin}",
            "start it with `wrangler dev`, and give the host and port that it prints",
        )

    def _check(self, root: str) -> None:
        """The runtime answers for any namespace, as if it were empty: insist on one that exists."""
        result = self._api.fetch(OTHER, root).result
        spaces = [space for space in result if isinstance(space, dict)] if isinstance(result, list) else []
        if any(space.get("id") == self._namespace for space in spaces):
            return
        there = ", ".join(f"{space.get('id')} ({space.get('title')})" for space in spaces) or "none"
        raise StoreRefused(
            f"`wrangler dev` at {self._api.origin} has no namespace {self._namespace!r}",
            f"use the id of one that it has: {there}",
        )


def _is_openapi(content: bytes) -> bool:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and "openapi" in document


def _pack(last: str, theirs: str) -> Cursor:
    return Cursor(orjson.dumps([last, theirs]).decode("utf-8"))


def _unpack(cursor: Cursor) -> tuple[str, str]:
    try:
        parts = orjson.loads(cursor)
    except orjson.JSONDecodeError:
        parts = None
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise CursorRefused("the cursor is not one of the local runtime's")
    return parts[0], parts[1]


def _lost(last: str, heads: Sequence[Head], following: str | None, *, known: bool) -> bool:
    """Did the listing start again, or end where a cursor from another process was not understood?"""
    if heads:
        return heads[0].key <= last
    return following is None and not known


def _join(head: Head, answer: Answer) -> Answer:
    return Record(head.key, answer.value, *head[1:]) if isinstance(answer, Record) else answer


def _joined(heads: Sequence[Head], answers: Mapping[Key, Answer]) -> list[Record] | None:
    """The page's records; None, so that the keys are read again one by one, unless all are there."""
    records = [_join(head, answers[head.key]) for head in heads]
    found = [record for record in records if isinstance(record, Record)]
    return found if len(found) == len(heads) else None

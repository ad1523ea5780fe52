"""`kv+http://HOST:PORT/NAMESPACE`: the KV of a running `wrangler dev`, through its local REST API.

It differs from Cloudflare's (seen with wrangler 4.86 and 4.164): bulk reads have neither metadata
nor expiration, so they are joined with the listing; an unknown namespace is an empty one, so the
name is looked up first; a cursor that it does not know starts anywhere or ends the listing, so
ours carry the last key and are checked against what comes. Nothing of it is ever stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from migrate.core.ports import Answer, Cursor, CursorRefused, Page
from migrate.core.record import Head, Key, Record
from migrate.stores import kv_answers
from migrate.stores.cloudflare import LISTS, Api
from migrate.stores.kv_explorer import Explorer
from migrate.stores.kv_reading import WIDTH, Reader

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
        self._explorer = Explorer(api, namespace)
        self.address = self._explorer.address
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

    def _open(self) -> tuple[str, Reader]:
        path = self._explorer.found().path
        return path, Reader(self._api, path, whole=False)


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

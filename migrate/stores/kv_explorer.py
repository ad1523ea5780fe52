"""Where a running `wrangler dev` serves its local REST API for one KV namespace, and what that API can do.

Seen with wrangler 4.86, which writes single values only, and forgets their expirations, and 4.164.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from migrate.errors import StoreRefused, StoreUnavailable
from migrate.stores.cloudflare import OTHER, Api
from migrate.stores.envelope import Rejected

EXPLORERS = ("/cdn-cgi/local/explorer/api", "/cdn-cgi/explorer/api")
"""Where `wrangler dev` serves its API, newest first; a GET answers its OpenAPI document."""

PATIENCE = 30.0
"""Seconds to give to an `Api` for it: a local server that is down will not come back."""

_PROBING = 3.0
_NAMESPACES = "/storage/kv/namespaces"
_BULK = (_NAMESPACES + "/{namespace_id}/bulk", _NAMESPACES + "/{namespace_id}/bulk/delete")


@dataclass(frozen=True, slots=True)
class Found:
    """`path`: the namespace's, quoted. `bulk`: it takes bulk writes and bulk deletes."""

    path: str
    bulk: bool


class Explorer:
    """Finds the API once, at the first use; shared by threads."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._lock = threading.Lock()
        self._found: Found | None = None
        self.address = f"kv+http://{api.origin}/{namespace}"

    def found(self) -> Found:
        """Where the namespace is. Raises StoreUnavailable, StoreRefused."""
        with self._lock:
            if self._found is None:
                base, bulk = self._ask()
                self._check(base + _NAMESPACES)
                self._found = Found(f"{base}{_NAMESPACES}/{quote(self._namespace, safe='')}", bulk)
            return self._found

    def _ask(self) -> tuple[str, bool]:
        """The path under which this wrangler serves its API, and whether that takes bulk writes."""
        for path in EXPLORERS:
            try:
                answer = self._api.fetch_raw(OTHER, path, patience=_PROBING)
            except (Rejected, StoreUnavailable):
                continue
            document = _openapi(answer.content)
            if document is not None:
                paths = document.get("paths")
                return path, isinstance(paths, dict) and all(name in paths for name in _BULK)
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


def _openapi(content: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) and "openapi" in document else None

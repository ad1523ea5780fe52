"""`kv://ACCOUNT/NAMESPACE`: Workers KV over Cloudflare's REST API, as a store that is written in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from migrate.core.ports import Clock
from migrate.core.record import Key, Record
from migrate.core.writing import WIDTH, Written
from migrate.stores.cloudflare import Api
from migrate.stores.kv_bulk import Bulk


class KvWriter:
    """A Workers KV namespace as a `Writable`. `close` closes the `api`.

    The token needs "Workers KV Storage Edit". What is written shows elsewhere after a minute or more.
    """

    def __init__(self, api: Api, account: str, namespace: str, *, clock: Clock) -> None:
        self._api = api
        self.address = f"kv://{account}/{namespace}"
        path = f"/accounts/{quote(account, safe='')}/storage/kv/namespaces/{quote(namespace, safe='')}"
        self._bulk = Bulk(api, path, clock.now)

    @property
    def width(self) -> int:
        """As many as one bulk request takes."""
        return WIDTH

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        """Write in bulk, and again what the answers name as unsuccessful."""
        return self._bulk.put(records, not_after)

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        """Delete in bulk, and again what the answers name as unsuccessful."""
        return self._bulk.delete(keys, not_after)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

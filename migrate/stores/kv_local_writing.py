"""`kv+http://HOST:PORT/NAMESPACE`: the KV of a running `wrangler dev`, as a store that is written.

A wrangler without bulk writes takes one value at a time, and drops the expiration that is sent with it:
a record that expires is not written there, rather than written to last for ever.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from urllib.parse import quote

from migrate.core import writing
from migrate.core.ports import Clock, TooLate
from migrate.core.record import NEVER, Key, Record
from migrate.core.writing import WIDTH, Reason, Written
from migrate.stores.cloudflare import DELETES, PUTS, Api
from migrate.stores.envelope import Rejected
from migrate.stores.kv_bulk import Bulk
from migrate.stores.kv_explorer import Explorer

_DROPPED = ("false", "0", '""')
"""Metadata that a wrangler without bulk writes takes for none."""


class LocalKvWriter:
    """A namespace of a running `wrangler dev` as a `Writable`. `close` closes the `api`.

    `api` as for `LocalKvSource`. Nothing is asked before the first use.
    """

    def __init__(self, api: Api, namespace: str, *, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._explorer = Explorer(api, namespace)
        self.address = self._explorer.address

    @property
    def width(self) -> int:
        """As many as one bulk request takes."""
        return WIDTH

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        """Write in bulk, or singly where there is no bulk write."""
        found = self._explorer.found()
        if found.bulk:
            return Bulk(self._api, found.path, self._clock.now).put(records, not_after)
        writing.check(records)
        return {record.key: self._put(found.path, record, not_after) for record in records}

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        """Delete in bulk, or singly where there is no bulk delete."""
        found = self._explorer.found()
        if found.bulk:
            return Bulk(self._api, found.path, self._clock.now).delete(keys, not_after)

        return {key: self._delete(found.path, key, not_after) for key in dict.fromkeys(keys)}

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def _put(self, path: str, record: Record, not_after: float) -> Reason | None:
        if record.expiration is not NEVER or record.metadata in _DROPPED:
            return Reason.UNABLE
        reason = writing.unfit(record, self._clock.now())
        if reason is not None:
            return reason
        content, kind = _form(record)
        return self._send(PUTS, "PUT", path, record.key, not_after, content, kind)

    def _delete(self, path: str, key: Key, not_after: float) -> Reason | None:
        return self._send(DELETES, "DELETE", path, key, not_after)

    def _send(
        self,
        kind: str,
        method: str,
        path: str,
        key: Key,
        not_after: float,
        content: bytes | None = None,
        content_type: str = "",
    ) -> Reason | None:
        where = f"{path}/values/{quote(key, safe='')}"
        try:
            self._api.write(kind, method, where, content, content_type=content_type, not_after=not_after)
        except TooLate:
            return Reason.LATE
        except Rejected as error:
            if error.status not in (400, 404, 413, 414):
                raise
            return Reason.REFUSED
        return None


def _form(record: Record) -> tuple[bytes, str]:
    """Value and metadata as multipart/form-data, and its content type; the value as bytes, not as text."""
    boundary = secrets.token_hex(24)
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    content = (part % ("value", '; filename="value"')).encode() + record.value + b"\r\n"
    if record.metadata is not None:
        content += (part % ("metadata", "")).encode() + record.metadata.encode() + b"\r\n"
    return content + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"

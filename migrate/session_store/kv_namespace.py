"""KV as the session store needs it: three calls, and two ways to fail that mean something to it."""

from __future__ import annotations

from typing import Protocol

from migrate.core.record import Key, Record
from migrate.errors import StoreUnavailable

ANSWERS_WITHIN = 8.0
"""Seconds after which a write must raise Unanswered: the other half needs time as well."""


class Unanswered(StoreUnavailable):
    """There was no answer in time. The write may have been done, or be done later."""


class TooOften(StoreUnavailable):
    """This key was written less than a second ago; nothing was done. KV's own word for it is 429."""


class KvNamespace(Protocol):
    """A Workers KV namespace, or what stands in for one. Calls may come from several threads at once.

    Metadata are JSON text with all that was put there. Whatever else a call cannot do is a StoreError; a
    write that raised one may have been done or not.
    """

    def get(self, key: Key) -> Record | None:
        """Value, metadata and KV's own expiration (never UNKNOWN), all three from one answer; None: there is
        no such key."""
        ...

    def put(self, record: Record, ttl: int | None) -> None:
        """Store all of it. `ttl`: seconds to live in place of the record's expiration, which is nearer
        than KV takes it."""
        ...

    def delete(self, key: Key) -> None:
        """Delete it, if it is there."""
        ...

"""What a key-value store promises that is written and emptied in bulk: no comparing, the last write wins.

Workers KV knows no insert-if-absent and no compare-and-set. So nothing here decides whether a key may be
written or deleted: whoever calls has decided it by the laws, and reads again afterwards.

What a caller knows after a call:

    the mapping has None          the store has taken it; other readers may see the old for `Source.horizon`
    the mapping has a Reason      the store has not taken it, and holds what it held
    StoreUnavailable              nothing: any part may have been taken, or may still be. Read again
    StoreRefused, StoreBroken     as little, for the keys of this call
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from migrate.core.record import UNKNOWN, Key, Record
from migrate.errors import RecordError, StoreBroken

SOONEST = 60
"""Seconds that an expiration must lie ahead (Workers KV's documents); earlier ones are refused."""

KEY_BYTES = 512
VALUE_BYTES = 25 * 2**20
METADATA_BYTES = 1024
"""The most that one record may have of each (Workers KV's limits)."""

WIDTH = 10_000
"""The most keys of one bulk request."""


class Reason(enum.StrEnum):
    """Why a key was neither written nor deleted."""

    EXPIRING = "it expires in less than a minute, and no such expiration is accepted"
    TOO_LARGE = "its key, value or metadata is larger than the store takes"
    REFUSED = "the store refuses it"
    FAILED = "the store named it as unsuccessful each time"
    LATE = "what was read of it is too old by now"
    UNABLE = "this way of writing cannot carry its expiration or its metadata"


Written = Mapping[Key, Reason | None]
"""By key: None where the store has taken it."""


@runtime_checkable
class Writable(Protocol):
    """A store that takes records and gives up keys in bulk. Calls come from one thread at a time."""

    @property
    def address(self) -> str:
        """The store's address, complete and canonical: the same as of its `Source`."""
        ...

    @property
    def width(self) -> int:
        """How many keys make a full request. More are taken too, in several requests."""
        ...

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        """Write each record over whatever is there: value, metadata and expiration together.

        The mapping has every key that was given, and no other. The expiration is sent as the absolute
        time that it is. No request is sent after `not_after` (Unix seconds), repeated ones included:
        keys that come too late have Reason.LATE, and StoreUnavailable is raised where an
        earlier attempt may have arrived. Raises RecordError for an unknown expiration, StoreBroken for
        a key that comes twice, both before anything is sent; BudgetSpent; and see the head of this file.
        """
        ...

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        """Delete these keys; None too for one that was not there. Otherwise as `put`."""
        ...

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...


def check(records: Iterable[Record]) -> None:
    """Raise RecordError for an unknown expiration, StoreBroken for a key that comes twice."""
    seen: set[Key] = set()
    for record in records:
        if record.expiration is UNKNOWN:
            raise RecordError(
                "a record with an unknown expiration cannot be written",
                "give the store's expirations: --keys, or --assume-never",
            )
        if record.key in seen:
            raise StoreBroken("one write holds a key twice", "report this, with the command that you ran")
        seen.add(record.key)


def unfit(record: Record, now: float) -> Reason | None:
    """What keeps Workers KV from taking the record at `now` (Unix seconds, the store's clock)."""
    if isinstance(record.expiration, int) and record.expiration < now + SOONEST:
        return Reason.EXPIRING
    if len(record.value) > VALUE_BYTES or not 0 < len(record.key.encode("utf-8")) <= KEY_BYTES:
        return Reason.TOO_LARGE
    if record.metadata is not None and len(record.metadata.encode("utf-8", "surrogatepass")) > METADATA_BYTES:
        return Reason.TOO_LARGE
    return None

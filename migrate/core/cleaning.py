"""What may be deleted from a key-value store, and what becomes of each key that was listed. Pure.

head ─▶ the store's own key? ─▶ held by the target? ─▶ old enough, as far as its age is known? ─▶ Fate
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from migrate.core.names import CANARY
from migrate.core.ports import LISTED, Tally
from migrate.core.record import Head, Record, digest, parse_json

_AHEAD = 60.0
"""Seconds by which a time may lie in the future and still be one: clocks differ."""

_MILLISECONDS = 1e11
"""From here on a number is no time in seconds (that would be the year 5138)."""


class Fate(enum.StrEnum):
    """What became of one listed key. Law 5: listed = the sum of all of these."""

    DELETED = "deleted"
    SELECTED = "selected"
    FOREIGN = "kept_foreign"
    YOUNG = "kept_young"
    UNDATED = "kept_age_unknown"
    OWN = "kept_own"
    CHANGED = "kept_changed"
    UNREAD = "kept_unread"
    FAILED = "failed"
    GONE = "gone"


def balanced(tally: Tally, pending: int = 0) -> bool:
    """Law 5: does the equation hold, with no count below zero? `pending`: listed, and not decided yet."""
    known = sum(tally[fate] for fate in Fate)
    return tally[LISTED] == known + pending and min(tally.values(), default=0) >= 0


def tally_of(fates: Mapping[Any, Fate]) -> Tally:
    """Counts of keys that were listed now, with their sum."""
    found: Tally = Counter(fate.value for fate in fates.values())
    found[LISTED] = len(fates)
    return found


@dataclass(frozen=True, slots=True)
class Ageing:
    """Which keys are old enough: last written more than `older_than` seconds ago.

    `ttl`: every write of the prefix gives this many seconds to live, by the operator's word, so the
    expiration tells when the last one was. `field`: where metadata tell a time: Unix seconds or
    milliseconds, or ISO 8601 with its zone. One of the two is given.
    """

    older_than: float
    ttl: int | None = None
    field: tuple[str, ...] | None = None

    def fate(self, head: Head | Record, now: float) -> Fate:
        """SELECTED, YOUNG, or UNDATED where the age is not known."""
        written = self._by_ttl(head) if self.ttl is not None else self._by_field(head)
        if written is None or not 0 < written <= now + _AHEAD:
            return Fate.UNDATED
        return Fate.SELECTED if now - written > self.older_than else Fate.YOUNG

    def _by_ttl(self, head: Head | Record) -> float | None:
        """An expiration further ahead than the TTL would be a write in the future: that is no known age."""
        assert self.ttl is not None
        return head.expiration - self.ttl if isinstance(head.expiration, int) else None

    def _by_field(self, head: Head | Record) -> float | None:
        try:
            found: Any = None if head.metadata is None else parse_json(head.metadata)
        except (ValueError, RecursionError):
            return None
        for step in self.field or ():
            if not isinstance(found, dict) or step not in found:
                return None
            found = found[step]
        return _moment(found)


def _moment(told: Any) -> float | None:
    if isinstance(told, str):
        try:
            at = datetime.fromisoformat(told)
        except ValueError:
            return None
        return None if at.tzinfo is None else at.timestamp()
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return told / 1000 if told >= _MILLISECONDS else float(told)


def own(head: Head | Record) -> bool:
    """Is it kvferry's own, and nobody's data?"""
    return head.key == CANARY


@dataclass(frozen=True, slots=True)
class Print:
    """By what a record is known again, without holding any of it. `value` None: it was not read."""

    value: str | None
    beside: str

    @classmethod
    def of(cls, one: Head | Record) -> Print:
        """Of a record, or of a head, which has no value."""
        value = digest(one.value).hex() if isinstance(one, Record) else None
        told = f"{one.expiration}\n{one.metadata}".encode("utf-8", "surrogatepass")
        return cls(value, hashlib.sha256(told).hexdigest()[:32])

    def fits(self, record: Record) -> bool:
        """Is this the same record, as far as the print tells?"""
        now = Print.of(record)
        return now.beside == self.beside and self.value in (None, now.value)

    def body(self) -> dict[str, str | None]:
        """As it is kept in the ledger."""
        return {"value": self.value, "beside": self.beside}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Print:
        """As it was kept."""
        return cls(body["value"], body["beside"])

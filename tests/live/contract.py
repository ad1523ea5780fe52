"""The checker: what of a recorded history breaks what the protocol promises, and nothing else.

Reads at `kv` and `dual-write` see KV only, which may be `stale` seconds old; so do reads at `shadow-read`,
but for deleted sessions and for rows that were written at object-first or later. From object-first on a read
is fresh.

A value is over once a write that began after everything about it had ended was acknowledged. What is about
a value: its write, until the last half of it may have landed, and touches that carry it. While KV is
authoritative a touch is a put of what was read, so it may put an older value over a newer one, as in plain
KV. Once the gate is open it never does so for those who read objects.

A delete that was not acknowledged may happen at any later time, and a put that was not may be seen or not.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.live.history import DUAL, FIRST, SHADOW, History, Operation
from tests.live.order import turned

_EXACT = 1.0
"""Seconds by which an expiration may be off."""


class Breach(enum.Enum):
    """What can be wrong with a read."""

    LOST = "an older value is served after a later one was acknowledged"
    LOGGED_OUT = "a live session is not found"
    RESURRECTED = "a deleted session is served"
    INVENTED = "a value is served that nobody has written"
    LENGTHENED = "a session lives longer than anybody asked for"
    STRANGE = "an expiration is served that nobody has asked for"
    SHORTENED = "an acknowledged renewal is lost"
    TURNED = "objects serve an older value after a newer one"


@dataclass(frozen=True, slots=True)
class Found:
    """A breach, and the read that shows it."""

    breach: Breach
    read: Operation


def breaches(history: History) -> list[Found]:
    """All of them, of all sessions."""
    return [one for operations in history.of_each().values() for one in Ledger(history, operations).judged()]


class Ledger:
    """What was done to one session."""

    def __init__(self, history: History, operations: list[Operation]) -> None:
        self._history = history
        self._all = operations
        self._puts = [one for one in operations if one.verb in ("put", "update")]
        self._deletes = [one for one in operations if one.verb == "delete"]
        self._touches = [one for one in operations if one.verb == "touch"]
        self._by_value = {one.value: one for one in self._puts}
        self._acknowledged = [one for one in self._puts if one.done and not self._deleted_before(one.end)]
        self._buried = [one for one in self._deletes if one.done]
        self._carrying = self._grounded()

    def judged(self) -> Iterator[Found]:
        """Every breach."""
        for one in self._all:
            found = None
            if one.verb == "get" and one.done:
                found = self._missed(one) if one.value is None else self._served(one, one.value)
                if found is None and one.value is not None:
                    found = self._lives(one, one.value)
            elif one.carried is not None:
                found = self._served(one, one.carried)
            if found is not None:
                yield Found(found, one)
        for span in self._history.alone:
            if (read := turned(self._all, span)) is not None:
                yield Found(Breach.TURNED, read)

    # ------------------------------------------------------------ values

    def _grounded(self) -> list[Operation]:
        """The touches that may have carried what they did: none that only another such touch would excuse.

        One that nobody heard of again may have carried whatever it could read.
        """
        left = [one for one in self._touches if one.carried is not None]
        unheard = [one for one in self._touches if one.silent and one.stage <= SHADOW]
        left += [replace(one, carried=value) for one in unheard for value in self._by_value]
        self._carrying: list[Operation] = []
        while sound := [one for one in left if self._served(one, one.carried or 0) is None]:
            self._carrying = [*self._carrying, *sound]
            left = [one for one in left if one not in sound]
        return self._carrying

    def _served(self, read: Operation, value: int) -> Breach | None:
        """Might it serve this value?"""
        put = self._by_value.get(value)
        if put is None or put.start > read.end:
            return Breach.INVENTED
        if read.stage >= SHADOW and any(one.stage >= DUAL and one.end <= read.start for one in self._buried):
            return Breach.RESURRECTED
        last, shown = self._last(read, value), self._shown(read)
        if any(one.start > last and one.end <= shown for one in self._buried):
            return Breach.RESURRECTED
        return Breach.LOST if self._over(value, last, shown) else None

    def _missed(self, read: Operation) -> Breach | None:
        """Might it find no session?"""
        shown = self._shown(read)
        created = any(one.end <= shown for one in self._acknowledged)
        if not created or self._deleted_before(read.end):
            return None
        for value, put in self._by_value.items():
            ended = put.expiration is not None and put.expiration <= read.end + _EXACT
            if ended and value is not None and not self._over(value, self._last(read, value), shown):
                return None
        return Breach.LOGGED_OUT

    def _over(self, value: int, last: float, shown: float) -> bool:
        return any(one.value != value and one.start > last and one.end <= shown for one in self._acknowledged)

    def _last(self, read: Operation, value: int) -> float:
        """When everything was over that there is about a value, as this read may see it."""
        lands = [self._by_value[value].lands]
        for one in self._carrying:
            early = one.start < self._history.opened
            if one.carried == value and one.start <= read.end and (early or not self._fresh(read)):
                lands.append(one.lands)
        return max(lands)

    def _shown(self, read: Operation) -> float:
        """What was in a store at this time, the read may show; nothing that was over by then."""
        return read.start if self._fresh(read) else read.start - self._history.stale

    def _fresh(self, read: Operation) -> bool:
        """Does it read the object's row? At shadow-read it does when the row is the application's own."""
        if read.stage >= FIRST:
            return True
        reverted = self._history.reverted
        own = (
            one.stage >= FIRST and one.end <= read.start and not one.start < reverted <= read.end
            for one in self._acknowledged
        )
        return read.stage == SHADOW and any(own)

    def _deleted_before(self, time: float) -> bool:
        return any(one.start < time for one in self._deletes)

    # ------------------------------------------------------------ expirations

    def _lives(self, read: Operation, value: int) -> Breach | None:
        """Might it serve the value with this expiration?"""
        put = self._by_value[value]
        asked = [put.expiration, *(one.expiration for one in self._touches if self._extends(one, put, read))]
        known = [one for one in asked if one is not None]
        longest = max(known) + _EXACT
        if read.start > longest:
            return Breach.LENGTHENED
        if read.expiration is None:
            return None
        if read.expiration > longest or read.expiration < read.start - _EXACT:
            return Breach.LENGTHENED
        if all(read.expiration != one and abs(read.expiration - one) > _EXACT for one in known):
            return Breach.STRANGE
        spared = self._history.coalesced + _EXACT
        if read.stage >= FIRST and read.expiration < self._promised(read) - spared:
            return Breach.SHORTENED
        return None

    def _extends(self, touch: Operation, put: Operation, read: Operation) -> bool:
        """May this renewal have been one of that value?"""
        meant = touch.carried is None or touch.carried == put.value
        return meant and touch.start <= read.end and touch.lands >= put.start

    def _promised(self, read: Operation) -> float:
        """Until when the object must keep the session: by renewals that nothing else came after."""
        written = [one.lands for one in self._puts if one.start <= read.end]
        since = max(written, default=0.0)
        kept = [
            one.expiration
            for one in self._touches
            if one.done and one.stage >= FIRST and one.start > since and one.end <= read.start
        ]
        return max((one for one in kept if one is not None), default=0.0)

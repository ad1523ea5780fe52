"""Rate and budget: how many requests may be sent, decided without a clock or a network.

A slot is held from the moment before a request is sent until `window` seconds after its answer
came back, because only then is the server certain to have forgotten it: reserving by the time of
sending alone lets a slow first request and a quick later one fall into one window of the server's.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

from migrate.errors import ConfigError

Slot = NewType("Slot", int)
"""One reserved request."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any `seconds`, in bursts or not."""

    requests: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `600/300`: 600 requests in any 300 seconds. Raises ConfigError."""
        count, slash, seconds = text.partition("/")
        try:
            rate = cls(int(count), float(seconds))
        except ValueError:
            rate = cls(0, 0)
        if not slash or rate.requests < 1 or not 0 < rate.seconds < float("inf"):
            raise ConfigError(
                f"--rate {text!r} is not REQUESTS/SECONDS", "for example --rate 600/300, the default"
            )
        return rate

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds:g}"

    @property
    def grace(self) -> float:
        """Seconds after which a request nobody completed counts as answered: 10 of every 300."""
        return self.seconds / 30

    def free_at(self, reserved: float, completed: float | None) -> float:
        """When a slot is free again: `seconds` after its answer, known or assumed."""
        return (reserved + self.grace if completed is None else completed) + self.seconds


@dataclass(frozen=True, slots=True)
class Wait:
    """No slot is free: ask again in `seconds`."""

    seconds: float


class RequestLog(Protocol):
    """The requests of the last window, shared by all threads and processes of one operator.

    What it knows survives the process: a slot whose process died before `complete` counts as
    answered `grace` seconds after it was reserved.
    """

    def reserve(self, rate: Rate, now: float) -> Slot | Wait:
        """Take a slot if fewer than `rate.requests` are held, atomically; else how long to wait."""
        ...

    def complete(self, slot: Slot, now: float) -> None:
        """The answer to the slot's request came back (or never will) at `now`."""
        ...

    def spend(self, kind: str, amount: int, limit: int, day: str) -> bool:
        """Add `amount` of `kind` (one of KINDS) to what was spent on `day` (UTC, YYYY-MM-DD).

        False, and nothing added, when that would pass `limit`.
        """
        ...


class MemoryRequestLog:
    """A RequestLog that dies with its process: for tests, and for stores without a rate limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._held: dict[int, float] = {}
        self._queue: list[tuple[float, int]] = []
        self._rates: dict[int, Rate] = {}
        self._spent: dict[tuple[str, str], int] = {}

    def reserve(self, rate: Rate, now: float) -> Slot | Wait:
        """Take a slot, or say when the first one is free."""
        with self._lock:
            self._forget(now)
            if len(self._held) >= rate.requests:
                return Wait(self._queue[0][0] - now)
            self._last += 1
            self._rates[self._last] = rate
            self._hold(self._last, rate.free_at(now, None))
            return Slot(self._last)

    def complete(self, slot: Slot, now: float) -> None:
        """Hold the slot from now on for the rate's seconds, even if its grace was over before."""
        with self._lock:
            rate = self._rates.pop(slot, None)
            if rate is not None:
                self._hold(slot, rate.free_at(now, now))

    def spend(self, kind: str, amount: int, limit: int, day: str) -> bool:
        """Add to the day's sum unless that would pass the limit."""
        with self._lock:
            total = self._spent.get((kind, day), 0) + amount
            if total > limit:
                return False
            self._spent[kind, day] = total
            return True

    def _hold(self, slot: int, until: float) -> None:
        self._held[slot] = until
        heapq.heappush(self._queue, (until, slot))

    def _forget(self, now: float) -> None:
        """Drop what is free; an entry of the queue that its slot has outgrown is dropped too."""
        while self._queue:
            until, slot = self._queue[0]
            if self._held.get(slot) == until:
                if until > now:
                    return
                del self._held[slot]
            heapq.heappop(self._queue)


KINDS = ("reads", "lists", "writes", "deletes")
"""What a budget can limit: keys read, written and deleted (a bulk of 100 keys is 100), and list pages."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on one UTC day, by kind; None: no limit of ours."""

    reads: int | None = None
    lists: int | None = None
    writes: int | None = None
    deletes: int | None = None

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Budget:
        """Read `reads=50000/day` and the like, each kind at most once. Raises ConfigError."""
        found: dict[str, int] = {}
        for text in texts:
            kind, _, amount = text.partition("=")
            number, slash, per = amount.partition("/")
            plain = number.isascii() and number.isdigit() and slash and per == "day"
            if kind not in KINDS or kind in found or not plain:
                raise ConfigError(
                    f"--budget {text!r} is not reads, lists, writes or deletes=N/day, each at most once",
                    "for example --budget reads=50000/day --budget lists=500/day",
                )
            found[kind] = int(number)
        return cls(**found)

    def limit(self, kind: str) -> int | None:
        """The limit of one kind, None when there is none."""
        limits = {"reads": self.reads, "lists": self.lists, "writes": self.writes, "deletes": self.deletes}
        return limits.get(kind)


def utc_day(now: float) -> str:
    """The UTC day of `now` (Unix seconds) as YYYY-MM-DD; Cloudflare's free limits count by it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def next_utc_day(now: float) -> str:
    """The next midnight in UTC, when daily limits begin anew: YYYY-MM-DDT00:00:00Z."""
    return (datetime.fromtimestamp(now, UTC) + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")

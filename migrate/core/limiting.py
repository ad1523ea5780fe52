"""Rate and budget: how many requests may be sent, decided without a clock or a network.

A slot is held from the moment before a request is sent until `window` seconds after its answer
came back, because only then is the server certain to have forgotten it: reserving by the time of
sending alone lets a slow first request and a quick later one fall into one window of the server's.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        """Add `amount` of `kind` ("reads", "lists") to what was spent on `day` (UTC, YYYY-MM-DD).

        False, and nothing added, when that would pass `limit`.
        """
        ...

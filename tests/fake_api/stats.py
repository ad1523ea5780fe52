"""What the server saw: the numbers that tests and benchmarks ask it for."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from tests.fake_api.wire import Kind


class Stats:
    """Counts of authenticated calls. Times are of the caller's monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin at zero."""
        with self._lock:
            self.by_kind: Counter[str] = Counter()
            self.by_status: Counter[int] = Counter()
            self.refused = 0
            self.keys_read = 0
            self.in_flight = 0
            self.peak_in_flight = 0
            self.first: float | None = None
            self.last: float | None = None

    @property
    def requests(self) -> int:
        """Calls that the rate limit let pass."""
        return sum(self.by_kind.values())

    def admitted(self, kind: Kind, now: float) -> None:
        """A call passed the rate limit and is being answered."""
        with self._lock:
            self.by_kind[str(kind)] += 1
            self.first = now if self.first is None else self.first
            self.last = now
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def blocked(self) -> None:
        """A call met the rate limit."""
        with self._lock:
            self.refused += 1

    def answered(self, status: int, keys: int) -> None:
        """An admitted call was answered; `keys` were read for it."""
        with self._lock:
            self.in_flight -= 1
            self.by_status[status] += 1
            self.keys_read += keys

    def document(self, blocks: int) -> dict[str, Any]:
        """All of it as JSON; `seconds` is the time between the first and the last admitted call."""
        with self._lock:
            span = 0.0 if self.first is None or self.last is None else self.last - self.first
            return {
                "requests": self.requests,
                "by_kind": dict(self.by_kind),
                "by_status": {str(status): count for status, count in self.by_status.items()},
                "refused": self.refused,
                "blocks": blocks,
                "keys_read": self.keys_read,
                "peak_in_flight": self.peak_in_flight,
                "seconds": span,
            }

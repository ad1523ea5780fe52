"""Cloudflare's rate limit: too many requests in any window, and every call is blocked for a while."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocked:
    """The call is refused; `retry_after` is in whole seconds, at least 1."""

    retry_after: int


class RateLimit:
    """At most `requests` in any `window` seconds; the one too many blocks all calls for `block` seconds.

    Cloudflare: 1,200 in 300 seconds, blocked for 300. Calls during a block do not prolong it.
    Times are the caller's, of one monotonic clock.
    """

    def __init__(self, requests: int, window: float, block: float) -> None:
        self.requests = requests
        self.window = window
        self.block = block
        self.blocks = 0
        self._admitted: deque[float] = deque()
        self._blocked_until = 0.0
        self._lock = threading.Lock()

    def admit(self, now: float) -> Blocked | None:
        """Count one call; None when it may pass."""
        with self._lock:
            if now < self._blocked_until:
                return Blocked(max(1, math.ceil(self._blocked_until - now)))
            self._forget(now)
            if len(self._admitted) >= self.requests:
                self.blocks += 1
                self._blocked_until = now + self.block
                return Blocked(max(1, math.ceil(self.block)))
            self._admitted.append(now)
            return None

    def headers(self, now: float) -> dict[str, str]:
        """What is left (r), in how many seconds some of it comes back (t), and the policy (q in w)."""
        with self._lock:
            self._forget(now)
            left = self.requests - len(self._admitted)
            reset = self._admitted[0] + self.window - now if self._admitted else 0
        return {
            "Ratelimit": f'"default";r={left};t={math.ceil(reset)}',
            "Ratelimit-Policy": f'"default";q={self.requests};w={math.ceil(self.window)}',
        }

    def _forget(self, now: float) -> None:
        while self._admitted and self._admitted[0] <= now - self.window:
            self._admitted.popleft()

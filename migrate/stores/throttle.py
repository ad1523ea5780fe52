"""When a request may be sent: our own rate, what Cloudflare asked for, and who is waiting why.

One `Throttle` serves all threads of one client. Nothing here sends; every wait goes through the
clock, in steps short enough that `close` ends it.
"""

from __future__ import annotations

import enum
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from migrate.core.limiting import Rate, RequestLog, Slot, Wait
from migrate.core.ports import Clock
from migrate.errors import StoreUnavailable

_STEP = 0.5
"""Seconds of the longest uninterruptible sleep."""

_PEEK = 0.02
"""Seconds between looks at the allowance while answers are on their way that may raise it."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the server's `Ratelimit` header says: `remaining` requests within `seconds` from now."""

    remaining: int
    seconds: float


def parse_ratelimit(header: str) -> Allowance | None:
    """Read `"default";r=50;t=30`; of several policies the tightest. None when there is none to read.

    Lenient: the header is a draft (draft-ietf-httpapi-ratelimit-headers) and changes its spelling.
    """
    found: list[Allowance] = []
    for policy in header.split(","):
        values = dict(re.findall(r"(?:^|[;\s])([rt])\s*=\s*(\d{1,9})", policy))
        if "r" in values:
            found.append(Allowance(int(values["r"]), float(values.get("t", 0))))
    return min(found, key=lambda one: (one.remaining, -one.seconds), default=None)


def parse_window(policy: str) -> float:
    """The longest window (w) of a `Ratelimit-Policy` header in seconds; 300, Cloudflare's, without one."""
    return max((float(width) for width in re.findall(r"[;\s]w\s*=\s*(\d{1,9})", policy)), default=300.0)


def parse_retry_after(header: str, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` of either form (RFC 9110, 10.2.3); None when unreadable."""
    text = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    moment = http_date(text)
    return None if moment is None else max(0.0, moment - now)


def http_date(text: str) -> float | None:
    """An HTTP date as Unix seconds, None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(slots=True)
class _Allowed:
    """How many requests the server still allows until a time (monotonic).

    `spans`: our own window is as long as the server's, so what we have forgotten it has, too.
    """

    until: float
    left: int
    spans: bool


class _Doing(enum.Enum):
    """What threads are counted at."""

    QUEUEING = enum.auto()  # waiting for our own window
    HOLDING = enum.auto()  # a slot is theirs, the request not yet sent
    SENDING = enum.auto()  # in flight


class Throttle:
    """The gate in front of every request: at most `rate`, and not while everybody is paused."""

    def __init__(
        self, clock: Clock, log: RequestLog, rate: Rate, on_wait: Callable[[str, float], None] | None = None
    ) -> None:
        self._clock = clock
        self._log = log
        self._rate = rate
        self._on_wait = on_wait
        self._lock = threading.Lock()
        self._closed = False
        self._pause = (0.0, "")  # until (monotonic), cause
        self._allowed: _Allowed | None = None
        self._doing: Counter[_Doing] = Counter()
        self._waiting: dict[int, str] = {}

    @property
    def cause(self) -> str | None:
        """Why somebody waits at this moment, None when nobody does."""
        with self._lock:
            return next(reversed(self._waiting.values()), None)

    def close(self) -> None:
        """End every wait with StoreUnavailable, and refuse further requests."""
        self._closed = True

    def check_open(self) -> None:
        """Raise StoreUnavailable after `close`."""
        if self._closed:
            raise StoreUnavailable(
                "the connection was closed while a request waited", "run the command again"
            )

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for permission to send one request, and hold it until the answer is there."""
        slot = self._reserve()
        try:
            self._await_clearance()
            try:
                yield
            finally:
                with self._lock:
                    self._doing[_Doing.SENDING] -= 1
        finally:
            self._log.complete(slot, self._clock.now())

    def pause(self, seconds: float, cause: str) -> None:
        """Hold everybody back for so long (a 429 means all requests of the token)."""
        with self._lock:
            self._pause = max(self._pause, (self._clock.monotonic() + seconds, cause))

    def heed(self, header: str, policy: str = "") -> None:
        """Obey the `Ratelimit` header (and `Ratelimit-Policy`) of an answer whose slot is still held.

        The requests in flight beside it may or may not be counted in it yet, so they are taken
        off; the last of them to come back brings the exact figure. While our own window is full,
        it says the same to a finer grain than the header's whole seconds, and the header is news
        only to those whose window has room: then somebody else uses the token as well.
        """
        allowance = parse_ratelimit(header)
        if allowance is None:
            return
        spans = self._rate.seconds >= parse_window(policy)
        with self._lock:
            if spans and self._doing[_Doing.QUEUEING] and not self._doing[_Doing.HOLDING]:
                self._allowed = None
                return
            left = max(0, allowance.remaining - (self._doing[_Doing.SENDING] - 1))
            self._allowed = _Allowed(self._clock.monotonic() + allowance.seconds, left, spans)

    def wait(self, seconds: float, cause: str) -> None:
        """Sleep, visibly. Raises StoreUnavailable when closed meanwhile."""
        me = threading.get_ident()
        with self._lock:
            self._waiting[me] = cause
        if self._on_wait is not None and seconds > _PEEK:
            self._on_wait(cause, seconds)
        try:
            self._sleep(seconds)
        finally:
            with self._lock:
                self._waiting.pop(me, None)

    def _sleep(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self.check_open()
            self._clock.sleep(min(left, _STEP))
        self.check_open()

    def _reserve(self) -> Slot:
        """A slot of our own window; not during a pause, which could outlast it."""
        while True:
            self.check_open()
            with self._lock:
                seconds, cause = self._paused(self._clock.monotonic())
            if seconds > 0:
                self.wait(seconds, cause)
                continue
            answer = self._log.reserve(self._rate, self._clock.now())
            if not isinstance(answer, Wait):
                return answer
            with self._counted(_Doing.QUEUEING):
                self._own_window_is_full()
                self.wait(max(answer.seconds, _PEEK), f"--rate {self._rate}")

    def _await_clearance(self) -> None:
        """With a slot in hand, wait for what Cloudflare said, and go in flight."""
        with self._counted(_Doing.HOLDING):
            while True:
                self.check_open()
                with self._lock:
                    now = self._clock.monotonic()
                    seconds, cause = self._paused(now)
                    if seconds <= 0:
                        seconds, cause = self._short_of_allowance(now), "Cloudflare's rate limit is used up"
                    if seconds <= 0:
                        self._doing[_Doing.SENDING] += 1
                        return
                self.wait(seconds, cause)

    def _paused(self, now: float) -> tuple[float, str]:
        until, cause = self._pause
        return until - now, cause

    def _short_of_allowance(self, now: float) -> float:
        """Take one from what the server still allows, or say how long to wait (> 0)."""
        allowed = self._allowed
        if allowed is None or now >= allowed.until:
            self._allowed = None
            return 0.0
        if allowed.left > 0:
            allowed.left -= 1
            return 0.0
        return allowed.until - now if self._doing[_Doing.SENDING] == 0 else min(allowed.until - now, _PEEK)

    def _own_window_is_full(self) -> None:
        """It rules alone then, unless it is full of requests that the allowance holds back."""
        with self._lock:
            if self._allowed is not None and self._allowed.spans and not self._doing[_Doing.HOLDING]:
                self._allowed = None

    @contextmanager
    def _counted(self, doing: _Doing) -> Iterator[None]:
        with self._lock:
            self._doing[doing] += 1
        try:
            yield
        finally:
            with self._lock:
                self._doing[doing] -= 1

"""How far it is: a bar on a terminal, a plain line now and then elsewhere, nothing when quiet.

It goes to standard error and shows counts, rate, time left and why it waits; never a key or a
value. No colour is used, and a terminal that is `dumb` gets lines. The only importer of tqdm.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import IO, TYPE_CHECKING, Never, Self

from migrate.core.ports import Clock
from migrate.formats.figures import clean, count, duration, plural, rate

if TYPE_CHECKING:
    from tqdm import tqdm

PERIOD = 10.0
"""Seconds between plain lines."""


class Progress:
    """Progress of one thing at a time; any thread may report.

    `start` names it, `advance` or `reach` move it, `throttled` says why it waits, `finish` ends
    it. The estimate counts only what was done since `start`, not what an earlier process did.
    """

    def __init__(
        self, stream: IO[str], clock: Clock, *, quiet: bool = False, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._quiet = quiet
        self._bars = stream.isatty() and environ.get("TERM") != "dumb"
        self._lock = threading.RLock()
        self._bar: tqdm[Never] | None = None
        self._label = ""
        self._running = False

    def start(self, label: str, *, total: int | None = None, done: int = 0, unit: str = "key") -> None:
        """Begin something new. `done` of `total` (None: unknown) were done by an earlier process."""
        with self._lock:
            self.finish()
            self._label, self._unit = clean(label), unit
            self._total, self._done, self._before = total, done, done
            self._began = self._said = self._clock.monotonic()
            self._cause = ""
            self._running = True
            if self._bars and not self._quiet:
                self._bar = self._make_bar()

    def advance(self, number: int = 1) -> None:
        """So many more are done."""
        with self._lock:
            self.reach(self._done + number)

    def reach(self, done: int, total: int | None = None) -> None:
        """So many are done altogether; `total` when it became known, or changed."""
        with self._lock:
            if not self._running:
                return
            self._done = done
            self._total = self._total if total is None else total
            self._show()

    def throttled(self, cause: str | None) -> None:
        """It waits, for this cause; None: it goes on."""
        with self._lock:
            cause = clean(cause or "")
            if not self._running or cause == self._cause:
                return
            self._cause = cause
            if self._bar is not None:
                self._bar.set_postfix_str(cause, refresh=True)
            else:
                self._show()

    def say(self, line: str) -> None:
        """A line of its own, above the bar; not when quiet."""
        with self._lock:
            if self._quiet:
                return
            if self._bar is not None:
                self._bar.clear()
            self._stream.write(clean(line) + "\n")
            self._stream.flush()
            if self._bar is not None:
                self._bar.refresh()

    def finish(self) -> None:
        """End it with a last line. May be called twice."""
        with self._lock:
            if not self._running:
                return
            self._running = False
            if self._bar is not None:
                self._bar.close()
                self._bar = None
            took = duration(self._clock.monotonic() - self._began)
            self.say(f"{self._label}: {plural(self._done, self._unit)} in {took}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.total = self._total
            self._bar.update(self._done - self._bar.n)
            return
        now = self._clock.monotonic()
        if self._quiet or now - self._said < PERIOD:
            return
        self._said = now
        self.say(self._line(now))

    def _line(self, now: float) -> str:
        speed = (self._done - self._before) / (now - self._began) if now > self._began else 0.0
        of = ""
        if self._total:
            of = f" of {count(self._total)} ({100 * self._done // self._total} %)"
        parts = [f"{self._label}: {plural(self._done, self._unit)}{of}", rate(speed)]
        if self._total is not None and speed > 0 and self._total > self._done:
            parts.append(f"{duration((self._total - self._done) / speed)} left")
        if self._cause:
            parts.append(f"waiting: {self._cause}")
        return ", ".join(parts)

    def _make_bar(self) -> tqdm[Never]:
        # imported here: most commands show no bar, and this costs 35 ms
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread of its own
        tqdm.set_lock(threading.RLock())  # and no lock between processes
        bar: tqdm[Never] = tqdm(
            desc=self._label,
            total=self._total,
            initial=self._done,
            unit=f" {self._unit}s",
            unit_scale=False,
            file=self._stream,
            dynamic_ncols=True,
            leave=False,
            mininterval=0.2,
        )
        return bar

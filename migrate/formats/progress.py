"""How far it is: a bar on a terminal, a plain line now and then elsewhere, nothing when quiet.

It goes to standard error and shows counts, rate, time left and why it waits; never a key or a
value. No colour is used, and a terminal that is `dumb` gets lines. A program is given the same
numbers as JSON (`standing`). The only importer of tqdm.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import IO, TYPE_CHECKING, Never, Self

from migrate.core.ports import Clock
from migrate.formats.figures import clean, duration, plural
from migrate.formats.standing import Standing, note

if TYPE_CHECKING:
    from tqdm import tqdm

PERIOD = 10.0
"""Seconds between plain lines."""

PERIOD_OF_EVENTS = 1.0
"""Seconds between JSON lines."""


class Style(enum.StrEnum):
    """How it is shown: AUTO is a bar or lines, whatever the stream can take; NONE is notes alone."""

    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


class Progress:
    """Progress of one thing at a time; any thread may report.

    `start` names it, `advance` or `reach` move it, `throttled` says why it waits, `finish` ends
    it. The estimate counts only what was done since `start`, not what an earlier process did.
    """

    def __init__(
        self,
        stream: IO[str],
        clock: Clock,
        *,
        quiet: bool = False,
        style: Style = Style.AUTO,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._quiet = quiet
        self._style = style
        self._bars = style is Style.AUTO and stream.isatty() and environ.get("TERM") != "dumb"
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
            self._tell("start")

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
            elif self._style is Style.JSON:
                self._tell("progress")
            else:
                self._show()

    def say(self, line: str) -> None:
        """A line of its own, above the bar; not when quiet."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()
            self._write(note(line, self._clock.now()) if self._style is Style.JSON else clean(line))
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
            self._tell("end")
            if self._style in (Style.AUTO, Style.PLAIN):
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
        if self._style is Style.NONE or now - self._said < self._period:
            return
        if self._style is Style.JSON:
            self._tell("progress")
        else:
            self._said = now
            self.say(self._standing.line())

    @property
    def _period(self) -> float:
        return PERIOD_OF_EVENTS if self._style is Style.JSON else PERIOD

    @property
    def _standing(self) -> Standing:
        took = self._clock.monotonic() - self._began
        return Standing(self._label, self._unit, self._done, self._total, self._before, took, self._cause)

    def _tell(self, event: str) -> None:
        """Write a JSON line, if that is how it is shown."""
        if self._style is Style.JSON:
            self._said = self._clock.monotonic()
            self._write(self._standing.event(event, self._clock.now()))

    def _write(self, line: str) -> None:
        if not self._quiet:
            self._stream.write(line + "\n")
            self._stream.flush()

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

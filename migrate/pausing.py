"""What an operator says by touching files beside the ledger: `pause`, and `stop`.

    touch .kvferry/pause     work stands still behind what is committed, until the file is gone
    touch .kvferry/stop      work ends as an interrupt would end it, and none begins while it is there

Both are states and no messages: nothing here removes them, so every process that works beside this
ledger heeds them, and whoever touched one takes it away. A process that stands still is what it
would be if the machine had slept: leases are renewed by their own threads, and what had been read
too long ago is refused by its not-after time and read again.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate.core.document import iso
from migrate.core.ports import Clock
from migrate.errors import ConfigError, Stopped
from migrate.formats.figures import duration

PAUSE, STOP = "pause", "stop"

PERIOD = 0.5
"""Seconds between two looks at the files."""

_SIGNAL = signal.SIGUSR2
"""Wakes the main thread: a SIGINT is ignored by what a script started in the background."""

GRACE = 5.0
"""Seconds that work has to reach a safe point before `stop` interrupts it, in a long wait say."""


@dataclass(slots=True)
class Pausing:
    """The two files of one folder. `say` shows a line, `waiting` why nothing moves (None: it does)."""

    folder: Path
    clock: Clock
    say: Callable[[str], None]
    waiting: Callable[[str | None], None]

    def pass_by(self) -> None:
        """A safe point: what was done is committed. Stands still while there is a `pause`.

        Raises Stopped when there is a `stop`.
        """
        self._heed_stop()
        if self._touched(PAUSE) is None:
            return
        pause, began = self.folder / PAUSE, self.clock.monotonic()
        self.say(f"paused: {pause} is there; remove it to go on")
        self.waiting("paused")
        while self._touched(PAUSE) is not None:
            self.clock.sleep(PERIOD)
            self._heed_stop()
        self.waiting(None)
        self.say(f"{pause} is gone: going on after {duration(self.clock.monotonic() - began)}")

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While something is at work: a `stop` interrupts it where it comes to no safe point.

        Raises ConfigError when one is there already: whoever left it is asked first.
        """
        if (since := self._touched(STOP)) is not None:
            raise ConfigError(
                f"{self.folder / STOP} is there, since {iso(since)}: nothing was begun",
                "remove it, then run the same command again",
            )
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ended = threading.Event()
        before = signal.signal(_SIGNAL, self._interrupted)
        threading.Thread(target=self._watch, args=(ended,), name="stop", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            signal.signal(_SIGNAL, before)

    def _heed_stop(self) -> None:
        if self._touched(STOP) is not None:
            raise Stopped(str(self.folder / STOP))

    def _interrupted(self, *_: object) -> None:
        self._heed_stop()

    def _touched(self, name: str) -> float | None:
        """Since when the file is there, Unix seconds; None: it is not, or cannot be seen."""
        try:
            return (self.folder / name).stat().st_mtime
        except OSError:
            return None

    def _watch(self, ended: threading.Event) -> None:
        """Interrupt the main thread when it has not come to a safe point: it may wait for minutes."""
        while not ended.wait(PERIOD):
            if self._touched(STOP) is not None and not ended.wait(GRACE):
                main = threading.main_thread().ident
                assert main is not None
                signal.pthread_kill(main, _SIGNAL)
